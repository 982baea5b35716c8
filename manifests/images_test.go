package manifests_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/muster-scheduler/muster/pkg/apis/muster/v1alpha1"
)

// images follows the comment at the top of components/images.
func images(t *testing.T) []runtime.Object {
	t.Helper()
	disk := filesys.MakeFsInMemory()
	for _, dir := range []string{"install", "components/images"} {
		copyDir(t, disk, dir)
	}
	write(t, disk, "overlays/mine/kustomization.yaml", `
resources: [../../install]
components: [../../components/images]
patches:
- target: {kind: Deployment, name: muster-images}
  patch: |-
    - op: add
      path: /spec/template/spec/containers/0/args/-
      value: --registries=docker.io,ghcr.io/acme,registry.internal:5000
`)
	return render(t, disk, "overlays/mine")
}

// named is the object of its type with the name.
func named[T interface {
	runtime.Object
	GetName() string
}](t *testing.T, objects []runtime.Object, name string) T {
	t.Helper()
	found := all[T](objects)
	i := slices.IndexFunc(found, func(o T) bool { return o.GetName() == name })
	if i < 0 {
		t.Fatalf("no %T %s", *new(T), name)
	}
	return found[i]
}

func TestImagesComponent(t *testing.T) {
	objects := images(t)
	pod := named[*appsv1.Deployment](t, objects, "muster-images").Spec.Template

	t.Run("it runs under the restricted standard", func(t *testing.T) {
		evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
		if err != nil {
			t.Fatal(err)
		}
		level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
		for _, check := range evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
			if !check.Allowed {
				t.Errorf("%s: %s", check.ForbiddenReason, check.ForbiddenDetail)
			}
		}
	})
	t.Run("the image is the released one", func(t *testing.T) {
		if image := pod.Spec.Containers[0].Image; !strings.HasPrefix(image, "ghcr.io/muster-scheduler/muster-images:") {
			t.Errorf("image %q", image)
		}
	})
	t.Run("the overlay names the registries", func(t *testing.T) {
		if args := pod.Spec.Containers[0].Args; !slices.Contains(args, "--registries=docker.io,ghcr.io/acme,registry.internal:5000") {
			t.Errorf("args %q", args)
		}
	})
	t.Run("its credentials need not exist", func(t *testing.T) {
		if secret := pod.Spec.Volumes[0].Secret; secret == nil || secret.Optional == nil || !*secret.Optional {
			t.Errorf("volume %+v", pod.Spec.Volumes[0])
		}
	})
	t.Run("it may neither read secrets nor write to anything of others", func(t *testing.T) {
		for _, role := range all[*rbacv1.ClusterRole](objects) {
			if role.Name != "muster-images" {
				continue
			}
			for _, rule := range role.Rules {
				reads := !slices.ContainsFunc(rule.Verbs, func(verb string) bool { return !slices.Contains([]string{"get", "list", "watch"}, verb) })
				if own := slices.Equal(rule.APIGroups, []string{"muster.dev"}); slices.Contains(rule.Resources, "secrets") || !own && !reads {
					t.Errorf("%+v", rule)
				}
			}
		}
	})
	t.Run("nothing of it is in the base", func(t *testing.T) {
		for _, role := range all[*rbacv1.ClusterRole](render(t, filesys.MakeFsOnDisk(), "install")) {
			if strings.Contains(role.Name, "images") {
				t.Errorf("role %s", role.Name)
			}
		}
	})
}

// TestImageManifestDefinition compares the schema, which is written by hand, with the Go types, and has the API server's own
// validation look at it, which also compiles the rules.
func TestImageManifestDefinition(t *testing.T) {
	crd := named[*apiextensionsv1.CustomResourceDefinition](t, images(t), v1alpha1.ImageManifests.GroupResource().String())
	version := crd.Spec.Versions[0]
	if got, want := crd.Spec.Group+"/"+version.Name, v1alpha1.GroupVersion.String(); got != want {
		t.Errorf("the definition is of %s, the types of %s", got, want)
	}
	root := version.Schema.OpenAPIV3Schema.Properties
	for field, model := range map[string]any{"spec": v1alpha1.ImageManifestSpec{}, "status": v1alpha1.ImageManifestStatus{}} {
		if diff := cmp.Diff(goFields(model), schemaFields(root[field])); diff != "" {
			t.Errorf("%s: the types (-) and the schema (+) differ:\n%s", field, diff)
		}
	}
	layers, references := root["spec"].Properties["layers"], root["status"].Properties["references"]
	if diff := cmp.Diff(goFields(v1alpha1.Layer{}), schemaFields(*layers.Items.Schema)); diff != "" {
		t.Errorf("layers: the types (-) and the schema (+) differ:\n%s", diff)
	}
	if *layers.MaxItems != v1alpha1.MaxLayers || *references.MaxItems != v1alpha1.MaxReferences {
		t.Errorf("at most %d layers and %d references, want %d and %d", *layers.MaxItems, *references.MaxItems, v1alpha1.MaxLayers, v1alpha1.MaxReferences)
	}
	validate(t, crd)
}
