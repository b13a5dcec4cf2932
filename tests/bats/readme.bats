#!/usr/bin/env bats
# The tour of the README does what it says, typed in order.

load common

@test "the tour runs as it is written" {
	work=$BATS_TEST_TMPDIR/tour
	mkdir -p "$work/build/kit"
	ln -s "$TLM_BIN" "$work/build/bin"
	cp "$TLM_TOP/${TLM_BUILD:-build}/kit/fleetgen" "$work/build/kit"
	sed -n '/^## A tour/,/^## Building/s/^    //p' "$TLM_TOP/README.md" >"$work/tour"
	[ "$(wc -l <"$work/tour")" -ge 12 ]
	py=$(venv_python)
	cat >"$work/run" <<END
duckdb() { "$py" -c 'import sys, duckdb; print(duckdb.sql(sys.argv[1]))' "\$2"; }
set -e
trap 'echo "failed: \$BASH_COMMAND"' ERR
$(cat "$work/tour")
END
	cd "$work"
	run bash run
	echo "$output"
	[ "$status" -eq 0 ]
	# what the text promises: bad rows are kept, the lake is read back by vehicle
	[ -s bad.ndjson ]
	[ "$(find lake -name '*.ndjson.zst' | wc -l)" -ge 8 ]
	[[ "$output" == *"veh-08"*"count_star()"* || "$output" == *"count_star()"*"veh-08"* ]]
}
