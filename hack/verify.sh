#!/usr/bin/env bash
# Checks everything about the tree that is not a test of behaviour. It changes nothing: what it can tell how to mend,
# hack/update.sh mends. All checks run, whatever the first ones say.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

# As the Makefile exports them, for those who call this script themselves.
export GOFLAGS=${GOFLAGS:--trimpath -buildvcs=false -mod=vendor} CGO_ENABLED=${CGO_ENABLED:-0}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

failed=()
check() {
	local name=$1 start=$SECONDS
	shift
	echo "== $name"
	if "$@"; then
		echo "   ok, $((SECONDS - start)) s"
	else
		echo "   FAILED, $((SECONDS - start)) s"
		failed+=("$name")
	fi
}

formatting() { hack/tools.sh && bin/tools/golangci-lint fmt -c hack/golangci.yaml --diff; }
architecture() { go test -vet=off -count=1 ./pkg; }

tidiness() {
	GOFLAGS=-mod=mod go mod tidy -diff && GOFLAGS=-mod=mod go -C hack/tools mod tidy -diff
}

# vendor/ is written again, beside the tree, and compared byte by byte.
vendored() {
	GOFLAGS=-mod=mod go mod vendor -o "$scratch/vendor" && diff -rq vendor "$scratch/vendor"
}

scripts() { shellcheck hack/*.sh .ci/run; }

check "formatting" formatting
check "linters" hack/lint.sh
check "go.mod and go.sum" tidiness
check "vendor" vendored
check "architecture" architecture
if command -v shellcheck >/dev/null; then
	check "scripts" scripts
else
	echo "== scripts: skipped, shellcheck is not installed"
fi

if [ ${#failed[@]} -gt 0 ]; then
	echo
	echo "verify failed: ${failed[*]}. make update mends formatting, go.mod and vendor."
	exit 1
fi
