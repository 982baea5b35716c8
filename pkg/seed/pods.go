package seed

import (
	"context"
	"fmt"
	"slices"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// Label marks what a Seeder makes, with the actuator as its value.
const Label = "muster.dev/seed"

// ForAnnotation says for whom a seed is.
const ForAnnotation = "muster.dev/seed-for"

// leastKubelet is the version from which on kubelets know image volumes without being
// told to.
var leastKubelet = version.MajorMinor(1, 35)

// byPods pulls images by pods that have them as image volumes.
type byPods struct {
	client  kubernetes.Interface
	known   corelisters.PodNamespaceLister
	options Options
	pulls   func(seed snapshot.Seed, pod *v1.Pod)
}

func newByPods(client kubernetes.Interface, known corelisters.PodLister, options Options, pulls func(snapshot.Seed, *v1.Pod)) *byPods {
	return &byPods{client: client, known: known.Pods(options.Namespace), options: options, pulls: pulls}
}

func (b *byPods) name() string { return Pods }

// usable tries a pod with an image volume dry: an API server that does not know them
// drops the volume's source, and then refuses the volume.
func (b *byPods) usable(ctx context.Context) (string, error) {
	pod := b.pod(snapshot.Seed{}, &v1.Pod{}, "a try")
	pod.Spec.NodeName = ""
	pod.Spec.Volumes = []v1.Volume{volume(0, b.options.PauseImage)}
	made, err := b.client.CoreV1().Pods(b.options.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case apierrors.IsNotFound(err):
		return "there is no namespace " + b.options.Namespace + ": see seeding.yaml in manifests/install", nil
	case apierrors.IsForbidden(err):
		return "no pods may be made in the namespace " + b.options.Namespace + ": " + err.Error(), nil
	case apierrors.IsInvalid(err):
		return "the cluster has no image volumes: " + err.Error(), nil
	case err != nil:
		return "", err
	case !slices.ContainsFunc(made.Spec.Volumes, func(v v1.Volume) bool { return v.Image != nil }):
		return "the cluster has no image volumes", nil
	}
	return "", nil
}

// can leaves out kubelets that do not know image volumes, and Windows, for which the
// container's image is not made. A kubelet of version 0 is built from a working tree.
func (b *byPods) can(node *v1.Node) bool {
	info := node.Status.NodeInfo
	kubelet, err := version.ParseGeneric(info.KubeletVersion)
	return err == nil && info.OperatingSystem != "windows" && (kubelet.Major() == 0 || kubelet.AtLeast(leastKubelet))
}

// adopt deletes the pods of the process before this one. What they pulled stays.
func (b *byPods) adopt(ctx context.Context) error {
	now := int64(0)
	return b.client.CoreV1().Pods(b.options.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{LabelSelector: Label + "=pod"})
}

func (b *byPods) begin(ctx context.Context, seed snapshot.Seed, like *v1.Pod, why string) (string, error) {
	made, err := b.client.CoreV1().Pods(b.options.Namespace).Create(ctx, b.pod(seed, like, why), metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	b.pulls(seed, made)
	return made.Name, nil
}

// pod is the pod for a seed: on its node, with its images as volumes. The kubelet
// pulls them before it starts the container, which does nothing.
func (b *byPods) pod(seed snapshot.Seed, like *v1.Pod, why string) *v1.Pod {
	no, yes, now, nobody := false, true, int64(0), int64(65532)
	deadline := int64(patience(seed).Seconds())
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "seed-", Namespace: b.options.Namespace,
			Labels:      map[string]string{Label: "pod", "app.kubernetes.io/managed-by": "muster"},
			Annotations: map[string]string{ForAnnotation: why},
		},
		Spec: v1.PodSpec{
			NodeName:                      seed.Node, // past every scheduler: it takes no room
			PriorityClassName:             b.options.PriorityClass,
			Tolerations:                   slices.Clone(like.Spec.Tolerations),
			RestartPolicy:                 v1.RestartPolicyNever,
			ActiveDeadlineSeconds:         &deadline,
			TerminationGracePeriodSeconds: &now,
			AutomountServiceAccountToken:  &no,
			EnableServiceLinks:            &no,
			SecurityContext: &v1.PodSecurityContext{
				RunAsNonRoot: &yes, RunAsUser: &nobody, RunAsGroup: &nobody,
				SeccompProfile: &v1.SeccompProfile{Type: v1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []v1.Container{{
				Name: "pause", Image: b.options.PauseImage, ImagePullPolicy: v1.PullIfNotPresent,
				SecurityContext: &v1.SecurityContext{
					AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
					Capabilities: &v1.Capabilities{Drop: []v1.Capability{"ALL"}},
				},
			}},
		},
	}
	for i, need := range seed.Needs {
		vol := volume(i, need.Key)
		pod.Spec.Volumes = append(pod.Spec.Volumes, vol)
		// A volume that is not mounted is pulled too, but its failure not told.
		mount := v1.VolumeMount{Name: vol.Name, MountPath: fmt.Sprint("/", vol.Name), ReadOnly: true}
		pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, mount)
	}
	return pod
}

func volume(i int, image string) v1.Volume {
	return v1.Volume{
		Name:         fmt.Sprint("image-", i),
		VolumeSource: v1.VolumeSource{Image: &v1.ImageVolumeSource{Reference: image, PullPolicy: v1.PullIfNotPresent}},
	}
}

// look reads the pod's status. A pod that is gone was taken off its node.
func (b *byPods) look(ctx context.Context, name string) (progress, error) {
	pod, err := b.known.Get(name)
	if err != nil { // not yet, or no more, in the cache, which has no pods that have ended
		pod, err = b.client.CoreV1().Pods(b.options.Namespace).Get(ctx, name, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) {
		return broken, nil
	}
	if err != nil {
		return pulling, err
	}
	switch pod.Status.Phase {
	case v1.PodRunning, v1.PodSucceeded:
		return pulled, nil
	case v1.PodFailed:
		return broken, nil
	}
	for _, status := range pod.Status.ContainerStatuses {
		switch waiting := status.State.Waiting; {
		case waiting == nil:
		case slices.Contains(snapshot.PullFailures, waiting.Reason):
			return unavailable, nil
		case waiting.Reason == "CreateContainerError", waiting.Reason == "CreateContainerConfigError", waiting.Reason == "RunContainerError":
			return broken, nil // the runtime mounts no images, perhaps
		}
	}
	return pulling, nil
}

func (b *byPods) collect(ctx context.Context, name string) error {
	now := int64(0)
	err := b.client.CoreV1().Pods(b.options.Namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
