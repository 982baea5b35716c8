#!/usr/bin/env bash
# Prints the linker flags of every binary: the Kubernetes version it is built from, which its components report. Muster's
# own version is a constant of pkg/version. Neither git nor the time is asked, so the same source gives the same binary.
# -s -w leave out debug tables: the binaries become a third smaller, and stack traces stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."

kube=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
IFS=. read -r major minor _ <<<"${kube#v}"

flags="-s -w"
for stamp in "gitVersion=$kube" "gitMajor=$major" "gitMinor=$minor" "gitCommit=" "gitTreeState="; do
	flags+=" -X k8s.io/component-base/version.$stamp"
done
echo "$flags"
