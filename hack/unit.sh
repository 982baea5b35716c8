#!/usr/bin/env bash
# Runs the tests of single packages. The race detector needs a C compiler; without one they run all the same, but
# say so. -vet=off: make lint runs vet, on everything and once.
set -euo pipefail
cd "$(dirname "$0")/.."

# These link the API server or the kubelet. With the race detector that is all of Kubernetes compiled once more, for
# little: they run as processes of their own in test/sandbox and test/integration.
whole='/(pkg/sandbox|pkg/sandbox/(controlplane|kubelet|lightnode)|pkg/demo|cmd/muster-sandbox)$'
mapfile -t all < <(go list ./pkg/... ./cmd/... ./manifests/... ./test/pulls/...)
mapfile -t linking < <(printf '%s\n' "${all[@]}" | grep -E "$whole")
mapfile -t single < <(printf '%s\n' "${all[@]}" | grep -vE "$whole")

if command -v "$(go env CC)" >/dev/null; then
	CGO_ENABLED=1 go test -race -vet=off -timeout=20m "${single[@]}"
else
	echo "NOTE: no C compiler ($(go env CC)): the tests run without the race detector." >&2
	go test -vet=off -timeout=20m "${single[@]}"
fi
go test -vet=off -timeout=20m "${linking[@]}"
