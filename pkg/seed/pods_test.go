package seed

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

var podOptions = Options{Namespace: "seeds", PauseImage: "registry.example/pause:1", PriorityClass: "lowest"}

func newPods(t *testing.T, client *fake.Clientset, known ...*v1.Pod) *byPods {
	t.Helper()
	lister := informers.NewSharedInformerFactory(client, 0).Core().V1().Pods()
	for _, pod := range known {
		if err := lister.Informer().GetStore().Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	return newByPods(client, lister.Lister(), podOptions, func(snapshot.Seed, *v1.Pod) {})
}

// aSeed is of two images.
var aSeed = snapshot.Seed{Seed: image.Seed{
	Node: "node", Needs: []image.Need{{Key: "registry.example/a:v1"}, {Key: "registry.example/b@sha256:1"}}, Bytes: 2e9, Seconds: 50,
}, ID: "seed/1"}

func TestASeedingPodExecutesNothingOfTheImages(t *testing.T) {
	t.Parallel()
	like := newPod("member", "", "4")
	like.Spec.Tolerations = []v1.Toleration{{Key: "gpu", Operator: v1.TolerationOpExists}}
	pod := newPods(t, fake.NewClientset()).pod(aSeed, like, "gang default/train waits for room")

	var images []string
	for i, v := range pod.Spec.Volumes {
		images = append(images, v.Image.Reference)
		if m := pod.Spec.Containers[0].VolumeMounts[i]; m.Name != v.Name || !m.ReadOnly {
			t.Errorf("%s is mounted as %+v", v.Name, m)
		}
	}
	if diff := cmp.Diff([]string{"registry.example/a:v1", "registry.example/b@sha256:1"}, images); diff != "" {
		t.Errorf("volumes (-want +got):\n%s", diff)
	}
	if c := pod.Spec.Containers; len(c) != 1 || c[0].Image != podOptions.PauseImage || len(c[0].Resources.Requests) > 0 {
		t.Errorf("it runs %+v", c)
	}
	if diff := cmp.Diff(like.Spec.Tolerations, pod.Spec.Tolerations); diff != "" {
		t.Errorf("tolerations (-want +got):\n%s", diff)
	}
	if pod.Spec.NodeName != "node" || pod.Spec.PriorityClassName != "lowest" || *pod.Spec.ActiveDeadlineSeconds != 450 {
		t.Errorf("it is %+v", pod.Spec)
	}
	if pod.Annotations[ForAnnotation] != "gang default/train waits for room" {
		t.Errorf("it is annotated %v", pod.Annotations)
	}

	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			t.Errorf("the restricted policy forbids it: %s, %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
}

func TestWhatAClusterLacksForPods(t *testing.T) {
	t.Parallel()
	pods, seeds := schema.GroupResource{Resource: "pods"}, schema.GroupKind{Kind: "Pod"}
	tests := map[string]struct {
		answer error
		drop   bool // the server does not know image volumes
		want   string
		wantOK bool
	}{
		"nothing":         {wantOK: true},
		"the namespace":   {answer: apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "seeds"), want: "there is no namespace seeds"},
		"rights":          {answer: apierrors.NewForbidden(pods, "", errors.New("no")), want: "no pods may be made in the namespace seeds"},
		"image volumes":   {answer: apierrors.NewInvalid(seeds, "", nil), want: "the cluster has no image volumes"},
		"them, silently":  {drop: true, want: "the cluster has no image volumes"},
		"the API server?": {answer: errors.New("no route"), want: "error"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset()
			client.PrependReactor("create", "pods", func(action k8stesting.Action) (bool, runtime.Object, error) {
				create := action.(k8stesting.CreateActionImpl)
				if len(create.CreateOptions.DryRun) == 0 {
					t.Error("the try is no dry run")
				}
				pod := create.Object.(*v1.Pod).DeepCopy()
				if tc.drop {
					pod.Spec.Volumes[0].VolumeSource = v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}
				}
				return true, pod, tc.answer
			})
			why, err := newPods(t, client).usable(t.Context())
			if err != nil {
				why = "error"
			}
			if tc.wantOK && why != "" || !tc.wantOK && !strings.HasPrefix(why, tc.want) {
				t.Errorf("it lacks %q, want %q", why, tc.want)
			}
		})
	}
}

func TestWhichKubeletsKnowImageVolumes(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"v1.34.9": false, "v1.35.0": true, "v1.37.1": true, "v1.36.2-gke.100": true, "v1.36+": true, "v2.0.0": true,
		"v0.0.0-master+$Format:%H$": true, "": false, "unknown": false,
	} {
		node := newNode("node", "4")
		node.Status.NodeInfo.KubeletVersion = version
		if got := (&byPods{}).can(node); got != want {
			t.Errorf("kubelet %q: %v, want %v", version, got, want)
		}
		node.Status.NodeInfo.OperatingSystem = "windows"
		if (&byPods{}).can(node) {
			t.Errorf("kubelet %q is on Windows, and seeded", version)
		}
	}
}

func TestHowFarASeedingPodIs(t *testing.T) {
	t.Parallel()
	waits := func(reason string) v1.PodStatus {
		return v1.PodStatus{Phase: v1.PodPending, ContainerStatuses: []v1.ContainerStatus{{State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason}}}}}
	}
	tests := map[string]struct {
		status v1.PodStatus
		want   progress
	}{
		"new":                      {v1.PodStatus{Phase: v1.PodPending}, pulling},
		"pulling":                  {waits("ContainerCreating"), pulling},
		"backing off":              {waits("ImagePullBackOff"), unavailable},
		"no such image":            {waits("ErrImagePull"), unavailable},
		"a runtime without mounts": {waits("CreateContainerError"), broken},
		"running":                  {v1.PodStatus{Phase: v1.PodRunning}, pulled},
		"done":                     {v1.PodStatus{Phase: v1.PodSucceeded}, pulled},
		"evicted":                  {v1.PodStatus{Phase: v1.PodFailed}, broken},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "seeds", Name: "seed-1"}, Status: tc.status}
			for where, b := range map[string]*byPods{
				"cache": newPods(t, fake.NewClientset(), pod), "API server": newPods(t, fake.NewClientset(pod)),
			} {
				if got, err := b.look(t.Context(), "seed-1"); got != tc.want || err != nil {
					t.Errorf("by the %s it is %v, %v; want %v", where, got, err, tc.want)
				}
			}
		})
	}
	if got, err := newPods(t, fake.NewClientset()).look(t.Context(), "seed-1"); got != broken || err != nil {
		t.Errorf("one that is gone is %v, %v; want %v", got, err, broken)
	}
}

func TestPodsAreCollected(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset()
	promised := ""
	b := newPods(t, client)
	b.pulls = func(seed snapshot.Seed, pod *v1.Pod) { promised = seed.ID + " " + pod.Spec.NodeName }
	if _, err := b.begin(t.Context(), aSeed, newPod("member", "", "4"), "a test"); err != nil {
		t.Fatal(err)
	}
	if promised != "seed/1 node" {
		t.Errorf("what is promised is %q", promised)
	}
	list, err := client.CoreV1().Pods("seeds").List(t.Context(), metav1.ListOptions{LabelSelector: Label + "=pod"})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%v, %v; want one pod", list, err)
	}
	for range 2 { // what is gone already is no error
		if err := b.collect(t.Context(), list.Items[0].Name); err != nil {
			t.Error(err)
		}
	}
	if list, err = client.CoreV1().Pods("seeds").List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) > 0 {
		t.Errorf("%v, %v; want no pod", list, err)
	}
}

func TestPodsOfTheProcessBeforeAreDeleted(t *testing.T) {
	t.Parallel()
	client, which := fake.NewClientset(), ""
	client.PrependReactor("delete-collection", "pods", func(action k8stesting.Action) (bool, runtime.Object, error) {
		which = action.GetNamespace() + " " + action.(k8stesting.DeleteCollectionAction).GetListRestrictions().Labels.String()
		return true, nil, nil
	})
	if err := newPods(t, client).adopt(t.Context()); err != nil || which != "seeds "+Label+"=pod" {
		t.Errorf("adopt deletes %q, %v", which, err)
	}
}
