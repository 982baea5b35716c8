package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

// print writes an object as JSON or YAML; done is false if it is to be a table.
func (o *options) print(object any) (done bool, err error) {
	var text []byte
	switch o.output {
	case "json":
		text, err = json.MarshalIndent(object, "", "    ")
		text = append(text, '\n')
	case "yaml":
		text, err = yaml.Marshal(object)
	default:
		return false, nil
	}
	if err == nil {
		_, err = o.Out.Write(text)
	}
	return true, err
}

// table writes rows under headings, as kubectl does.
func table(to io.Writer, headings []string, rows [][]string) error {
	w := printers.GetNewTabWriter(to)
	for _, row := range append([][]string{headings}, rows...) {
		for i, cell := range row {
			if i > 0 {
				fmt.Fprint(w, "\t")
			}
			if err := printers.WriteEscaped(w, cell); err != nil {
				return err
			}
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// list writes rows of which the first cell is a namespace, which is shown if those of all
// are; or that there is nothing of the kind.
func (o *options) list(kind, namespace string, headings []string, rows [][]string) error {
	if len(rows) == 0 {
		where := "."
		if namespace != "" {
			where = " in namespace " + namespace + "."
		}
		_, err := fmt.Fprintf(o.ErrOut, "No %s%s\n", kind, where)
		return err
	}
	if namespace != "" {
		headings = headings[1:]
		for i := range rows {
			rows[i] = rows[i][1:]
		}
	}
	return table(o.Out, headings, rows)
}

// ago is how long ago something was, as kubectl says it.
func ago(now time.Time, at metav1.MicroTime) string {
	return duration.HumanDuration(max(0, now.Sub(at.Time)))
}

// cause says what moved a pod.
func cause(m *v1alpha1.Move) string {
	text := m.Event
	if m.Object != "" {
		text += " (" + m.Object + ")"
	}
	if len(m.RefusedBy) > 0 {
		text += ", refused by " + strings.Join(m.RefusedBy, ", ")
	}
	return text
}
