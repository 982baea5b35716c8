package plugins

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/muster-scheduler/muster/pkg/plugins/ganggate"
	"github.com/muster-scheduler/muster/pkg/plugins/gangplan"
	"github.com/muster-scheduler/muster/pkg/plugins/imagepull"
)

// One plugin that filters or scores and does not sign turns batching off for
// every pod of its profile.
var (
	_ fwk.SignPlugin = &gangplan.GangPlan{}
	_ fwk.SignPlugin = &imagepull.ImagePull{}
	// Without these, every event of the cluster wakes what the plugin refused.
	_ fwk.EnqueueExtensions = &gangplan.GangPlan{}
	_ fwk.EnqueueExtensions = &ganggate.GangGate{}
)

func TestEveryPluginHasACheckOfItsArguments(t *testing.T) {
	names := func(all []string) []string { slices.Sort(all); return all }
	registered := names(slices.Collect(maps.Keys(New().Registry())))
	checked := names(slices.Collect(maps.Keys(Checks())))
	if diff := cmp.Diff(registered, checked); diff != "" {
		t.Errorf("registered and not checked, or the other way (-registered +checked):\n%s", diff)
	}
	for name, check := range Checks() {
		if _, err := check(field.NewPath("args"), nil); err != nil {
			t.Errorf("%s: its defaults are invalid: %v", name, err)
		}
		raw := &runtime.Unknown{Raw: []byte(`{"noSuchArgument":1}`), ContentType: runtime.ContentTypeJSON}
		if _, err := check(field.NewPath("args"), raw); err == nil {
			t.Errorf("%s accepts an argument that it does not have", name)
		}
	}
}
