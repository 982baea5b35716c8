package snapshot

import (
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"pgregory.net/rapid"

	"github.com/muster-scheduler/muster/pkg/gang"
)

func TestJobOf(t *testing.T) {
	n := func(n int32) *int32 { return &n }
	indexed := batchv1.IndexedCompletion
	tests := map[string]struct {
		job  batchv1.Job
		want gang.Job
	}{
		"without a word": {batchv1.Job{}, gang.Job{Parallelism: 1}},
		"parallel":       {batchv1.Job{Spec: batchv1.JobSpec{Parallelism: n(8)}}, gang.Job{Parallelism: 8}},
		"stopped":        {batchv1.Job{Spec: batchv1.JobSpec{Parallelism: n(0)}}, gang.Job{}},
		"fewer completions than parallelism": {
			batchv1.Job{Spec: batchv1.JobSpec{Parallelism: n(8), Completions: n(3)}, Status: batchv1.JobStatus{Succeeded: 2}},
			gang.Job{Parallelism: 3, Succeeded: 2},
		},
		"indexed": {
			batchv1.Job{Spec: batchv1.JobSpec{Parallelism: n(4), Completions: n(9), CompletionMode: &indexed}, Status: batchv1.JobStatus{Succeeded: 1, CompletedIndexes: "0-2,5"}},
			gang.Job{Parallelism: 4, Succeeded: 4},
		},
		"indexed, in a way that nobody knows": {
			batchv1.Job{Spec: batchv1.JobSpec{Parallelism: n(4), Completions: n(9), CompletionMode: &indexed}, Status: batchv1.JobStatus{Succeeded: 1, CompletedIndexes: "all"}},
			gang.Job{Parallelism: 4, Succeeded: 1},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := jobOf(&tc.job); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestCountIndexesOfAnySet writes a set of indexes as the Job controller does.
func TestCountIndexesOfAnySet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		done := rapid.SliceOfN(rapid.Bool(), 0, 40).Draw(t, "done")
		var parts []string
		want := 0
		for i := 0; i < len(done); i++ {
			if !done[i] {
				continue
			}
			first := i
			for i+1 < len(done) && done[i+1] {
				i++
			}
			want += i - first + 1
			if first == i {
				parts = append(parts, fmt.Sprint(i))
			} else {
				parts = append(parts, fmt.Sprintf("%d-%d", first, i))
			}
		}
		text := strings.Join(parts, ",")
		if got, err := countIndexes(text); err != nil || got != want {
			t.Fatalf("%q: %d, %v, want %d", text, got, err, want)
		}
	})
}

func FuzzCountIndexes(f *testing.F) {
	for _, text := range []string{"", "0", "0-3,5", "3-1", "1,1", "-1", "0-", "0-2147483647", "99999999999", "1 ,2", "+1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := countIndexes(text)
		if n < 0 || err != nil && n != 0 || err == nil && (n == 0) != (text == "") {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	})
}
