#!/usr/bin/env bash
# Usage: hack/image.sh COMMAND NAME[:TAG] [ARG=VALUE]...    builds the image of cmd/COMMAND with whichever builder there is
set -euo pipefail
cd "$(dirname "$0")/.."

usage="usage: hack/image.sh COMMAND NAME[:TAG] [ARG=VALUE]..."
command=${1:?$usage} name=${2:?$usage}
shift 2
args=(--target "$command" --build-arg "COMMAND=$command")
for arg; do args+=(--build-arg "$arg"); done

for builder in ${BUILDER:-docker podman buildah}; do
	command -v "$builder" >/dev/null && exec "$builder" build "${args[@]}" --tag "$name" --file Dockerfile .
done
echo "no image builder found; install one of docker, podman, buildah" >&2
exit 1
