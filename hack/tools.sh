#!/usr/bin/env bash
# Builds the tools of hack/tools/go.mod into bin/tools. They have a module of their own, so that what they need
# never decides what Muster is built from. The first time takes a minute or two; up to date, it takes a second.
set -euo pipefail
cd "$(dirname "$0")/.."

GOFLAGS='-trimpath -buildvcs=false' CGO_ENABLED=0 go -C hack/tools build -o "$PWD/bin/tools/" tool
