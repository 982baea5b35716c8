package snapshot

import (
	"testing"

	resourceapi "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/dynamic-resource-allocation/structured"
	fwk "k8s.io/kube-scheduler/framework"
)

// inCluster is a cluster with one device that is allocated, and claims that are not.
type inCluster struct{ fwk.ResourceClaimTracker }

func (inCluster) Get(namespace, name string) (*resourceapi.ResourceClaim, error) {
	return &resourceapi.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name)}}, nil
}

func (inCluster) GatherAllocatedState() (*structured.AllocatedState, error) {
	return &structured.AllocatedState{
		AllocatedDevices:         sets.New(structured.MakeDeviceID("driver", "node", "0")),
		AllocatedSharedDeviceIDs: sets.New[structured.SharedDeviceID](),
		AggregatedCapacity:       structured.NewConsumedCapacityCollection(),
	}, nil
}

// TestLedger: what placed pods are given is allocated until it is taken back, on top
// of what is in the cluster.
func TestLedger(t *testing.T) {
	l := &ledger{ResourceClaimTracker: inCluster{}}
	l.reset()
	give := func(name, device string) {
		l.next()
		claim, _ := l.Get("ns", name)
		claim.Status.Allocation = &resourceapi.AllocationResult{Devices: resourceapi.DeviceAllocationResult{
			Results: []resourceapi.DeviceRequestAllocationResult{{Driver: "driver", Pool: "node", Device: device}},
		}}
		if err := l.SignalClaimPendingAllocation(claim.UID, claim); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(what string, devices int, claims ...string) {
		t.Helper()
		all, err := l.ListAllAllocatedDevices()
		if err != nil || len(all) != devices {
			t.Errorf("%s: allocated devices %v, %v, want %d", what, all, err, devices)
		}
		for _, name := range []string{"a", "b"} {
			claim, _ := l.Get("ns", name)
			if got, want := claim.Status.Allocation != nil, sets.New(claims...).Has(name); got != want {
				t.Errorf("%s: claim %s is allocated: %v, want %v", what, name, got, want)
			}
		}
	}
	holds("at first", 1)
	give("a", "1")
	holds("with one pod", 2, "a")
	l.next() // it has no claim of its own
	give("b", "2")
	holds("with three", 3, "a", "b")
	l.undo()
	l.undo()
	holds("with one again", 2, "a")
	l.reset()
	holds("in the next trial", 1)
}
