package seed

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	k8stesting "k8s.io/client-go/testing"
)

// served answers one question of discovery.
type served struct {
	discovery.ServerResourcesInterface
	resources []metav1.APIResource
	err       error
}

func (s served) ServerResourcesForGroupVersion(string) (*metav1.APIResourceList, error) {
	return &metav1.APIResourceList{APIResources: s.resources}, s.err
}

// newPullJobs returns an actuator on an API that names what it makes seed-0, seed-1 …
func newPullJobs(s served, objects ...runtime.Object) (*byPullJobs, *dynamicfake.FakeDynamicClient) {
	client := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{pullJobs: "ImagePullJobList"}, objects...)
	made := 0
	client.PrependReactor("create", "imagepulljobs", func(action k8stesting.Action) (bool, runtime.Object, error) {
		job := action.(k8stesting.CreateAction).GetObject().(*unstructured.Unstructured)
		job.SetName(job.GetGenerateName() + string(rune('0'+made)))
		made++
		return false, nil, nil
	})
	return newByPullJobs(s, client, Options{Namespace: "seeds"}), client
}

var kruise = served{resources: []metav1.APIResource{{Name: "imagepulljobs"}}}

func TestWhatAClusterLacksForPullJobs(t *testing.T) {
	t.Parallel()
	jobs := schema.GroupResource{Group: "apps.kruise.io", Resource: "imagepulljobs"}
	tests := map[string]struct {
		served served
		answer error
		want   string
	}{
		"nothing":       {served: kruise},
		"the kind":      {served: served{resources: []metav1.APIResource{{Name: "clonesets"}}}, want: "the cluster has no ImagePullJobs"},
		"the group":     {served: served{err: apierrors.NewNotFound(jobs, "")}, want: "the cluster has no ImagePullJobs"},
		"discovery":     {served: served{err: errors.New("no route")}, want: "error"},
		"the namespace": {served: kruise, answer: apierrors.NewNotFound(jobs, ""), want: "there is no namespace seeds"},
		"rights":        {served: kruise, answer: apierrors.NewForbidden(jobs, "", errors.New("no")), want: "no ImagePullJobs may be made in the namespace seeds"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, client := newPullJobs(tc.served)
			if tc.answer != nil {
				client.PrependReactor("create", "imagepulljobs", func(k8stesting.Action) (bool, runtime.Object, error) { return true, nil, tc.answer })
			}
			why, err := b.usable(t.Context())
			if err != nil {
				why = "error"
			}
			if tc.want == "" && why != "" || !strings.HasPrefix(why, tc.want) {
				t.Errorf("it lacks %q, want %q", why, tc.want)
			}
		})
	}
}

func TestAPullJobForEachImage(t *testing.T) {
	t.Parallel()
	b, client := newPullJobs(kruise)
	names, err := b.begin(t.Context(), aSeed, nil, "a test")
	if err != nil || names != "seed-0,seed-1" {
		t.Fatalf("%q, %v", names, err)
	}
	status := func(name string, fields map[string]any) {
		t.Helper()
		job, err := b.jobs.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		job.Object["status"] = fields
		if _, err := b.jobs.Update(t.Context(), job, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	is := func(when string, want progress) {
		t.Helper()
		if got, err := b.look(t.Context(), names); got != want || err != nil {
			t.Errorf("%s it is %v, %v; want %v", when, got, err, want)
		}
	}
	job, err := b.jobs.Get(t.Context(), "seed-1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	image, _, _ := unstructured.NestedString(job.Object, "spec", "image")
	nodes, _, _ := unstructured.NestedStringSlice(job.Object, "spec", "selector", "names")
	if image != "registry.example/b@sha256:1" || len(nodes) != 1 || nodes[0] != "node" {
		t.Errorf("the job pulls %q on %v", image, nodes)
	}

	is("at first", pulling)
	status("seed-0", map[string]any{"desired": int64(1), "active": int64(0), "succeeded": int64(1)})
	is("with one of two", pulling)
	status("seed-1", map[string]any{"desired": int64(1), "active": int64(1), "succeeded": int64(0)})
	is("with one under way", pulling)
	status("seed-1", map[string]any{"desired": int64(1), "active": int64(0), "succeeded": int64(1)})
	is("with both", pulled)
	status("seed-0", map[string]any{"desired": int64(1), "failed": int64(1), "failedNodes": []any{"node"}})
	is("with a failure", unavailable)

	for range 2 {
		if err := b.collect(t.Context(), names); err != nil {
			t.Error(err)
		}
	}
	is("when it is gone", broken)

	client.PrependReactor("create", "imagepulljobs", func(action k8stesting.Action) (bool, runtime.Object, error) {
		job := action.(k8stesting.CreateAction).GetObject().(*unstructured.Unstructured)
		image, _, _ := unstructured.NestedString(job.Object, "spec", "image")
		return image == "registry.example/b@sha256:1", nil, errors.New("no more")
	})
	if _, err := b.begin(t.Context(), aSeed, nil, "a test"); err == nil {
		t.Error("it began without the second image")
	}
	list, err := b.jobs.List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) > 0 {
		t.Errorf("%v, %v; want nothing left of what was not begun", list, err)
	}
}

func TestPullJobsOfTheProcessBeforeAreDeleted(t *testing.T) {
	t.Parallel()
	b, client := newPullJobs(kruise)
	which := ""
	client.PrependReactor("delete-collection", "imagepulljobs", func(action k8stesting.Action) (bool, runtime.Object, error) {
		which = action.GetNamespace() + " " + action.(k8stesting.DeleteCollectionAction).GetListRestrictions().Labels.String()
		return true, nil, nil
	})
	if err := b.adopt(t.Context()); err != nil || which != "seeds "+Label+"=imagepulljob" {
		t.Errorf("adopt deletes %q, %v", which, err)
	}
}
