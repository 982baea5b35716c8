package publish

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/muster-scheduler/muster/pkg/registry"
)

const digest = "sha256:7cc4b5aefd1d0cadf8d97d4350462ba51c694ebca145b08d7d41b41acc8db5aa"

// told is what uses told of.
type told struct {
	began  []string
	spread int
}

func usesOf(allowed string) (*uses, *told) {
	u, t := newUses(func(key string) bool { return strings.HasPrefix(key, allowed) }), &told{}
	u.began = func(key string) { t.began = append(t.began, key) }
	u.spread = func() { t.spread++ }
	return u, t
}

func TestWhatAPodUses(t *testing.T) {
	u, _ := usesOf("reg.io/")
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "n", UID: "u", Labels: map[string]string{"not": "kept"}}, Spec: v1.PodSpec{
		InitContainers: []v1.Container{{Image: "reg.io/init:v1"}},
		Containers:     []v1.Container{{Image: "reg.io/app"}, {Image: "other.io/app"}, {Image: "reg.io/app:latest"}, {Image: "NOT A NAME"}},
		Volumes:        []v1.Volume{{VolumeSource: v1.VolumeSource{Image: &v1.ImageVolumeSource{Reference: "reg.io/model@" + digest}}}},
	}}
	got, err := u.trimPod(pod)
	if err != nil {
		t.Fatal(err)
	}
	want := &user{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "n", UID: "u"},
		keys:       []string{"reg.io/app:latest", "reg.io/init:v1", "reg.io/model@" + digest},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(user{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatANodeUses(t *testing.T) {
	u, _ := usesOf("reg.io/")
	got, err := u.trimNode(&v1.Node{Status: v1.NodeStatus{
		NodeInfo: v1.NodeSystemInfo{OperatingSystem: "linux", Architecture: "arm64"},
		Images: []v1.ContainerImage{
			{Names: []string{"reg.io/app@" + digest, "reg.io/app:v1"}}, // the tag may have moved since
			{Names: []string{"reg.io/loaded:v1"}},
			{Names: []string{"<none>@<none>"}},
			{Names: []string{"other.io/app@" + digest}},
			{},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := &user{keys: []string{"reg.io/app@" + digest, "reg.io/loaded:v1"}, platform: registry.Platform{OS: "linux", Architecture: "arm64"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(user{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnImageIsUsedWhileAnybodyUsesIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, told := usesOf("")
		keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4, rapid.ID)
		platforms := rapid.SampledFrom([]registry.Platform{{}, {OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}})
		users := map[int]*user{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			who, before := rapid.IntRange(0, 3).Draw(t, "who"), map[string]bool{}
			for _, user := range users {
				for _, key := range user.keys {
					before[key] = true
				}
			}
			wereOn := len(u.on())
			var next *user
			if rapid.Bool().Draw(t, "stays") {
				next = &user{keys: keys.Draw(t, "keys"), platform: platforms.Draw(t, "platform")}
			}
			*told = struct {
				began  []string
				spread int
			}{}
			u.change(users[who], next)
			delete(users, who)
			if next != nil {
				users[who] = next
			}
			want, on := map[string]bool{}, map[registry.Platform]bool{}
			for _, user := range users {
				for _, key := range user.keys {
					want[key] = true
				}
				if user.platform != (registry.Platform{}) {
					on[user.platform] = true
				}
			}
			if got := slices.Sorted(slices.Values(u.all())); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
				t.Fatalf("%v are used, want %v", got, want)
			}
			for key := range want {
				if !before[key] && !slices.Contains(told.began, key) {
					t.Fatalf("nobody was told of %s", key)
				}
			}
			if len(u.on()) != len(on) || len(on) > wereOn && told.spread == 0 {
				t.Fatalf("platforms %v, told %d times, want %v", u.on(), told.spread, on)
			}
		}
	})
}

func TestOwnersTakeTurns(t *testing.T) {
	q := newTurns(func(key string) string { return key[:1] })
	for _, key := range []string{"a1", "a2", "a3", "b1", "c1", "c2"} {
		q.Push(key)
	}
	var got []string
	for q.Len() > 0 {
		got = append(got, q.Pop())
		if len(got) == 2 {
			q.Push("d1")
		}
	}
	if want := []string{"a1", "b1", "c1", "a2", "d1", "c2", "a3"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
