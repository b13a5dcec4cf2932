#!/bin/sh
# peers.sh DIR : jq in other languages, for the benches: gojq where there is go, jaq where there is cargo. Each is built once
# into DIR/bin, at one version. What cannot be had is named and left out.
set -u

gojq=v0.12.17
jaq=3.1.2
dir=$1
mkdir -p "$dir/bin"
dir=$(cd "$dir" && pwd)

# peer NAME VERSION TOOL COMMAND...
peer() {
	name=$1 version=$2 tool=$3
	shift 3
	[ "$(cat "$dir/$name.version" 2>/dev/null)" = "$version" ] && return
	if ! command -v "$tool" >/dev/null; then
		echo "peers.sh: no $tool here: $name is left out" >&2
	elif "$@" >"$dir/$name.log" 2>&1; then
		echo "$version" >"$dir/$name.version"
	else
		echo "peers.sh: $name $version could not be built ($dir/$name.log): it is left out" >&2
	fi
}

peer gojq $gojq go env GOBIN="$dir/bin" go install "github.com/itchyny/gojq/cmd/gojq@$gojq"
peer jaq $jaq cargo cargo install -q --locked --root "$dir" "jaq@$jaq"
