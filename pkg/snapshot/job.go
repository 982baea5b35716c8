package snapshot

import (
	"fmt"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-scheduler/muster/pkg/gang"
)

// jobObject is what is kept of a Job: there may be very many, most of them of no
// gang.
type jobObject struct {
	metav1.ObjectMeta
	job gang.Job
}

// trimJob is a cache.TransformFunc.
func trimJob(o any) (any, error) {
	job, ok := o.(*batchv1.Job)
	if !ok {
		return o, nil // trimmed already, or what is left of a deleted one
	}
	return &jobObject{
		ObjectMeta: metav1.ObjectMeta{Namespace: job.Namespace, Name: job.Name, UID: job.UID, ResourceVersion: job.ResourceVersion},
		job:        jobOf(job),
	}, nil
}

// jobOf returns what is known of a Job as a controller of members. A Job with
// fewer completions than its parallelism never has more pods than completions.
// The indexes that have completed count whether their pods still exist or not.
func jobOf(job *batchv1.Job) gang.Job {
	j := gang.Job{Parallelism: 1, Succeeded: int(job.Status.Succeeded)}
	if p := job.Spec.Parallelism; p != nil {
		j.Parallelism = max(0, int(*p))
	}
	if c := job.Spec.Completions; c != nil {
		j.Parallelism = min(j.Parallelism, max(0, int(*c)))
	}
	if mode := job.Spec.CompletionMode; mode != nil && *mode == batchv1.IndexedCompletion {
		if n, err := countIndexes(job.Status.CompletedIndexes); err == nil {
			j.Succeeded = n
		}
	}
	return j
}

// countIndexes counts the indexes of a list such as 0-3,5. They ascend, each is
// there once, and runs are written as first-last.
func countIndexes(text string) (n int, err error) {
	if text == "" {
		return 0, nil
	}
	next := uint64(0) // the smallest that may come
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRun := strings.Cut(part, "-")
		from, err := strconv.ParseUint(first, 10, 31)
		if err != nil {
			return 0, fmt.Errorf("completed indexes %q: %w", shortened(text), err)
		}
		to := from
		if isRun {
			if to, err = strconv.ParseUint(last, 10, 31); err != nil {
				return 0, fmt.Errorf("completed indexes %q: %w", shortened(text), err)
			}
		}
		if from < next || to < from {
			return 0, fmt.Errorf("completed indexes %q: they do not ascend at %q", shortened(text), part)
		}
		n += int(to - from + 1)
		next = to + 1
	}
	return n, nil
}
