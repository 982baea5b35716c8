package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/utils/clock"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
)

// lines is an answer of several objects, a line each, after which the scheduler hangs up.
type lines []v1alpha1.Step

// answers is a scheduler with these answers, by path and query below the prefix. Elsewhere nothing is.
func answers(t *testing.T, by map[string]any) (url string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := by[strings.TrimPrefix(r.URL.RequestURI(), v1alpha1.Prefix)]
		if !ok {
			answer = apierrors.NewNotFound(v1.Resource("answers"), r.URL.RequestURI())
		}
		text := json.NewEncoder(w)
		switch answer := answer.(type) {
		case *apierrors.StatusError:
			status := answer.Status()
			status.Kind = "Status"
			w.WriteHeader(int(status.Code))
			_ = text.Encode(status)
		case lines:
			for _, step := range answer {
				_ = text.Encode(step)
			}
		default:
			_ = text.Encode(answer)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// podServer is an API server with these pods of the namespace "own".
func podServer(t *testing.T, pods ...*v1.Pod) (kubeconfig string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, pod := range pods {
			if r.URL.Path == "/api/v1/namespaces/own/pods/"+pod.Name {
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(pod)
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	return configFor(t, server)
}

// TestWords: what the commands say of answers that a scheduler cannot be brought to give at
// will. Times are hours ago, for a test of a second or two.
func TestWords(t *testing.T) {
	now := clock.RealClock{}.Now()
	at := func(d time.Duration) metav1.MicroTime { return metav1.NewMicroTime(now.Add(d)) }
	in := func(d time.Duration) *metav1.MicroTime { return &metav1.MicroTime{Time: now.Add(d + 30*time.Second)} }
	const own = "namespaces/own/"
	waits := func(p v1alpha1.Pod) v1alpha1.Pod {
		p.Namespace, p.Name, p.UID, p.Since, p.Came = "own", "train", "u1", at(-3*time.Hour), at(-4*time.Hour)
		return p
	}
	tests := map[string]struct {
		args string
		by   map[string]any
		want string
	}{
		"a pod in back-off": {
			"why pod train",
			map[string]any{own + "pods/train": waits(v1alpha1.Pod{
				Place: v1alpha1.Backoff, Attempts: 1, BackoffUntil: in(3 * time.Hour), RefusedBy: []string{"NodeResourcesFit", "NodeAffinity"}, Message: "0/2 nodes are available",
				Moves: []v1alpha1.Move{{At: at(-3 * time.Hour), Place: v1alpha1.Backoff, Event: "NodeAdd", Object: "Node n1"}}, EarlierMoves: 3,
			})},
			`pod train: Backoff for 3h, is tried again in 3h, sooner if nobody else waits, after 1 attempt
  0/2 nodes are available
  refused by NodeResourcesFit, NodeAffinity

AGO   TO        BY
3h    Backoff   NodeAdd (Node n1)
and 3 moves before these
`,
		},
		"a pod whose back-off is over": {
			"why pod train",
			map[string]any{own + "pods/train": waits(v1alpha1.Pod{Place: v1alpha1.Backoff, Attempts: 2, BackoffUntil: in(-time.Hour)})},
			"pod train: Backoff for 3h, may soon be tried again, after 2 attempts\n",
		},
		"the queue with a pod in back-off, and others that are not known": {
			"queue -o wide",
			map[string]any{own + "pods": v1alpha1.PodList{Unknown: 3, Items: []v1alpha1.Pod{waits(v1alpha1.Pod{
				Place: v1alpha1.Backoff, Attempts: 2, Priority: 5, BackoffUntil: in(3 * time.Hour), RefusedBy: []string{"NodeResourcesFit"}, Message: "0/2 nodes are available",
			})}}},
			`NAME    GANG   PLACE     POSITION   PRIORITY   ATTEMPTS   SINCE   AGE   BACKOFF   REFUSED BY         MESSAGE
train          Backoff              5          2          3h      4h    3h        NodeResourcesFit   0/2 nodes are available
Of 3 pods that came nothing is known: too many waited.
`,
		},
		"gangs": {
			"gangs -o wide",
			map[string]any{own + "gangs": v1alpha1.GangList{Items: []v1alpha1.Gang{
				{Namespace: "own", Name: "train", Source: "Label", State: "Placing", Min: 4, Members: 5, Bound: 1, Planned: 2, Reserved: 1},
				{Namespace: "own", Name: "wait", Source: "Native", State: "Waiting", Min: 2, Members: 2, Message: "0 of 2 members fit"},
			}}},
			`NAME    BY       STATE     MIN   MEMBERS   BOUND   RUNNING   PLANNED   RESERVED   MESSAGE
train   Label    Placing   4     5         1       0         2         1          
wait    Native   Waiting   2     2         0       0         0         0          0 of 2 members fit
`,
		},
		"a gang that is being placed": {
			"why gang train",
			map[string]any{own + "gangs/train": v1alpha1.GangList{Items: []v1alpha1.Gang{{
				Namespace: "own", Name: "train", Source: "Label", State: "Placing", Min: 3, Members: 3, Bound: 1, Planned: 1, Reserved: 1,
				Outlook: "gang own/train: planned; its images are expected to be ready in 10830 s: the last node, n2, pulls 40 GB", ImagesReadyAt: in(3 * time.Hour),
				Pods: []v1alpha1.Member{
					{Name: "train-0", Role: "launcher", Place: v1alpha1.Bound, Node: "n1"},
					{Name: "train-1", Role: "worker", Place: v1alpha1.Scheduling, Node: "n1"},
					{Name: "train-2", Role: "worker", Place: v1alpha1.Active, Planned: "n2"},
				},
				Moves: []v1alpha1.GangMove{
					{At: at(-4 * time.Hour), State: "Waiting", Message: "2 of 3 members fit"},
					{At: at(-3 * time.Hour), State: "Placing"},
				}, EarlierMoves: 7,
			}}}},
			`gang train, by Label: Placing, 3 members of at least 3, 1 planned, 1 reserved, 1 bound, 0 running
  gang own/train: planned; its images are expected to be ready in 10830 s: the last node, n2, pulls 40 GB
  its images are expected in 3h

MEMBER    ROLE       PLACE        NODE
train-0   launcher   Bound        n1
train-1   worker     Scheduling   n1
train-2   worker     Active       n2 (planned)

AGO   STATE     MESSAGE
4h    Waiting   2 of 3 members fit
3h    Placing   
and 7 moves before these
`,
		},
		"a gang without a plan": {
			"why gang train",
			map[string]any{own + "gangs/train": v1alpha1.GangList{Items: []v1alpha1.Gang{{
				Namespace: "own", Name: "train", Source: "PodGroup", State: "Queued", Min: 1, Members: 1, Representative: "train-0",
				ImagesReadyAt: in(-time.Hour), Pods: []v1alpha1.Member{{Name: "train-0", Place: v1alpha1.Active}},
			}}}},
			`gang train, by PodGroup: Queued, 1 members of at least 1, 0 bound, 0 running
  train-0 stands in the queue for it

MEMBER    ROLE   PLACE    NODE
train-0          Active   
`,
		},
		"a node that is short of disk": {
			"images n1",
			map[string]any{"nodes/n1": v1alpha1.NodeImages{
				Node: "n1", BytesPerSecond: 40e6, ListCutOff: true, DiskPressure: true, DiskBytes: 100e9, DiskUsed: 91e9,
				Images: []v1alpha1.HeldImage{{Image: "reg.io/app:v1", Bytes: 300e6, Pods: 2}, {Image: "reg.io/old:v1", Unlisted: true}},
				Pulls:  []v1alpha1.ImagePull{{PodUID: "u1", Images: []string{"reg.io/app:v2"}, Bytes: 60e6, Arrived: 20e6}, {PodUID: "u2", Images: []string{"reg.io/app:v3"}, Bytes: 5e9, Reserved: true}},
			}},
			`node n1: pulls 40 MB/s when nothing is in the way; images use 91 GB of a disk of 100 GB
  it is short of disk, and deletes images that no pod uses
  it lists as many images as it may, and can have others (kubelet: nodeStatusMaxImages)

IMAGE           SIZE     PODS   LISTED
reg.io/app:v1   300 MB   2      yes
reg.io/old:v1   -        0      no

PULL            ARRIVED          STATE      POD UID
reg.io/app:v2   20 MB of 60 MB   pulling    u1
reg.io/app:v3   - of 5 GB        reserved   u2
`,
		},
		"images, and rates that were learnt": {
			"images",
			map[string]any{"images": v1alpha1.ImageList{
				Items: []v1alpha1.Image{{Image: "reg.io/app:v1", Bytes: 300e6, Layers: true, Nodes: 3, Pulling: 1}},
				Rates: v1alpha1.Rates{Registry: 4e9, RegistryPulls: 12, Pools: []v1alpha1.PoolRate{{Pool: "gpu", BytesPerSecond: 250e6, Pulls: 9}}},
			}},
			`IMAGE           SIZE     LAYERS KNOWN   NODES   PULLING
reg.io/app:v1   300 MB   yes            3       1

The registries are taken to serve 4 GB/s, learnt from 12 pulls.
Nodes of the pool "gpu" pull 250 MB/s, learnt from 9 pulls.
`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			config := podServer(t, &v1.Pod{
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Namespace: "own", Name: "train", UID: "u1"},
			})
			if got, err := askAt(t, config, answers(t, tc.by), strings.Fields(tc.args)...); err != nil || got != tc.want {
				t.Errorf("%s = %v\n%s\nwant\n%s", tc.args, err, got, tc.want)
			}
		})
	}
}

// askAt runs the command against the scheduler at a URL.
func askAt(t *testing.T, config, url string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := NewCommand(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out})
	cmd.SetArgs(append([]string{"--kubeconfig=" + config, "--scheduler-url=" + url, "--scheduler-insecure-skip-tls-verify"}, args...))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// TestMovesAreFollowedAcrossAnswers: where one ends, the next begins, until the scheduler
// was started anew and counts from one.
func TestMovesAreFollowedAcrossAnswers(t *testing.T) {
	at := metav1.NewMicroTime(time.Unix(1e9, 0))
	step := func(number uint64, name, place, event string) v1alpha1.Step {
		return v1alpha1.Step{Number: number, Namespace: "own", Name: name, Move: v1alpha1.Move{At: at, Place: place, Event: event}}
	}
	const own = "namespaces/own/"
	url := answers(t, map[string]any{
		own + "pods":                     v1alpha1.PodList{Next: 5},
		own + "moves?watch=true&from=5":  lines{step(5, "train", v1alpha1.Active, "UnscheduledPodAdd"), step(7, "train", v1alpha1.Scheduling, "Turn")},
		own + "moves?watch=true&from=8":  lines{{Lost: true}, step(12, "train", v1alpha1.Bound, "AssignedPodAdd")},
		own + "moves?watch=true&from=13": lines{step(14, "train", v1alpha1.Active, "UnscheduledPodAdd")}, // another of that name
		own + "moves?watch=true&from=15": apierrors.NewResourceExpired("from: the next move is number 1, not 15: the scheduler has begun to count anew"),
	})
	got, err := askAt(t, podServer(t), url, "queue", "-w")
	clockTime := at.Local().Format("15:04:05.000")
	want := strings.ReplaceAll(`No pod that waits in namespace own.
TIME  train                                         -> Active         UnscheduledPodAdd
TIME  train                                  Active -> Scheduling     Turn
There were too many moves to follow: some are missing here.
TIME  train                              Scheduling -> Bound          AssignedPodAdd
TIME  train                                         -> Active         UnscheduledPodAdd
`, "TIME", clockTime)
	if got != want {
		t.Errorf("queue -w says\n%s\nwant\n%s", got, want)
	}
	if err == nil || err.Error() != "from: the next move is number 1, not 15: the scheduler has begun to count anew" {
		t.Errorf("queue -w ends with %v, want that the scheduler was started anew", err)
	}
}
