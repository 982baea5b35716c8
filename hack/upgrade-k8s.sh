#!/usr/bin/env bash
# Usage: hack/upgrade-k8s.sh v1.38.0
#
# Moves k8s.io/kubernetes and all its staging modules to one release, at once: any mixture of releases compiles only
# by luck. Then tidies, vendors, and says what a person has to look at.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:?usage: hack/upgrade-k8s.sh v1.MINOR.PATCH}
[[ $version =~ ^v1\.[0-9]+\.[0-9]+$ ]] || {
	echo "not a release of Kubernetes: $version" >&2
	exit 2
}
staging=v0.${version#v1.}
export GOFLAGS=-mod=mod

# k8s.io/kubernetes requires its staging modules at v0.0.0, which only its own tree can resolve: replace every one.
gomod=$(go mod download -json "k8s.io/kubernetes@$version" | sed -nE 's/.*"GoMod": "(.*)".*/\1/p')
mapfile -t modules < <(sed -nE 's#^\s*(k8s\.io/[a-z0-9-]+) v0\.0\.0( .*)?$#\1#p' "$gomod" | sort -u)
[ ${#modules[@]} -gt 20 ] || {
	echo "found only ${#modules[@]} staging modules in $gomod" >&2
	exit 1
}

# A module that this release no longer has must not keep pointing at the old one.
while read -r old; do
	[[ " ${modules[*]} " == *" $old "* ]] || go mod edit -dropreplace="$old"
done < <(sed -nE 's#^\s*(k8s\.io/[a-z0-9-]+) => .*#\1#p' go.mod)

go mod edit -require="k8s.io/kubernetes@$version"
for module in "${modules[@]}"; do
	go mod edit -replace="$module=$module@$staging"
	# The requirements follow, so that go.mod does not name two releases.
	if grep -qE "^\s*$module v0\.[1-9][0-9]*\.[0-9]+( |$)" go.mod; then go mod edit -require="$module@$staging"; fi
done

go mod tidy
go mod vendor

cat <<EOM

Kubernetes is at $version, ${#modules[@]} staging modules at $staging. To do by hand, in this order:

  1. make build unit             what no longer compiles
  2. manifests/rbac_test.go      what the new kube-scheduler may do that the old one might not
  3. pkg/scheduler/config.yaml   plugins that became default, feature gates that changed: read the release notes
  4. go.mod                      etcd must stay at the version that k8s.io/kubernetes pins:
                                   grep etcd $gomod
  5. cmd/kube-scheduler/app      the packages of k8s.io/kubernetes that pkg/architecture.md allows are internal to
                                   Kubernetes: look through their changes
  6. make verify test perf       and compare the measurements with those of the old version
  7. README.md, CHANGELOG.md     the versions they name
EOM
