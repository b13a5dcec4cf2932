#!/bin/bash
# s3-install.sh : the S3 servers that tests run against, each of a fixed version, fetched only if it is not there yet;
# prints their folder. S3Proxy needs maven; versitygw and Toxiproxy need Go 1.24 or newer: where there is none, they are
# left out and that is said. They are kept below ~/.cache (XDG_CACHE_HOME), so later runs find them there.
set -euo pipefail
dir=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/tlm-tests/s3
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9

fetch_s3proxy() {
	[ ! -f "$dir/s3proxy.jar" ] || return 0
	local work
	work=$(mktemp -d "$dir/XXXXXX")
	mvn -q -B dependency:copy -Dartifact=org.gaul:s3proxy:4.1.0:jar:jar-with-dependencies -DoutputDirectory="$work" >&2
	mv "$work"/*.jar "$dir/s3proxy.jar"
	rm -rf "$work"
}

has_go() {
	local version
	version=$(go env GOVERSION 2>/dev/null) || return 1
	version=${version#go}
	[ "$(printf '1.24\n%s\n' "$version" | sort -V | head -n 1)" = 1.24 ]
}

# build NAME PACKAGE@VERSION
build() {
	[ ! -x "$dir/$1" ] || return 0
	local work
	work=$(mktemp -d "$dir/XXXXXX")
	GOBIN=$work GOTOOLCHAIN=local GOFLAGS='-trimpath -ldflags=-s' go install "$2" >&2
	mv "$work"/* "$dir/$1"
	rm -rf "$work"
}

# All at once: what one downloads, another compiles.
fetch_s3proxy &
jobs=$!
if has_go; then
	build toxiproxy github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0 &
	jobs+=" $!"
	build versitygw github.com/versity/versitygw/cmd/versitygw@v1.8.0
elif [ ! -x "$dir/versitygw" ]; then
	echo "s3-install.sh: no Go 1.24 here: without versitygw and Toxiproxy" >&2
fi
for job in $jobs; do
	wait "$job"
done
echo "$dir"
