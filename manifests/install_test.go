package manifests_test

import (
	"bytes"
	"io/fs"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	schedv1alpha1 "sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"

	"github.com/muster-scheduler/muster/manifests"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// TestInstall renders the base as kubectl apply -k would and checks what a typing mistake could break unseen.
func TestInstall(t *testing.T) {
	objects := render(t, filesys.MakeFsOnDisk(), "install")

	t.Run("the scheduler runs under the restricted standard", func(t *testing.T) {
		evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
		if err != nil {
			t.Fatal(err)
		}
		pod := deployment(t, objects).Spec.Template
		level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
		for _, check := range evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
			if !check.Allowed {
				t.Errorf("%s: %s", check.ForbiddenReason, check.ForbiddenDetail)
			}
		}
	})

	t.Run("the scheduler does not wait for itself", func(t *testing.T) {
		if got := deployment(t, objects).Spec.Template.Spec.SchedulerName; got != v1.DefaultSchedulerName {
			t.Errorf("schedulerName %q, want %q", got, v1.DefaultSchedulerName)
		}
	})

	t.Run("the image is the released one", func(t *testing.T) {
		image := deployment(t, objects).Spec.Template.Spec.Containers[0].Image
		if !strings.HasPrefix(image, "ghcr.io/muster-scheduler/muster-scheduler:") {
			t.Errorf("image %q", image)
		}
	})
}

// TestCustomConfig follows the comment at the top of components/custom-config.
func TestCustomConfig(t *testing.T) {
	disk := filesys.MakeFsInMemory()
	for _, dir := range []string{"install", "components/custom-config"} {
		copyDir(t, disk, dir)
	}
	write(t, disk, "overlays/mine/config.yaml", "kind: KubeSchedulerConfiguration\n")
	write(t, disk, "overlays/mine/kustomization.yaml", `
resources: [../../install]
components: [../../components/custom-config]
configMapGenerator:
- name: muster-scheduler-config
  namespace: muster-system
  files: [config.yaml]
`)
	pod := deployment(t, render(t, disk, "overlays/mine")).Spec.Template.Spec

	if args := pod.Containers[0].Args; !slices.Contains(args, "--config=/etc/muster/config.yaml") {
		t.Errorf("args %q lack --config", args)
	}
	if len(pod.Volumes) != 1 || !strings.HasPrefix(pod.Volumes[0].ConfigMap.Name, "muster-scheduler-config-") {
		t.Errorf("the volume does not name the generated ConfigMap: %+v", pod.Volumes)
	}
}

// TestExamples checks that every example is an object the API server knows, and that its pods are ours to schedule.
func TestExamples(t *testing.T) {
	err := fs.WalkDir(manifests.FS, "examples", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		t.Run(strings.TrimPrefix(path, "examples/"), func(t *testing.T) {
			data, err := fs.ReadFile(manifests.FS, path)
			if err != nil {
				t.Fatal(err)
			}
			for object := range bytes.SplitSeq(data, []byte("\n---\n")) {
				pod := podOf(decode(t, object))
				if pod == nil {
					continue
				}
				if pod.Spec.SchedulerName != "muster" {
					t.Errorf("schedulerName %q, want muster", pod.Spec.SchedulerName)
				}
				if _, m, _ := snapshot.MemberOf(pod); m.Fault != "" {
					t.Error(m.Fault)
				}
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// podOf is the pod that object is or makes; nil if it makes none.
func podOf(object runtime.Object) *v1.Pod {
	pod := &v1.Pod{}
	var template *v1.PodTemplateSpec
	switch o := object.(type) {
	case *v1.Pod:
		return o
	case *batchv1.Job:
		template = &o.Spec.Template
		pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(o, batchv1.SchemeGroupVersion.WithKind("Job"))}
	case *appsv1.Deployment:
		template = &o.Spec.Template
	default:
		return nil
	}
	pod.Labels, pod.Annotations, pod.Spec = template.Labels, template.Annotations, template.Spec
	return pod
}

func deployment(t *testing.T, objects []runtime.Object) *appsv1.Deployment {
	t.Helper()
	return only[*appsv1.Deployment](t, objects)
}

// only is the one object of its type.
func only[T runtime.Object](t *testing.T, objects []runtime.Object) T {
	t.Helper()
	found := all[T](objects)
	if len(found) != 1 {
		t.Fatalf("%d objects of type %T, want one", len(found), *new(T))
	}
	return found[0]
}

func all[T runtime.Object](objects []runtime.Object) []T {
	var found []T
	for _, object := range objects {
		if o, ok := object.(T); ok {
			found = append(found, o)
		}
	}
	return found
}

// render builds the kustomization in dir and decodes what it says.
func render(t *testing.T, disk filesys.FileSystem, dir string) []runtime.Object {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, dir)
	if err != nil {
		t.Fatal(err)
	}
	var objects []runtime.Object
	for _, resource := range resources.Resources() {
		data, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, decode(t, data))
	}
	return objects
}

// decode is strict: a misspelt or repeated field fails.
func decode(t *testing.T, data []byte) runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, schedv1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	metav1.AddToGroupVersion(scheme, v1.SchemeGroupVersion)
	object, _, err := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer().Decode(data, nil, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return object
}

func copyDir(t *testing.T, disk filesys.FileSystem, dir string) {
	t.Helper()
	source := filesys.MakeFsOnDisk()
	names, err := source.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := source.ReadFile(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, disk, dir+"/"+name, string(data))
	}
}

func write(t *testing.T, disk filesys.FileSystem, path, content string) {
	t.Helper()
	if err := disk.WriteFile(path, []byte(content)); err != nil {
		t.Fatal(err)
	}
}
