#!/usr/bin/env bats
# tlm-filter: answers are those of the jq command; what differs on purpose is tested here by hand.

load common.bash

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	"$TLM_TOP/tests/kit/example-files" .
}

# like_jq OPTIONS... PROGRAM FILE: output and status are jq's (-c is our default).
like_jq() {
	local theirs ours their_status=0 our_status=0
	theirs=$(jq -c "$@" 2>/dev/null) || their_status=$?
	ours=$(tlm-filter --rejects /dev/null "$@" 2>/dev/null) || our_status=$?
	same "$theirs" "$ours" && [ "$their_status" -eq "$our_status" ] || { echo "$@: $their_status $our_status"; false; }
}

@test "generated programs and records give the answers of the jq command" {
	need jq python3
	cd "$TLM_TOP"
	tests/differential/filter --pairs 2000 --seed 11
}

@test "the same through libjq's workers" {
	need jq python3
	cd "$TLM_TOP"
	tests/differential/filter --pairs 500 --seed 12 --evaluator libjq
}

@test "what is JSON and what is not, as a second parser has it" {
	cd "$TLM_TOP" && tests/differential/verdicts --records 3000 --seed "${SEED:-7}"
}

@test "--marks: they pass on in their place, unseen and uncounted, through both evaluators" {
	local how
	printf '%s\n' '{"v":1}' '{"_tlm":{"time_us":1,"source":"x"}}' '{"v":2}' '{"v":1}' '{"_tlm": {"time_us":2}}' \
		'{"_tlm":{"time_us":3},"v":1}' '{"v":3}' >in
	for how in native libjq; do
		status_of tlm-filter --marks --evaluator $how --stats --rejects bad 'if .v == 1 then .v, 7 else empty end' in
		same $'1\n7\n{"_tlm":{"time_us":1,"source":"x"}}\n1\n7\n{"_tlm": {"time_us":2}}' "$(cat out)"
		[ "$(stat_of read) $(stat_of kept) $(stat_of filtered) $(stat_of rejected) $(stat_of out)" = '5 2 2 1 4' ]
		[ "$(jq -c '[.line, .reason, .message]' bad)" = '[6,"mark","the mark has a field beside _tlm: is it a record?"]' ]
		status_of tlm-filter --marks --evaluator $how --rejects bad --where '.v == 2' in
		same $'{"_tlm":{"time_us":1,"source":"x"}}\n{"v":2}\n{"_tlm": {"time_us":2}}' "$(cat out)"
	done
	# without the option they are records
	status_of tlm-filter --where '._tlm.time_us == 3' in
	same '{"_tlm":{"time_us":3},"v":1}' "$(cat out)"
	# a mark is no output for -e
	status_of tlm-filter -e --marks --where '.v == 9' <<<'{"_tlm":{"time_us":1}}'
	[ "$status" = 4 ]
}

@test "--marks is refused where lines are not records" {
	for how in -r -j -R -C --tab '--indent 2'; do
		# shellcheck disable=SC2086
		status_of tlm-filter --marks $how . <<<'{}'
		[ "$status" = 2 ]
		grep -q -- "--marks: with ${how%% *}\|--marks: with --indent and --tab" err
	done
	status_of tlm-filter --marks -S -a . <<<'{"b":"\u00e9","a":1}'
	[ "$status" = 0 ]
}

@test "a pattern that could run for ever does not hang: the record goes to libjq, whose limits decide" {
	local slow i
	slow="\"$(printf 'a%.0s' {1..40})!\""
	for i in {1..9}; do printf '%s\n"aaa"\n' "$slow"; done >in
	status_of timeout 60 tlm-filter --evaluator native --rejects bad 'test("^(a+)+$")' in
	[ "$status" -eq 0 ]
	[ "$(sort out | uniq -c | tr -s ' ')" = " 9 true" ]
	[ "$(wc -l <bad)" -eq 9 ]
	cmp <(tlm-filter -c .raw bad | jq -r .) <(grep ! in)
	printf '%s\n' "$slow" >one
	like_jq 'try test("^(a+)+$") catch "slow: \(.)"' one
	like_jq -R '[., (try test("^\"(a+)+$") catch "slow: \(.)")]' one
}

@test "both evaluators reject the same records in the order of the lines, with the same messages" {
	printf 'ab\n\xff\ncd\n' >lines
	printf '%s\n' '{"a":1}' nan '"x"' >records
	for p in error '{a:.}|error' 'error(null), error("y")'; do
		for e in native libjq; do
			run tlm-filter -R --evaluator $e --rejects "lines.$e" "$p" lines
			run tlm-filter --evaluator $e --rejects "records.$e" "$p" records
		done
		cmp lines.native lines.libjq
		cmp records.native records.libjq
	done
	same $'1\n2\n3' "$(tlm-filter .line lines.libjq)"
	status_of tlm-filter '$__prog_args' records
	[ "$status" -eq 3 ]
}

@test "a selected record leaves as its own bytes, an untouched field keeps its text" {
	printf '%s\n' ' {"a": 9007199254740993, "b":1.10,"c":"\u00e9", "a":9007199254740995 }	' '{"a":1}' >odd.ndjson
	same "$(head -1 odd.ndjson)" "$(tlm-filter 'select(.b > 1)' odd.ndjson)"
	same "$(head -1 odd.ndjson)" "$(tlm-filter 'select(.b | . > 1)' odd.ndjson)"
	same "$(head -1 odd.ndjson)" "$(tlm-filter --evaluator libjq 'select(.b > 1)' odd.ndjson)"
	cmp <(tlm-filter . odd.ndjson) odd.ndjson
	same '{"x":1.10,"c":"\u00e9","y":9007199254740995}' "$(tlm-filter 'select(.b)|{x:.b,c,y:.a}' odd.ndjson)"
	same '{"a":2,"b":1.10,"c":"\u00e9"}' "$(tlm-filter 'select(.b) | .a = 2' odd.ndjson)"
}

@test "neighbours that match leave in one piece; CR, blank lines and a missing last line end" {
	printf '{"a":1}\r\n{"a":2}\n\n{"a":3}\n{"a":0}\n  \n{"a":4}' >lines.ndjson
	status_of tlm-filter --stats 'select(.a > 0)' lines.ndjson
	same $'{"a":1}\n{"a":2}\n{"a":3}\n{"a":4}' "$(cat out)"
	[ "$(stat_of read) $(stat_of kept) $(stat_of filtered) $(stat_of empty) $(stat_of out)" = "5 4 1 2 4" ]
}

@test "records that the scanner passes over are counted, and are those that the program drops" {
	yes '{"id":1,"w":"LAT"}' | head -n 5000 >many
	{ cat many; printf '%s\n' '{"id":2,"w":"SPEED"}' x '{"id":3,"w":"SPEEDS"}' '{"id":4,"w":"SPE\u0045D"}' '{"id":5}'; cat many; } >in
	for p in 'select(.w == "SPEED")' 'select(.w == "SPEED" and .id < 5) | {w, id}' 'select(.w == "SPEED" or .id == 5)' 'select(.w != "LAT")'; do
		same "$(grep -v x in | jq -c "$p")" "$(tlm-filter -q --rejects bad "$p" in | jq -c .)"
	done
	status_of tlm-filter --stats --rejects bad 'select(.w == "SPEED")' in
	same '10005 2 10002 1' "$(stat_of read) $(stat_of kept) $(stat_of filtered) $(stat_of rejected)"
	# up to the record that ends the run, and not behind it
	status_of tlm-filter --stats --strict 'select(.w == "SPEED")' in
	same "5002 1 5000 1" "$(stat_of read) $(stat_of kept) $(stat_of filtered) $(stat_of rejected)"
	has err 'in:5002 (byte 1)'
}

@test "of several starts of a loop only the first reads the paths of the record, as in jq" {
	echo '{"a":[],"b":[10,20],"c":7}' >in
	for p in 'reduce .a[] as $v (1, null; .)' 'reduce .b[] as $v (1, 2; . + $v)' 'reduce .c as $v (1, (2 | . + 1); [., $v])' 'foreach .b[] as $v (1, 2; . + $v)' 'reduce .b[] as $v (.c; . + $v)'; do
		same "$(jq -c "$p" in 2>/dev/null)" "$(tlm-filter -q --evaluator native --rejects /dev/null "$p" in)"
	done
}

@test "jq's options: -r -j -R -S -a -c --tab --indent" {
	printf '%s\n' '{"b":[1,{"d":"é\n","c":[]}],"a":{}}' '"x😀"' '[]' '1.5' >in
	for o in -c -r -j -S -a -rS -ja; do like_jq "$o" . in; done
	like_jq -r '.b?,.' in
	like_jq -ra '.b?,.' in
	like_jq -R . in
	like_jq -Rr '[.,length]' in
	same "$(jq --tab . in)" "$(tlm-filter --tab . in)"
	same "$(jq --tab -S . in)" "$(tlm-filter --tab --sort-keys . in)"
	for n in 1 2 3 7; do same "$(jq --indent $n . in)" "$(tlm-filter --indent $n . in)"; done
	same "$(jq -c . in)" "$(tlm-filter --indent 0 . in)"
	same "$(jq -c . in)" "$(tlm-filter --indent 2 -c . in)"
	for o in "-c --indent 3" "--indent 3 -c" "--tab -c" "-c --tab" "--tab --indent 2" "--indent 2 --tab" "-c --indent 0 --tab"; do
		# shellcheck disable=SC2086
		same "$(jq $o . in)" "$(tlm-filter $o . in)"
	done
	same "$(jq -C . in)" "$(tlm-filter -C --indent 2 . in)"
	same "$(jq -cC . in)" "$(tlm-filter -C . in)"
	for colors in '4;31' '0;30:0;31:0;32:0;33:0;34:1;35:1;36' : none; do
		same "$(JQ_COLORS=$colors jq -cC . in 2>/dev/null)" "$(JQ_COLORS=$colors tlm-filter -C . in)"
		same "$(JQ_COLORS=$colors jq -S -C '[., input]' in in 2>/dev/null)" "$(JQ_COLORS=$colors tlm-filter -S -C --indent 2 '[., input]' in in)"
	done
	same "$(jq -cC . in)" "$(tlm-filter --color-output . in)"
	same "$(jq -cM . in)" "$(tlm-filter -M . in)"
	same "$(jq -cM . in)" "$(tlm-filter --monochrome-output . in)"
	same "$(tlm-filter -r . in)" "$(tlm-filter --raw-output . in)"
	same "$(tlm-filter -j . in)" "$(tlm-filter --join-output . in)"
	same "$(tlm-filter -a . in)" "$(tlm-filter --ascii-output . in)"
	same "$(tlm-filter -R . in)" "$(tlm-filter --raw-input . in)"
	same "$(tlm-filter -c . in)" "$(tlm-filter --compact-output . in)"
	for o in -r -j -S -a -R '-a -S' '-C'; do
		# shellcheck disable=SC2086
		same "$(tlm-filter $o '[.]' in)" "$(tlm-filter $o --evaluator libjq '[.]' in)"
	done
}

@test "what the page says of the differences from jq is so" {
	# a row of the table for each item, and a case in each
	sed -n '/^\.Ss Where it differs from jq/,/^\.Sh/p' "$TLM_TOP/man/tlm-filter.1" >section
	rows=$(grep -c '^\.It [0-9]' section)
	same "$(seq "$rows")" "$(sed -n 's/^\.It \([0-9]*\) .*/\1/p' section)"
	same "$rows" "$(grep -c '^\.It$' section)"
	same "$rows" "$(grep -c '^\.Bd -literal' section)"
	case $(jq --version) in jq-1.6*) ;; *) skip "the cases are those of jq 1.6" ;; esac
	"$TLM_TOP/tests/kit/run-examples" "$TLM_TOP/man/tlm-filter.1" . 'Where it differs from jq'
}

@test "every other option of jq 1.6 to 1.8 means the same, or is refused in words" {
	printf '%s\n' '{"b":"é\u0001","a":[1,{"c":null}]}' '"x y"' '[3,1]' null false >in
	for o in -C '-C -S' '-C --indent 2' -M --color-output --monochrome-output --unbuffered --compact-output --raw-output --ascii-output \
		--sort-keys --join-output --null-input --slurp --raw-input '--raw-input --slurp' --exit-status -rj -rS -cr -nr -sR -L. '-L .'; do
		# shellcheck disable=SC2086
		like_jq $o '., (.a? // 1)' in
	done
	like_jq -n 'input_filename, input_line_number'
	like_jq '$ARGS.named | keys' --arg a 1 --argjson b 2 in
	echo '{"a":2}' >two
	like_jq '-.a' two
	like_jq -c '-7 * .a' two
	like_jq -r '-(.a | tostring | tonumber)' -c two
	while read -r option words; do
		status_of tlm-filter "$option" . in
		[ "$status" -eq 2 ]
		has err "unknown option $option; $words"
	done <<-'E'
		--argfile --slurpfile NAME FILE
		--stream-errors a line that is no JSON is a reject
		--binary output is never changed
		--build-configuration jq tells
		--debug-dump-disasm --explain says
		--debug-trace --explain says
	E
}

@test "variables: --arg --argjson --slurpfile --rawfile --args --jsonargs" {
	printf '{"a":1}\n[2,\n 3]  "x"5 null' >values
	echo null >in
	like_jq --arg x '1 "é"' --arg x 2 '[$x, $ARGS.named]' in
	like_jq --argjson x ' {"a": [1,2]}' '[$x.a, ($x.a[1] > 1)]' in
	like_jq --slurpfile x values '$x' in
	like_jq --rawfile x values '$x' in
	same "$(jq -c '[$ARGS.positional]' --args a b <in)" "$(tlm-filter '[$ARGS.positional]' --args a b <in)"
	same '[[{"a":1},2,"z"]]' "$(tlm-filter --jsonargs '[$ARGS.positional]' '{"a":1}' 2 --args z <in)"
	same '["a"]' "$(tlm-filter '$ARGS.positional' in --args a)"
	for e in native libjq; do
		same '["1",{"x":"1","y":[2]},["p"]]' \
			"$(tlm-filter --evaluator $e --arg x 1 --argjson y '[2]' '[$x,$ARGS.named,$ARGS.positional]' in --args p)"
	done
	same '{"a":5}' "$(echo '{"a":5}' | tlm-filter --argjson n 4 'select(.a > $n)')"
	same '{"a":"u"}' "$(echo '{"a":"u"}' | tlm-filter --arg n u 'select(.a == $n)')"
	status_of tlm-filter --argjson x '{' . in
	[ "$status" -eq 2 ]
	grep -q -- '--argjson x: not JSON' err
	status_of tlm-filter --slurpfile x missing . in
	[ "$status" -eq 2 ]
	status_of tlm-filter --jsonargs . in '{'
	[ "$status" -eq 2 ]
}

@test "--where is select; -f reads a program with comments; operands are then sources" {
	same "$(jq -c 'select(.value > 90)' trips.ndjson)" "$(tlm-filter --where '.value > 90' trips.ndjson)"
	same "$(jq -c 'select(.value > 90)' trips.ndjson)" "$(tlm-filter --where '.value > 90 # fast' trips.ndjson)"
	printf '# fast ones\nselect(.value > 90) # only\n | .deviceId\n' >p.jq
	same "$(jq -r -f p.jq trips.ndjson)" "$(tlm-filter -rf p.jq trips.ndjson)"
	same "$(jq -r -f p.jq trips.ndjson)" "$(tlm-filter trips.ndjson --from-file p.jq -r)"
	status_of tlm-filter -f p.jq --where . trips.ndjson
	[ "$status" -eq 2 ]
	status_of tlm-filter -f missing.jq trips.ndjson
	[ "$status" -eq 2 ]
	# no program at all is one that changes nothing, but at a terminal
	same "$(jq -c <trips.ndjson)" "$(tlm-filter <trips.ndjson)"
	[[ $(script -qec 'tlm-filter; echo "status $?"' /dev/null) == *'no program'*'status 2'* ]]
}

@test "-e: 0, 1 and 4 by the last output, 5 wins" {
	printf '%s\n' true null >last_null
	printf '%s\n' null '{"a":1}' >last_object
	for f in last_null last_object; do
		for p in . '.a?' 'select(. == 7)' 'not' '[.]'; do
			like_jq -e "$p" $f
			like_jq --exit-status "$p" $f
		done
	done
	# jq says 4 when the last record alone gave nothing; here the last output decides
	status_of tlm-filter -e 'select(.)' last_null
	[ "$status" -eq 0 ]
	echo '"x"' >bad
	status_of tlm-filter -e .a bad
	[ "$status" -eq 5 ]
}

@test "a bad program: status 3, the place, the line and a mark; nothing is read" {
	local p place
	while IFS=$'\t' read -r p place; do
		status_of tlm-filter "$p" trips.ndjson
		[ "$status" -eq 3 ]
		[ ! -s out ]
		grep -qF "tlm-filter: program: line 1, column $place" err || { cat err; false; }
	done <<-'END'
		.a | )	6: unexpected ')'
		select(.a > )	13: unexpected ')'
		.a ==	6: unexpected end of the program
		{a:1+2}	5: unexpected '+'
		.a == 1 == 2	9: unexpected '=='
		"x	1: a string without its closing quote
		"\q"	2: invalid escape in a string
		$x	1: $x is not defined
		1/0	2: division by zero
		if . then 1 end	13: unexpected 'end'
		{(1):2}	3: number cannot be the key of an object
		1.2.3	1: invalid number
		.a.[0]	4: unexpected '['
	END
	status_of tlm-filter $'.a |\n  é + )' trips.ndjson
	[ "$status" -eq 3 ]
	same $'tlm-filter:     é + )\ntlm-filter:     ^\ntlm-filter: program: line 2, column 3: unexpected \'é\'' "$(cat err)"
	status_of tlm-filter --where '.a) | (.b' trips.ndjson
	[ "$status" -eq 3 ]
	grep -qF "program: line 1, column 3: unexpected ')'" err
	status_of tlm-filter 'nosuch(1)' trips.ndjson
	[ "$status" -eq 3 ]
	grep -q 'nosuch/1 is not defined' err
}

@test "an error on a record is a reject with jq's message; the stream goes on" {
	printf '%s\n' '{"a":1}' '{"a":"x"}' '{"a":3}' >in
	status_of tlm-filter --rejects bad '.a + 1' in
	[ "$status" -eq 0 ]
	same $'2\n4' "$(cat out)"
	same '{"reason":"program","source":"in","line":2,"message":"string (\"x\") and number (1) cannot be added","raw":"{\"a\":\"x\"}","tool":"tlm-filter"}' \
		"$(cat bad)"
	status_of tlm-filter '.a + 1' in
	[ "$status" -eq 5 ]
	same $'2\n4' "$(cat out)"
	status_of tlm-filter --strict '.a + 1' in
	[ "$status" -eq 5 ]
	same 2 "$(cat out)"
	like_jq '.a, (.a + 1)' in
	status_of tlm-filter --stats --rejects /dev/null '.a, (.a + 1)' in
	[ "$(stat_of read) $(stat_of kept) $(stat_of rejected) $(stat_of out)" = "3 2 1 5" ]
}

@test "what only libjq knows runs in its workers, and cannot stop the stream" {
	printf '%s\n' '{"a":"x,y"}' '{"a":"b"}' >in
	for p in 'def f: .a; f' '.a | sub("x";"y")' '[.a | splits(",")]' '. as {a: $x} | $x' '@base64 "v\(.a)"' 'limit(1; .a, 2)' \
		'.a | test("^x")' 'with_entries(.value |= length)' 'paths' '[..]' 'label $f | 1, break $f, 2'; do
		like_jq "$p" in
	done
	printf '%s\n' '{"n":1}' '{"n":0}' '{"n":2}' >in
	status_of tlm-filter --rejects bad 'if .n == 0 then [repeat(1)] else .n end' in
	[ "$status" -eq 0 ]
	same $'1\n2' "$(cat out)"
	same limit "$(jq -r .reason bad)"
	status_of tlm-filter 'if .n == 0 then "bye\n" | halt_error(9) else .n end' in
	[ "$status" -eq 9 ]
	same 1 "$(cat out)"
	same bye "$(cat err)"
	status_of tlm-filter -L "$BATS_TEST_TMPDIR" 'import "m" as m; m::f' in
	[ "$status" -eq 3 ]
	echo 'def f: .n + 1;' >m.jq
	same $'2\n1\n3' "$(tlm-filter -L "$BATS_TEST_TMPDIR" 'import "m" as m; m::f' in)"
	same $'2\n1\n3' "$(tlm-filter --library-path "$BATS_TEST_TMPDIR" 'import "m" as m; m::f' in)"
	mkdir mods
	echo 'import "k" as k; def g: k::h;' >mods/m.jq
	echo 'def h: .n + 2;' >mods/k.jq
	like_jq -L mods 'import "m" as m; m::g' in
}

@test "the environment is there when a program asks for it, and only then" {
	same '"v"' "$(echo 1 | FOO=v tlm-filter '$ENV.FOO')"
	same '"v"' "$(echo 1 | FOO=v tlm-filter 'env.FOO')"
	same '"14:00"' "$(echo 1 | TZ=Asia/Tokyo tlm-filter '18000 | strflocaltime("%H:%M")')"
}

@test "a native program has a budget for each record; the next record goes on" {
	printf '%s\n' '{"n":1}' '{"n":3}' '{"n":2}' >in
	status_of tlm-filter --evaluator native --rejects bad \
		'if .n == 3 then "x" * 1e8 | [., ., .] | [., ., .] | tojson | length else .n end' in
	[ "$status" -eq 0 ]
	same $'1\n2' "$(cat out)"
	same limit "$(jq -r .reason bad)"
	status_of tlm-filter --evaluator native --rejects bad \
		'if .n == 3 then [0,1,2,3,4,5,6,7,8,9] | [.[],.[],.[],.[],.[],.[],.[],.[],.[],.[]] | [.[] + .[] + .[] + .[]] else .n end' in
	[ "$status" -eq 0 ]
	same $'1\n2' "$(cat out)"
	same limit "$(jq -r .reason bad)"
}

@test "--evaluator and --explain" {
	same 'evaluator: native' "$(tlm-filter --explain '.a' | head -1)"
	grep -q "^evaluator: libjq, .* because of 'todate'" <(tlm-filter --explain '.a | todate')
	grep -q 'because of --evaluator' <(tlm-filter --explain --evaluator libjq .)
	same 'paths: .a.b .c["x y"] .d[0]' "$(tlm-filter --explain 'select(.a.b == 1 and .c["x y"] and .d[0])' | tail -1)"
	status_of tlm-filter --evaluator native '.a | todate' trips.ndjson
	[ "$status" -eq 3 ]
	same "$(tlm-filter --explain .)" "$(tlm-filter --dry-run . trips.ndjson)"
	echo old >rejects
	tlm-filter --explain --rejects rejects . trips.ndjson
	same old "$(cat rejects)"
}

@test "-n -s --stream and programs that read by themselves do as the jq command does" {
	printf '%s\n' '{"a":1,"b":[1,2]}' '' '{"a":2}' 3 '"x"' >in
	printf '%s\n' null true >more
	like_jq -n '1 + 1'
	like_jq -n '[inputs]' in more
	like_jq -n 'reduce inputs as $x (0; . + 1)' in
	like_jq -n 'first(inputs)' in
	like_jq -n '[limit(3; repeat(input))]' in
	like_jq -n '[range(2000000)] | length'
	like_jq -n 'error("x")'
	like_jq -n '"x" | halt_error(3)'
	like_jq -ne 'null'
	like_jq '[., input]' in
	like_jq 'input' in
	like_jq -s . in more
	like_jq -s 'map(.a?) | add' in
	like_jq -s . /dev/null
	like_jq -Rs 'length' in
	like_jq -nR '[inputs]' in
	printf 'a\r\nb' >unended
	printf 'c\n\r\n\rd\r' >returns
	for how in -R -Rs -Rr -Rsr -nR -nRs; do
		like_jq "$how" '[., inputs] | tojson' unended
		like_jq "$how" '[., length]' returns
	done
	like_jq -Rs . unended returns
	like_jq --stream . in
	like_jq -n --stream '[inputs | select(length == 2)]' in
	like_jq -s --stream . in
	like_jq -ns '[inputs]' in more
	like_jq -nRs "input | length" in
	like_jq 'input_line_number' in
	like_jq '[input_filename]' in more
	# where a record stands is told to libjq too
	like_jq '[., input_filename, input_line_number] | @json | sub("1"; "x")' in more
	like_jq -R '[., input_filename, input_line_number] | @json' in more
	like_jq -n '[inputs | [., input_filename, input_line_number]]' in more
	like_jq -n '[input_filename, input, input_line_number]' in more
	like_jq -s '[., input_filename, input_line_number]' in more
	like_jq '[., input, input_filename, input_line_number]' in more
	like_jq 'def input_filename: "mine"; [input_filename, input_line_number] | @csv' in more
	# what a program calls that we do not read to its end, libjq is asked: modules, and what is nested deep
	mkdir -p mods
	echo 'def twice: tojson + tojson; def following: input; def name: input_filename; def home: env.HOME;' >mods/m.jq
	like_jq -L mods 'include "m"; [twice, input_filename, input_line_number]' in more
	like_jq -L mods 'import "m" as m {"x": "\";"}; # ; "
		[., m::following, input_line_number]' in more
	like_jq -L mods -n 'include "m"; [following, input_filename]' in more
	like_jq -L mods 'include "m"; home' in
	like_jq "$(printf '(%.0s' {1..250})[., input, input_filename]$(printf ')%.0s' {1..250})" in more
	status_of tlm-filter -L mods 'include "m"; name' in
	[ "$status" = 3 ]
	same 'tlm-filter: program: a module calls input_filename or input_line_number, which only the program itself can' "$(cat err)"
	[[ $(tlm-filter --explain -L mods 'include "m"; following') == *'because of a call of input' ]]
	seq 100000 >big
	like_jq -n '[inputs] | add' big
	like_jq 'input - .' big
}

@test "the books, the rejects and the death of a program that reads by itself" {
	seq 9 >in
	status_of tlm-filter --stats --rejects bad 'if . == 5 then error("five") else [., input] end' in
	[ "$status" -eq 0 ]
	has err '"read":9,"kept":8,"filtered":0,"late":0,"rejected":1,'
	same '5 five in' "$(jq -r '"\(.line) \(.message) \(.source)"' bad)"
	status_of tlm-filter --rejects bad -n '[inputs] | error("end")' in
	[ "$status" -eq 0 ]
	same '9 end' "$(jq -r '"\(.line) \(.message)"' bad)"
	printf '1\n{"a":\n2\n' >in
	status_of tlm-filter --rejects bad -s -c . in
	same '[1,2]' "$(cat out)"
	same json "$(jq -r .reason bad)"
	if [ "$(jq --version)" = jq-1.6 ]; then
		status_of tlm-filter 'input | 1e19 % -1' in
		[ "$status" -eq 5 ]
		has err 'the program ended the worker of libjq'
	fi
	status_of tlm-filter --marks 'input' in
	[ "$status" -eq 2 ]
	has err 'a program that reads by itself has no place for them'
	status_of tlm-filter 'inputs | tlm::iso' in
	[ "$status" -eq 3 ]
	has err "tlm::iso is native only, and only libjq runs 'inputs'"
}

@test "a program that reads by itself answers a live line at once" {
	mkfifo live
	tlm-filter 'input' <live >out &
	exec 9>live
	printf '1\n2\n' >&9
	for _ in $(seq 100); do
		[ -s out ] && break
		sleep 0.05
	done
	same 2 "$(cat out)"
	exec 9>&-
	wait
	# what stands behind its last record is not judged, in one batch or in several
	printf '%s\n' 1 2 bad 3 >ends
	for program in 'empty 0' 'input,input 0' 'first(inputs) 0' 'input,input,input 5' 'inputs 5'; do
		status_of tlm-filter -n "${program% *}" ends
		[ "$status" = "${program#* }" ]
	done
	# batches without a good record have no answer
	timeout 20 tlm-filter -v -s . <live >out 2>err &
	pid=$!
	exec 9>live
	for line in 1 2 3; do
		echo bad >&9
		within 5 grep -q "^tlm-filter: -:$line " err
	done
	echo 1 >&9
	exec 9>&-
	wait "$pid" || same 5 $?
	same '[1]' "$(cat out)"
	# so does a run that goes on, and a signal finds what it put out in the books
	tlm-filter --stats -n 'inputs' <live >more 2>err &
	pid=$!
	exec 9>live
	printf '1\n2\n' >&9
	within 5 grep -q 2 more
	kill -TERM "$pid"
	wait "$pid" || same 143 $?
	exec 9>&-
	has err '"open":2,"out":2,'
}

@test "--seq and --raw-output0: the separators of RFC 7464, and NUL" {
	printf '\036{"a":1}\n\036{"a":2}\n' >in
	same "$(printf '\0361\n\0362\n' | od -c)" "$(tlm-filter --seq .a in | od -c)"
	same "$(printf '\0361\n\0362\n' | od -c)" "$(tlm-filter --seq --evaluator libjq .a in | od -c)"
	same "$(printf '\036{"a":1}\n\036{"a":2}\n' | od -c)" "$(tlm-filter --seq . in | od -c)"
	same "$(printf 'x\0001\000' | od -c)" "$(tlm-filter -n --raw-output0 '"x", 1' | od -c)"
	same "$(printf 'x\0001\000' | od -c)" "$(tlm-filter -n --evaluator libjq --raw-output0 '"x", 1' | od -c)"
}

@test "tlm::time, tlm::iso and tlm::haversine" {
	echo '{"t":"2026-11-22T10:00:00.5+01:00","lat":52.2,"lon":21}' >in
	same '1795338000500000' "$(tlm-filter 'tlm::time(.t)' in)"
	same '"2026-11-22T09:00:00.500Z"' "$(tlm-filter 'tlm::time(.t) | tlm::iso' in)"
	same '111195' "$(tlm-filter 'tlm::haversine(.lat; .lon; .lat + 1; .lon) | round' in)"
	status_of tlm-filter 'tlm::time(.t) | todate' in
	[ "$status" -eq 3 ]
	has err "tlm::time is native only, and only libjq runs 'todate'"
	status_of tlm-filter --evaluator libjq 'tlm::time(.t)' in
	[ "$status" -eq 3 ]
}

@test "long names of options and jq's own spellings mean the same" {
	same "$(tlm-filter --where '.value > 90' trips.ndjson)" "$(tlm-filter 'select(.value > 90)' --output - trips.ndjson)"
	same "$(tlm-filter -S . trips.ndjson)" "$(tlm-filter --sort-keys . trips.ndjson)"
	same '"veh-1"' "$(tlm-filter .deviceId trips.ndjson | head -1)"
}

@test "real telemetry: selects and projections give jq's answers" {
	need jq
	need_data automobile-telematics.ndjson.zst
	zstd -dc "$TLM_DATA/automobile-telematics.ndjson.zst" | head -20000 >real.ndjson
	for p in 'select(.variable == "Vehicle speed")' '{deviceId, v: .value, alarmClass}' 'select(.value | test("^[0-9.]+$"))' \
		'select(.timeMili) | .timeMili += 1 | .x.y = (.value | split(",") | length)' \
		'select(.value | contains(",")) | .value | split(",") | map(tonumber) | {lat: .[0], lon: .[1]}' \
		'try (.value |= tonumber) catch .' '.variable |= ascii_downcase | del(.timestamp)' '[.value, (.value | tonumber?) // -1]'; do
		like_jq "$p" real.ndjson
	done
}

@test "records as deep as --max-depth allows run natively; libjq rejects what is deeper than 256" {
	need python3
	python3 -c 'print("[" * 9999 + "1" + "]" * 9999)' >deep
	for p in . '[.] | .[0]' '[., .] | .[1]' 'if . == . then . else 0 end' '.[0] |= .'; do
		tlm-filter --max-depth 10000 -S "$p" deep | cmp - deep
	done
	status_of tlm-filter --max-depth 10000 --evaluator libjq --rejects bad . deep
	[ "$status" -eq 0 ]
	same program "$(tlm-filter --max-line 1M -r .reason bad)"
	status_of tlm-filter --dry-run .a nofile -o out2
	[ "$status" -eq 0 ]
	[ ! -e out2 ]
}

@test "a record has one answer, whichever way it is evaluated" {
	python3 "$TLM_TOP/tests/kit/oneanswer.py"
}
