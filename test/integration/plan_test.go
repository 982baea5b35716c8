package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	internalcache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"pgregory.net/rapid"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// TestFiltersKeepWhatThePlanPromises plans random gangs of equal members on
// random clusters, with the shipped profile's own filters. Every planned member
// is then accepted by its node, one after the other; and where the plan says no,
// and members do not mind one another, placing them one by one gets no further.
func TestFiltersKeepWhatThePlanPromises(t *testing.T) {
	planned, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		ctx, cancel := context.WithCancel(klog.NewContext(context.Background(), klog.Logger{}))
		defer cancel()
		sched := randomCluster(ctx, t)
		logger := klog.FromContext(ctx)
		template := randomPod(t, "member")
		var members []*v1.Pod
		for i := range rapid.IntRange(1, 6).Draw(t, "members") {
			p := template.DeepCopy()
			p.Name = fmt.Sprint("member", i)
			p.UID = types.UID(p.Name)
			members = append(members, p)
		}
		need := rapid.IntRange(1, len(members)).Draw(t, "need")

		fw := sched.Profiles["muster"]
		shot := fw.SnapshotSharedLister().(*internalcache.Snapshot)
		if err := sched.Cache.UpdateSnapshot(logger, shot); err != nil {
			t.Fatal(err)
		}
		nodes, err := shot.NodeInfos().List()
		if err != nil {
			t.Fatal(err)
		}
		world, cluster, classes, err := snapshot.NewWorld(ctx, fw, nodes, members, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		slots, verdict := gang.Plan(cluster, classes, need, gang.HardestFirst, world)
		if err := world.Err(); err != nil {
			t.Fatal(err)
		}
		place := func(p *v1.Pod, node string) {
			p = p.DeepCopy()
			p.Spec.NodeName = node
			if err := sched.Cache.AssumePod(logger, p); err != nil {
				t.Fatal(err)
			}
		}
		if slots != nil {
			planned++
			for _, p := range members {
				node, ok := slots[string(p.UID)]
				if !ok {
					continue
				}
				if got := feasible(ctx, t, sched, "muster", p); !slices.Contains(got, node) {
					t.Fatalf("%s is planned for %s, the filters accept it on %v; plan %v", p.Name, node, got, slots)
				}
				place(p, node)
			}
			return
		}
		refused++
		if len(classes) != 1 || classes[0].Coupled {
			return
		}
		fit := 0
		for _, p := range members {
			if got := feasible(ctx, t, sched, "muster", p); len(got) > 0 {
				place(p, got[0])
				fit++
			}
		}
		if fit >= need {
			t.Fatalf("%d of %d members fit one by one, the plan found %+v", fit, need, verdict)
		}
	})
	if planned == 0 || refused == 0 {
		t.Errorf("%d plans and %d refusals prove nothing", planned, refused)
	}
}
