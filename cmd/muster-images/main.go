// The command muster-images publishes of which layers images are made.
package main

import (
	"fmt"
	"os"

	_ "golang.org/x/crypto/x509roots/fallback" // registries' certificates: the image has no file of authorities
	"k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // metrics of the clients
	_ "k8s.io/component-base/metrics/prometheus/version"  // metric of the build

	"github.com/muster-scheduler/muster/pkg/publish/process"
)

func main() {
	os.Exit(run())
}

func run() int {
	logs.InitLogs()
	defer logs.FlushLogs()
	if err := process.NewCommand().ExecuteContext(server.SetupSignalContext()); err != nil {
		fmt.Fprintln(os.Stderr, "muster-images:", err)
		return 1
	}
	return 0
}
