package args

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// APIVersion is the only apiVersion that arguments may state. Like the
// arguments of in-tree plugins they need not state any.
const APIVersion = "kubescheduler.config.k8s.io/v1"

// Kinder is implemented by arguments that know the kind they may be labelled
// with, by convention the plugin's name followed by "Args".
type Kinder interface {
	Kind() string
}

// Validator is implemented by arguments that can be checked. Paths in the
// errors are relative to the arguments.
type Validator interface {
	Validate() field.ErrorList
}

// Check validates the raw arguments of one plugin, found at path, and returns
// the arguments that will be in force.
type Check func(path *field.Path, obj runtime.Object) (any, error)

// CheckOf returns the Check of a plugin that has these defaults.
func CheckOf[T Validator](defaults func() T) Check {
	return func(path *field.Path, obj runtime.Object) (any, error) {
		return Load(path, obj, defaults())
	}
}

// Load returns the defaults with what obj says put over them, validated. Paths
// in the error begin with path; a plugin's factory, which does not know where
// its arguments stand, passes field.NewPath("args").
func Load[T Validator](path *field.Path, obj runtime.Object, defaults T) (T, error) {
	loaded := defaults
	if err := DecodeAt(path, obj, &loaded); err != nil {
		return defaults, err
	}
	errs := loaded.Validate()
	for _, err := range errs {
		err.Field = path.String() + "." + err.Field
	}
	if len(errs) > 0 {
		return defaults, errs.ToAggregate()
	}
	return loaded, nil
}

// Decode is DecodeAt with paths that begin with "args".
func Decode(obj runtime.Object, into any) error {
	return DecodeAt(field.NewPath("args"), obj, into)
}

// DecodeAt decodes obj into into, which must be a pointer to a struct that
// holds the defaults. obj is what the framework hands to a plugin's factory:
// nil, or raw JSON or YAML. Unknown and duplicate keys are errors, and so are
// a kind or an apiVersion that is not that of the arguments.
func DecodeAt(path *field.Path, obj runtime.Object, into any) error {
	raw, err := rawJSON(obj)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	strict, err := kjson.UnmarshalStrict(raw, into)
	if err != nil {
		return badValue(path, raw, into, err)
	}
	errs := checkType(path, raw, into)
	for _, err := range strict {
		if err := badKey(path, err); err != nil {
			errs = append(errs, err)
		}
	}
	return utilerrors.NewAggregate(errs)
}

// rawJSON returns the arguments as JSON; nothing if there are none.
func rawJSON(obj runtime.Object) ([]byte, error) {
	if obj == nil {
		return nil, nil
	}
	unknown, ok := obj.(*runtime.Unknown)
	if !ok {
		return nil, fmt.Errorf("want raw arguments, got %T", obj)
	}
	switch unknown.ContentType {
	case runtime.ContentTypeJSON, "":
		return bytes.TrimSpace(unknown.Raw), nil
	case runtime.ContentTypeYAML:
		return yaml.YAMLToJSONStrict(unknown.Raw)
	default:
		return nil, fmt.Errorf("want JSON or YAML, got %q", unknown.ContentType)
	}
}

// checkType compares the kind and the apiVersion, where given, with those of
// the arguments.
func checkType(path *field.Path, raw []byte, into any) []error {
	var errs []error
	var given metav1.TypeMeta
	strict, err := kjson.UnmarshalStrict(raw, &given, kjson.DisallowDuplicateFields)
	if err != nil {
		return []error{badValue(path, raw, &given, err)}
	}
	for _, err := range strict {
		var key kjson.FieldError
		if errors.As(err, &key) && isType(key.FieldPath()) {
			errs = append(errs, badKey(path, err))
		}
	}
	if given.APIVersion != "" && given.APIVersion != APIVersion {
		errs = append(errs, fmt.Errorf("%s: want %s, got %q", path.Child("apiVersion"), APIVersion, given.APIVersion))
	}
	if k, ok := into.(Kinder); ok && given.Kind != "" && given.Kind != k.Kind() {
		errs = append(errs, fmt.Errorf("%s: want %s, got %q", path.Child("kind"), k.Kind(), given.Kind))
	}
	return errs
}

// isType reports whether the key states the type instead of an argument.
func isType(key string) bool { return key == "kind" || key == "apiVersion" }

// badKey says where a key stands that is unknown or given twice. It returns
// nil for the keys that state the type: they are not among the fields.
func badKey(path *field.Path, err error) error {
	var key kjson.FieldError
	if !errors.As(err, &key) {
		return fmt.Errorf("%s: %w", path, err)
	}
	what := "unknown field"
	if strings.HasPrefix(err.Error(), "duplicate") {
		what = "given twice"
	} else if isType(key.FieldPath()) {
		return nil
	}
	return fmt.Errorf("%s.%s: %s", path, key.FieldPath(), what)
}

// badValue says where a value stands that is not of its field's type. The
// strict decoder says so in prose only, hence the second opinion.
func badValue(path *field.Path, raw []byte, into any, err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(json.Unmarshal(raw, into), &wrong) {
		return fmt.Errorf("%s: %w", path, err)
	}
	if wrong.Field != "" {
		path = path.Child(wrong.Field)
	}
	return fmt.Errorf("%s: want %s, got %s", path, wrong.Type, wrong.Value)
}
