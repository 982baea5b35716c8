package snapshot

import (
	"fmt"

	v1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/types"
	resourcelisters "k8s.io/client-go/listers/resource/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
)

// claimless are the members that wait for resource claims to be made. The queue
// keeps such a pod out; no gang must have one stand in the queue for it. The lock
// of the roster is held for all of it.
type claimless struct {
	lister resourcelisters.ResourceClaimLister      // nil for a roster that minds none
	waits  map[types.NamespacedName]map[string]bool // UIDs by claim
	names  map[string]types.NamespacedName          // claims by UID
}

// see notes which claim a pod without a node lacks, and returns that in a sentence;
// "" if it lacks none.
func (c *claimless) see(pod *v1.Pod) (why string) {
	c.forget(string(pod.UID))
	if c.lister == nil || pod.Spec.NodeName != "" {
		return ""
	}
	for i := range pod.Spec.ResourceClaims {
		name, made, err := resourceclaim.Name(pod, &pod.Spec.ResourceClaims[i])
		if err != nil {
			return "its ResourceClaim has not been made yet" // the pod's status will say so
		}
		if name == nil {
			continue // none is needed
		}
		switch claim, err := c.lister.ResourceClaims(pod.Namespace).Get(*name); {
		case err != nil:
			why = fmt.Sprintf("ResourceClaim %s does not exist", *name)
		case claim.DeletionTimestamp != nil:
			why = fmt.Sprintf("ResourceClaim %s is being deleted", *name)
		case made && resourceclaim.IsForPod(pod, claim, false) != nil:
			why = fmt.Sprintf("ResourceClaim %s was made for another pod", *name)
		default:
			continue
		}
		key := types.NamespacedName{Namespace: pod.Namespace, Name: *name}
		if c.waits[key] == nil {
			c.waits[key] = map[string]bool{}
		}
		c.waits[key][string(pod.UID)], c.names[string(pod.UID)] = true, key
		return why
	}
	return ""
}

// forget ends a pod's wait.
func (c *claimless) forget(uid string) {
	key, waits := c.names[uid]
	if !waits {
		return
	}
	delete(c.names, uid)
	if delete(c.waits[key], uid); len(c.waits[key]) == 0 {
		delete(c.waits, key)
	}
}

// seeClaim looks again at the members that lack a claim.
func (g *Gangs) seeClaim(claim *resourceapi.ResourceClaim) {
	g.mu.Lock()
	var pods []*v1.Pod
	for uid := range g.claimless.waits[types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name}] {
		pods = append(pods, g.pods[uid])
	}
	g.mu.Unlock()
	for _, pod := range pods {
		g.see(pod)
	}
}

// mindClaims has members wait for their resource claims.
func (g *Gangs) mindClaims(lister resourcelisters.ResourceClaimLister) cache.ResourceEventHandler {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.claimless = claimless{lister: lister, waits: map[types.NamespacedName]map[string]bool{}, names: map[string]types.NamespacedName{}}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { g.seeClaim(o.(*resourceapi.ResourceClaim)) },
		UpdateFunc: func(_, o any) { g.seeClaim(o.(*resourceapi.ResourceClaim)) },
	}
}
