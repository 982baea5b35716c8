#!/usr/bin/env bash
# Usage: hack/krew.sh [OS-ARCH]...    makes the archives of manifests/krew/muster.yaml, and the manifest with their sums, in bin/krew
#
# Without arguments, those of all platforms that the manifest names; with some, the manifest is for these alone. The same
# source gives the same archives. To try one: kubectl krew install --manifest=bin/krew/muster.yaml --archive=bin/krew/ARCHIVE
set -euo pipefail
cd "$(dirname "$0")/.."

export GOFLAGS=${GOFLAGS:--trimpath -buildvcs=false -mod=vendor} CGO_ENABLED=0
manifest=manifests/krew/muster.yaml out=bin/krew

platforms=("$@")
[ $# -gt 0 ] || mapfile -t platforms < <(sed -n 's/.*kubectl-muster-\(.*\)\.tar\.gz$/\1/p' "$manifest")

rm -rf "$out"
mkdir -p "$out"
: >"$out/sums"
for platform in "${platforms[@]}"; do
	grep -q "kubectl-muster-$platform.tar.gz$" "$manifest" || { echo "$manifest has no platform $platform" >&2; exit 1; }
	dir=$out/$platform archive=kubectl-muster-$platform.tar.gz
	mkdir "$dir"
	GOOS=${platform%-*} GOARCH=${platform#*-} go build -ldflags "$(hack/ldflags.sh)" -o "$dir/kubectl-muster" ./cmd/kubectl-muster
	cp LICENSE cmd/kubectl-muster/kubectl_complete-muster "$dir"
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw -C "$dir" -cf - . | gzip -n >"$out/$archive"
	rm -r "$dir"
	(cd "$out" && sha256sum "$archive") | tee -a "$out/sums"
done

# Each platform begins at its selector; those without an archive are left out.
awk '
	FNR == NR { sum[$2] = $1; next }
	/^  - selector:/ { selector = $0; next }
	/^    uri:/ { n = split($2, part, "/"); have = sum[part[n]]; if (have) print selector "\n" $0; next }
	/^    sha256:/ { if (have) print "    sha256: " have; next }
	/^    bin:/ { if (have) print; next }
	{ print }
' "$out/sums" "$manifest" >"$out/muster.yaml"
rm "$out/sums"
echo "$out/muster.yaml"
