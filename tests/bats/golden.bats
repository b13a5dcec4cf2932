#!/usr/bin/env bats
# What the systems that tlm-agg and tlm-filter replace answered, from records of their own forms. The expected files come
# from tests/golden/agg/expect.py, which knows nothing of the tools.

load common

setup() {
	cd "$BATS_TEST_TMPDIR"
	golden="$TLM_TOP/tests/golden/agg"
}

@test "routes: count, mean delay and status in CSV files by time, and one latest CSV" {
	tlm-agg --time time -w 5m -g trip.route 'count, round(mean(delay_min), 2) as mean_delay' "$golden/routes.ndjson" |
		tlm-filter '.status = if .mean_delay == null then "UNKNOWN" elif .mean_delay <= 5 then "GOOD"
			elif .mean_delay <= 10 then "MODERATE" else "CRITICAL" end' |
		tlm-agg -w 5m -g trip.route 'sum(count) as records, first(mean_delay) as mean_delay, first(status) as status' \
			-o 'metrics-%Y%m%dT%H%M.csv' --latest metrics-latest.csv
	[ "$(ls)" = "$(cd "$golden" && ls metrics-*)" ]
	for f in metrics-*; do
		cmp "$f" "$golden/$f"
	done
	# all three states and a route without a delay are there
	for status in GOOD MODERATE CRITICAL UNKNOWN; do
		grep -q ",$status\$" metrics-2026*
	done
}

@test "fleet: the drivers with the most signals" {
	tlm-agg 'topk(driver, 3) as drivers' "$golden/fleet.ndjson" | cmp - "$golden/signals.ndjson"
	tlm-agg -g driver --top 1:count count "$golden/fleet.ndjson" >most
	same "$(jq -c '.drivers[0] | {driver: .value, count}' "$golden/signals.ndjson")" "$(cat most)"
}

@test "fleet: the last location of each vehicle, and several" {
	tlm-agg -g vehicle 'last(position) as position, last(ms) as ms' "$golden/fleet.ndjson" | cmp - "$golden/last.ndjson"
	tlm-agg -g vehicle 'values(position, 4) as track' "$golden/fleet.ndjson" | cmp - "$golden/tracks.ndjson"
	# by time, whatever the order of the lines
	shuf --random-source="$golden/fleet.ndjson" "$golden/fleet.ndjson" |
		tlm-agg --time ms:ms -g vehicle 'last(position) as position, last(ms) as ms' |
		jq -c 'del(.window_start, .window_end)' | cmp - "$golden/last.ndjson"
}

@test "fleet: calculations per vehicle and hour" {
	tlm-agg --time ms:ms -w 1h -g vehicle -o hours.csv 'count as records, round(mean(speed), 2) as mean_speed, max(speed),
		delta(odometer) as driven_km, p50(speed), count where .speed > 50 as fast' "$golden/fleet.ndjson"
	cmp hours.csv "$golden/hours.csv"
}

@test "the expected files are those of expect.py" {
	python3 "$golden/expect.py"
	for f in *; do
		cmp "$f" "$golden/$f"
	done
}
