package lightnode

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/muster-scheduler/muster/pkg/sandbox/fleet"
)

// observe acts on what a pod looks like now. A pod is run by at most one goroutine, which ends early when the pod is
// to be deleted; then another removes the pod.
func (c *Nodes) observe(ctx context.Context, pod *v1.Pod) {
	n, ours := c.nodes[pod.Spec.NodeName]
	if !ours || n.lost.Load() {
		return
	}
	if pod.DeletionTimestamp != nil {
		c.forget(pod.UID)
		go c.remove(ctx, pod)
		return
	}
	if pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, running := c.runs[pod.UID]; running {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	c.runs[pod.UID] = run{node: n, cancel: cancel}
	go func() {
		if err := c.run(ctx, n, pod); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Pod does not run", "pod", klog.KObj(pod), "node", n.name)
		}
	}()
}

// forget ends the run of a pod.
func (c *Nodes) forget(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.runs[uid]; ok {
		r.cancel()
		delete(c.runs, uid)
	}
}

// run is the life of a pod on a node.
func (c *Nodes) run(ctx context.Context, n *node, pod *v1.Pod) error {
	if pod.Status.Phase != v1.PodRunning {
		if err := c.pull(ctx, n, pod); err != nil {
			return err
		}
		pod = pod.DeepCopy()
		setRunning(pod, n, metav1.Now())
		if err := c.patchStatus(ctx, pod); err != nil {
			return err
		}
	}
	seconds, err := strconv.ParseFloat(pod.Annotations[fleet.RunSecondsAnnotation], 64)
	if err != nil || pod.Spec.RestartPolicy == v1.RestartPolicyAlways || pod.Status.StartTime == nil {
		return nil // it runs until it is deleted
	}
	end := pod.Status.StartTime.Add(time.Duration(seconds * float64(time.Second)))
	select {
	case <-time.After(time.Until(end)):
	case <-ctx.Done():
		return ctx.Err()
	}
	pod = pod.DeepCopy()
	setSucceeded(pod, metav1.Now())
	return c.patchStatus(ctx, pod)
}

// pull fetches the pod's images in order, each when a slot of the node is free. An image that cannot be had leaves
// the pod waiting for ever, and says so in its status.
func (c *Nodes) pull(ctx context.Context, n *node, pod *v1.Pod) error {
	for _, image := range needs(pod) {
		if _, ok := n.disk.Find(image.name); ok && image.policy != v1.PullAlways {
			continue
		}
		select {
		case n.pulls <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		_, err := n.disk.Pull(ctx, image.name)
		<-n.pulls
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			pod = pod.DeepCopy()
			setWaiting(pod, n, "ErrImagePull", err.Error())
			if patchErr := c.patchStatus(ctx, pod); patchErr != nil {
				return patchErr
			}
			return err
		}
		n.changed.Store(true)
	}
	return nil
}

// need is an image that a pod needs.
type need struct {
	name   string
	policy v1.PullPolicy
}

// needs returns what a pod needs, in the order of a kubelet: volumes first.
func needs(pod *v1.Pod) []need {
	var all []need
	for _, volume := range pod.Spec.Volumes {
		if volume.Image != nil {
			all = append(all, need{volume.Image.Reference, volume.Image.PullPolicy})
		}
	}
	for _, container := range append(append([]v1.Container{}, pod.Spec.InitContainers...), pod.Spec.Containers...) {
		all = append(all, need{container.Image, container.ImagePullPolicy})
	}
	return all
}

// remove finishes the deletion of a pod: its containers, of which there are none, have ended.
func (c *Nodes) remove(ctx context.Context, pod *v1.Pod) {
	now := int64(0)
	err := c.call(ctx, func() error {
		return c.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &now,
			Preconditions:      &metav1.Preconditions{UID: &pod.UID},
		})
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		klog.FromContext(ctx).Error(err, "Pod was not removed", "pod", klog.KObj(pod))
	}
}

// patchStatus writes the pod's status, unless the pod is gone.
func (c *Nodes) patchStatus(ctx context.Context, pod *v1.Pod) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": pod.Status})
	if err != nil {
		return err
	}
	err = c.call(ctx, func() error {
		_, err := c.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		return err
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// call makes a request when there is a slot for it.
func (c *Nodes) call(ctx context.Context, request func() error) error {
	select {
	case c.calls <- struct{}{}:
		defer func() { <-c.calls }()
		return request()
	case <-ctx.Done():
		return ctx.Err()
	}
}
