package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/muster-scheduler/muster/pkg/sandbox"
)

// ErrInterrupted is the error of a demo that was ended before its own end.
var ErrInterrupted = errors.New("interrupted")

// Options of the demo.
type Options struct {
	// Keep leaves the cluster up after the summary, until the context is done.
	Keep bool
	// Program is how the user called this program, for the commands shown to try.
	Program string
	// Out gets the story. Progress, if set, is told of each step of the sandbox, as in fmt.Printf.
	Out      io.Writer
	Progress func(format string, args ...any)
}

// Run plays all scenarios, and writes a summary. It returns nil if every promise was kept, and leaves nothing behind.
// A program that calls it must have called sandbox.Main.
func Run(ctx context.Context, o Options) (err error) {
	began := time.Now()
	out := narrator{o.Out}
	out.title("Muster on a cluster of simulated nodes", "manifests/examples/demo")
	out.explain(fmt.Sprintf("etcd, kube-apiserver, kube-controller-manager and the scheduler are the real ones. %d nodes of "+
		"%d cores run the kubelet's own code; only their containers and downloads are simulated.", kubelets, cores))
	fmt.Fprintln(o.Out)

	s, err := sandbox.Start(ctx, cluster(o.Progress))
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	playing, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-s.Failed():
			cancel(err)
		case <-playing.Done():
		}
	}()
	if _, err := s.StartScheduler(playing, sandbox.Muster); err != nil {
		return interrupted(playing, err)
	}
	seen, err := watch(playing, s.Config, began)
	if err != nil {
		return interrupted(playing, err)
	}
	out.tell(seen.now(), "the cluster is ready: %d nodes, %d cores", kubelets, kubelets*cores)

	err = play(playing, &stage{narrator: out, sandbox: s, seen: seen})
	if o.Keep && playing.Err() == nil {
		invite(out, o.Program, s.Kubeconfig)
		<-playing.Done()
		if ctx.Err() != nil { // the expected end
			return err
		}
	}
	return interrupted(playing, err)
}

// interrupted replaces an error that comes of the end of the context by the reason for that end.
func interrupted(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case errors.Is(context.Cause(ctx), context.Canceled):
		return ErrInterrupted
	}
	return context.Cause(ctx)
}

// play runs the scenarios up to the first that fails, and writes the summary of all.
func play(ctx context.Context, s *stage) error {
	var rows [][]string
	var failure error
	for _, each := range scenarios() {
		if failure != nil {
			rows = append(rows, []string{each.name, each.promise, "not tried", "-"})
			continue
		}
		happened, err := each.run(ctx, s)
		if ctx.Err() != nil {
			return err
		}
		verdict := "ok"
		if err != nil {
			s.tell(s.seen.now(), "FAILED: %v", err)
			failure = fmt.Errorf("the scenario %q failed", each.name)
			happened, verdict = "see FAILED above", "FAILED"
		}
		rows = append(rows, []string{each.name, each.promise, happened, verdict})
	}
	s.title("Summary", "after "+brief(s.seen.now()))
	fmt.Fprintln(s.w)
	writeTable(s.w, []string{"scenario", "promise", "what happened", "result"}, rows...)
	return failure
}

// invite shows what to try on the cluster that was kept.
func invite(out narrator, program, kubeconfig string) {
	out.title("The cluster stays up until Ctrl-C. To look around, in another terminal:", "")
	fmt.Fprintf(out.w, `
   export KUBECONFIG=%[2]s
   kubectl get pods -o wide
   kubectl get events --field-selector reason=FailedScheduling
   kubectl get pods -l muster.dev/gang=cold -o yaml | grep muster.dev
   kubectl apply -f manifests/examples/gang.yaml && kubectl get pods -w

   Without kubectl, "%[1]s kubectl ..." does the same.
`, program, kubeconfig)
}
