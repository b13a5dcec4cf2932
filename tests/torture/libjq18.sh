#!/bin/sh
# libjq18.sh : libjq and jq 1.8 under build/, built from the source that the Python package jq carries; prints the folder.
set -eu

package=jq==1.13.0
prefix=$PWD/build/libjq-1.8

if [ "$(cat "$prefix/package" 2>/dev/null)" != "$package" ]; then
	rm -rf "$prefix"
	mkdir -p "$prefix/source"
	pip download -q --no-deps --no-binary jq -d "$prefix/source" "$package" >&2
	cd "$prefix/source"
	tar xzf jq-*.tar.gz
	tar xzf jq-*/deps/jq-*.tar.gz
	cd jq-1.8*
	./configure -q --prefix="$prefix" --disable-docs --disable-maintainer-mode >&2
	make -s >&2
	make -s install >&2
	rm -rf "$prefix/source"
	echo "$package" >"$prefix/package"
fi
echo "$prefix"
