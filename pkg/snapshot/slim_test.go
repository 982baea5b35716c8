package snapshot

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	st "k8s.io/kubernetes/pkg/scheduler/testing"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/image"
	"github.com/muster-scheduler/muster/pkg/imagename"
)

// fresh is a member as the API server sends it: nothing in it is shared.
func fresh(name string) *v1.Pod {
	pod := st.MakePod().Namespace("ns").Name(name).UID(name).Label(gang.NameLabel, "g").Label("app", "a").
		Req(map[v1.ResourceName]string{"cpu": "1"}).Toleration("key").NodeSelector(map[string]string{"zone": "z"}).Obj()
	volume := "kube-api-access-" + name // has another name in every pod
	pod.Spec.Volumes = []v1.Volume{{Name: volume, VolumeSource: v1.VolumeSource{Projected: &v1.ProjectedVolumeSource{}}}}
	pod.Spec.Containers[0].VolumeMounts = []v1.VolumeMount{{Name: volume, MountPath: "/var/run"}}
	pod.Spec.Containers[0].Env = []v1.EnvVar{{Name: "RANK", Value: name}}
	pod.Namespace = strings.Clone("ns")
	pod.Spec.Tolerations[0].Operator = v1.TolerationOperator(strings.Clone(string(v1.TolerationOpExists)))
	pod.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "test"}}
	return pod.DeepCopy()
}

func slim(t testing.TB, s *slimmer, pod *v1.Pod) *v1.Pod {
	t.Helper()
	o, err := s.transform(pod)
	if err != nil || o != any(pod) {
		t.Fatalf("it returned %v and %v, not the pod", o, err)
	}
	return pod
}

func TestPodsOfOneGangHoldOnceWhatIsEqual(t *testing.T) {
	s := newSlimmer()
	a, b := slim(t, s, fresh("a")), slim(t, s, fresh("b"))
	for _, tc := range []struct {
		what string
		a, b any
		same bool
	}{
		{"labels", a.Labels, b.Labels, true},
		{"node selector", a.Spec.NodeSelector, b.Spec.NodeSelector, true},
		{"tolerations", a.Spec.Tolerations, b.Spec.Tolerations, true},
		{"requests", a.Spec.Containers[0].Resources.Requests, b.Spec.Containers[0].Resources.Requests, true},
		{"what a volume is", a.Spec.Volumes[0].Projected, b.Spec.Volumes[0].Projected, true},
		{"volumes, which have names of their own", a.Spec.Volumes, b.Spec.Volumes, false},
		{"environment, in which they differ", a.Spec.Containers[0].Env, b.Spec.Containers[0].Env, false},
	} {
		if same := reflect.ValueOf(tc.a).Pointer() == reflect.ValueOf(tc.b).Pointer(); same != tc.same {
			t.Errorf("%s: held once: %v, want %v", tc.what, same, tc.same)
		}
	}
	if unsafe.StringData(a.Namespace) != unsafe.StringData(b.Namespace) {
		t.Error("the name of the namespace is held twice")
	}
	for _, pod := range []*v1.Pod{a, b} {
		want := fresh(pod.Name)
		want.ManagedFields = nil
		if !reflect.DeepEqual(pod, want) {
			t.Errorf("pod %s says something else than before: %v", pod.Name, pod)
		}
	}
}

// An informer may pass an object twice. By then it holds parts that others read.
func TestWhatIsSharedIsNotWrittenTo(t *testing.T) {
	s := newSlimmer()
	a, b := slim(t, s, fresh("a")), slim(t, s, fresh("b"))
	without, other := fresh("c"), fresh("d")
	without.Spec.Tolerations, other.Spec.Tolerations[0].Key = nil, "another"
	slim(t, s, without)
	slim(t, s, other)
	held := unsafe.StringData(string(a.Spec.Tolerations[0].Operator))
	slim(t, s, b)
	if unsafe.StringData(string(a.Spec.Tolerations[0].Operator)) != held {
		t.Error("a second pass over one pod wrote to what another holds")
	}
}

func TestPodsAreAlikeByTheirController(t *testing.T) {
	of := func(name, controller string) *v1.Pod {
		pod := fresh(name)
		pod.Labels = map[string]string{"app": "a"}
		if controller != "" {
			yes := true
			pod.OwnerReferences = []metav1.OwnerReference{{UID: "set", Controller: &yes}}
		}
		return pod
	}
	for _, tc := range []struct {
		controller string
		same       bool
	}{{"set", true}, {"", false}} {
		s := newSlimmer()
		a, b := slim(t, s, of("a", tc.controller)), slim(t, s, of("b", tc.controller))
		if same := reflect.ValueOf(a.Labels).Pointer() == reflect.ValueOf(b.Labels).Pointer(); same != tc.same {
			t.Errorf("controller %q: labels held once: %v, want %v", tc.controller, same, tc.same)
		}
	}
}

func TestSlimmerForgets(t *testing.T) {
	s := newSlimmer()
	for i := range 2 * originsKept {
		pod := fresh("a")
		pod.Labels[gang.NameLabel] = fmt.Sprint("g", i)
		slim(t, s, pod)
	}
	if len(s.last) > originsKept {
		t.Errorf("it knows %d origins", len(s.last))
	}
}

func BenchmarkSlim(b *testing.B) {
	s := newSlimmer()
	for b.Loop() {
		b.StopTimer()
		pod := fresh("a")
		b.StartTimer()
		slim(b, s, pod)
	}
}

// listing is a node as the API server sends it.
func listing(uid string, images ...string) *v1.Node {
	node := st.MakeNode().Name("n").UID(uid).Obj()
	node.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet"}}
	for _, name := range images {
		node.Status.Images = append(node.Status.Images, v1.ContainerImage{Names: []string{name}, SizeBytes: 1})
	}
	return node
}

func TestWhatNodesListIsKeptForTheInventoryAlone(t *testing.T) {
	type seen struct {
		images int
		isNew  bool
	}
	l := newLists()
	pass := func(node *v1.Node) *v1.Node {
		t.Helper()
		o, err := l.transform(node)
		if err != nil || o != any(node) || node.Status.Images != nil || node.ManagedFields != nil {
			t.Fatalf("it returned %v and %v", o, err)
		}
		return node
	}
	take := func(want seen) {
		t.Helper()
		if images, isNew := l.take("n"); len(images) != want.images || isNew != want.isNew {
			t.Errorf("took %d, new: %v; want %v", len(images), isNew, want)
		}
	}
	take(seen{0, false}) // not known yet
	first := pass(listing("1", "a", "b"))
	pass(first) // again, as an informer may
	take(seen{2, true})
	take(seen{0, false})
	pass(listing("1", "a", "b")) // a heartbeat
	take(seen{0, false})
	pass(listing("1", "a"))
	pass(listing("1")) // all deleted before anybody asked
	take(seen{0, true})
	pass(listing("1", "a"))
	take(seen{1, true})
	pass(listing("2", "a")) // another node of the name, before the first is known to be gone
	l.forget(first)
	take(seen{1, true})
	l.forget(listing("2"))
	if len(l.of) != 0 {
		t.Errorf("left over: %v", l.of)
	}
}

func TestStrippedNodesFillTheInventory(t *testing.T) {
	s := newShop(t)
	s.stripped = true
	was := listing("1", "reg.io/app:v1")
	was.Status.Images[0].SizeBytes = 800e6
	send := func(before, after *v1.Node) {
		t.Helper()
		if _, err := s.lists.transform(after); err != nil {
			t.Fatal(err)
		}
		if before == nil {
			s.nodeHandler().OnAdd(after, false)
		} else {
			s.nodeHandler().OnUpdate(before, after)
		}
	}
	has := func(want bool) {
		t.Helper()
		e := s.inventory.Estimate(image.Ask{Needs: []image.Need{{Key: imagename.Key("reg.io/app:v1")}}})
		if got := e.Of("n").Bytes == 0; got != want {
			t.Errorf("has the image: %v, want %v", got, want)
		}
	}
	send(nil, was)
	has(true)
	is := listing("1", "reg.io/app:v1")
	is.Status.Images[0].SizeBytes = 800e6
	is.Labels = map[string]string{"changed": "yes"}
	send(was, is) // the list is the same, and not forgotten
	has(true)
	gone := listing("1")
	send(is, gone)
	s.clock.SetTime(s.clock.Now().Add(time.Hour))
	s.advance()
	has(false)
	s.nodeHandler().OnDelete(gone)
	if len(s.lists.of) != 2 { // the shop's own nodes
		t.Errorf("lists of %d nodes are left", len(s.lists.of))
	}
}
