package cli

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/muster-scheduler/muster/pkg/doctor"
)

const (
	configzPath = "/configz"
	// maxConfigz is far more than a configuration takes.
	maxConfigz = 1 << 22
)

// scheduler looks at the settings of the running scheduler; if it does not tell them, at
// those that it was to have.
func (e *examination) scheduler(ctx context.Context) {
	deployment := e.deployment(ctx)
	settings, needs, err := e.running(ctx)
	name := e.o.reach.namespace + "/" + schedulerAccount
	if err != nil {
		e.skipped("settings of the running scheduler", err, needs, nil)
		at := len(e.report.NotChecked) - 1
		stated, from := e.stated(ctx, deployment)
		if from != "" {
			e.report.NotChecked[at].Reason += "; those of " + from + " were looked at instead"
		}
		settings = stated
	}
	if settings != nil {
		replicas := 0
		if deployment != nil && deployment.Spec.Replicas != nil {
			replicas = int(*deployment.Spec.Replicas)
		}
		e.found(doctor.Scheduler(name, settings, e.nodeCount, replicas))
	}
}

// running asks the scheduler that leads; needs are the rights that it takes to get as far as it got.
func (e *examination) running(ctx context.Context) (settings *doctor.SchedulerSettings, needs string, err error) {
	ctx, cancel := context.WithTimeout(ctx, kubeletTimeout)
	defer cancel()
	s, err := e.o.scheduler(ctx, "nodes/")
	if err != nil {
		return nil, "list pods and create pods/portforward in " + e.o.reach.namespace + ", and list nodes", err
	}
	defer s.close()
	needs = "get " + configzPath
	body, err := s.request(ctx, http.MethodGet, configzPath, nil)
	if err != nil {
		return nil, needs, err
	}
	defer body.Close()
	configz, err := io.ReadAll(io.LimitReader(body, maxConfigz))
	if err != nil {
		return nil, needs, err
	}
	settings, err = doctor.ParseScheduler(configz)
	return settings, needs, err
}

// deployment is what runs the scheduler in the cluster, or nil: it may run elsewhere.
func (e *examination) deployment(ctx context.Context) *appsv1.Deployment {
	list, err := e.client.AppsV1().Deployments(e.o.reach.namespace).List(ctx, metav1.ListOptions{LabelSelector: schedulerSelector})
	if err != nil {
		e.skipped("how many replicas of the scheduler there are", err, "list deployments in "+e.o.reach.namespace, nil)
		return nil
	}
	if len(list.Items) == 0 {
		return nil
	}
	return &list.Items[0]
}

// stated is the configuration that manifests/components/custom-config gives the scheduler,
// and where it is from; nothing if there is none, and the one that is built in counts.
func (e *examination) stated(ctx context.Context, deployment *appsv1.Deployment) (settings *doctor.SchedulerSettings, from string) {
	if deployment == nil {
		return nil, ""
	}
	for i := range deployment.Spec.Template.Spec.Volumes {
		source := deployment.Spec.Template.Spec.Volumes[i].ConfigMap
		if source == nil {
			continue
		}
		m, err := e.client.CoreV1().ConfigMaps(deployment.Namespace).Get(ctx, source.Name, metav1.GetOptions{})
		if err != nil {
			e.skipped("the scheduler's configuration in the ConfigMap "+source.Name, err, "get configmaps in "+deployment.Namespace, nil)
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(m.Data)) {
			var stated struct {
				metav1.TypeMeta          `json:",inline"`
				doctor.SchedulerSettings `json:",inline"`
			}
			if err := yaml.Unmarshal([]byte(m.Data[key]), &stated); err == nil && stated.Kind == "KubeSchedulerConfiguration" {
				return &stated.SchedulerSettings, "the ConfigMap " + m.Name
			}
		}
	}
	return nil, ""
}
