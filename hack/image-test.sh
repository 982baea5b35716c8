#!/usr/bin/env bash
# Usage: hack/image-test.sh COMMAND    builds the image around bin/COMMAND, offline, and checks what a cluster will rely on
#
# Needs buildah and root (or user namespaces); on Debian, root gets buildah installed.
set -euo pipefail
cd "$(dirname "$0")/.."
command=${1:?usage: hack/image-test.sh COMMAND}

if ! command -v buildah >/dev/null; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "image-test needs buildah; install it with your package manager (Debian: apt-get install buildah)" >&2
		exit 1
	fi
	apt-get update -qq && apt-get install -y -qq --no-install-recommends buildah >/dev/null
fi

fail() {
	echo "image-test: $*" >&2
	exit 1
}

# chroot isolation, plain files and a store of our own: this works inside a container too, and leaves nothing behind.
export BUILDAH_ISOLATION=chroot
store=$(mktemp -d)
storage=(--storage-driver vfs --root "$store/root" --runroot "$store/run")
container=
cleanup() {
	if [ -n "$container" ]; then buildah "${storage[@]}" rm "$container" >/dev/null; fi
	rm -rf "$store"
}
trap cleanup EXIT

image=$command:image-test
buildah "${storage[@]}" build --quiet --build-arg BINARY=prebuilt --build-arg "COMMAND=$command" --target "$command" --tag "$image" --file Dockerfile . >/dev/null

inspect() { buildah "${storage[@]}" inspect --type image --format "$1" "$image"; }
user=$(inspect '{{.OCIv1.Config.User}}')
[ "$user" = 65532:65532 ] || fail "the user is ${user:-root}, want 65532:65532"
entrypoint=$(inspect '{{.OCIv1.Config.Entrypoint}}')
[ "$entrypoint" = "[/$command]" ] || fail "the entrypoint is $entrypoint"

container=$(buildah "${storage[@]}" from --pull-never "$image")
root=$(buildah "${storage[@]}" mount "$container")
files=$(find "$root" -type f | sed "s#^$root##")
[ "$files" = "/$command" ] || fail "the image holds more than the binary: $files"

# In an empty root, only a static binary starts at all.
version=$(buildah "${storage[@]}" run "$container" -- "/$command" --version)
kube=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
[[ $version == *"Kubernetes $kube"* ]] || fail "it reports $version, want Kubernetes $kube"

echo "image ok: $version, user $user, $(du -m "$root/$command" | cut -f1) MB"
