#!/usr/bin/env bash
# Usage: hack/image.sh NAME[:TAG] [ARG=VALUE]...    builds the Dockerfile with whichever builder there is
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:?usage: hack/image.sh NAME[:TAG] [ARG=VALUE]...}
shift
args=()
for arg; do args+=(--build-arg "$arg"); done

for builder in ${BUILDER:-docker podman buildah}; do
	command -v "$builder" >/dev/null && exec "$builder" build "${args[@]}" --tag "$name" --file Dockerfile .
done
echo "no image builder found; install one of docker, podman, buildah" >&2
exit 1
