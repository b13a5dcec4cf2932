# agg.bash: loaded by the bats files of tlm-agg, behind common.bash: a folder with a few trips.

setup() {
	cd "$BATS_TEST_TMPDIR"
	cat >trips <<'END'
{"ts":"2026-11-22T10:00:00Z","id":"a","v":80.5}
{"ts":"2026-11-22T10:00:10Z","id":"a","v":90}
{"ts":"2026-11-22T10:00:20Z","id":"b","v":null}
{"ts":"2026-11-22T10:01:20Z","id":"b","v":3}
END
}

agg() { status_of tlm-agg "$@"; }
