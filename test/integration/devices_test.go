package integration

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	resourceapi "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/muster-scheduler/muster/pkg/sandbox"
)

// devices are what nodes of a cluster have for resource claims: of a driver, and
// a class, of the cluster's own.
type devices struct {
	*cluster
	class   string
	sandbox *sandbox.Sandbox
	muster  *sandbox.Scheduler
}

// newDevices returns a cluster with so many nodes and devices on each.
func newDevices(t *testing.T, s *sandbox.Sandbox, muster *sandbox.Scheduler, nodes, each int) devices {
	t.Helper()
	c := newCluster(t, s.Config, slices.Repeat([]string{"64"}, nodes)...)
	d := devices{cluster: c, class: c.ns + ".example.com", sandbox: s, muster: muster}
	_, err := c.client.ResourceV1().DeviceClasses().Create(t.Context(), &resourceapi.DeviceClass{
		ObjectMeta: metav1.ObjectMeta{Name: d.class},
		Spec: resourceapi.DeviceClassSpec{
			Selectors:            []resourceapi.DeviceSelector{{CEL: &resourceapi.CELDeviceSelector{Expression: fmt.Sprintf("device.driver == %q", d.class)}}},
			ExtendedResourceName: new(d.extended()),
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range nodes {
		d.add(fmt.Sprintf("%s-%d", c.ns, i), each)
	}
	return d
}

// add gives a node devices.
func (d devices) add(node string, n int) {
	d.t.Helper()
	slice := &resourceapi.ResourceSlice{
		ObjectMeta: metav1.ObjectMeta{Name: node},
		Spec: resourceapi.ResourceSliceSpec{
			Driver: d.class, NodeName: &node,
			Pool: resourceapi.ResourcePool{Name: node, Generation: 1, ResourceSliceCount: 1},
		},
	}
	for i := range n {
		slice.Spec.Devices = append(slice.Spec.Devices, resourceapi.Device{Name: fmt.Sprintf("gpu-%d", i)})
	}
	if _, err := d.client.ResourceV1().ResourceSlices().Create(d.t.Context(), slice, metav1.CreateOptions{}); err != nil {
		d.t.Fatal(err)
	}
}

// extended is the extended resource that the devices stand behind.
func (d devices) extended() string { return d.ns + ".example.com/gpu" }

// one asks for one device.
func (d devices) one() resourceapi.ResourceClaimSpec {
	return resourceapi.ResourceClaimSpec{Devices: resourceapi.DeviceClaim{Requests: []resourceapi.DeviceRequest{
		{Name: "gpu", Exactly: &resourceapi.ExactDeviceRequest{DeviceClassName: d.class}},
	}}}
}

func (d devices) template(name string) {
	d.t.Helper()
	_, err := d.client.ResourceV1().ResourceClaimTemplates(d.ns).Create(d.t.Context(), &resourceapi.ResourceClaimTemplate{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: resourceapi.ResourceClaimTemplateSpec{Spec: d.one()},
	}, metav1.CreateOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d devices) claim(name string) {
	d.t.Helper()
	_, err := d.client.ResourceV1().ResourceClaims(d.ns).Create(d.t.Context(), &resourceapi.ResourceClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: d.one(),
	}, metav1.CreateOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
}

// withTemplate has pods use claims, each its own.
func withTemplate(template string, pods ...*v1.Pod) []*v1.Pod {
	for _, p := range pods {
		p.Spec.ResourceClaims = []v1.PodResourceClaim{{Name: "gpu", ResourceClaimTemplateName: &template}}
		p.Spec.Containers[0].Resources.Claims = []v1.ResourceClaim{{Name: "gpu"}}
	}
	return pods
}

// withClaim has pods use one claim, all of them.
func withClaim(claim string, pods ...*v1.Pod) []*v1.Pod {
	for _, p := range pods {
		p.Spec.ResourceClaims = []v1.PodResourceClaim{{Name: "gpu", ResourceClaimName: &claim}}
		p.Spec.Containers[0].Resources.Claims = []v1.ResourceClaim{{Name: "gpu"}}
	}
	return pods
}

// tried is how many attempts brought a plan, and how many did not.
func (d devices) tried() (planned, refused float64) {
	d.t.Helper()
	read := func(result string) float64 {
		return counter(d.t, d.sandbox.Config, d.muster, "muster_gang_attempts_total", fmt.Sprintf("result=%q", result))
	}
	return read("planned"), read("refused")
}

// inOneGo checks that so many gangs get whole, each in one attempt whose plan holds.
func (d devices) inOneGo(gangs int, whole func()) {
	d.t.Helper()
	planned, refused := d.tried()
	whole()
	nowPlanned, nowRefused := d.tried()
	if nowPlanned-planned != float64(gangs) || nowRefused != refused {
		d.t.Errorf("%v plans and %v refusals for %d gangs", nowPlanned-planned, nowRefused-refused, gangs)
	}
	if texts := d.events("", "FailedScheduling"); len(texts) > 0 {
		d.t.Errorf("members were refused: %s", strings.Join(texts, "\n"))
	}
}

// TestDevices: a plan counts devices as it counts cpu, because the plugin that
// allocates them is asked.
func TestDevices(t *testing.T) {
	t.Parallel()
	s, muster := own(t, sandbox.Options{})
	for name, tc := range map[string]struct {
		nodes, each int
		test        func(d devices)
	}{
		"members share the devices of a node":                      {4, 2, membersShareDevices},
		"devices behind an extended resource are counted too":      {2, 2, extendedResource},
		"one claim of all members puts them where it is allocated": {3, 1, oneClaimForAll},
		"a member whose claim does not exist keeps nobody waiting": {2, 1, claimsThatComeLate},
	} {
		t.Run(name, func(t *testing.T) { tc.test(newDevices(t, s, muster, tc.nodes, tc.each)) })
	}
}

func membersShareDevices(d devices) {
	d.template("gpu")
	d.inOneGo(1, func() {
		d.create(withTemplate("gpu", d.members("fits", 8, "8", "1")...)...)
		d.waitBound("fits", 8)
	})
	for node, n := range d.byNode("fits") {
		if n != 2 {
			d.t.Errorf("%d members on node %s with 2 devices", n, node)
		}
	}
	for i := range 8 {
		d.remove1(fmt.Sprintf("fits-%d", i))
	}
	d.create(withTemplate("gpu", d.members("nine", 9, "9", "1")...)...)
	d.waitEvent("nine", "FailedScheduling", "8 of 9 members fit", "4 resource claim for "+d.class+" not satisfiable")
	d.addNode(d.ns+"-4", "64")
	d.add(d.ns+"-4", 1)
	d.waitBound("nine", 9)
}

func extendedResource(d devices) {
	members := d.members("fits", 4, "4", "1")
	for _, p := range members {
		one := v1.ResourceList{v1.ResourceName(d.extended()): resource.MustParse("1")}
		p.Spec.Containers[0].Resources = v1.ResourceRequirements{Requests: one, Limits: one}
	}
	d.inOneGo(1, func() {
		d.create(members...)
		d.waitBound("fits", 4)
	})
}

func oneClaimForAll(d devices) {
	d.claim("shared")
	d.inOneGo(1, func() {
		d.create(withClaim("shared", d.members("all", 8, "8", "1")...)...)
		d.waitBound("all", 8)
	})
	if on := d.byNode("all"); len(on) != 1 {
		d.t.Errorf("members who share a device of one node are on %v", on)
	}
	d.inOneGo(1, func() {
		d.create(withClaim("shared", d.members("more", 4, "4", "1")...)...)
		d.waitBound("more", 4)
	})
	if all, more := d.byNode("all"), d.byNode("more"); !slices.Equal(slices.Collect(maps.Keys(all)), slices.Collect(maps.Keys(more))) {
		d.t.Errorf("the claim is allocated where %v are, and %v use it", all, more)
	}
}

func claimsThatComeLate(d devices) {
	members := d.members("two", 3, "2", "1")
	withClaim("late", members[0])
	d.inOneGo(1, func() {
		d.create(members...)
		d.waitBound("two", 2)
	})
	d.claim("late")
	d.waitBound("two", 3)

	all := d.members("whole", 2, "2", "1")
	withClaim("later", all[0])
	d.create(all...)
	d.waitEvent("whole", "WaitingForGang", "1 of 2 members exist", "whole-0", "later")
	d.claim("later")
	d.waitBound("whole", 2)
}
