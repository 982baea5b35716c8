// The command muster-scheduler is a second scheduler for Kubernetes.
package main

import (
	"fmt"
	"os"

	"k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // metrics of the clients
	_ "k8s.io/component-base/metrics/prometheus/version"  // metric of the build

	"github.com/muster-scheduler/muster/pkg/scheduler"
)

func main() {
	os.Exit(run())
}

func run() int {
	logs.InitLogs()
	defer logs.FlushLogs()
	if err := scheduler.NewCommand().ExecuteContext(server.SetupSignalContext()); err != nil {
		fmt.Fprintln(os.Stderr, "muster-scheduler:", err)
		return 1
	}
	return 0
}
