package replay

import (
	"strings"
	"testing"
)

func TestReadNamesWhatIsWrong(t *testing.T) {
	const head = `"apiVersion":"state.muster.dev/v1alpha1","kind":"Recording"`
	for name, tc := range map[string]struct{ text, want string }{
		"no JSON":               {"apiVersion: v1", "it is no recording: "},
		"another object":        {`{"apiVersion":"v1","kind":"Pod"}`, `apiVersion and kind are "v1" and "Pod": a recording has state.muster.dev/v1alpha1 and Recording`},
		"nothing in it":         {`{` + head + `}`, "units: nothing was decided"},
		"a unit without pods":   {`{` + head + `,"units":[{"name":"a"}]}`, "units[0].pods: there are none"},
		"a turn of nobody's":    {`{` + head + `,"units":[{"pods":[{"metadata":{"uid":"a"}}],"turn":{"UIDs":["b"]}}]}`, `units[0].turn: there is no pod with the UID "b"`},
		"a pod without a place": {`{` + head + `,"units":[{"pods":[{"metadata":{"uid":"a"}}],"turn":{"UIDs":["a"]}}]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read([]byte(tc.text))
			if tc.want == "" && err == nil {
				return
			}
			if tc.want == "" || err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"apiVersion":"state.muster.dev/v1alpha1","kind":"Recording","units":[{"pods":[{"metadata":{"uid":"a"}}],"turn":{"UIDs":["a"]}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Read(text)
		if err == nil && len(r.Units) == 0 {
			t.Error("a recording of nothing")
		}
	})
}
