#!/usr/bin/env bats
# tlm-replay: CSV and NDJSON in, records out: as they are, selected, in order, at their pace.

load common.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	"$TLM_TOP/tests/kit/example-files" .
}

@test "golden cases: CSV into NDJSON" {
	local case want
	for case in "$TLM_TOP"/tests/golden/replay/*.cmd; do
		want=${case%.cmd}
		status_of bash -c "cd '$TLM_TOP/tests/golden/replay' && $(cat "$case")"
		same "$(cat "$want.out")" "$(cat out)" || { echo "$case"; false; }
		same "$(cat "$want.err" 2>/dev/null)" "$(cat err)" || { echo "$case"; false; }
		[ "$status" -eq "$(cat "$want.status" 2>/dev/null || echo 0)" ] || { echo "$case: $status"; false; }
	done
}

@test "NDJSON leaves byte for byte, from files, pipes and compressed" {
	printf '%s\n' '{"a":9007199254740993,"b":1.10,"c":"\u00e9"}' ' [1, 2] ' '"x"' >odd.ndjson
	cmp <(tlm-replay odd.ndjson) odd.ndjson
	cmp <(tlm-replay <odd.ndjson) odd.ndjson
	cmp <(cat odd.ndjson | tlm-replay --rate 1e9) odd.ndjson
	cmp <(tlm-replay day.ndjson.zst) trips.ndjson
	cmp <(tlm-replay --time timeMili:ms --from 1970-01-01T00:00:00Z trips.ndjson) trips.ndjson
	cmp <(tlm-replay trips.csv.zst) trips.ndjson
}

@test "bad lines are rejected alone, blank ones and line ends are dropped" {
	printf '{"a":1}\r\n\n{"a":\n{"a":2}\n   \n{"a":3}' >mixed.ndjson
	status_of tlm-replay --rejects bad.ndjson --stats mixed.ndjson
	[ "$status" -eq 0 ]
	same $'{"a":1}\n{"a":2}\n{"a":3}' "$(cat out)"
	[ "$(stat_of read) $(stat_of kept) $(stat_of rejected) $(stat_of empty)" = "4 3 1 2" ]
	same '{"reason":"json","source":"mixed.ndjson","line":3}' "$(sed 's/,"byte".*/}/' bad.ndjson)"
	status_of tlm-replay mixed.ndjson
	[ "$status" -eq 5 ]
	status_of tlm-replay --strict mixed.ndjson
	[ "$status" -eq 5 ]
}

@test "--strict and --max-rejects: what was read and good before goes out, held or not" {
	printf '{"t":%s}\n' 1 5 3 '' 6 >a.ndjson
	printf '{"t":%d}\n' 2 4 9 >b.ndjson
	{ printf '{"t":1}\n{"t":5}\n{"t":3}\n' && head -c 3000 /dev/zero | tr '\0' x && echo && echo '{"t":6}'; } >long.ndjson
	local stop pace bad
	for stop in "--strict" "--max-rejects 1"; do
		for bad in a long; do
			for pace in "" "--speed 1e9" "--rate 1e6"; do
				# shellcheck disable=SC2086
				status_of tlm-replay --max-line 1K --time t:s --sort-window 10s $pace $stop --stats $bad.ndjson
				[ "$status" -eq 5 ]
				same $'{"t":1}\n{"t":3}\n{"t":5}' "$(cat out)"
				[ "$(stat_of read) $(stat_of kept) $(stat_of rejected)" = "4 3 1" ]
				# shellcheck disable=SC2086
				status_of tlm-replay --max-line 1K --time t:s $pace $stop --stats $bad.ndjson b.ndjson
				[ "$status" -eq 5 ]
				same $'{"t":1}\n{"t":2}\n{"t":4}\n{"t":5}\n{"t":3}\n{"t":9}' "$(cat out)"
				[ "$(stat_of read) $(stat_of kept) $(stat_of rejected)" = "7 6 1" ]
			done
		done
	done
}

@test "a new time that no format can hold ends the run behind the records that have one" {
	printf '{"t":%d}\n' 1 2 3 >t.ndjson
	status_of tlm-replay --time t:s --rebase shift --rebase-to 9999-12-31T23:59:58Z --stats t.ndjson
	[ "$status" -eq 2 ]
	same $'{"t":253402300798}\n{"t":253402300799}' "$(cat out)"
	[ "$(stat_of read) $(stat_of kept)" = "2 2" ]
}

@test "a record without a usable time is rejected where one is needed" {
	printf '%s\n' '{"t":1}' '{}' '[1]' '{"t":null}' '{"t":"x"}' '{"t":2}' >t.ndjson
	status_of tlm-replay --time t:s --speed 1000 --rejects bad.ndjson t.ndjson
	[ "$status" -eq 0 ]
	same $'{"t":1}\n{"t":2}' "$(cat out)"
	same $'no_time 2\nnot_object 3\nno_time 4\nno_time 5' \
		"$(sed 's/.*"reason":"\([a-z_]*\)".*"line":\([0-9]*\).*/\1 \2/' bad.ndjson)"
	cmp <(tlm-replay --time t:s t.ndjson) t.ndjson
}

@test "a row without a time is rejected with its line and its own text" {
	printf 'a,t\n"x\ny",1\n"z\nz",\nw,3\n' >rows.csv
	tlm-replay --time t:s --from 1970-01-01T00:00:00Z --rejects bad.ndjson rows.csv >out
	same '{"reason":"no_time","source":"rows.csv","line":4,"message":"t is null","raw":"\"z\nz\",","tool":"tlm-replay"}' \
		"$(cat bad.ndjson)"
	same $'{"a":"x\\ny","t":1}\n{"a":"w","t":3}' "$(cat out)"
}

@test "a quote that never closes costs one line, not the file" {
	{ echo 'n,s'; echo '1,"open'; seq 2 30000 | sed 's/$/,x/'; } >open.csv
	for limit in 1K 64K 1M; do
		status_of tlm-replay --max-line $limit --rejects bad.ndjson open.csv
		[ "$status" -eq 0 ]
		[ "$(wc -l <out)" -eq 29999 ]
		grep -q '"line":2,"byte":3,"message":"a quote does not close' bad.ndjson
	done
}

@test "a line above the limit in a CSV" {
	{ echo 'a,b'; echo '1,2'; head -c 5000 /dev/zero | tr '\0' x; echo; echo '3,4'; } >long.csv
	status_of tlm-replay --max-line 1K --rejects bad.ndjson --stats long.csv
	[ "$status" -eq 0 ]
	same $'{"a":1,"b":2}\n{"a":3,"b":4}' "$(cat out)"
	[ "$(stat_of read) $(stat_of rejected)" = "3 1" ]
	tail -n 2 long.csv >headless.csv
	status_of tlm-replay --max-line 1K headless.csv
	[ "$status" -eq 2 ]
	grep -q 'the header is longer than --max-line' err
}

@test "line ends that are a lone carriage return are named, not taken for one long header" {
	printf 'a,b\r1,2\r3,4\r' >mac.csv
	status_of tlm-replay mac.csv trips.csv
	[ "$status" -eq 2 ]
	grep -q '^tlm-replay: mac.csv:1 .*: the header has a carriage return without a line feed' err
	cmp out trips.ndjson
	printf '"a\rb",c\r\n1,2\r\n' >quoted.csv
	same '{"a\rb":1,"c":2}' "$(tlm-replay quoted.csv)"
}

@test "latin1 is the encoding of the input, not of the command line" {
	printf 'caf\xe9\n\xfc\n' >latin.csv
	same '{"café":"ü"}' "$(tlm-replay --encoding latin1 --types café:str latin.csv)"
	same '{"né":"ü"}' "$(tlm-replay --encoding latin1 --header né --types né:str --skip-lines 1 latin.csv)"
}

@test "suffixes, and the options that say otherwise" {
	printf 'a\tb\n1\tx,y\n' >t.tsv
	gzip -k t.tsv
	same '{"a":1,"b":"x,y"}' "$(tlm-replay t.tsv)"
	same '{"a":1,"b":"x,y"}' "$(tlm-replay t.tsv.gz)"
	same '{"a":1,"b":"x,y"}' "$(tlm-replay --tsv <t.tsv)"
	same '{"a":1,"b":"x,y"}' "$(cp t.tsv t.txt; tlm-replay --csv --delimiter '\t' t.txt)"
	cp trips.ndjson trips2.csv
	cmp <(tlm-replay --ndjson trips2.csv) trips.ndjson
}

@test "CSV that nobody called CSV is told from bad JSON" {
	status_of tlm-replay <trips.csv
	[ "$status" -eq 5 ]
	same 'tlm-replay: -: looks like CSV or TSV: say --csv or --tsv' "$(head -n 1 err)"
	status_of tlm-replay --ndjson trips.csv
	if grep -q 'looks like' err; then false; fi
	echo '{"a":1,' | tlm-replay 2>err || true
	if grep -q 'looks like' err; then false; fi
}

@test "from and to are a half-open interval of recorded time" {
	status_of tlm-replay --time timeMili:ms --from 1795341610000 --to 2026-11-22T10:00:40Z --stats trips.csv
	[ "$status" -eq 0 ]
	cmp out <(sed -n 2,3p trips.ndjson)
	[ "$(stat_of read) $(stat_of kept) $(stat_of filtered)" = "6 2 4" ]
}

@test "limit" {
	local way
	for way in "" "--rate 100000" "--time timeMili:ms --speed max --to 2030-01-01T00:00:00Z"; do
		# shellcheck disable=SC2086
		status_of tlm-replay --limit 4 --stats $way trips.ndjson
		cmp out <(head -n 4 trips.ndjson)
		[ "$(stat_of kept) $(stat_of out)" = "4 4" ]
	done
	same "$(head -n 2 trips.ndjson)" "$(tlm-replay --limit 2 trips.csv)"
	same "$(cat trips.ndjson trips.ndjson | head -n 8)" "$(tlm-replay --limit 8 --loop 5 trips.csv)"
}

@test "limit: nothing behind it is judged" {
	local options
	printf 'a\n1\n2\n3,4\n' >bad.csv
	for options in "" "--strict" "--rate 1e9" "--time a:s --from 1970-01-01T00:00:00Z"; do
		# shellcheck disable=SC2086
		status_of tlm-replay --limit 2 $options --stats bad.csv
		[ "$(stat_of read) $(stat_of rejected)" = "2 0" ]
	done
	printf '{"a":1}\n{"a":2}\n}\n' >bad.ndjson
	status_of tlm-replay --limit 2 --strict --stats bad.ndjson
	[ "$status $(stat_of read) $(stat_of rejected)" = "0 2 0" ]
}

@test "several inputs are merged as sort -s does, or follow one another" {
	need jq
	for i in 1 2 3 4 5; do
		awk -v s=$i 'BEGIN { srand(s); t = 0; for (i = 0; i < 2000; i++) { t += int(rand() * 3);
			printf "{\"t\":%d,\"f\":%d,\"n\":%d}\n", t, s, i } }' >in$i.ndjson
	done
	cat in?.ndjson | awk -F'[:,]' '{ print $2 "\t" $0 }' | sort -s -n -k1,1 | cut -f2 >want
	tlm-replay --time t:s in1.ndjson in2.ndjson in3.ndjson in4.ndjson in5.ndjson | cmp - want
	cmp <(tlm-replay in2.ndjson in1.ndjson) <(cat in2.ndjson in1.ndjson)
	cmp <(tlm-replay --rate 1e9 in2.ndjson in1.ndjson) <(cat in2.ndjson in1.ndjson)
	# a good record that waits for its turn is one of the first thousand
	yes '{' | head -n 1500 >wrong.ndjson
	status_of tlm-replay --time t:s --stats in1.ndjson wrong.ndjson
	[ "$(stat_of kept) $(stat_of rejected)" = "2000 1500" ]
}

@test "more inputs than open files by default are merged" {
	local i
	for i in $(seq 100); do echo "{\"t\":$i}" >"in$i.ndjson"; done
	(ulimit -Sn 40 && tlm-replay --time t:s in*.ndjson >out)
	cmp out <(seq 100 | sed 's/.*/{"t":&}/')
}

@test "the sort window puts in order what it holds, as sort -s does" {
	awk 'BEGIN { srand(7); for (i = 0; i < 20000; i++) printf "{\"t\":%d,\"n\":%d}\n", i + int(rand() * 50), i }' >in.ndjson
	awk -F'[:,]' '{ print $2 "\t" $0 }' in.ndjson | sort -s -n -k1,1 | cut -f2 >want
	tlm-replay --time t:s --sort-window 50s in.ndjson | cmp - want
	if cmp -s <(tlm-replay --time t:s --sort-window 20s in.ndjson) want; then false; fi
	# what is beyond the window leaves at once
	printf '{"t":%d}\n' 10 20 3 30 >late.ndjson
	status_of tlm-replay --time t:s --sort-window 5s --stats late.ndjson
	same $'{"t":10}\n{"t":3}\n{"t":20}\n{"t":30}' "$(cat out)"
	[ "$(stat_of disorder)" -eq 1 ]
}

@test "rebase keeps format and type and every other byte" {
	local to=2030-12-31T23:59:59.75Z
	rebase() { tlm-replay --rebase shift --rebase-to "$1" --time "$2"; }
	same '{"x":1.10, "t" : "2031-01-01 05:29:59.750+05:30"}
{"t":"2031-01-01T05:30:00.50","y":"\u00e9"}
{"t":"2031-01-01T00:00:01Z"}' "$(printf '%s\n' '{"x":1.10, "t" : "2026-11-22 10:00:00.500+05:30"}' \
		'{"t":"2026-11-22T10:00:01.25","y":"\u00e9"}' '{"t":"2026-11-22T04:30:02Z"}' | rebase $to t)"
	same '{"t":0.5}
{"t":"1.123456789"}
{"t":2}
{"t":-1.25}' "$(printf '%s\n' '{"t":1.5}' '{"t":"2.123456789"}' '{"t":3}' '{"t":-0.25}' | rebase 1970-01-01T00:00:00.500Z t:s)"
	same '{"a":{"t":500000123}}' "$(echo '{"a":{"t":1597602602000000123}}' | rebase 1970-01-01T00:00:00.5Z a.t:ns)"
	same '{"t":"23:59:59.990"}
{"t":"00:00:00.48"}' "$(printf '%s\n' '{"t":"19:09:16.202"}' '{"t":"19:09:16.70"}' |
		rebase 1970-01-01T23:59:59.990Z t:%H:%M:%S.%f)"
	same '{"t":"-0.5"}' "$(echo '{"t":"10.0"}' | rebase 1969-12-31T23:59:59.5Z t:%s.%f)"
	same '{"t":"59%f.5"}' "$(echo '{"t":"01%f.2"}' | rebase 1970-01-01T00:00:59.5Z t:%S%%f.%f)"
	same '{"t":" 2 Jan 2030,  3\t 3"}' "$(echo '{"t":"22 Nov 2026, 10\t10"}' | rebase 2030-01-02T03:04:05Z 't:%e %h %Y, %k%t%l')"
	same '{"t":"22/11/2026 at 10"}' "$(echo '{"t":"01/02/2020 at 03"}' | rebase 2026-11-22T10:00:00Z 't:%d/%m/%Y at %H')"
}

@test "rebase: gaps are cut, scale follows the schedule, the default is now" {
	need jq
	same '0 10 20 30 40 50' "$(tlm-replay --time timeMili:ms --rebase shift --rebase-to 1970-01-01T00:00:00Z --max-gap 10s \
		trips.ndjson | jq .timeMili/1000 | xargs)"
	same '0 10 30 40 65 100' "$(tlm-replay --time timeMili:ms --rebase scale --speed 1000 --rebase-to 1970-01-01T00:00:00Z \
		trips.ndjson | jq .timeMili | xargs)"
	same '0 25 50 75' "$(tlm-replay --time timeMili:ms --rebase scale --rate 40 --limit 4 --rebase-to 1970-01-01T00:00:00Z \
		trips.ndjson | jq .timeMili | xargs)"
	[ "$(tlm-replay --time timeMili:ms --rebase shift trips.ndjson | jq -s '.[0].timeMili / 1000 - now | fabs < 30')" = true ]
}

@test "loops move the times on, count each record once, and refuse what can be read once" {
	need jq
	status_of tlm-replay --time timeMili:ms --loop 3 --stats trips.ndjson
	same '0 10 30 40 65 100 120 130 150 160 185 220 240 250 270 280 305 340' \
		"$(jq '.timeMili / 1000 - 1795341600' out | xargs)"
	[ "$(stat_of read) $(stat_of kept) $(stat_of out)" = "6 6 18" ]
	cmp <(tlm-replay --loop 2 trips.csv) <(cat trips.ndjson trips.ndjson)
	printf 'x\n{"a":1}\n' >bad.ndjson
	status_of tlm-replay --loop 3 --rejects r --stats bad.ndjson
	[ "$(wc -l <r) $(wc -l <out) $(stat_of read)" = "1 3 2" ]
	status_of tlm-replay --loop 2 - <trips.ndjson
	[ "$status" -eq 2 ]
	mkfifo fifo
	status_of tlm-replay --loop inf fifo
	[ "$status" -eq 2 ]
	tlm-replay --loop inf trips.ndjson | head -n 100000 | wc -l | grep -q 100000
	for options in "" "--time timeMili:ms"; do
		cp trips.ndjson gone.ndjson
		# shellcheck disable=SC2086
		timeout 20 tlm-replay $options --loop inf gone.ndjson 2>err | { head -n 1 && rm gone.ndjson && cat; } >out
		[ "${PIPESTATUS[0]}" -eq 2 ]
		[ "$(wc -l <err)" -eq 2 ]
		has err "nothing is left to play"
	done
}

@test "speed: records leave by the clock, neither early nor all at once" {
	# 100 s of recording at 100 times its speed is one second
	local start end
	start=$(date +%s%3N)
	tlm-replay --time timeMili:ms --speed 100 --stats trips.csv 2>err | while read -r line; do
		echo $(($(date +%s%3N) - start)) "$line"
	done >times
	end=$(date +%s%3N)
	[ $((end - start)) -ge 1000 ]
	awk 'BEGIN { split("0 100 300 400 650 1000", due) } $1 < due[NR] - 1 { print "early:", $0; bad = 1 } END { exit bad || NR != 6 }' times
	[ -n "$(stat_of emit_error_p99_us)" ]
	[ "$(awk 'NR == 1 { print ($1 < 900) }' times)" = 1 ]
}

@test "rate: no more than it says" {
	local start end
	start=$(date +%s%3N)
	seq 101 | tlm-replay --rate 200 >out
	end=$(date +%s%3N)
	[ $((end - start)) -ge 500 ]
	[ "$(wc -l <out)" -eq 101 ]
}

@test "catchup: skip leaves out, stretch and burst do not" {
	# the reader sleeps while two seconds of records are due; 4,000 records fill the pipe
	seq 0 3999 | sed 's/.*/{"t":&,"pad":"'"$(head -c 200 /dev/zero | tr '\0' x)"'"}/' >long.ndjson
	late() { tlm-replay --time t:ms --speed 10 --catchup "$1" --stats long.ndjson 2>err | { sleep 0.7; wc -l; }; }
	[ "$(late burst)" -eq 4000 ]
	[ "$(late stretch)" -eq 4000 ]
	[ "$(late skip)" -lt 4000 ]
	[ $(($(stat_of kept) + $(stat_of filtered))) -eq 4000 ]
	[ "$(stat_of filtered)" -gt 0 ]
	# the one that waits for its moment while all stands still is late too; again, where that came before we stopped it
	printf '{"t":%d}\n' 0 1000 1001 >three
	for _ in 1 2 3 4 5; do
		tlm-replay --time t:ms --speed 1 --catchup skip --stats three >out 2>err &
		within 10 [ -s out ]
		kill -STOP $!
		if [ "$(wc -l <out)" -eq 1 ]; then break; fi
		kill -CONT $!
		wait $!
	done
	sleep 1.2
	kill -CONT $!
	wait $!
	same '{"t":0}' "$(cat out)"
	[ "$(stat_of kept) $(stat_of filtered)" = "1 2" ]
}

@test "a live pipe is passed on before its end, with and without a pace" {
	local options
	for options in "" "--rate 1000" "--time t:s --speed 1000" "--csv"; do
		rm -f pipe
		mkfifo pipe
		# shellcheck disable=SC2086
		tlm-replay $options <pipe >live &
		exec 9>pipe
		printf '{"t":1}\n{"t":2}\n' >&9
		for _ in $(seq 100); do [ "$(wc -l <live)" -ge 1 ] && break || sleep 0.02; done
		[ "$(wc -l <live)" -ge 1 ]
		exec 9>&-
		wait $!
	done
}

@test "a signal ends a slow replay at once, with the books in order" {
	local pid
	tlm-replay --time timeMili:ms --speed 0.01 --stats trips.ndjson >out 2>err 3>&- &
	pid=$!
	for _ in $(seq 100); do [ -s out ] && break || sleep 0.02; done
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ "$status" -eq 143 ]
	cmp out <(head -n 1 trips.ndjson)
	[ "$(stat_of read) $(stat_of kept)" = "1 1" ]
}

# signalled OPTIONS...: the tool reads two.ndjson and more from a fifo that stays open and silent, then gets SIGTERM.
signalled() {
	local pid
	rm -f silent
	mkfifo silent
	tlm-replay --stats "$@" >out 2>err 3>&- &
	pid=$!
	exec 9>silent
	printf '{"t":3}\n{"t":7}\n{"t":5}\n' >&9
	sleep 0.3
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	exec 9>&-
	[ "$status" -eq 143 ]
}

@test "a signal: what a sort window or a silent pipe held back leaves, what is not due does not" {
	printf '{"t":%d}\n' 2 8 >two.ndjson
	signalled --time t:s --sort-window 1h silent
	same $'{"t":3}\n{"t":5}\n{"t":7}' "$(cat out)"
	[ "$(stat_of read) $(stat_of kept)" = "3 3" ]
	signalled --time t:s two.ndjson silent
	same $'{"t":2}\n{"t":3}\n{"t":7}\n{"t":5}\n{"t":8}' "$(cat out)"
	signalled --time t:s --speed 1000 two.ndjson silent
	same $'{"t":2}\n{"t":3}\n{"t":7}\n{"t":5}\n{"t":8}' "$(cat out)"
	signalled --dry-run silent
	[ ! -s out ]
	signalled --time t:s --speed 0.01 two.ndjson silent
	same '{"t":2}' "$(cat out)"
	[ "$(stat_of read) $(stat_of kept)" = "1 1" ]
	# an input that goes on and on, and no record comes of it
	tlm-replay --time t:s --rejects /dev/null --stats=20ms --stop-timeout 30s - two.ndjson \
		< <(echo '{"t":1}' && yes '{}') >out 2>err 3>&- &
	pid=$!
	within 10 grep -q '"end":false,.*"rejected":[1-9]' err
	kill -TERM $pid
	within 10 grep -q '"end":true' err
	same $'{"t":1}\n{"t":2}\n{"t":8}' "$(cat out)"
}

@test "dry run: the line says what a replay would be" {
	status_of tlm-replay --dry-run --time timeMili:ms --speed 10 --max-gap 30s --loop 2 trips.csv
	[ "$status" -eq 0 ]
	same '{"tool":"tlm-replay","inputs":1,"records":6,"bytes":468,"filtered":0,"rejected":0,"empty":0,"duration_us":20900000,"min_time":"2026-11-22T10:00:00Z","max_time":"2026-11-22T10:01:40Z","span_us":100000000,"disorder":0,"disorder_max_us":0,"gap_max_us":35000000,"gap_max_at":"2026-11-22T10:01:05Z","gaps_cut":1,"gaps_cut_us":5000000}' "$(cat out)"
	same '{"tool":"tlm-replay","inputs":2,"records":12,"bytes":936,"filtered":0,"rejected":0,"empty":0,"duration_us":null}' \
		"$(tlm-replay --dry-run trips.csv trips.ndjson)"
	printf '{"t":%d}\n' 5 9 7 >d.ndjson
	tlm-replay --dry-run --time t:s d.ndjson | grep -q '"disorder":1,"disorder_max_us":2000000'
	tlm-replay --dry-run --rate 2 d.ndjson | grep -q '"duration_us":1000000}'
	mkfifo live
	tlm-replay --dry-run --stats=20ms live 2>err >out &
	pid=$!
	exec 9>live
	cat d.ndjson >&9
	within 10 grep -q '"end":false,.*"read":3,' err
	kill -USR1 "$pid"
	within 10 has err "tlm-replay: 3 records, "
	exec 9>&-
	wait
}

@test "a failed input is named, the others are read" {
	status_of tlm-replay missing.csv trips.csv
	[ "$status" -eq 2 ]
	same 'tlm-replay: missing.csv: cannot open: No such file or directory' "$(cat err)"
	cmp out trips.ndjson
	status_of tlm-replay --time timeMili:ms trips.csv missing.csv
	[ "$status" -eq 2 ]
	cmp out trips.ndjson
	status_of tlm-replay --types nocol:num trips.csv trips.ndjson
	[ "$status" -eq 2 ]
	grep -q "trips.csv: --types: the header has no column 'nocol'" err
	cmp out trips.ndjson
}

@test "options that cannot work are refused" {
	local options
	while read -r options; do
		# shellcheck disable=SC2086
		status_of tlm-replay $options trips.csv
		[ "$status" -eq 2 ] || { echo "$options: $status"; false; }
		[ "$(wc -l <err)" -eq 1 ] && [ ! -s out ] || { echo "$options"; cat err; false; }
	done <<-'END'
		--speed 2
		--speed -1 --time timeMili:ms
		--speed fast --time timeMili:ms
		--rate 0
		--rate x
		--from 2026-01-01T00:00:00Z
		--time timeMili:ms --from yesterday
		--time timeMili:ms --from 1795341610000 --to 1795341610000
		--time timeMili:parsec
		--max-gap 1s
		--max-gap 10 --time timeMili:ms
		--rebase shift
		--rebase sideways --time timeMili:ms
		--rebase scale --time timeMili:ms
		--rebase-to 2026-01-01T00:00:00Z --time timeMili:ms
		--sort-window 1s
		--loop 0
		--loop many
		--limit 0
		--catchup skip --time timeMili:ms
		--catchup nap --speed 1 --time timeMili:ms
		--csv --tsv
		--ndjson --types a:num
		--delimiter ;;
		--delimiter a
		--types a
		--types a:float
		--header a,"b
		--empty maybe
		--encoding utf-16
		--skip-lines -1
		kafka:trips
		--time timeMili:ms - -
	END
}

@test "random tables are read as python reads them" {
	need python3
	timeout 120 python3 "$TLM_TOP/tests/kit/csvcheck.py" "$TLM_BIN/tlm-replay" 40
	TLM_SIMD=portable timeout 120 python3 "$TLM_TOP/tests/kit/csvcheck.py" "$TLM_BIN/tlm-replay" 10
}

@test "automobile-telematics: the CSV is its NDJSON, byte for byte" {
	need_data automobile-telematics.csv.zst
	cmp <(tlm-replay --types value:str "$TLM_DATA/automobile-telematics.csv.zst") \
		<(zstd -dc "$TLM_DATA/automobile-telematics.ndjson.zst")
}

@test "kit-obd2 and twizy-ev: every row is read" {
	need_data kit-obd2.tar.zst
	need_data twizy-ev.tar.zst
	need jq
	tar --zstd -xf "$TLM_DATA/kit-obd2.tar.zst"
	tar --zstd -xf "$TLM_DATA/twizy-ev.tar.zst"
	status_of tlm-replay --stats kit_obd2/*.csv
	[ "$status $(stat_of kept) $(stat_of rejected)" = "0 2386985 0" ]
	[ "$(head -n 100000 out | jq -s 'map(.["Engine RPM [RPM]"] | numbers) | length > 0')" = true ]
	find twizy_ev -name '*.csv' -print0 | sort -z | xargs -0 tlm-replay --stats >out 2>err
	[ "$(stat_of kept) $(stat_of rejected)" = "55645 0" ]
	# impossible dates ("90/02/2032") are rejects once the time is needed
	find twizy_ev -name '*.csv' -print0 | sort -z |
		xargs -0 tlm-replay --time Date:%m/%d/%Y --sort-window 1d --rejects bad.ndjson --stats >out 2>err
	[ $(($(stat_of kept) + $(stat_of rejected))) -eq 55645 ]
	[ "$(stat_of rejected)" -eq "$(find twizy_ev -name '*.csv' -exec tail -q -n +2 {} + | cut -d, -f1 |
		python3 -c 'import sys, datetime
n = 0
for line in sys.stdin:
    m, d, y = map(int, line.split("/"))
    try:
        datetime.date(y, m, d)
    except ValueError:
        n += 1
print(n)')" ]
}

@test "openxc traces: the rejects are the file with words before its records, and blank lines are not" {
	need_data openxc-traces.tar.zst
	tar --zstd -xf "$TLM_DATA/openxc-traces.tar.zst"
	status_of tlm-replay --rejects bad.ndjson --stats openxc_traces/*
	[ "$status" -eq 0 ]
	[ "$(cut -d'"' -f8 bad.ndjson | sort | uniq -c | xargs)" = "$(grep -c . openxc_traces/drivingnew) openxc_traces/drivingnew" ]
	[ "$(stat_of empty)" -eq "$(cat openxc_traces/* | grep -c '^$')" ]
}

@test "random replays keep the order and the times of a plain model" {
	need python3
	timeout 120 python3 "$TLM_TOP/tests/kit/replaycheck.py" "$TLM_BIN/tlm-replay" 60
}

plain() { sed -E 's/.*"time_us":(-?[0-9]+).*/M\1/; s/\{"t":([0-9.]+)\}/\1/' | tr '\n' ' '; }
marks() { tlm-replay --time t:s --marks "$@" | plain; }

@test "--marks: behind each record that begins another second, whatever the speed" {
	printf '{"t":%s}\n' 0.5 0.9 1.5 1.4 3 2 3.9 4 >in
	local want='0.5 M500000 0.9 1.5 M1500000 1.4 3 M3000000 2 3.9 4 M4000000 '
	same "$want" "$(marks in)"
	same "$want" "$(marks --rate 10000 in)"
	same "$want" "$(marks <in)"
	same '0.5 M500000 0.9 1.5 1.4 3 M3000000 2 3.9 4 M4000000 ' "$(tlm-replay --time t:s --marks=2s in | plain)"
	# walked marks come besides, of whole seconds that lie in a gap
	marks --speed 10 in | tr ' ' '\n' | grep -v '^M[0-9]000000$' | tr '\n' ' ' >walked
	same '0.5 M500000 0.9 1.5 M1500000 1.4 3 2 3.9 4 ' "$(cat walked | tr -s '\n' ' ')"
	tlm-replay --time t:s --marks in | grep -q '^{"_tlm":{"time_us":500000,"source":"in"}}$'
	# a record that is due behind the end of the clock is not walked to
	printf '{"t":%d}\n' 0 200000000000 >in
	tlm-replay --time t:s --speed 0.000001 --marks in >far &
	within 10 [ -s far ]
	kill $!
	wait $! || true
	same '0 M0 ' "$(plain <far)"
}

@test "--marks: what is left out lets time pass; what is rewritten is told as written" {
	printf '{"t":%s}\n' 0 1 5 9 >in
	same 'M0 1 M1000000 5 M5000000 M9000000 ' "$(marks --from 1970-01-01T00:00:01Z --to 1970-01-01T00:00:09Z in)"
	same '100 M100000000 101 M101000000 105 M105000000 109 M109000000 ' "$(marks --rebase shift --rebase-to 1970-01-01T00:01:40Z in)"
	# a loop goes on in time; what is outside of --to is none of it then
	same '0 M0 1 M1000000 2 M2000000 3 M3000000 ' "$(marks --loop 2 --to 1970-01-01T00:00:05Z in)"
	# sorted and merged first
	printf '{"t":%s}\n' 7 6 >other
	same '0 M0 1 M1000000 5 M5000000 6 M6000000 7 M7000000 9 M9000000 ' "$(marks --sort-window 2s in other)"
	# those of the input go, bad ones are told
	printf '%s\n' '{"t":1}' '{"_tlm":{"time_us":9000000}}' '{"_tlm":1}' >in
	same '1 M1000000 ' "$(marks --rejects bad in)"
	[ "$(jq -c '[.line, .reason]' bad)" = '[3,"mark"]' ]
}

@test "--marks needs a time and an interval" {
	status_of tlm-replay --marks trips.ndjson
	[ "$status" = 2 ]
	grep -q -- '--marks: needs --time' err
	status_of tlm-replay --time timeMili:ms --marks=1us trips.ndjson
	[ "$status" = 2 ]
	grep -q -- '--marks 1us: must be at least 1ms' err
	status_of tlm-replay --time timeMili:ms --marks=x trips.ndjson
	[ "$status" = 2 ]
	status_of tlm-replay --time timeMili:ms --marks -J trips.ndjson
	[ "$status" = 2 ]
	grep -q -- '--marks: a mark has no envelope' err
}
