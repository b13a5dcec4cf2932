#!/usr/bin/env bats
# tlm-filter --jobs N: every byte is that of --jobs 1, whatever N is.
load common

# Bad lines of several kinds, blank ones, CRs, values of several types, marks good and bad; and a second input.
setup_file() {
	cd "$BATS_FILE_TMPDIR" || return 1
	"$TLM_TOP/${TLM_BUILD:-build}/kit/fleetgen" ndjson 30000 >plain
	awk 'function rnd(n) { seed = (seed * 16807) % 2147483647; return seed % n }
		BEGIN { seed = 20261126 }
		{
			if (rnd(700) == 0) print "{\"deviceId\":\"veh-1\",\"timeMili\":12x}"
			if (rnd(900) == 0) print "[1,2]"
			if (rnd(900) == 0) print "\"\377\""
			if (rnd(900) == 0) print "[[[[[[[[[[[[1]]]]]]]]]]]]"
			if (rnd(500) == 0) print ""
			if (rnd(800) == 0) printf "{\"_tlm\":{\"time_us\":%d}}\n", 1790000000000000 + NR
			if (rnd(900) == 0) print "{\"_tlm\":{\"time_us\":true}}"
			if (rnd(300) == 0) { sub(/"value":/, "\"value\":\"") ; sub(/,"variable/, "\",\"variable") }
			if (rnd(300) == 0) { sub(/"value":[^,]*/, "\"value\":null") }
			if (rnd(400) == 0) { sub(/"variable":"[A-Z_]*"/, "\"variable\":[1]") }
			if (rnd(400) == 0) { $0 = $0 "\r" }
			print
		}' plain >messy
	head -c 300000 messy | head -n -1 >small
	printf '%s\n' '{"value":1,"s":"a"}' '{"value":2' '{"value":3}' >tiny
	zstd -q messy -o messy.zst || gzip -k messy
	rm -f plain
}

# same_for_all ARGUMENTS...: runs with 1, 2, 3 and 7 jobs; output, rejects, messages, books and status are one.
same_for_all() {
	local n
	cd "$BATS_FILE_TMPDIR" || return 1
	for n in ${JOBS_TRIED:-1 2 3 7}; do
		rm -rf "${BATS_TEST_TMPDIR:?}/$n" && mkdir -p "$BATS_TEST_TMPDIR/$n"
		tlm-filter --jobs "$n" --stats --max-depth 10 --rejects "$BATS_TEST_TMPDIR/$n/rejects" "$@" \
			>"$BATS_TEST_TMPDIR/$n/out" 2>"$BATS_TEST_TMPDIR/$n/err" && status=0 || status=$?
		echo "$status" >"$BATS_TEST_TMPDIR/$n/status"
		sed -E -i 's/"(elapsed|seconds|start|end|duration|rate|mb|cpu|rss|lag)[a-z_]*":[^,}]*//g' "$BATS_TEST_TMPDIR/$n/err"
		diff -r "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/$n" | head -5
		diff -rq "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/$n" >/dev/null
	done
	[ -s "$BATS_TEST_TMPDIR/1/err" ]
}

@test "jobs: selects, templates, computed values, errors" {
	same_for_all . messy
	[ -s "$BATS_TEST_TMPDIR/7/rejects" ]
	same_for_all 'select(.variable == "SPEED" and .value > 80)' messy
	same_for_all '{deviceId, v: (.value * 3.6)}' messy
	same_for_all '.value += 1' messy
	same_for_all '.value | ltrimstr("1"), tostring' messy
	same_for_all 'if .value > 50 then error("no") else .deviceId, .value end' messy
	same_for_all 'select(.deviceId | test("7$"))' messy
	same_for_all 'input_line_number, input_filename' small tiny messy
	same_for_all 'empty' messy
}

@test "jobs: several inputs, small and compressed ones, lines that are too long" {
	same_for_all '.value += 1' messy tiny small tiny messy.*
	same_for_all --max-line 200 'select(.value > 10)' messy tiny small
	same_for_all . missing tiny messy
	same_for_all . tiny
	same_for_all . /dev/null
}

@test "jobs: options of jq" {
	same_for_all -r '.deviceId' messy
	same_for_all -j '.variable' messy
	same_for_all -R 'length' messy
	same_for_all -R 'if length % 7 == 0 then error else . end' messy
	same_for_all -S --indent 2 . small
	same_for_all -e '.value > 50' messy
	same_for_all -e 'select(.value > 1000000)' small
	same_for_all --seq . messy
	same_for_all --raw-output0 '.deviceId' messy
	same_for_all -n '1, 2' messy
	same_for_all -n '1, error("x"), 2' messy
	same_for_all -s 'length' tiny
	same_for_all -n '[inputs] | length' small
}

@test "jobs: marks" {
	same_for_all --marks 'select(.value > 60)' messy
	grep -q _tlm "$BATS_TEST_TMPDIR/7/out"
	same_for_all --marks '[.value]' messy
	same_for_all --marks --evaluator libjq '.value' small
}

@test "jobs: rejects that end the run" {
	same_for_all --strict . messy
	same_for_all --max-rejects 10 'if .value > 50 then .value, error("no") else .value end' messy
	[ "$(wc -l <"$BATS_TEST_TMPDIR/7/rejects")" -eq 10 ]
	same_for_all '.value.x' messy
	same_for_all --max-rejects 3 --evaluator libjq '.value.x' small
}

@test "jobs: outputs far larger than the input" {
	JOBS_TRIED='1 3' same_for_all '., [range(.value + 500)]' small
	JOBS_TRIED='1 2' same_for_all 'range(.value; .value + 300)' tiny small
}

@test "jobs: programs that libjq runs" {
	same_for_all '@base64 "\(.value)"' small tiny
	same_for_all --evaluator libjq '.value += 1' messy
	same_for_all --evaluator libjq 'if .value > 50 then error("no") else .deviceId, .value end' small
	same_for_all --evaluator libjq 'if .value == 3 then halt_error else .value end' tiny small
	[ "$(cat "$BATS_TEST_TMPDIR/1/status")" -eq 5 ]
	same_for_all --evaluator libjq 'if .value == 3 then ("x" * 1e9 | length) else .value end' tiny
	same_for_all -R --evaluator libjq 'length' small
}

@test "jobs: a record that native programs leave to libjq stays in its place" {
	cd "$BATS_FILE_TMPDIR"
	awk 'NR % 500 == 100 { printf "{\"s\":\""; for (i = 0; i < 34; i++) printf "a"; print "b\"}" } { print "{\"s\":\"aa" NR "\"}" }' messy |
		head -n 4000 >slow
	same_for_all 'select(.s | test("^(a|aa|aaa)+$"))' slow
	same_for_all '[.s, (.s | test("^(a|aa)+$"))]' slow
}

@test "jobs: a live pipe gives its lines at once" {
	python3 - <<-'E'
		import subprocess, time
		p = subprocess.Popen(["tlm-filter", "--jobs", "3", ".value += 1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
		for i in range(50):
		    start = time.monotonic()
		    p.stdin.write(b'{"value":%d}\n' % i)
		    assert p.stdout.readline() == b'{"value":%d}\n' % (i + 1)
		    assert time.monotonic() - start < 1
		p.stdin.close()
		assert p.wait() == 0
	E
}

@test "jobs: numbers that are none" {
	for n in 0 65 x -1; do
		status_of tlm-filter --jobs "$n" . /dev/null
		[ "$status" -eq 2 ]
	done
}
