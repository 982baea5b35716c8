package snapshot

import (
	"context"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	applyv1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/klog/v2"

	"github.com/muster-scheduler/muster/pkg/gang"
)

const (
	// RolledBack is the reason of the event and of the condition DisruptionTarget
	// at a member that is deleted because its gang could not start whole.
	RolledBack = "GangRolledBack"
	// fieldManager is under whose name statuses are applied.
	fieldManager = "muster"
	// evictParallelism is how many members are deleted at a time.
	evictParallelism = 16
	// evictRetry is how soon a deletion that failed is tried again.
	evictRetry = time.Second
	// proofTimeout bounds the dry bindings of one gang.
	proofTimeout = 30 * time.Second
)

// deadline ends a gang's start when it has lasted too long. A sixth of the time
// is left for the members to be deleted in.
func (c *courier) deadline(key gang.Key, round int) {
	after := c.gangs.startBy()
	time.AfterFunc(after-after/6, func() {
		if c.leading() == nil {
			return // it is the leader's start; Lead sets the deadline anew
		}
		c.gangs.do(func(r *gang.Roster) []gang.Action {
			todo, _ := r.Expire(key, round)
			return todo
		})
	})
}

// prove tries the bindings of a gang's reserved members dry.
func (c *courier) prove(ctx context.Context, key gang.Key, round int) {
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	pods, nodes := c.gangs.held(key)
	var mu sync.Mutex
	refused := map[string]string{}
	var wg sync.WaitGroup
	for i, pod := range pods {
		wg.Go(func() {
			if err := c.gangs.dryBind(ctx, pod, nodes[i]); err != nil {
				mu.Lock()
				defer mu.Unlock()
				refused[string(pod.UID)] = err.Error()
			}
		})
	}
	wg.Wait()
	c.gangs.do(func(r *gang.Roster) []gang.Action { return r.Proved(key, round, refused) })
}

// evict deletes a member whose gang is rolled back, until it is gone.
func (c *courier) evict(ctx context.Context, pod *v1.Pod, why string) {
	if c.leading() == nil {
		return
	}
	c.mu.Lock()
	under := c.evicted[pod.UID]
	c.evicted[pod.UID] = true
	c.mu.Unlock()
	if under {
		return
	}
	go func() {
		c.tell(pod, RolledBack, why)
		_ = wait.PollUntilContextCancel(ctx, evictRetry, true, func(ctx context.Context) (bool, error) {
			// For one try: members that cannot be deleted keep no others waiting.
			select {
			case c.evictor <- struct{}{}:
			case <-ctx.Done():
				return false, ctx.Err()
			}
			err := c.deleteMember(ctx, pod, why)
			<-c.evictor
			if err != nil {
				klog.FromContext(ctx).Error(err, "Deleting a member of a gang that is rolled back", "pod", klog.KObj(pod), "retryIn", evictRetry)
			}
			return err == nil, nil
		}) // ends early only with the process
		c.mu.Lock()
		delete(c.evicted, pod.UID)
		c.mu.Unlock()
	}()
}

// deleteMember marks a pod as disrupted by its scheduler, for those who count
// failures, and deletes it. It is no error if the pod is gone. Where the mark is
// refused the pod is deleted without: half a gang must not stay for it.
func (c *courier) deleteMember(ctx context.Context, pod *v1.Pod, why string) error {
	pods := c.handle.ClientSet().CoreV1().Pods(pod.Namespace)
	mark := applyv1.Pod(pod.Name, pod.Namespace).WithUID(pod.UID).WithStatus(applyv1.PodStatus().WithConditions(
		applyv1.PodCondition().WithType(v1.DisruptionTarget).WithStatus(v1.ConditionTrue).
			WithReason(RolledBack).WithMessage(why).WithLastTransitionTime(metav1.Now())))
	if _, err := pods.ApplyStatus(ctx, mark, metav1.ApplyOptions{FieldManager: fieldManager, Force: true}); err != nil && !gonePod(err) {
		if !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
			return err
		}
		klog.FromContext(ctx).Error(err, "Not allowed to mark a member that is deleted", "pod", klog.KObj(pod))
	}
	err := pods.Delete(ctx, pod.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	if gonePod(err) {
		return nil
	}
	return err
}

// gonePod reports whether an error says that the pod, or this one of its name,
// does not exist.
func gonePod(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsConflict(err) }
