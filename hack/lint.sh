#!/usr/bin/env bash
# Runs golangci-lint, vet and staticcheck over our packages, all three whatever the first ones say.
# The last two carry facts about what we import from package to package and keep them in caches of their own: the
# first run takes minutes.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

# As the Makefile exports them, for those who call this script themselves.
export GOFLAGS=${GOFLAGS:--trimpath -buildvcs=false -mod=vendor} CGO_ENABLED=${CGO_ENABLED:-0}

hack/tools.sh || exit
status=0
bin/tools/golangci-lint run -c hack/golangci.yaml || status=1
go vet ./... || status=1
# Names and comments (ST*) are revive's, unused code (U1000) is golangci-lint's.
bin/tools/staticcheck -checks 'SA*,S1*' ./... || status=1
exit $status
