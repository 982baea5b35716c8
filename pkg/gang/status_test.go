package gang

import (
	"fmt"
	"testing"
)

// TestStatusOfAPlan follows a gang of two from its plan to its start, and back.
func TestStatusOfAPlan(t *testing.T) {
	r, key := NewRoster(10), Key{Namespace: "ns", Name: "g"}
	for i, name := range []string{"a", "b"} {
		r.Observe(key, Member{UID: name, Name: name, Index: i, Spec: Spec{Min: 2, Topology: []Level{{Key: "rack"}}}})
		r.Admit(name)
	}
	says := func(want string) {
		t.Helper()
		s, _ := r.Status(key)
		if got := fmt.Sprintf("%s: %d planned, %d reserved; %q at %d", s.State, s.Planned, s.Reserved, s.Outlook, s.ImagesAt); got != want {
			t.Errorf("Status() = %s, want %s", got, want)
		}
	}
	says(`Queued: 0 planned, 0 reserved; "" at 0`)
	if _, _, _, ok := r.Commit(key, "a", Placement{"a": "n1", "b": "n2"}, Sequence{Outlook: "ready in 9 s", ImagesAt: 9}); !ok {
		t.Fatal("the plan is not taken")
	}
	says(`Placing: 2 planned, 0 reserved; "ready in 9 s" at 9`)
	r.Reserve("a", "n1")
	r.Permit("a")
	says(`Placing: 1 planned, 1 reserved; "ready in 9 s" at 9`)
	r.Reserve("b", "n2")
	r.Permit("b")
	says(`Starting: 0 planned, 0 reserved; "ready in 9 s" at 9`)
	r.Unreserve("a")
	r.Unreserve("b")
	says(`Waiting: 0 planned, 0 reserved; "" at 0`)
	if got := r.Topology(key); len(got) != 1 || got[0].Key != "rack" {
		t.Errorf("Topology() = %v, want what its members state", got)
	}
	if got := r.Topology(Key{Name: "no such"}); got != nil {
		t.Errorf("Topology() = %v of no gang", got)
	}
}
