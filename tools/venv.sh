#!/bin/sh
# venv.sh [bench] : a virtual environment under build/ with the Python packages that tests (with bench: that and benches)
# compare with; prints its python. Installed once, again when the list changes.
set -eu

packages='duckdb==2.0.1 numpy boto3==1.44.8'
venv=${TLM_VENV:-build/venv}

if [ "${1-}" = bench ]; then
	packages="$packages polars==2.1.0 chdb==4.4.0 pyarrow==26.0.1"
	venv=$venv-bench
fi
if [ "$(cat "$venv/packages" 2>/dev/null)" != "$packages" ]; then
	rm -rf "$venv"
	python3 -m venv "$venv" >&2
	# shellcheck disable=SC2086
	"$venv/bin/pip" install -q --disable-pip-version-check $packages >&2
	echo "$packages" >"$venv/packages"
fi
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
echo "$venv/bin/python"
