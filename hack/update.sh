#!/usr/bin/env bash
# Makes true what hack/verify.sh checks, as far as a program can: formatting, go.mod, go.sum and vendor/.
set -euo pipefail
cd "$(dirname "$0")/.."

hack/tools.sh
bin/tools/golangci-lint fmt -c hack/golangci.yaml
bin/tools/golangci-lint run -c hack/golangci.yaml --fix || true # what remains is for make lint to say
for module in . hack/tools; do
	GOFLAGS=-mod=mod go -C "$module" mod tidy
done
GOFLAGS=-mod=mod go mod vendor
