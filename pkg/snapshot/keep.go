package snapshot

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// Keep nominates pods for their planned nodes, in memory alone, so that pods of
// the same or a lower priority leave them the room. For pods without a slot it
// ends the nomination.
func Keep(h fwk.Handle, pods []*v1.Pod, slots gang.Placement) {
	for _, pod := range pods {
		if node := slots[string(pod.UID)]; node != "" {
			nominate(h, pod, node)
		} else {
			h.DeleteNominatedPodIfExists(pod)
		}
	}
}

func nominate(h fwk.Handle, pod *v1.Pod, node string) {
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return // the pod could not have been planned
	}
	h.AddNominatedPod(klog.Background(), info, &fwk.NominatingInfo{NominatingMode: fwk.ModeOverride, NominatedNodeName: node})
}
