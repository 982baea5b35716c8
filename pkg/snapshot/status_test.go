package snapshot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// TestStatusStories runs testdata/status/*.txt. The language:
//
//	group SOURCE        a PodGroup of the source custom or native, about which nothing was said yet
//	SECOND STATE [generation=N] [min=N] [exist=N] [bound=N] [ready=N] [succeeded=N] [failed=N] [partial=1] [vain=1]
//	                    what its status becomes at that second; the second line is the gang's why,
//	                    and vain says that no more nodes would help it
//
// A condition shows since which second it is what it is.
func TestStatusStories(t *testing.T) {
	datadriven.Walk(t, "testdata/status", func(t *testing.T, path string) {
		source, last := gang.PodGroup, groupStatus{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "group" {
				source, last = map[string]gang.Source{"custom": gang.PodGroup, "native": gang.Native}[d.CmdArgs[0].Key], groupStatus{}
				return ""
			}
			var second int64
			if _, err := fmt.Sscan(d.Cmd, &second); err != nil {
				d.Fatalf(t, "no second: %q", d.Cmd)
			}
			number := func(name string) (n int) {
				if d.HasArg(name) {
					d.ScanArgs(t, name, &n)
				}
				return n
			}
			s := gang.Status{
				State: gang.State(d.CmdArgs[0].Key), Spec: gang.Spec{Min: number("min")}, Why: strings.TrimSpace(d.Input),
				Exist: number("exist"), Bound: number("bound"), Ready: number("ready"),
				Succeeded: number("succeeded"), Failed: number("failed"), Partial: number("partial") > 0, Refused: gang.Refused{NodesHelp: number("vain") == 0},
			}
			last = statusOf(source, s, int64(number("generation")), last, time.Unix(second, 5e8))
			return show(source, last)
		})
	})
}

func show(source gang.Source, s groupStatus) string {
	var b strings.Builder
	if source != gang.Native {
		fmt.Fprintf(&b, "%s, generation %d: %d exist, %d bound, %d run, %d succeeded, %d failed", s.Phase, s.ObservedGeneration, s.Members, s.Bound, s.Running, s.Succeeded, s.Failed)
		if s.ScheduleStartTime != nil {
			fmt.Fprintf(&b, "; tried since %d", s.ScheduleStartTime.Unix())
		}
		b.WriteString("\n")
	}
	for _, c := range s.Conditions {
		fmt.Fprintf(&b, "%s %s since %d, generation %d: %s", c.Type, c.Status, c.LastTransitionTime.Unix(), c.ObservedGeneration, c.Reason)
		if c.Message != "" {
			fmt.Fprintf(&b, ": %s", c.Message)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestMessageIsBounded(t *testing.T) {
	s := gang.Status{State: gang.Waiting, Why: strings.Repeat("ü", 2000)}
	c := statusOf(gang.PodGroup, s, 1, groupStatus{}, time.Unix(1, 0)).Conditions[0]
	if len(c.Message) > maxMessage || !strings.HasPrefix(c.Message, "üü") || !strings.HasSuffix(c.Message, "ü...") {
		t.Errorf("%d bytes: %q", len(c.Message), c.Message)
	}
}
