package args

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

type plain struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	Inner struct {
		Ratio float64 `json:"ratio"`
	} `json:"inner"`
}

func (plain) Kind() string { return "PlainArgs" }

func (p plain) Validate() field.ErrorList {
	if p.Count < 0 {
		return field.ErrorList{field.Invalid(field.NewPath("count"), p.Count, "must be 0 or more")}
	}
	return nil
}

func defaults() plain { return plain{Name: "default", Count: 3} }

func TestLoad(t *testing.T) {
	tests := map[string]struct {
		obj     runtime.Object
		want    plain
		wantErr string
	}{
		"no arguments leave the defaults":          {obj: nil, want: defaults()},
		"empty arguments leave the defaults":       {obj: &runtime.Unknown{}, want: defaults()},
		"null leaves the defaults":                 {obj: raw("null"), want: defaults()},
		"an empty object leaves the defaults":      {obj: raw("{}"), want: defaults()},
		"what is not given keeps its default":      {obj: raw(`{"count":7}`), want: plain{Name: "default", Count: 7}},
		"YAML will do":                             {obj: yamlRaw("count: 7\nname: x\n"), want: plain{Name: "x", Count: 7}},
		"the type may be stated":                   {obj: raw(`{"apiVersion":"kubescheduler.config.k8s.io/v1","kind":"PlainArgs","count":7}`), want: plain{Name: "default", Count: 7}},
		"an unknown key is named":                  {obj: raw(`{"cuont":7}`), wantErr: "args.cuont: unknown field"},
		"an unknown key is named where it stands":  {obj: raw(`{"inner":{"raito":7}}`), wantErr: "args.inner.raito: unknown field"},
		"every unknown key is named":               {obj: raw(`{"a":1,"b":2}`), wantErr: "[args.a: unknown field, args.b: unknown field]"},
		"keys are case-sensitive":                  {obj: raw(`{"Count":7}`), wantErr: "args.Count: unknown field"},
		"a key may not be given twice":             {obj: raw(`{"count":7,"count":8}`), wantErr: "args.count: given twice"},
		"nor in YAML":                              {obj: yamlRaw("count: 7\ncount: 8\n"), wantErr: "args: yaml: unmarshal errors:\n  line 2: key \"count\" already set in map"},
		"nor may the kind":                         {obj: raw(`{"kind":"PlainArgs","kind":"PlainArgs"}`), wantErr: "args.kind: given twice"},
		"the kind must be right":                   {obj: raw(`{"kind":"OtherArgs"}`), wantErr: `args.kind: want PlainArgs, got "OtherArgs"`},
		"the apiVersion must be right":             {obj: raw(`{"apiVersion":"v1"}`), wantErr: `args.apiVersion: want kubescheduler.config.k8s.io/v1, got "v1"`},
		"a value of the wrong type is named":       {obj: raw(`{"inner":{"ratio":"half"}}`), wantErr: "args.inner.ratio: want float64, got string"},
		"arguments must be an object":              {obj: raw(`[1]`), wantErr: "args: want args.plain, got array"},
		"arguments must be JSON":                   {obj: raw(`{`), wantErr: "args: unexpected end of JSON input"},
		"other encodings are refused":              {obj: &runtime.Unknown{ContentType: "application/cbor", Raw: []byte("x")}, wantErr: `args: want JSON or YAML, got "application/cbor"`},
		"typed arguments are somebody else's":      {obj: &metav1.Status{}, wantErr: "args: want raw arguments, got *v1.Status"},
		"what decodes is validated, path included": {obj: raw(`{"count":-1}`), wantErr: "args.count: Invalid value: -1: must be 0 or more"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Load(field.NewPath("args"), tc.obj, defaults())
			if tc.wantErr != "" {
				if err == nil || err.Error() != tc.wantErr {
					t.Fatalf("Load() error = %v, want %s", err, tc.wantErr)
				}
				if got != defaults() {
					t.Errorf("Load() = %+v with an error, want the defaults", got)
				}
				return
			}
			if err != nil {
				t.Fatalf("Load() error = %v", err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Load() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckOfNamesTheWholePath(t *testing.T) {
	check := CheckOf(defaults)
	path := field.NewPath("profiles").Index(0).Child("pluginConfig").Index(2).Child("args")
	_, err := check(path, raw(`{"bindParallelsm":1}`))
	want := "profiles[0].pluginConfig[2].args.bindParallelsm: unknown field"
	if err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}

func TestDecodeKeepsWhatIsNotGiven(t *testing.T) {
	got := defaults()
	if err := Decode(raw(`{"name":"x"}`), &got); err != nil {
		t.Fatal(err)
	}
	if want := (plain{Name: "x", Count: 3}); got != want {
		t.Errorf("Decode() = %+v, want %+v", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{``, `{}`, `null`, `{"count":1}`, `{"kind":1}`, `{"inner":{"ratio":1e400}}`, "a: &a [*a]", "count: 1", `{"count":1,"count":2}`} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, isYAML bool) {
		obj := raw(string(data))
		if isYAML {
			obj = yamlRaw(string(data))
		}
		got, err := Load(field.NewPath("args"), obj, defaults())
		if err != nil && got != defaults() {
			t.Errorf("%q: %+v with error %v", data, got, err)
		}
	})
}

func raw(s string) *runtime.Unknown {
	return &runtime.Unknown{Raw: []byte(s), ContentType: runtime.ContentTypeJSON}
}

func yamlRaw(s string) *runtime.Unknown {
	return &runtime.Unknown{Raw: []byte(s), ContentType: runtime.ContentTypeYAML}
}
