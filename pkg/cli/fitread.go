package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/state/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/recording"
)

// workload is a number of pods that are made from one template.
type workload struct {
	name  string // such as job/train
	meta  metav1.ObjectMeta
	pod   v1.PodTemplateSpec
	count int
	job   *batchv1.Job // that makes them, if one does
}

// fileContents is what is read from files.
type fileContents struct {
	workloads []workload
	groups    []*unstructured.Unstructured
	namespace string // that objects state, if any does
}

// review reads files and asks the API server for the defaults of what they have.
func (o *options) review(ctx context.Context, files []string) (review v1alpha1.FitReview, namespace string, err error) {
	read, err := o.readFiles(files)
	if err != nil {
		return review, "", err
	}
	if namespace, err = o.namespace(); err != nil {
		return review, "", err
	}
	switch {
	case read.namespace == "" || read.namespace == namespace:
	case *o.config.Namespace != "":
		return review, "", fmt.Errorf("the namespace %q of the objects is not that of --namespace, %q: leave one of them out", read.namespace, namespace)
	default:
		namespace = read.namespace
	}
	if len(read.workloads) == 0 {
		return review, "", fmt.Errorf("nothing in %s makes pods: give Pods, Jobs, CronJobs, Deployments, ReplicaSets, StatefulSets or JobSets", strings.Join(files, ", "))
	}
	client, err := o.client()
	if err != nil {
		return review, "", err
	}
	review.APIVersion, review.Kind = v1alpha1.APIVersion, "FitReview"
	for _, group := range read.groups {
		text, err := json.Marshal(group.Object)
		if err != nil {
			return review, "", err
		}
		review.Spec.Objects = append(review.Spec.Objects, runtime.RawExtension{Raw: text})
	}
	for i := range read.workloads {
		w := &read.workloads[i]
		if w.count == 0 {
			continue
		}
		if err := w.ask(ctx, client, namespace, i, &review.Spec); err != nil {
			return review, "", err
		}
	}
	if len(review.Spec.Pods) == 0 {
		return review, "", fmt.Errorf("%s asks for no pods: its replicas or parallelism are 0", strings.Join(files, ", "))
	}
	return review, namespace, nil
}

// ask adds a workload to a review: one of its pods, as the API server would make it.
func (w *workload) ask(ctx context.Context, client kubernetes.Interface, namespace string, serial int, spec *v1alpha1.FitSpec) error {
	pod := &v1.Pod{ObjectMeta: *w.pod.ObjectMeta.DeepCopy(), Spec: *w.pod.Spec.DeepCopy()}
	pod.Name, pod.Namespace, pod.GenerateName = "", namespace, w.meta.Name+"-"
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	if w.job != nil {
		w.job.Namespace, w.job.UID = namespace, types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", serial))
		pod.Labels[batchv1.JobNameLabel], pod.Labels["job-name"] = w.meta.Name, w.meta.Name
		pod.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job", Name: w.meta.Name, UID: w.job.UID, Controller: new(true),
		}}
		w.job.APIVersion, w.job.Kind = batchv1.SchemeGroupVersion.String(), "Job"
		text, err := json.Marshal(&batchv1.Job{TypeMeta: w.job.TypeMeta, ObjectMeta: metav1.ObjectMeta{Name: w.meta.Name, UID: w.job.UID}, Spec: batchv1.JobSpec{
			Parallelism: w.job.Spec.Parallelism, Completions: w.job.Spec.Completions, CompletionMode: w.job.Spec.CompletionMode,
		}})
		if err != nil {
			return err
		}
		spec.Objects = append(spec.Objects, runtime.RawExtension{Raw: text})
	}
	made, err := client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: "kubectl-muster"})
	if err != nil {
		return fmt.Errorf("%s: the API server would not make its pods: %w", w.name, err)
	}
	text, err := json.Marshal(recording.Pod(made)) // what containers are told is nobody's concern here
	if err != nil {
		return err
	}
	spec.Pods = append(spec.Pods, v1alpha1.FitPods{Name: w.name, Pod: runtime.RawExtension{Raw: text}, Count: w.count})
	return nil
}

// readFiles reads what files make pods of.
func (o *options) readFiles(files []string) (read fileContents, err error) {
	builder := resource.NewBuilder(o.config).Unstructured().Local().Flatten()
	if at := slices.Index(files, "-"); at >= 0 {
		builder = builder.Stream(o.In, "standard input")
		files = slices.Delete(slices.Clone(files), at, at+1)
	}
	if len(files) > 0 {
		builder = builder.FilenameParam(false, &resource.FilenameOptions{Filenames: files})
	}
	err = builder.Do().Visit(func(info *resource.Info, err error) error {
		if err != nil {
			return err
		}
		object, ok := info.Object.(*unstructured.Unstructured)
		if !ok {
			return fmt.Errorf("%s: a %T is no object", info.Source, info.Object)
		}
		if ns := object.GetNamespace(); ns != "" {
			if read.namespace != "" && read.namespace != ns {
				return fmt.Errorf("objects of the namespaces %s and %s: ask for one namespace at a time", read.namespace, ns)
			}
			read.namespace = ns
		}
		return o.add(&read, object)
	})
	return read, err
}

// add adds what one object makes.
func (o *options) add(read *fileContents, object *unstructured.Unstructured) error {
	if object.GetName() == "" {
		object.SetName(strings.TrimSuffix(object.GetGenerateName(), "-"))
	}
	name := strings.ToLower(object.GetKind()) + "/" + object.GetName()
	if object.GetName() == "" {
		return fmt.Errorf("%s: it has neither metadata.name nor metadata.generateName", name)
	}
	var err error
	switch object.GroupVersionKind().GroupKind().String() {
	case "Pod":
		var pod v1.Pod
		if err = decode(object, &pod); err == nil {
			read.add(workload{name: name, meta: pod.ObjectMeta, pod: v1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}, count: 1})
		}
	case "Job.batch":
		var job batchv1.Job
		if err = decode(object, &job); err == nil {
			read.addJobs(name, job.ObjectMeta, job.Spec, 1)
		}
	case "CronJob.batch":
		var cron batchv1.CronJob
		if err = decode(object, &cron); err == nil {
			read.addJobs(name, cron.ObjectMeta, cron.Spec.JobTemplate.Spec, 1)
		}
	case "Deployment.apps":
		var d appsv1.Deployment
		if err = decode(object, &d); err == nil {
			read.add(workload{name: name, meta: d.ObjectMeta, pod: hashed(d.Spec.Template), count: replicas(d.Spec.Replicas)})
		}
	case "ReplicaSet.apps":
		var rs appsv1.ReplicaSet
		if err = decode(object, &rs); err == nil {
			read.add(workload{name: name, meta: rs.ObjectMeta, pod: rs.Spec.Template, count: replicas(rs.Spec.Replicas)})
		}
	case "StatefulSet.apps":
		var set appsv1.StatefulSet
		if err = decode(object, &set); err == nil {
			o.warnOfVolumes(name, set.Spec.VolumeClaimTemplates)
			read.add(workload{name: name, meta: set.ObjectMeta, pod: set.Spec.Template, count: replicas(set.Spec.Replicas)})
		}
	case "JobSet.jobset.x-k8s.io":
		err = read.addJobSet(name, object)
	case "PodGroup.scheduling.x-k8s.io", "PodGroup.scheduling.k8s.io":
		read.groups = append(read.groups, object)
	default:
		fmt.Fprintf(o.ErrOut, "%s: left out, a %s makes no pods that are read here\n", name, object.GetKind())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// jobSet is what is read of a JobSet.
type jobSet struct {
	Spec struct {
		ReplicatedJobs []struct {
			Name     string                  `json:"name"`
			Replicas *int32                  `json:"replicas"`
			Template batchv1.JobTemplateSpec `json:"template"`
		} `json:"replicatedJobs"`
	} `json:"spec"`
}

func (o *options) warnOfVolumes(name string, templates []v1.PersistentVolumeClaim) {
	if len(templates) > 0 {
		fmt.Fprintf(o.ErrOut, "%s: its volumes are made with its pods, and where they can be is not asked\n", name)
	}
}

func (read *fileContents) addJobSet(name string, object *unstructured.Unstructured) error {
	var set jobSet
	if err := decode(object, &set); err != nil {
		return err
	}
	for _, jobs := range set.Spec.ReplicatedJobs {
		meta := metav1.ObjectMeta{Name: object.GetName() + "-" + jobs.Name + "-0"}
		read.addJobs(name+"/"+jobs.Name, meta, jobs.Template.Spec, replicas(jobs.Replicas))
	}
	return nil
}

func decode(object *unstructured.Unstructured, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into)
}

func (read *fileContents) add(w workload) { read.workloads = append(read.workloads, w) }

// addJobs adds a number of equal Jobs, whose pods are alike: as many of each as it has at a time.
func (read *fileContents) addJobs(name string, meta metav1.ObjectMeta, spec batchv1.JobSpec, jobs int) {
	count := replicas(spec.Parallelism)
	if spec.Completions != nil {
		count = min(count, replicas(spec.Completions))
	}
	read.add(workload{name: name, meta: meta, pod: spec.Template, count: jobs * count, job: &batchv1.Job{Spec: spec}})
}

// hashed is a template as a Deployment hands it to its ReplicaSets.
func hashed(t v1.PodTemplateSpec) v1.PodTemplateSpec {
	t = *t.DeepCopy()
	if t.Labels == nil {
		t.Labels = map[string]string{}
	}
	t.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = "rehearsal"
	return t
}

func replicas(n *int32) int { return max(0, int(ptr.Deref(n, 1))) }
