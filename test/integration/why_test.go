package integration

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-scheduler/muster/pkg/gang"
	"github.com/muster-scheduler/muster/pkg/sandbox"
)

// TestWhyNamesTheCause plants the things that keep gangs waiting, and asks why. The README
// has the answers.
func TestWhyNamesTheCause(t *testing.T) {
	s, muster := own(t, sandbox.Options{}) // nobody else's nodes are counted
	p := &plane{sandbox: s, muster: muster}
	tests := map[string]struct {
		cpus  []string
		plant func(c *cluster)
		want  string // NS stands for the namespace
	}{
		"room": {
			[]string{"4", "4"},
			func(c *cluster) { c.create(c.members("train", 3, "3", "4")...) },
			"gang NS/train: 2 of 3 members fit; one more needs cpu 4, the nearest node has cpu 0 free; of 2 nodes: 2 insufficient cpu; it would start with room for 1 more (cpu 4), or with a minimum of 2",
		},
		"room that others hold": {
			[]string{"4", "4"},
			func(c *cluster) {
				c.create(c.members("held", 2, "2", "3")...)
				c.waitBound("held", 2)
				c.create(c.pod("single", "1"))
				c.waitBound("single", 1)
				c.stranger("1")
				c.create(c.members("train", 2, "2", "2")...)
			},
			"gang NS/train: 0 of 2 members fit; one more needs cpu 2, the nearest node has cpu 0 free; of 2 nodes: 2 insufficient cpu; it would start with room for 2 more (cpu 4); it is held by gang NS/held (2 pods) and pod NS/single, and by 1 pod of another namespace",
		},
		"fragmentation": {
			[]string{"3", "3", "3"},
			func(c *cluster) {
				c.giveGPUs(4, 4, 2)
				for _, pod := range c.members("train", 2, "2", "1") {
					pod.Spec.Containers[0].Resources.Limits = v1.ResourceList{"example.com/gpu": resource.MustParse("8")}
					pod.Spec.Containers[0].Resources.Requests["example.com/gpu"] = resource.MustParse("8")
					c.create(pod)
				}
			},
			"gang NS/train: 0 of 2 members fit; one more needs example.com/gpu 8, the nearest node has example.com/gpu 4 free, all nodes together example.com/gpu 10; of 3 nodes: 3 insufficient example.com/gpu; it would start with room for 2 more (example.com/gpu 16)",
		},
		"a taint": {
			[]string{"4", "4"},
			func(c *cluster) {
				c.patchNode(c.ns+"-0", `{"spec":{"taints":[{"key":"team","value":"other","effect":"NoSchedule"}]}}`)
				c.create(c.members("train", 2, "2", "3")...)
			},
			"gang NS/train: 1 of 2 members fit; one more needs cpu 3, the nearest node has cpu 1 free; of 2 nodes: 1 insufficient cpu, 1 untolerated taint; it would start with room for 1 more (cpu 3), or with a minimum of 1",
		},
		"affinity": {
			[]string{"4", "4"},
			func(c *cluster) {
				for _, pod := range c.members("train", 2, "2", "1") {
					pod.Spec.NodeSelector["disk"] = "ssd"
					c.create(pod)
				}
			},
			"gang NS/train: 0 of 2 members fit; of 2 nodes: 2 node affinity or selector does not match",
		},
		"a topology that is too small": {
			[]string{"2", "2", "2", "2"},
			func(c *cluster) {
				for i, zone := range []string{"a", "a", "b", "b"} {
					c.patchNode(fmt.Sprintf("%s-%d", c.ns, i), `{"metadata":{"labels":{"topology.kubernetes.io/zone":"`+c.ns+zone+`"}}}`)
				}
				for _, pod := range c.members("train", 3, "3", "2") {
					pod.Annotations[gang.TopologyAnnotation] = v1.LabelTopologyZone + "=required"
					c.create(pod)
				}
			},
			"gang NS/train: 2 of 3 members fit in topology.kubernetes.io/zone NSa, the nearest of 2; one more needs cpu 2, the nearest node has cpu 0 free; of 2 nodes: 2 insufficient cpu; it would start with room for 1 more (cpu 2), or with a minimum of 2",
		},
		"members that are missing": {
			[]string{"4"},
			func(c *cluster) { c.create(c.members("train", 2, "3", "1")...) },
			"gang NS/train: 2 of 3 members exist",
		},
		"a quota that stops the making of members": {
			[]string{"4"},
			func(c *cluster) {
				c.limitPods(2)
				three := int32(3)
				pod := c.member("train", 0, "", "1")
				delete(pod.Annotations, gang.MinAnnotation)
				pod.Spec.RestartPolicy = v1.RestartPolicyNever
				job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "train"}, Spec: batchv1.JobSpec{
					Parallelism: &three, Completions: &three, Template: v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels}, Spec: pod.Spec},
				}}
				if _, err := c.client.BatchV1().Jobs(c.ns).Create(c.t.Context(), job, metav1.CreateOptions{}); err != nil {
					c.t.Fatal(err)
				}
			},
			"gang NS/train: 2 of 3 members exist\n  Job train could not make a pod: Error creating: pods \"train-xxxxx\" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=2, limited: pods=2",
		},
		"a volume that is not there": {
			[]string{"4"},
			func(c *cluster) {
				for _, pod := range c.members("train", 2, "2", "1") {
					pod.Spec.Volumes = []v1.Volume{{Name: "data", VolumeSource: v1.VolumeSource{PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
					c.create(pod)
				}
				immediate := ""
				claim := &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data"}, Spec: v1.PersistentVolumeClaimSpec{
					StorageClassName: &immediate, AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteMany},
					Resources: v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}},
				}}
				if _, err := c.client.CoreV1().PersistentVolumeClaims(c.ns).Create(c.t.Context(), claim, metav1.CreateOptions{}); err != nil {
					c.t.Fatal(err)
				}
			},
			"gang NS/train: 0 of 2 members fit; of 1 node: 1 volume not usable; pod has unbound immediate PersistentVolumeClaims",
		},
		"room that is kept for another": {
			[]string{"4"},
			func(c *cluster) {
				c.replicas("whole", 4, "4", "1")
				c.waitBound("whole", 4)
				c.create(c.members("train", 1, "1", "1")...)
				c.limitPods(4) // so that nothing comes in place of the member yet
				c.remove1(c.bound("whole")[0])
			},
			"gang NS/train: 0 of 1 members fit; of 1 node: 1 room kept for another gang",
		},
		"a binding that is refused": {
			[]string{"4"},
			func(c *cluster) {
				c.refuseBindings("train-0") // of this namespace alone
				c.create(c.member("train", 0, "2", "1"))
				c.replicas("train", 1, "2", "1")
			},
			`pod train-0 of gang NS/train cannot be bound: pods "train-0" is forbidden: ValidatingAdmissionPolicy 'NS' with binding 'NS' denied request: pods of this name stay unbound`,
		},
	}
	random := regexp.MustCompile(`"train-[a-z0-9]{5}"`)
	var before []string // nodes of the cause before
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, p.sandbox.Config)
			admin, tenant := readers(t, p, c)
			for _, node := range before {
				c.wait(node+" to be forgotten", func() (bool, string) {
					_, _, err := admin.ask(t.Context(), "images", node)
					return err != nil, fmt.Sprint(err)
				})
			}
			before = nil
			for i, cpu := range tc.cpus {
				before = append(before, fmt.Sprintf("%s-%d", c.ns, i))
				c.addNode(before[i], cpu)
			}
			tc.plant(c)
			want := "\n  " + strings.ReplaceAll(tc.want, "NS", c.ns) + "\n"
			out := ""
			c.wait("kubectl muster why gang train to tell"+want, func() (bool, string) {
				answer, errOut, err := tenant.ask(t.Context(), "why", "gang", "train", "-n", c.ns)
				out = random.ReplaceAllString(answer, `"train-xxxxx"`)
				return err == nil && strings.Contains(out, want), fmt.Sprint(out, errOut, err)
			})
			t.Log(strings.ReplaceAll(out, c.ns, "NS"))
		})
	}
}

// stranger puts a pod of another namespace on one of the nodes.
func (c *cluster) stranger(cpu string) {
	c.t.Helper()
	pod := c.pod("stranger-"+c.ns, cpu)
	pod.Namespace = metav1.NamespaceDefault
	pods := c.client.CoreV1().Pods(pod.Namespace)
	if _, err := pods.Create(c.t.Context(), pod, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = pods.Delete(context.Background(), pod.Name, metav1.DeleteOptions{}) })
	c.wait("the pod of another namespace to be bound", func() (bool, string) {
		got, err := pods.Get(c.t.Context(), pod.Name, metav1.GetOptions{})
		return err == nil && got.Spec.NodeName != "", fmt.Sprint(err)
	})
}

func (c *cluster) patchNode(name, patch string) {
	c.t.Helper()
	if _, err := c.client.CoreV1().Nodes().Patch(c.t.Context(), name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		c.t.Fatal(err)
	}
}

// giveGPUs has the nodes offer so many devices each.
func (c *cluster) giveGPUs(devices ...int) {
	c.t.Helper()
	for i, n := range devices {
		patch := fmt.Sprintf(`{"status":{"capacity":{"example.com/gpu":"%d"},"allocatable":{"example.com/gpu":"%[1]d"}}}`, n)
		_, err := c.client.CoreV1().Nodes().Patch(c.t.Context(), fmt.Sprintf("%s-%d", c.ns, i), types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// limitPods has no more pods made in the namespace.
func (c *cluster) limitPods(most int64) {
	c.t.Helper()
	quotas := c.client.CoreV1().ResourceQuotas(c.ns)
	quota := &v1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "pods"}, Spec: v1.ResourceQuotaSpec{Hard: v1.ResourceList{v1.ResourcePods: *resource.NewQuantity(most, resource.DecimalSI)}}}
	if _, err := quotas.Create(c.t.Context(), quota, metav1.CreateOptions{}); err != nil {
		c.t.Fatal(err)
	}
	c.wait("the quota to count", func() (bool, string) {
		q, err := quotas.Get(c.t.Context(), "pods", metav1.GetOptions{})
		return err == nil && len(q.Status.Hard) > 0, fmt.Sprint(err)
	})
}
