// Package process runs parts of a program in child processes of the same binary.
//
// Kubernetes components cannot share or leave a process cleanly: feature gates, metrics and many goroutines are
// process-wide. A child can be killed, which is also how nodes are lost and schedulers crash.
//
// Invariants:
//   - a child never outlives its parent, however the parent ends;
//   - every Process that Start returned, and every child of a Start that failed, is reaped;
//   - what a child writes goes to its log file, and an error about a child ends with the last lines of it.
package process

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// stopTimeout is how long a child may take to end after SIGTERM.
const stopTimeout = 10 * time.Second

// Process is a child process.
type Process struct {
	name    string
	logPath string
	command *exec.Cmd
	stdin   io.Writer
	wanted  atomic.Bool // the end of the process
	done    chan struct{}
	err     error // set before done is closed
}

// Spec says what a child does.
type Spec struct {
	// Name identifies the child in messages; its log is LogDir/Name.log.
	Name, LogDir string
	// Role is one of those given to Main, and Input what it gets, as JSON.
	Role  string
	Input any
}

// Start runs a child and waits until it reports ready; it decodes the report into output unless that is nil.
// The context bounds the wait only.
func Start(ctx context.Context, spec Spec, output any) (*Process, error) {
	p := &Process{name: spec.Name, logPath: filepath.Join(spec.LogDir, spec.Name+".log"), done: make(chan struct{})}
	reports, err := p.launch(spec)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	received := make(chan error, 1)
	go func() {
		defer reports.Close()
		received <- readReport(reports, output)
	}()
	select {
	case err = <-received:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		return p, nil
	}
	_ = p.Kill()
	if errors.Is(err, ctx.Err()) {
		late := <-received // nothing writes to output after the return
		return nil, fmt.Errorf("%s was not ready in time: %w%s", spec.Name, errors.Join(err, late), p.tail())
	}
	if errors.Is(err, io.EOF) { // it died without a word
		err = cmp.Or(p.err, err)
	}
	return nil, fmt.Errorf("%s: %w%s", spec.Name, err, p.tail())
}

// launch starts the child, hands it its input, and returns the pipe it reports on.
func (p *Process) launch(spec Spec) (reports *os.File, err error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	input, err := encode(spec.Input)
	if err != nil {
		return nil, err
	}
	logFile, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	reports, childEnd, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer childEnd.Close()

	p.command = exec.Command(executable)
	p.command.Args = []string{filepath.Base(executable) + ":" + spec.Name} // for whoever lists processes
	p.command.Env = append(os.Environ(), roleVariable+"="+spec.Role)
	p.command.Stdout, p.command.Stderr = logFile, logFile
	p.command.ExtraFiles = []*os.File{childEnd}
	p.command.SysProcAttr = attributes()
	stdin, err := p.command.StdinPipe()
	if err != nil {
		reports.Close()
		return nil, err
	}
	p.stdin = stdin

	started := make(chan error)
	go func() {
		// The kernel's parent-death signal is tied to the thread that started the child, not to the process. The
		// thread stays locked, hence alive, as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.command.Start()
		started <- err
		if err == nil {
			p.err = p.command.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		stdin.Close()
		reports.Close()
		return nil, err
	}
	// If the input does not arrive, the child has ended already; its report, or the want of one, says why.
	_, _ = stdin.Write(input)
	return reports, nil
}

// Name is the name the process was given.
func (p *Process) Name() string { return p.name }

// PID is the process ID.
func (p *Process) PID() int { return p.command.Process.Pid }

// LogPath is the file that holds everything the process wrote.
func (p *Process) LogPath() string { return p.logPath }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the process ended, with the end of its log. It blocks until then.
func (p *Process) Err() error {
	<-p.done
	if p.err == nil {
		return fmt.Errorf("%s ended%s", p.name, p.tail())
	}
	return fmt.Errorf("%s ended: %w%s", p.name, p.err, p.tail())
}

// EndWanted tells whether the process was told to end, by Stop or Kill.
func (p *Process) EndWanted() bool { return p.wanted.Load() }

// Send gives the process another input. It does not wait until the process has acted on it.
func (p *Process) Send(input any) error {
	message, err := encode(input)
	if err != nil {
		return err
	}
	if _, err := p.stdin.Write(message); err != nil {
		return fmt.Errorf("send to %s: %w", p.name, err)
	}
	return nil
}

// encode makes a message of an input: a line of JSON.
func encode(input any) ([]byte, error) {
	line, err := json.Marshal(input)
	return append(line, '\n'), err
}

// Stop asks the process to end, kills it if it does not, and waits until it is gone.
func (p *Process) Stop() error {
	p.wanted.Store(true)
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTimeout):
		return p.Kill()
	}
}

// Kill ends the process at once, as a crash would, and waits until it is gone.
func (p *Process) Kill() error {
	p.wanted.Store(true)
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// Freeze stops the process from running, as a hung machine would, until Thaw or Kill.
func (p *Process) Freeze() error { return p.signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (p *Process) Thaw() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) error {
	if err := p.command.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

func (p *Process) tail() string { return tail(p.logPath) }
