package integration

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/muster-scheduler/muster/pkg/sandbox"
)

// TestIdenticalPodsAreBatched: our plugins must not stand in the way of the
// framework's batches of equal pods, and the scheduler's own metric says
// whether one was used.
func TestIdenticalPodsAreBatched(t *testing.T) {
	p := shared.start(t)
	c := newCluster(t, p.sandbox.Config, "4", "4", "4")
	before := hints(t, p)
	for _, pod := range c.members("equal", 6, "", "500m") {
		pod.Labels, pod.Annotations = nil, nil
		c.create(pod)
	}
	c.waitBound("equal", 6)
	c.wait("a batch hint to be used", func() (bool, string) {
		now := hints(t, p)
		return now > before, fmt.Sprintf("%v before, %v now", before, now)
	})
}

// hints returns how many pods the scheduler placed by a batch's hint.
func hints(t *testing.T, p *plane) float64 {
	t.Helper()
	return counter(t, p.sandbox.Config, p.muster, "scheduler_batch_attempts_total", `"hint_used"`)
}

// counter sums the series of one of the scheduler's metrics that have the label.
func counter(t *testing.T, config *rest.Config, muster *sandbox.Scheduler, metric, label string) (total float64) {
	t.Helper()
	for line := range strings.Lines(read(t, config, muster, "/metrics")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(name, metric+"{") || !strings.Contains(name, label) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return total
}

// read returns what a scheduler answers an administrator at a path.
func read(t *testing.T, config *rest.Config, scheduler *sandbox.Scheduler, path string) string {
	t.Helper()
	config = rest.CopyConfig(config)
	config.Host, config.TLSClientConfig = scheduler.URL, rest.TLSClientConfig{Insecure: true}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	response, err := client.Get(scheduler.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %s: %s", path, response.Status, text)
	}
	return string(text)
}
