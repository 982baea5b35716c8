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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	schedv1alpha1 "sigs.k8s.io/scheduler-plugins/apis/scheduling/v1alpha1"
)

// addedStatus are the fields of the status that coscheduling's does not have. They are optional, so that its clients
// and controllers go on as they are.
var addedStatus = map[string]string{
	"observedGeneration": "integer int64", // which spec the status is about
	"members":            "integer int32", // how many pods there are, next to how many have to be
	"bound":              "integer int32", // how many have a node, which does not say that they run
	"conditions":         "array",         // what kubectl wait and tools read, and the verdict
}

// TestPodGroupFields compares the schema, which is written by hand, with the Go types that read the objects.
func TestPodGroupFields(t *testing.T) {
	crd := only[*apiextensionsv1.CustomResourceDefinition](t, render(t, filesys.MakeFsOnDisk(), "install"))
	version := crd.Spec.Versions[0]

	if got, want := crd.Spec.Group+"/"+version.Name, schedv1alpha1.SchemeGroupVersion.String(); got != want {
		t.Errorf("the definition is of %s, the types of %s", got, want)
	}
	root := version.Schema.OpenAPIV3Schema.Properties
	spec, status := goFields(schedv1alpha1.PodGroupSpec{}), goFields(schedv1alpha1.PodGroupStatus{})
	maps.Copy(status, addedStatus)
	for field, want := range map[string]map[string]string{"spec": spec, "status": status} {
		if diff := cmp.Diff(want, schemaFields(root[field])); diff != "" {
			t.Errorf("%s: the types (-) and the schema (+) differ:\n%s", field, diff)
		}
	}
	for field := range addedStatus {
		if slices.Contains(root["status"].Required, field) {
			t.Errorf("status.%s is required: coscheduling's own controller does not write it", field)
		}
	}
}

// TestPodGroupConditions compares the schema of a condition with the type that everybody uses for one.
func TestPodGroupConditions(t *testing.T) {
	crd := only[*apiextensionsv1.CustomResourceDefinition](t, render(t, filesys.MakeFsOnDisk(), "install"))
	conditions := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"].Properties["conditions"]
	if diff := cmp.Diff(goFields(metav1.Condition{}), schemaFields(*conditions.Items.Schema)); diff != "" {
		t.Errorf("the type (-) and the schema (+) differ:\n%s", diff)
	}
}

// TestPodGroupColumns checks that kubectl's columns show fields that there are.
func TestPodGroupColumns(t *testing.T) {
	crd := only[*apiextensionsv1.CustomResourceDefinition](t, render(t, filesys.MakeFsOnDisk(), "install"))
	version := crd.Spec.Versions[0]
	root := version.Schema.OpenAPIV3Schema.Properties
	var names []string
	for _, column := range version.AdditionalPrinterColumns {
		names = append(names, column.Name)
		path := strings.Split(strings.TrimPrefix(column.JSONPath, "."), ".")
		part, _, _ := strings.Cut(path[1], "[")
		if _, ok := root[path[0]].Properties[part]; !ok && path[0] != "metadata" {
			t.Errorf("the column %s shows %s, which does not exist", column.Name, column.JSONPath)
		}
	}
	// coscheduling's columns come in its order: scripts read them.
	ours := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.Contains([]string{"Bound", "Reason", "Message"}, name)
	})
	if want := []string{"Phase", "MinMember", "Running", "Succeeded", "Failed", "Age"}; !slices.Equal(ours, want) {
		t.Errorf("columns %v, want %v among others", names, want)
	}
}

// TestPodGroupDefinition asks the API server's own validation, which also compiles the CEL rules.
func TestPodGroupDefinition(t *testing.T) {
	validate(t, only[*apiextensionsv1.CustomResourceDefinition](t, render(t, filesys.MakeFsOnDisk(), "install")))
}

func validate(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) {
	t.Helper()
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
		case reflect.Int64:
			fields[name] = "integer int64"
		case reflect.String:
			fields[name] = "string"
		case reflect.Bool:
			fields[name] = "boolean"
		case reflect.Slice:
			fields[name] = "array"
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
