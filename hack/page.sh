#!/usr/bin/env bash
# Tests the page of kubectl muster ui in Chromium: in front of made-up states, and of the sandbox. Pictures of what was
# seen are in .cache/page.
#
# What is missing for that is installed: Debian's chromium, nodejs and npm if this may install packages, and the one
# package of npm that test/page/package-lock.json names.
set -euo pipefail
cd "$(dirname "$0")/.."

# As the Makefile exports them, for those who call this script themselves.
export GOFLAGS=${GOFLAGS:--trimpath -buildvcs=false -mod=vendor} CGO_ENABLED=${CGO_ENABLED:-0}

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
if [ ${#missing[@]} -gt 0 ]; then
	if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
		echo "error: install ${missing[*]} first (Node.js 18 or newer)" >&2
		exit 1
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [ test/page/package-lock.json -nt test/page/node_modules/.package-lock.json ]; then
	npm --prefix test/page ci --no-audit --no-fund
fi

hack/build.sh muster-sandbox kubectl-muster >/dev/null
go build -o bin/serve ./test/page/serve
CHROMIUM=$(command -v chromium) node --test --test-concurrency=1 "$@" test/page/*.test.mjs
