// Package manifests holds what is applied to a cluster: install, a kustomize base that runs Muster and defines
// PodGroup, and examples, the workloads of the README. They are embedded so that the sandbox and the tests apply
// the very files a user would, from whatever directory they run in.
package manifests

import "embed"

// FS holds the directories install and examples as they are in the repository.
//
//go:embed install examples
var FS embed.FS
