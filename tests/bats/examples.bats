#!/usr/bin/env bats
# The EXAMPLES of every man page do what the page says.

load common

setup() {
	"$TLM_TOP/tests/kit/example-files" "$BATS_TEST_TMPDIR"
}

run_page() {
	cd "$TLM_TOP"
	run tests/kit/run-examples "man/$1" "$BATS_TEST_TMPDIR"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "tlm-replay.1" { run_page tlm-replay.1; }
@test "tlm-filter.1" { run_page tlm-filter.1; }
@test "tlm-agg.1" { run_page tlm-agg.1; }
@test "tlm-s3put.1" { run_page tlm-s3put.1; }
@test "tlm.7" { run_page tlm.7; }

@test "every tool has its page among these" {
	for t in "$TLM_TOP"/cmd/*/; do
		grep -q "$(basename "$t")\.1" "$BATS_TEST_FILENAME"
	done
}
