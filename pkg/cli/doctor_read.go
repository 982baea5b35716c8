package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/pager"

	v1alpha1 "github.com/muster-scheduler/muster/pkg/apis/doctor/v1alpha1"
	"github.com/muster-scheduler/muster/pkg/doctor"
	"github.com/muster-scheduler/muster/pkg/version"
)

// What the scheduler of manifests/install is.
const (
	schedulerAccount = "muster-scheduler"
	schedulerLease   = "muster-scheduler"
)

// examination is one look at a cluster. Whatever cannot be read becomes a line of the
// report.
type examination struct {
	o      *options
	client kubernetes.Interface
	// ahead is how far the API server's clock is ahead of ours, to the second.
	ahead     time.Duration
	nodeCount int
	report    v1alpha1.Report
}

// newExamination fails if the API server cannot be reached.
func (o *options) newExamination(ctx context.Context) (*examination, error) {
	config, err := o.config.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	config.UserAgent, config.QPS = version.UserAgent("kubectl-muster"), -1 // few at a time is the limit
	config.AcceptContentTypes, config.ContentType = "application/vnd.kubernetes.protobuf,application/json", runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	e := &examination{o: o, client: client, report: v1alpha1.Report{Findings: []v1alpha1.Finding{}, NotChecked: []v1alpha1.NotChecked{}}}
	return e, e.readClock(ctx, config)
}

// readClock asks the API server for the time, and so whether it is there.
func (e *examination) readClock(ctx context.Context, config *rest.Config) error {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	at := e.client.CoreV1().RESTClient().Get().AbsPath("/version").URL()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusUnauthorized {
		return errors.New("the API server does not know you: log in, or give other credentials")
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		e.ahead = date.Sub(e.o.clock.Now())
	}
	return nil
}

// now is the time by the API server's clock.
func (e *examination) now() time.Time { return e.o.clock.Now().Add(e.ahead) }

func (e *examination) found(findings []v1alpha1.Finding) {
	e.report.Findings = append(e.report.Findings, findings...)
}

// skipped notes what could not be looked at: because of an error, and for want of a right.
func (e *examination) skipped(what string, err error, needs string, objects *v1alpha1.Objects) {
	n := v1alpha1.NotChecked{What: what, Reason: reasonOf(err), Objects: objects}
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		n.Needs = "the right to " + needs
	}
	e.report.NotChecked = append(e.report.NotChecked, n)
}

// reasonOf is an error in one line, and the same for all objects of which it is.
func reasonOf(err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return "forbidden"
	case apierrors.IsUnauthorized(err):
		return "unauthorized"
	case apierrors.IsNotFound(err):
		return "not found"
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err):
		return "no answer in time"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// each calls do for each object of a list that may be long.
func each[T runtime.Object](ctx context.Context, options metav1.ListOptions, list func(context.Context, metav1.ListOptions) (T, error), do func(runtime.Object) error) error {
	return pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return list(ctx, options)
	}).EachListItem(ctx, options, do)
}

func (e *examination) fairness(ctx context.Context) {
	const what = "how priority and fairness treats the scheduler"
	needs := func(resource string) string { return "list " + resource + " of " + flowcontrolv1.GroupName }
	schemas, err := e.client.FlowcontrolV1().FlowSchemas().List(ctx, metav1.ListOptions{})
	if err != nil {
		e.skipped(what, err, needs("flowschemas"), nil)
		return
	}
	levels, err := e.client.FlowcontrolV1().PriorityLevelConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		e.skipped(what, err, needs("prioritylevelconfigurations"), nil)
		return
	}
	e.found(doctor.Fairness(schemas.Items, levels.Items, e.o.reach.namespace, schedulerAccount))
}

func (e *examination) lease(ctx context.Context) {
	lease, err := e.client.CoordinationV1().Leases(e.o.reach.namespace).Get(ctx, schedulerLease, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		e.found(doctor.Leads(nil))
		return
	}
	if err != nil {
		e.skipped("whether a scheduler leads", err, "get leases in "+e.o.reach.namespace, nil)
		return
	}
	is := &doctor.Lease{Name: lease.Namespace + "/" + lease.Name}
	if holder := lease.Spec.HolderIdentity; holder != nil {
		is.Holder = *holder
	}
	if lease.Spec.RenewTime != nil && lease.Spec.LeaseDurationSeconds != nil {
		is.Age, is.Duration = e.now().Sub(lease.Spec.RenewTime.Time), time.Duration(*lease.Spec.LeaseDurationSeconds)*time.Second
	}
	e.found(doctor.Leads(is))
}

// rivals looks for several processes that answer to one scheduler name, by the events of
// pods that were given a node.
func (e *examination) rivals(ctx context.Context) {
	type bound struct {
		doctor.Binding
		at time.Time
	}
	var all []bound
	err := each(ctx, metav1.ListOptions{FieldSelector: "reason=Scheduled"}, e.client.CoreV1().Events(metav1.NamespaceAll).List, func(o runtime.Object) error {
		event, ok := o.(*v1.Event)
		if !ok || event.ReportingController == "" {
			return nil
		}
		at := event.EventTime.Time
		if at.IsZero() {
			at = event.FirstTimestamp.Time
		}
		all = append(all, bound{doctor.Binding{Scheduler: event.ReportingController, Instance: event.ReportingInstance}, at})
		return nil
	})
	if err != nil {
		e.skipped("whether several processes answer to one schedulerName", err, "list events in all namespaces", nil)
		return
	}
	slices.SortStableFunc(all, func(a, b bound) int { return a.at.Compare(b.at) })
	bindings := make([]doctor.Binding, len(all))
	for i := range all {
		bindings[i] = all[i].Binding
	}
	e.found(doctor.Rivals(bindings))
}

// apis looks at which of the resources that Muster reads are served.
func (e *examination) apis() {
	const what = "which resources are served"
	groups, err := e.client.Discovery().ServerGroups()
	if err != nil {
		e.skipped(what, err, "read /apis", nil)
		return
	}
	served := doctor.Served{}
	for _, group := range groups.Groups {
		for _, version := range group.Versions {
			if !doctor.Reads(group.Name) {
				continue
			}
			list, err := e.client.Discovery().ServerResourcesForGroupVersion(version.GroupVersion)
			if err != nil {
				e.skipped(what, fmt.Errorf("%s: %w", version.GroupVersion, err), "read /apis/"+version.GroupVersion, nil)
				return
			}
			for i := range list.APIResources {
				name := list.APIResources[i].Name + "." + group.Name
				served[name] = append(served[name], version.Version)
			}
		}
	}
	e.found(doctor.APIs(served))
}
