package snapshot

import (
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/dynamic-resource-allocation/structured"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/features"
)

// ledger is what is allocated to resource claims in the cluster, and in a trial
// on top of it. It is for one goroutine; the claims of the cluster may change below it.
type ledger struct {
	fwk.SharedDRAManager
	fwk.ResourceClaimTracker

	given [][]types.UID // to each placed pod: the claims that were allocated for it
	taken map[types.UID]*resourceapi.ResourceClaim
	state *structured.AllocatedState // all in all; nil if it has to be counted anew
}

func (l *ledger) reset() {
	l.given, l.taken, l.state = nil, map[types.UID]*resourceapi.ResourceClaim{}, nil
}

// next begins what another pod is given.
func (l *ledger) next() { l.given = append(l.given, nil) }

// undo takes back what the last pod was given.
func (l *ledger) undo() {
	last := l.given[len(l.given)-1]
	l.given = l.given[:len(l.given)-1]
	for _, claim := range last {
		delete(l.taken, claim)
		l.state = nil
	}
}

// ResourceClaims implements fwk.SharedDRAManager.
func (l *ledger) ResourceClaims() fwk.ResourceClaimTracker { return l }

// Get implements fwk.ResourceClaimTracker. A claim that a placed pod would get is
// allocated for those that share it.
func (l *ledger) Get(namespace, name string) (*resourceapi.ResourceClaim, error) {
	claim, err := l.ResourceClaimTracker.Get(namespace, name)
	if err != nil || claim.Status.Allocation != nil {
		return claim, err
	}
	if allocated := l.taken[claim.UID]; allocated != nil {
		return allocated, nil
	}
	return claim, nil
}

// SignalClaimPendingAllocation implements fwk.ResourceClaimTracker: the pod that
// is being placed gets the claim.
func (l *ledger) SignalClaimPendingAllocation(_ types.UID, claim *resourceapi.ResourceClaim) error {
	last := &l.given[len(l.given)-1]
	*last = append(*last, claim.UID)
	l.taken[claim.UID] = claim
	if l.state != nil {
		occupy(l.state, claim)
	}
	return nil
}

// GatherAllocatedState implements fwk.ResourceClaimTracker. What is returned is
// valid until the next pod is placed.
func (l *ledger) GatherAllocatedState() (*structured.AllocatedState, error) {
	if l.state != nil {
		return l.state, nil
	}
	state, err := l.ResourceClaimTracker.GatherAllocatedState()
	if err != nil {
		return nil, err
	}
	for _, claim := range l.taken {
		occupy(state, claim)
	}
	l.state = state
	return state, nil
}

// ListAllAllocatedDevices implements fwk.ResourceClaimTracker, for when devices
// are not shared by capacity.
func (l *ledger) ListAllAllocatedDevices() (sets.Set[structured.DeviceID], error) {
	state, err := l.GatherAllocatedState()
	if err != nil {
		return nil, err
	}
	return state.AllocatedDevices, nil
}

// occupy adds the devices of an allocated claim, as the tracker of the cluster does.
func occupy(state *structured.AllocatedState, claim *resourceapi.ResourceClaim) {
	byCapacity := utilfeature.DefaultFeatureGate.Enabled(features.DRAConsumableCapacity)
	for _, got := range claim.Status.Allocation.Devices.Results {
		device := structured.MakeDeviceID(got.Driver, got.Pool, got.Device)
		switch {
		case got.AdminAccess != nil && *got.AdminAccess: // looks on
		case byCapacity && got.ShareID != nil:
			state.AllocatedSharedDeviceIDs.Insert(structured.MakeSharedDeviceID(device, got.ShareID))
			if got.ConsumedCapacity != nil {
				state.AggregatedCapacity.Insert(structured.NewDeviceConsumedCapacity(device, got.ConsumedCapacity))
			}
		default:
			state.AllocatedDevices.Insert(device)
		}
	}
}
