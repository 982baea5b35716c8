package manifests_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	schedv1alpha1 "sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"
)

// TestPodGroupFields compares the schema, which is written by hand, with the Go types that read the objects.
func TestPodGroupFields(t *testing.T) {
	crd := only[*apiextensionsv1.CustomResourceDefinition](t, render(t, filesys.MakeFsOnDisk(), "install"))
	version := crd.Spec.Versions[0]

	if got, want := crd.Spec.Group+"/"+version.Name, schedv1alpha1.SchemeGroupVersion.String(); got != want {
		t.Errorf("the definition is of %s, the types of %s", got, want)
	}
	root := version.Schema.OpenAPIV3Schema.Properties
	for field, model := range map[string]any{
		"spec":   schedv1alpha1.PodGroupSpec{},
		"status": schedv1alpha1.PodGroupStatus{},
	} {
		if diff := cmp.Diff(goFields(model), schemaFields(root[field])); diff != "" {
			t.Errorf("%s: the types (-) and the schema (+) differ:\n%s", field, diff)
		}
	}
}

// TestPodGroupDefinition asks the API server's own validation, which also compiles the CEL rules.
func TestPodGroupDefinition(t *testing.T) {
	crd := only[*apiextensionsv1.CustomResourceDefinition](t, render(t, filesys.MakeFsOnDisk(), "install"))
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	crd.Status.StoredVersions = []string{"v1alpha1"}

	var internal apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, &internal, nil); err != nil {
		t.Fatal(err)
	}
	for _, err := range validation.ValidateCustomResourceDefinition(t.Context(), &internal) {
		t.Error(err)
	}
}

// goFields maps the JSON name of every field of the struct to its OpenAPI type.
func goFields(model any) map[string]string {
	fields := map[string]string{}
	for _, field := range reflect.VisibleFields(reflect.TypeOf(model)) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		typ := field.Type
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch typ.Kind() {
		case reflect.Int32:
			fields[name] = "integer int32"
		case reflect.String:
			fields[name] = "string"
		case reflect.Map:
			fields[name] = "object"
		default: // the only struct among them is metav1.Time
			fields[name] = "string date-time"
		}
	}
	return fields
}

func schemaFields(schema apiextensionsv1.JSONSchemaProps) map[string]string {
	fields := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		property := schema.Properties[name]
		fields[name] = strings.TrimSpace(property.Type + " " + property.Format)
	}
	return fields
}
