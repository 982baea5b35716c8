// Package version says which release a binary is of.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"k8s.io/component-base/version"
)

// Muster is the version of Muster. The minor is that of Kubernetes.
const Muster = "v0.37.0-dev"

// Kubernetes returns the version of Kubernetes that the binary is built from.
func Kubernetes() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			// A part of Kubernetes that every command has. Its minor is that of the whole.
			if rest, ok := strings.CutPrefix(dep.Version, "v0."); ok && dep.Path == "k8s.io/component-base" {
				return "v1." + rest
			}
		}
	}
	return "v" + version.DefaultKubeBinaryVersion
}

// UserAgent is how the logs and metrics of servers name a command of ours.
func UserAgent(command string) string {
	return fmt.Sprintf("%s/%s (%s/%s) kubernetes/%s", command, Muster, runtime.GOOS, runtime.GOARCH, Kubernetes())
}
