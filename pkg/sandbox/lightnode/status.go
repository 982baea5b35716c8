package lightnode

import (
	"strings"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// setRunning makes the status that of a pod all of whose containers have started and are ready.
func setRunning(pod *v1.Pod, n *node, now metav1.Time) {
	ip := n.podIP()
	s := &pod.Status
	s.Phase, s.Reason, s.Message = v1.PodRunning, "", ""
	s.StartTime, s.HostIP, s.PodIP = &now, n.ip, ip
	s.HostIPs, s.PodIPs = []v1.HostIP{{IP: n.ip}}, []v1.PodIP{{IP: ip}}
	setConditions(s, now, v1.ConditionTrue, "")
	started := v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: now}}
	s.ContainerStatuses = containerStatuses(pod, pod.Spec.Containers, started, true)
	ended := v1.ContainerState{Terminated: &v1.ContainerStateTerminated{Reason: "Completed", StartedAt: now, FinishedAt: now}}
	s.InitContainerStatuses = containerStatuses(pod, pod.Spec.InitContainers, ended, true)
}

// setSucceeded makes the status of a running pod that of one whose containers have all exited with code 0.
func setSucceeded(pod *v1.Pod, now metav1.Time) {
	s := &pod.Status
	s.Phase = v1.PodSucceeded
	setConditions(s, now, v1.ConditionFalse, "PodCompleted")
	for i := range s.ContainerStatuses {
		c := &s.ContainerStatuses[i]
		started := now
		if c.State.Running != nil {
			started = c.State.Running.StartedAt
		}
		c.State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{
			Reason: "Completed", StartedAt: started, FinishedAt: now, ContainerID: c.ContainerID,
		}}
		c.Ready, c.Started = false, new(bool)
	}
}

// setWaiting makes the status that of a pod none of whose containers can start.
func setWaiting(pod *v1.Pod, n *node, reason, message string) {
	s := &pod.Status
	s.HostIP, s.HostIPs = n.ip, []v1.HostIP{{IP: n.ip}}
	waiting := v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason, Message: message}}
	s.ContainerStatuses = containerStatuses(pod, pod.Spec.Containers, waiting, false)
}

// setConditions sets the conditions that a node is in charge of. The others, as that it was scheduled, stay.
func setConditions(s *v1.PodStatus, now metav1.Time, ready v1.ConditionStatus, reason string) {
	set := func(t v1.PodConditionType, status v1.ConditionStatus, reason string) {
		condition := v1.PodCondition{Type: t, Status: status, Reason: reason, LastTransitionTime: now}
		for i := range s.Conditions {
			if s.Conditions[i].Type == t {
				s.Conditions[i] = condition
				return
			}
		}
		s.Conditions = append(s.Conditions, condition)
	}
	set(v1.PodReadyToStartContainers, ready, "")
	set(v1.PodInitialized, v1.ConditionTrue, "")
	set(v1.ContainersReady, ready, reason)
	set(v1.PodReady, ready, reason)
}

func containerStatuses(pod *v1.Pod, containers []v1.Container, state v1.ContainerState, started bool) []v1.ContainerStatus {
	statuses := make([]v1.ContainerStatus, len(containers))
	for i, c := range containers {
		ready := started
		statuses[i] = v1.ContainerStatus{
			Name: c.Name, Image: c.Image, State: state, Ready: ready, Started: &ready,
		}
		if started {
			statuses[i].ImageID = c.Image
			statuses[i].ContainerID = "sandbox://" + strings.Join([]string{string(pod.UID), c.Name}, "/")
		}
	}
	return statuses
}
