package scheduler

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"k8s.io/component-base/version"
)

// Version of Muster. The minor is that of Kubernetes.
const Version = "v0.37.0-dev"

// versions returns Muster's version and that of the Kubernetes it is built from.
func versions() (muster, kubernetes string) {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "k8s.io/kubernetes" {
				return Version, dep.Version
			}
		}
	}
	return Version, "v" + version.DefaultKubeBinaryVersion
}

// userAgent is how the API server's logs and metrics name this process.
func userAgent() string {
	muster, kubernetes := versions()
	return fmt.Sprintf("muster-scheduler/%s (%s/%s) kubernetes/%s", muster, runtime.GOOS, runtime.GOARCH, kubernetes)
}
