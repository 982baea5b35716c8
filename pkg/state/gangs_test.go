package state

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/snapshot"
)

// TestGangThatIsBeingPlaced: how many members are under way, and when its images are expected,
// as long as that is to come.
func TestGangThatIsBeingPlaced(t *testing.T) {
	ready := time.Unix(1e9, 0).UTC()
	g := snapshot.GangState{Key: gang.Key{Namespace: "ns", Name: "g", Source: gang.Native}, Status: gang.Status{
		State: gang.Placing, Spec: gang.Spec{Min: 4}, Exist: 5, Bound: 1, Planned: 2, Reserved: 1, Outlook: "soon", ImagesAt: ready.UnixNano(),
	}}
	const counts = `{"namespace":"ns","name":"g","source":"Native","state":"Placing","min":4,"members":5,"bound":1,"running":0,"succeeded":0,"failed":0,"planned":2,"reserved":1,"outlook":"soon"`
	for name, tc := range map[string]struct {
		now  time.Time
		want string
	}{
		"before": {ready.Add(-time.Second), counts + `,"imagesReadyAt":"2001-09-09T01:46:40.000000Z"}`},
		"after":  {ready, counts + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(gangOf(g, tc.now))
			if diff := cmp.Diff(tc.want, string(text)); err != nil || diff != "" {
				t.Errorf("gangOf() = %v (-want +got):\n%s", err, diff)
			}
		})
	}
}
