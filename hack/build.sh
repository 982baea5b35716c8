#!/usr/bin/env bash
# Usage: hack/build.sh [COMMAND]...    builds cmd/COMMAND, or every command, into bin/
#
# go build says nothing until it ends, and the first one takes minutes. So once a build has lasted longer than a few
# seconds, this counts on stderr how many packages are done.
set -euo pipefail
cd "$(dirname "$0")/.."

commands=("${@/#/./cmd/}")
[ $# -gt 0 ] || commands=(./cmd/...)

# As the Makefile exports them, for those who call this script themselves.
export GOFLAGS=${GOFLAGS:--trimpath -buildvcs=false -mod=vendor} CGO_ENABLED=${CGO_ENABLED:-0}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

mkdir -p bin
go build -v -ldflags "$(hack/ldflags.sh)" -o bin/ "${commands[@]}" >"$log" 2>&1 &
build=$!
trap 'kill "$build" 2>/dev/null || true; rm -f "$log"' EXIT

# The lines of go build -v that name a compiled package; all others are compiler messages.
compiled() { grep -cE '^[^ #:]+$' "$log" || true; }

# Waits up to $1 seconds; fails if the build still runs then.
ended_within() {
	for ((tenth = 0; tenth < $1 * 10; tenth++)); do
		kill -0 "$build" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

report() {
	local total
	total=$(go list -deps "${commands[@]}" | wc -l)
	if [ "$(compiled)" -gt 50 ]; then
		echo "The first build compiles $total packages and takes several minutes; later ones take seconds." >&2
	fi
	# Every ten seconds to a log, every second to a terminal, where the line is rewritten.
	local pause=10 end='\n'
	if [ -t 2 ]; then pause=1 end='\r'; fi
	until ended_within "$pause"; do
		local n
		n=$(compiled)
		# shellcheck disable=SC2059 # the format's end is chosen above
		if [ "$n" -gt 0 ]; then printf "  %d of %d packages, %d:%02d$end" "$n" "$total" $((SECONDS / 60)) $((SECONDS % 60)) >&2; fi
	done
	if [ -t 2 ]; then echo >&2; fi
}

ended_within 5 || report
if ! wait "$build"; then
	grep -vE '^[^ #:]+$' "$log" >&2 || true
	exit 1
fi
for command in "${commands[@]}"; do
	[ "$command" = ./cmd/... ] && command='./cmd/*'
	for dir in $command; do echo "bin/${dir##*/}"; done
done
