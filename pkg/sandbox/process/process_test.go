package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// The parts that this test binary plays as a child.
func TestMain(m *testing.M) {
	Main(map[string]Role{
		"greet": func(_ context.Context, input func(any) error, ready func(any) error) error {
			var name string
			if err := input(&name); err != nil {
				return err
			}
			fmt.Println("hello from the log")
			if err := ready("hello " + name); err != nil {
				return err
			}
			select {}
		},
		"refuse": func(context.Context, func(any) error, func(any) error) error {
			return errors.New("I would rather not")
		},
		"die": func(context.Context, func(any) error, func(any) error) error {
			fmt.Println("last words")
			os.Exit(7)
			return nil
		},
		"dally": func(_ context.Context, input func(any) error, _ func(any) error) error {
			var nothing any
			_ = input(&nothing)
			select {}
		},
		"parent": func(ctx context.Context, input func(any) error, ready func(any) error) error {
			var dir string
			if err := input(&dir); err != nil {
				return err
			}
			child, err := Start(ctx, Spec{Name: "grandchild", LogDir: dir, Role: "dally-ready"}, nil)
			if err != nil {
				return err
			}
			if err := ready(child.PID()); err != nil {
				return err
			}
			select {}
		},
		"dally-ready": func(_ context.Context, input func(any) error, ready func(any) error) error {
			var nothing any
			if err := input(&nothing); err != nil {
				return err
			}
			if err := ready(nil); err != nil {
				return err
			}
			select {}
		},
	})
	os.Exit(m.Run())
}

func spec(t *testing.T, role string, input any) Spec {
	return Spec{Name: role, LogDir: t.TempDir(), Role: role, Input: input}
}

func TestStartAndKill(t *testing.T) {
	var greeting string
	p, err := Start(t.Context(), spec(t, "greet", "world"), &greeting)
	if err != nil {
		t.Fatal(err)
	}
	if greeting != "hello world" {
		t.Errorf("the child reported %q", greeting)
	}
	if p.EndWanted() {
		t.Error("the end of a process is wanted that runs")
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	default:
		t.Error("Kill returned before the process was gone")
	}
	if err := p.Err(); !strings.Contains(err.Error(), "killed") || !strings.Contains(err.Error(), "hello from the log") {
		t.Errorf("Err returned %v", err)
	}
	if err := errors.Join(p.Kill(), p.Stop()); err != nil {
		t.Errorf("a second end returned %v", err)
	}
}

func TestStop(t *testing.T) {
	var greeting string
	p, err := Start(t.Context(), spec(t, "greet", "world"), &greeting)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if !p.EndWanted() {
		t.Error("the end was not wanted after Stop")
	}
}

func TestFailedStart(t *testing.T) {
	for role, want := range map[string][]string{
		"refuse": {"refuse: I would rather not"},
		"die":    {"die: exit status 7", "last words"},
		"nobody": {`unknown role "nobody"`},
		"dally":  {"not ready in time", "deadline"},
	} {
		t.Run(role, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := Start(ctx, spec(t, role, nil), nil)
			for _, w := range want {
				if err == nil || !strings.Contains(err.Error(), w) {
					t.Errorf("Start returned %v, want %q in it", err, w)
				}
			}
		})
	}
}

func TestChildDiesWithParent(t *testing.T) {
	var grandchild int
	s := spec(t, "parent", nil)
	s.Input = s.LogDir
	p, err := Start(t.Context(), s, &grandchild)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	err = wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, 10*time.Second, true, func(context.Context) (bool, error) {
		return !alive(grandchild), nil
	})
	if err != nil {
		_ = syscall.Kill(grandchild, syscall.SIGKILL)
		t.Fatal("the grandchild outlived its parent")
	}
}

// alive tells whether a process runs; one that has ended but that no one has waited for does not.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}
