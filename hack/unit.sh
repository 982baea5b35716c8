#!/usr/bin/env bash
# Runs the tests of single packages. The race detector needs a C compiler; without one they run all the same, but
# say so. -vet=off: make lint runs vet, on everything and once.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(./pkg/... ./cmd/... ./manifests/...)
if command -v "$(go env CC)" >/dev/null; then
	CGO_ENABLED=1 go test -race -vet=off -timeout=20m "${packages[@]}"
else
	echo "NOTE: no C compiler ($(go env CC)): the tests run without the race detector." >&2
	go test -vet=off -timeout=20m "${packages[@]}"
fi
