package gangbind

import (
	"context"
	"errors"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	st "k8s.io/kubernetes/pkg/scheduler/testing"
)

func TestPodsThatShareAClaimTakeTurns(t *testing.T) {
	pl := newServer(t).plugin(t, DefaultArgs(), knows{})
	shared, other := "shared", "other"
	pod := st.MakePod().Namespace("ns").Name("p").PodResourceClaims(
		v1.PodResourceClaim{Name: "a", ResourceClaimName: &shared}, v1.PodResourceClaim{Name: "b", ResourceClaimName: &other}).Obj()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	come := func() *framework.CycleState {
		t.Helper()
		state := framework.NewCycleState()
		if status := pl.PreBind(t.Context(), state, pod, "n"); !status.IsSuccess() {
			t.Fatal(status.AsError())
		}
		return state
	}
	waits := func() {
		t.Helper()
		if status := pl.PreBind(over, framework.NewCycleState(), pod, "n"); !errors.Is(status.AsError(), context.Canceled) {
			t.Fatalf("the next does not wait, but gets %v", status)
		}
	}
	first := come()
	waits()
	pl.Bind(t.Context(), first, pod, "n")
	second := come() // the one before is bound
	waits()
	pl.Unreserve(t.Context(), second, pod, "n")
	pl.Unreserve(t.Context(), second, pod, "n")
	come() // the one before failed
	waits()
}

func TestPodsOfNoSharedClaimHaveNothingToWaitFor(t *testing.T) {
	pl := newServer(t).plugin(t, DefaultArgs(), knows{})
	template := "template"
	own := st.MakePod().Namespace("ns").Name("p").PodResourceClaims(v1.PodResourceClaim{Name: "a", ResourceClaimTemplateName: &template}).Obj()
	if _, status := pl.PreBindPreFlight(t.Context(), framework.NewCycleState(), own, "n"); !status.IsSkip() {
		t.Errorf("status %v, want Skip", status)
	}
}
