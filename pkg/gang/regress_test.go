package gang

import (
	"slices"
	"testing"
)

// crew returns a roster with a gang of pods a, b, ... that need so many.
func crew(key Key, minimum int, names ...string) *Roster {
	r := NewRoster(10)
	if key.Source != Label {
		r.SetGroup(key, &Group{UID: "first", Spec: Spec{Min: minimum}})
	}
	for i, name := range names {
		r.Observe(key, Member{UID: name, Name: name, Index: i, Spec: Spec{Min: minimum}})
	}
	return r
}

// breakBinding has the binding of a planned gang's second member fail. It returns
// the round of the rest that follows.
func breakBinding(t *testing.T, r *Roster, key Key, first, second string) (round int) {
	t.Helper()
	r.Admit(first)
	r.Take(first)
	if _, _, _, ok := r.Commit(key, first, Placement{first: "n", second: "n"}, Sequence{}); !ok {
		t.Fatal("the gang was not planned")
	}
	for _, uid := range []string{first, second} {
		r.Admit(uid)
		r.Reserve(uid, "n")
		r.Permit(uid)
	}
	for _, a := range r.Unreserve(second) {
		if a.Kind == Rest {
			return a.Round
		}
	}
	t.Fatal("the gang does not rest")
	return 0
}

// A pod can lose its controller and go, and the controller can change after
// that: there is no gang of it any more.
func TestAJobOutlivesThePodsThatLeftIt(t *testing.T) {
	r, key := NewRoster(10), Key{Namespace: "ns", Name: "g"}
	r.Observe(key, Member{UID: "a", Name: "a", Owner: "job", Spec: Spec{Min: 1}})
	r.Observe(key, Member{UID: "a", Name: "a", Spec: Spec{Min: 1}})
	r.Forget("a")
	r.SetJob("job", &Job{Parallelism: 2})
	if len(r.owned) != 0 {
		t.Errorf("owned = %v, want nothing", r.owned)
	}
}

// A gang that becomes whole during its rest is done with it: the answer to a
// binding may be lost and the binding made.
func TestAGangThatIsWholeDoesNotRest(t *testing.T) {
	key := Key{Namespace: "ns", Name: "g"}
	r := crew(key, 2, "a", "b")
	round := breakBinding(t, r, key, "a", "b")
	for i, uid := range []string{"a", "b"} {
		r.Observe(key, Member{UID: uid, Name: uid, Index: i, Node: "n", Phase: Bound, Spec: Spec{Min: 2}})
	}
	r.Wake(key, round)
	r.Forget("b")
	r.Observe(key, Member{UID: "c", Name: "c", Index: 1, Spec: Spec{Min: 2}})
	if enter, why := r.Admit("c"); !enter {
		t.Errorf("the member that repairs the gang stays outside: %s", why)
	}
}

// A PodGroup that is created anew is another gang, which had no plan that broke.
func TestANewGangDoesNotRest(t *testing.T) {
	key := Key{Namespace: "ns", Name: "g", Source: PodGroup}
	r := crew(key, 2, "a", "b")
	round := breakBinding(t, r, key, "a", "b")
	r.Unreserve("a") // its binding fails too
	r.SetGroup(key, nil)
	r.SetGroup(key, &Group{UID: "second", Spec: Spec{Min: 2}})
	r.Wake(key, round)
	enterA, _ := r.Admit("a")
	enterB, why := r.Admit("b")
	if !enterA && !enterB {
		t.Errorf("nobody may enter for the gang: %s", why)
	}
}

// Another plugin's Reserve can fail before ours is called.
func TestAMemberThatWasNeverReservedGivesItsSlotBack(t *testing.T) {
	key := Key{Namespace: "ns", Name: "g"}
	r := crew(key, 2, "a", "b")
	r.Admit("a")
	r.Take("a")
	if _, _, _, ok := r.Commit(key, "a", Placement{"a": "n", "b": "n"}, Sequence{}); !ok {
		t.Fatal("the gang was not planned")
	}
	todo := r.Unreserve("b")
	if !slices.ContainsFunc(todo, func(a Action) bool { return a.Kind == Unslot && a.UID == "b" }) {
		t.Errorf("nothing gives up what is kept for b: %v", todo)
	}
}

// The framework may take a binding for failed of which the API says that it was
// made. What the API says counts.
func TestABoundMemberThatIsEvictedLeaves(t *testing.T) {
	key := Key{Namespace: "ns", Name: "g"}
	r := crew(key, 2, "a", "b")
	r.Admit("a")
	r.Take("a")
	r.Commit(key, "a", Placement{"a": "n", "b": "n"}, Sequence{})
	for _, uid := range []string{"a", "b"} {
		r.Admit(uid)
		r.Reserve(uid, "n")
		r.Permit(uid)
	}
	r.Refuse("b", "403")
	r.Observe(key, Member{UID: "a", Name: "a", Node: "n", Phase: Bound, Spec: Spec{Min: 2}}) // is evicted
	r.Unreserve("a")
	if !r.Leaving("a") {
		t.Error("a member that is being evicted counts again")
	}
}
