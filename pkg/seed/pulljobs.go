package seed

import (
	"context"
	"errors"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// pullJobs is the resource of OpenKruise that has nodes pull an image.
var pullJobs = schema.GroupVersionResource{Group: "apps.kruise.io", Version: "v1alpha1", Resource: "imagepulljobs"}

// byPullJobs pulls images by ImagePullJobs, one for each image of a seed.
type byPullJobs struct {
	served  discovery.ServerResourcesInterface
	jobs    dynamic.ResourceInterface
	options Options
}

func newByPullJobs(served discovery.ServerResourcesInterface, client dynamic.Interface, options Options) *byPullJobs {
	return &byPullJobs{served: served, jobs: client.Resource(pullJobs).Namespace(options.Namespace), options: options}
}

func (b *byPullJobs) name() string { return PullJobs }

func (b *byPullJobs) usable(ctx context.Context) (string, error) {
	list, err := b.served.ServerResourcesForGroupVersion(pullJobs.GroupVersion().String())
	if err == nil && !slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == pullJobs.Resource }) || apierrors.IsNotFound(err) {
		return "the cluster has no ImagePullJobs", nil
	}
	if err != nil {
		return "", err
	}
	_, err = b.jobs.Create(ctx, b.job("registry.example/try", "try", 60, "a try"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case apierrors.IsNotFound(err):
		return "there is no namespace " + b.options.Namespace + ": see seeding.yaml in manifests/install", nil
	case apierrors.IsForbidden(err):
		return "no ImagePullJobs may be made in the namespace " + b.options.Namespace + ": " + err.Error(), nil
	}
	return "", err
}

// can leaves it to Kruise, whose daemon is on every node that it can be on.
func (b *byPullJobs) can(*v1.Node) bool { return true }

func (b *byPullJobs) adopt(ctx context.Context) error {
	return b.jobs.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: Label + "=imagepulljob"})
}

func (b *byPullJobs) begin(ctx context.Context, seed snapshot.Seed, _ *v1.Pod, why string) (string, error) {
	var names []string
	for _, need := range seed.Needs {
		made, err := b.jobs.Create(ctx, b.job(need.Key, seed.Node, int64(patience(seed).Seconds()), why), metav1.CreateOptions{})
		if err != nil {
			return "", errors.Join(err, b.collect(ctx, strings.Join(names, ",")))
		}
		names = append(names, made.GetName())
	}
	return strings.Join(names, ","), nil
}

// job is an ImagePullJob. It ends by its deadline, and is gone a while after its end.
func (b *byPullJobs) job(image, node string, deadline int64, why string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": pullJobs.GroupVersion().String(),
		"kind":       "ImagePullJob",
		"metadata": map[string]any{
			"generateName": "seed-", "namespace": b.options.Namespace,
			"labels":      map[string]any{Label: "imagepulljob", "app.kubernetes.io/managed-by": "muster"},
			"annotations": map[string]any{ForAnnotation: why},
		},
		"spec": map[string]any{
			"image":           image,
			"imagePullPolicy": "IfNotPresent",
			"selector":        map[string]any{"names": []any{node}},
			"completionPolicy": map[string]any{
				"type": "Always", "activeDeadlineSeconds": deadline, "ttlSecondsAfterFinished": int64(600),
			},
			"pullPolicy": map[string]any{"backoffLimit": int64(1), "timeoutSeconds": deadline},
		},
	}}
}

// look reads the jobs' statuses: one that failed decides, else all have to be done.
func (b *byPullJobs) look(ctx context.Context, names string) (progress, error) {
	is := pulled
	for name := range strings.SplitSeq(names, ",") {
		job, err := b.jobs.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return broken, nil
		}
		if err != nil {
			return pulling, err
		}
		number := func(field string) int64 {
			n, _, _ := unstructured.NestedInt64(job.Object, "status", field)
			return n
		}
		failed, _, _ := unstructured.NestedStringSlice(job.Object, "status", "failedNodes")
		switch {
		case len(failed) > 0 || number("failed") > 0:
			return unavailable, nil
		case number("succeeded") < 1 || number("active") > 0:
			is = pulling
		}
	}
	return is, nil
}

func (b *byPullJobs) collect(ctx context.Context, names string) error {
	var errs []error
	for name := range strings.SplitSeq(names, ",") {
		if name == "" {
			continue
		}
		if err := b.jobs.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
