#!/usr/bin/env bats
# Real telemetry through the tools, compared with DuckDB. The data is not part of the project.

load common

real() {
	run "$(venv_python)" "$TLM_TOP/tests/kit/realdata.py" "$1" "$TLM_DATA" "$BATS_TEST_TMPDIR"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "automobile-telematics: hours by device and variable" {
	need_data automobile-telematics.ndjson.zst
	real automobile
}

@test "automobile-telematics as CSV: replayed into a lake and read back" {
	need_data automobile-telematics.csv.zst
	real automobile-csv
}

@test "warsaw-buses: ten minutes by vehicle; ahead and late by the rule" {
	need_data warsaw-buses.ndjson.zst
	real warsaw
}

@test "kit-obd2: 77 CSV files, quarters of an hour" {
	need_data kit-obd2.tar.zst
	real kit
}

@test "f1-testing: laps, and hopping windows" {
	need_data f1-testing.ndjson.zst
	real f1
}

@test "all statistical aggregates on all four, against numpy and DuckDB" {
	need_data automobile-telematics.ndjson.zst
	need_data warsaw-buses.ndjson.zst
	need_data kit-obd2.tar.zst
	need_data f1-testing.ndjson.zst
	real statistics
}

@test "values that hold, and all that depends on the order of records, against DuckDB's window functions" {
	need_data f1-testing.ndjson.zst
	need_data warsaw-buses.ndjson.zst
	need_data automobile-telematics.ndjson.zst
	need_data kit-obd2.tar.zst
	real series
}
