#!/usr/bin/env bats
# The promises that every tool keeps, over every tool in build/bin. How each one is called stands in contract.bash.

load common
load contract

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	printf '{"a":1}\n{"a":2}\n{"a":3}\n' >three.ndjson
}

teardown() {
	local p
	for p in $(jobs -p); do
		kill -KILL "$p" 2>/dev/null || :
	done
	wait 2>/dev/null || :
}

# each FUNCTION: calls it for every tool, in a clean state, and names the tools where it fails; each_way FUNCTION: for
# every way to run them.
each() {
	each_of "$1" contract_tools
}

each_way() {
	each_of "$1" contract_ways
}

# Each line of the function counts, as in a test: so it is not called where bash takes no notice of them (if, ||, !).
each_of() {
	local t got bad=0
	for t in $("$2"); do
		use "$t"
		fresh
		set +e
		(
			trap - ERR DEBUG
			set -e
			status=none
			trap 'echo "$status" >last' EXIT
			"$1"
		)
		got=$?
		set -e
		if [ "$got" != 0 ]; then
			echo "# $t: $1: status $(cat last); stdout and stderr:"
			head -c 600 out err 2>/dev/null || :
			bad=1
		fi
	done
	return $bad
}

# The whole of stderr is one line that begins with the tool's name and does not end with a full stop.
is_one_message() {
	[ "$(wc -l <err)" = 1 ] && grep -q "^$TOOL: [^A-Z].*[^.]$" err
}

run_tool() {
	status_of timeout 20 "${CMD[@]}" "$@"
}

@test "contract.bash knows every tool" {
	for t in $(contract_tools); do
		use "$t"
	done
}

# ---- help, version, options ----

short_help() {
	status_of "$TOOL" -h
	[ "$status" = 0 ]
	[ ! -s err ]
	[ "$(wc -l <out)" -le 45 ]
	[ "$(wc -L <out)" -le 79 ]
	grep -q "^Usage: $TOOL " out
	grep -q -- '--help' out
}
@test "-h fits on one screen" { each short_help; }

long_help() {
	status_of "$TOOL" --help
	[ "$status" = 0 ]
	[ ! -s err ]
	[ "$(wc -L <out)" -le 79 ]
	grep -q -- '--stop-timeout' out
}
@test "--help is complete, no wider than 79 columns" { each long_help; }

version() {
	status_of "$TOOL" --version
	[ "$status" = 0 ] && [ ! -s err ] && [[ $(cat out) =~ ^$TOOL\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || return 1
	[ "$("$TOOL" -V)" = "$(cat out)" ]
}
@test "--version is one line" { each version; }

help_to_full_disk() {
	local o
	for o in -h --help --version; do
		status=0
		"$TOOL" $o >/dev/full 2>err || status=$?
		[ "$status" = 2 ] && is_one_message || return 1
	done
}
@test "help and version that cannot be written: status 2" { each help_to_full_disk; }

bad_option() {
	status_of "$TOOL" --nonsense
	[ "$status" = 2 ] && [ ! -s out ] && is_one_message && grep -q 'unknown option --nonsense$' err || return 1
	status_of "$TOOL" --stasts
	[ "$status" = 2 ] && is_one_message && grep -q 'did you mean --stats$' err
}
@test "an unknown option: one line, status 2, the nearest name" { each bad_option; }

bad_values() {
	run_tool --stop-timeout 5 three.ndjson
	[ "$status" = 2 ] && [ ! -s out ] && is_one_message && grep -q -- "--stop-timeout: duration '5' has no unit" err ||
		return 1
	run_tool --max-line 5Q three.ndjson
	[ "$status" = 2 ] && is_one_message && grep -q -- '--max-line' err || return 1
	run_tool --max-depth 0 three.ndjson
	[ "$status" = 2 ] && is_one_message && grep -q -- '--max-depth 0: must be 1 to 10000' err || return 1
	run_tool --color=red three.ndjson
	[ "$status" = 2 ] && is_one_message && grep -q 'auto, always or never' err || return 1
	run_tool three.ndjson --rejects
	[ "$status" = 2 ] && is_one_message && grep -q -- '--rejects: needs an argument' err
}
@test "a bad duration, size, number, word, a missing argument: one line, status 2" { each bad_values; }

accepted_options() {
	run_tool --unbuffered --line-buffered -q -v --no-progress three.ndjson
	[ "$status" = 0 ]
	[ ! -s err ]
	[ "$(arrived)" = 3 ]
}
@test "--unbuffered and --line-buffered change nothing" { each accepted_options; }

bad_places() {
	local p
	for p in http://host/x gs://bucket/x s3://bucket/x kafka:fleet kafka://fleet file:///x; do
		run_tool "$p"
		[ "$status" = 2 ] && [ ! -s out ] && is_one_message || { echo "# source $p"; return 1; }
		run_tool three.ndjson --rejects "$p"
		[ "$status" = 2 ] && [ ! -s out ] && is_one_message || { echo "# rejects $p"; return 1; }
		has_file_output || continue
		run_tool three.ndjson -o "$p"
		[ "$status" = 2 ] && [ ! -s out ] && is_one_message || { echo "# sink $p"; return 1; }
	done
	run_tool ""
	[ "$status" = 2 ] && is_one_message
}
rejects_of_source() {
	ln -f three.ndjson linked.ndjson
	run_tool three.ndjson --rejects linked.ndjson
	[ "$status" = 2 ] && [ ! -s out ] && is_one_message && [ "$(wc -l <three.ndjson)" = 3 ] || return 1
	run_tool --rejects linked.ndjson <three.ndjson
	[ "$status" = 2 ] && [ ! -s out ] && is_one_message && [ "$(wc -l <three.ndjson)" = 3 ]
}
@test "rejects do not go over a source" { each rejects_of_source; }

# With a limit, so that a tool that reads its own output does not fill the disk.
output_of_source() {
	local source
	has_file_output || return 0
	seq 10000 | sed 's/.*/{"a":&}/' >grown.ndjson
	for source in grown.ndjson -; do
		status=0
		(ulimit -f 1000 && "${CMD[@]}" "$source" <grown.ndjson 2>err >>grown.ndjson) || status=$?
		[ "$status" = 2 ] && is_one_message && [ "$(wc -l <grown.ndjson)" = 10000 ] || return 1
	done
}
@test "a source does not grow by what is made of it" { each output_of_source; }

@test "places of other kinds are refused by name" { each bad_places; }

# The long options and lone letters of --help: one per line. A line of an option begins with two or six blanks.
options_of_help() {
	"$TOOL" --help | sed -n '/^Also known: /{s/^Also known: //;:a;s/^ *//;p;n;ba}
		s/^  \(-.*\)$/\1/p; s/^      \(--.*\)$/\1/p' | sed 's/  .*//' | grep -o -- '\(^\|[ ,]\)--\?[a-zA-Z0-9][a-zA-Z0-9-]*' |
		tr -d ' ,' | sort -u
}

# The same of the man page: `.It Fl o , Fl -output Ar SINK` or `.It Fl o , -output Ar SINK`.
options_of_man() {
	awk '$1 == ".It" && $2 == "Fl" {
		for (i = 2; i <= NF; i++)
			if ($i ~ /^[A-Z][a-z]$/)
				is_flag = $i == "Fl"
			else if (is_flag && $i ~ /^-?[a-zA-Z0-9]/)
				print "-" $i
	}' "$TLM_TOP/man/$TOOL.1" | sort -u
}

man_agrees() {
	[ -f "$TLM_TOP/man/$TOOL.1" ] && [ -n "$(options_of_help)" ] || return 1
	diff <(options_of_help) <(options_of_man) >&3
}
@test "every option stands in --help and in the man page" { each man_agrees; }

# Every option in a completion script: bash and zsh have the word, fish has `-l name` or `-s x`.
has_all_options() {
	local o
	for o in $(options_of_help); do
		case $1:$o in
		fish:--*) grep -q -- " -l ${o#--} " out ;;
		fish:*) grep -q -- " -s ${o#-} " out ;;
		*) grep -q -- "[ '*|	]$o\([]['=+ )|-]\|\$\)" out ;;
		esac || { echo "# $1 has no $o"; return 1; }
	done
}

completions() {
	local shell
	for shell in bash zsh fish; do
		status_of "$TOOL" --completion $shell
		[ "$status" = 0 ] && [ ! -s err ] && has_all_options $shell || return 1
		command -v $shell >/dev/null || continue
		$shell -n out || return 1
	done
	status_of "$TOOL" --completion csh
	[ "$status" = 2 ] && is_one_message
}
@test "completions have every option and are valid in their shells" {
	need zsh fish
	each completions
}

bash_completion() {
	local words
	"$TOOL" --completion bash >completion
	words=$(bash --norc -c 'source ./completion; f=$(complete -p "$1"); f=${f#*-F }; f=${f%% *}
		COMP_WORDS=("$1" --stop-ti); COMP_CWORD=1; $f; echo "${COMPREPLY[@]}"
		COMP_WORDS=("$1" --color ""); COMP_CWORD=2; $f; echo "${COMPREPLY[@]}"' - "$TOOL") || return 1
	[ "$words" = "--stop-timeout
auto always never" ]
}
@test "bash completes names and values" { each bash_completion; }

dry_run() {
	run_tool --dry-run three.ndjson
	[ "$status" = 0 ] && [ -s out ] && [ ! -e "$LAKE" ] || return 1
	echo old >rejects
	{ cat three.ndjson && echo '{'; } >four
	run_tool --dry-run --rejects rejects four
	[ "$status" = 0 ] && [ "$(cat rejects)" = old ] && [ ! -s err ] || return 1
	run_tool --dry-run --rejects new three.ndjson
	[ "$status" = 0 ] && [ ! -e new ] || return 1
	has_file_output || return 0
	run_tool --dryrun three.ndjson -o result
	[ "$status" = 0 ]
	[ ! -e result ]
}
@test "--dry-run says something and does nothing" { each dry_run; }

# ---- what comes in ----

plain() {
	run_tool three.ndjson
	[ "$status" = 0 ] && [ ! -s err ] && [ "$(arrived)" = 3 ] || return 1
	fresh
	run_tool <three.ndjson
	[ "$status" = 0 ] && [ "$(arrived)" = 3 ] || return 1
	fresh
	run_tool three.ndjson - three.ndjson <three.ndjson
	[ "$status" = 0 ]
	[ "$(arrived)" = 9 ]
}
@test "files and stdin, one after the other" { each_way plain; }

empty() {
	: >empty
	run_tool empty
	[ "$status" = 0 ] && [ ! -s err ] && [ "$(arrived)" = 0 ] || return 1
	run_tool </dev/null
	[ "$status" = 0 ]
	[ ! -s err ]
	[ "$(arrived)" = 0 ]
}
@test "empty input: status 0" { each_way empty; }

line_ends() {
	printf '{"a":1}\n{"a":2}' >no_newline
	printf '{"a":1}\r\n{"a":2}\r\n' >crlf
	printf '\357\273\277{"a":1}\n{"a":2}\n' >bom
	printf '\n{"a":1}\n \t\n\r\n{"a":2}\n\n' >blank
	local f want=
	for f in no_newline crlf bom blank; do
		fresh
		run_tool --stats $f
		[ "$status" = 0 ] && [ "$(arrived)" = 2 ] || { echo "# $f"; return 1; }
		what_arrived >got.$f
		: "${want:=got.$f}"
		[ "$TOOL" = tlm-s3put ] || cmp "$want" got.$f || return 1
	done
	jq -e '.read == 2 and .empty == 4' err >/dev/null
}
@test "no final newline, CRLF, BOM, blank lines" { each_way line_ends; }

bad_records() {
	printf '{"a":1}\n{"a":\0}\n{"a":2}\n{"a":\377}\n[1,\n{"a":3}\n' >bad
	run_tool bad
	[ "$status" = 5 ] && [ "$(arrived)" = 3 ] && grep -q "^$TOOL: bad:2 (byte 6): " err &&
		grep -q '3 of 6 records rejected: 3 json' err || return 1
	fresh
	run_tool bad -q
	[ "$status" = 5 ] && [ ! -s err ] || return 1
	fresh
	run_tool bad --rejects rejects
	[ "$status" = 0 ] && [ ! -s err ] && [ "$(arrived)" = 3 ] || return 1
	jq -se --arg tool "$TOOL" 'length == 3 and all(.reason == "json" and .source == "bad" and .tool == $tool and .byte > 0)
		and [.[].line] == [2, 4, 5]' rejects >/dev/null || return 1
	# the raw bytes come back
	jq -r 'if .raw then .raw | @base64 else .raw_b64 end' rejects | while read -r b; do
		printf %s "$b" | base64 -d
		echo
	done >raw
	sed -n '2p;4p;5p' bad | cmp - raw || return 1
	fresh
	run_tool bad --rejects /dev/null
	[ "$status" = 0 ]
	[ ! -s err ]
}
@test "NUL, bad UTF-8, cut JSON: rejected with place and raw bytes, the others pass" { each_way bad_records; }

stops() {
	printf '{"a":1}\n}\n{"a":2}\n}\n{"a":3}\n' >bad
	run_tool bad --strict
	[ "$status" = 5 ] && is_one_message && grep -q 'bad:2 (byte 1): ' err || return 1
	! is_copy || [ "$(arrived)" = 1 ] || return 1
	fresh
	run_tool bad --max-rejects 2
	[ "$status" = 5 ] && grep -q 'limit of --max-rejects' err || return 1
	! is_copy || [ "$(arrived)" = 2 ] || return 1
	fresh
	yes nonsense | head -5000 >wrong
	run_tool wrong --stats
	[ "$status" = 5 ] && grep -q 'the first 1000 records were all rejected' err &&
		tail -1 err | jq -e '.read == 1000' >/dev/null || return 1
	fresh
	# one good record in front: it may be the right input
	(echo '{"a":1}' && cat wrong) >odd
	run_tool odd --stats -q
	[ "$status" = 5 ] && [ "$(arrived)" = 1 ] && jq -e '.read == 5001' err >/dev/null
}
@test "--strict, --max-rejects, and the wrong input stop" { each_way stops; }

too_long() {
	{
		cat three.ndjson
		printf '{"a":"%03000d"}\n' 7
		cat three.ndjson
	} >long
	run_tool --max-line 1K long --rejects rejects
	[ "$status" = 0 ] && [ "$(arrived)" = 6 ] || return 1
	jq -e '.reason == "too_long" and .line == 4 and .raw_bytes == 3008 and (.raw | length) <= 1024' rejects >/dev/null ||
		return 1
	fresh
	run_tool --max-line 1K long
	[ "$status" = 5 ]
	grep -q 'long:4: ' err
}
@test "an over-long line is rejected, the others pass" { each_way too_long; }

too_deep() {
	{
		printf '{"a":1}\n{"a":'
		printf '%0100d' 0 | tr 0 '['
		printf '%0100d' 0 | tr 0 ']'
		printf '}\n'
	} >deep
	run_tool deep --rejects rejects
	[ "$status" = 0 ] && jq -e '.reason == "too_deep"' rejects >/dev/null || return 1
	fresh
	run_tool deep --max-depth 101
	[ "$status" = 0 ]
	[ "$(arrived)" = 2 ]
}
@test "a record that is too deep is rejected" { each_way too_deep; }

slow_writer() {
	printf '{"a":1,"b":"\303\251\\u00e9"}\r\n\n{"a":[2]}\nx\n{"a":3}' >slow
	run_tool -q slow
	local want=$status
	what_arrived >want
	fresh
	status=0
	perl -e '$| = 1; open F, shift; while (sysread F, $c, 1) { syswrite STDOUT, $c; select undef, undef, undef, 0.001 }' slow |
		timeout 20 "${CMD[@]}" -q >out 2>err || status=${PIPESTATUS[1]}
	[ "$status" = "$want" ] && [ "$(arrived)" = 3 ] && cmp want <(what_arrived)
}
@test "bytes that come one at a time give the same result" { each_way slow_writer; }

live_line() {
	is_copy || return 0
	rm -f in
	mkfifo in
	"${CMD[@]}" <in >out 2>err &
	local pid=$!
	exec 9>in
	echo '{"a":1}' >&9
	status=none
	for _ in $(seq 200); do
		[ -s out ] && break
		sleep 0.01
	done
	[ "$(cat out)" = '{"a":1}' ] || return 1
	exec 9>&-
	wait $pid
}
@test "a live line leaves before the next one comes" { each_way live_line; }

missing_file() {
	run_tool three.ndjson nosuch three.ndjson
	[ "$status" = 2 ] && [ "$(arrived)" = 6 ] && is_one_message && grep -q 'nosuch: .*No such file or directory$' err
}
@test "a missing file among several: the others are read, status 2" { each_way missing_file; }

directory() {
	mkdir -p dir
	status=0
	timeout 20 "${CMD[@]}" <dir >out 2>err || status=$?
	[ "$status" = 2 ] && is_one_message && grep -q 'directory' err || return 1
	run_tool dir three.ndjson
	[ "$status" = 2 ] && [ "$(arrived)" = 3 ] && is_one_message && grep -q 'dir: .*directory' err
}
@test "a directory as input: status 2" { each_way directory; }

unreadable() {
	run_tool /proc/self/mem three.ndjson
	[ "$status" = 2 ] && [ "$(arrived)" = 3 ] && is_one_message && grep -q '/proc/self/mem: ' err
}
@test "an input that cannot be read: status 2, the others are read" { each_way unreadable; }

broken_zst() {
	seq -f '{"a":%.0f,"text":"some more bytes"}' 200000 >many
	zstd -q -f many -o whole.zst
	head -c "$(($(stat -c %s whole.zst) / 2))" whole.zst >half.zst
	run_tool half.zst three.ndjson
	[ "$status" = 2 ] && is_one_message && grep -q 'half.zst: broken zstd data' err &&
		[ "$(arrived)" -gt 100 ] && [ "$(arrived)" -lt 200003 ] || return 1
	fresh
	run_tool whole.zst
	[ "$status" = 0 ] && [ "$(arrived)" = 200000 ] || return 1
	fresh
	run_tool <whole.zst
	[ "$status" = 0 ] && [ "$(arrived)" = 200000 ] || return 1
	fresh
	: >empty.zst
	run_tool empty.zst three.ndjson
	[ "$status" = 2 ] && is_one_message && grep -q 'empty.zst: broken zstd data' err && [ "$(arrived)" = 3 ]
}
@test "a broken .zst: status 2, its whole lines pass" { each_way broken_zst; }

# ---- where it goes ----

full_disk() {
	status=0
	timeout 20 "${CMD[@]}" three.ndjson >/dev/full 2>err || status=$?
	[ "$status" = 2 ] && is_one_message && grep -q 'No space left on device$' err
}
@test "/dev/full: status 2" { each_way full_disk; }

full_disk_many() {
	seq -f '{"a":%.0f}' 100000 >many
	status=0
	timeout 20 "${CMD[@]}" many >/dev/full 2>err || status=$?
	[ "$status" = 2 ] && is_one_message
}
@test "/dev/full with much output: status 2" { each_way full_disk_many; }

small_disk() {
	mkdir -p small
	mount -t tmpfs -o size=64k tmpfs small || return 1
	awk 'BEGIN { srand(1); for (i = 0; i < 100000; i++) printf "{\"a\":%d}\n", rand() * 1e9 }' >many
	status=0
	if has_file_output; then
		timeout 20 "${CMD[@]}" many -o small/result --rejects small/rejects 2>err || status=$?
	else
		timeout 20 tlm-s3put --level 1 -o "file://$PWD/small/all/" many >out 2>err || status=$?
	fi
	find small -name '*.zst' -not -path '*/.tlm-spool/*' >objects
	ls -A small | grep -v rejects >left || :
	umount small
	case $TOOL in
	tlm-agg) [ "$status" = 0 ] ;;
	tlm-s3put) [ "$status" = 2 ] && [ ! -s objects ] ;;
	*) [ "$status" = 2 ] && is_one_message && grep -q 'No space left on device$' err && [ ! -s left ] ;;
	esac
}
@test "a full file system: status 2, no half file is left" {
	[ "$(id -u)" = 0 ] || skip "mount needs root"
	mkdir probe && mount -t tmpfs -o size=64k tmpfs probe || skip "mount is not allowed here"
	umount probe
	each_way small_disk
	cd / && umount "$BATS_TEST_TMPDIR/small" 2>/dev/null || :
}

closed_descriptors() {
	status=0
	timeout 20 "${CMD[@]}" three.ndjson >&- 2>err || status=$?
	[ "$status" = 2 ] && is_one_message && grep -q 'Bad file descriptor$' err || { echo "# stdout"; return 1; }
	fresh
	status=0
	timeout 20 "${CMD[@]}" <&- >out 2>err || status=$?
	[ "$status" = 2 ] && is_one_message && grep -q 'Bad file descriptor$' err || { echo "# stdin"; return 1; }
	fresh
	status=0
	timeout 20 "${CMD[@]}" three.ndjson <&- >out 2>&- || status=$?
	[ "$status" = 0 ] && [ "$(arrived)" = 3 ] || { echo "# stderr"; return 1; }
	has_file_output || return 0
	status=0
	timeout 20 "${CMD[@]}" three.ndjson -o result <&- >&- 2>err || status=$?
	[ "$status" = 0 ]
	[ "$(arrived result)" = 3 ]
}
@test "closed descriptors: status 2 where they are needed" { each_way closed_descriptors; }

head_1() {
	local output
	is_copy || return 0
	seq -f '{"a":%.0f}' 300000 >many
	for output in - /dev/stdout; do
		timeout 20 "${CMD[@]}" -o "$output" many 2>err | head -1 >out
		status=${PIPESTATUS[0]}
		[ "$status" = 141 ] && [ ! -s err ] && [ "$(cat out)" = '{"a":1}' ] || return 1
	done
}
@test "| head -1: a quiet end by SIGPIPE" { each_way head_1; }

gone_reader() {
	{ sleep 0.2; cat three.ndjson; } | timeout 20 "${CMD[@]}" 2>err | :
	status=${PIPESTATUS[1]}
	[ "$status" = 141 ]
	[ ! -s err ]
}
@test "a reader that went away: a quiet end by SIGPIPE" { each_way gone_reader; }

into_place() {
	has_file_output || return 0
	echo before >result
	chmod 640 result
	run_tool nosuch three.ndjson -o result
	[ "$status" = 2 ] && [ "$(cat result)" = before ] || return 1
	printf '{"a":1}\n}\n' >bad
	run_tool bad -o result
	[ "$status" = 5 ] && [ "$(arrived result)" = 1 ] && [ "$(stat -c %a result)" = 640 ] || return 1
	run_tool three.ndjson -o result.zst
	[ "$status" = 0 ] && zstdcat result.zst >plain && [ "$(arrived plain)" = 3 ] || return 1
	run_tool three.ndjson -o nosuch/result
	[ "$status" = 2 ] && is_one_message || return 1
	run_tool three.ndjson -o .
	[ "$status" = 2 ] && is_one_message && grep -q 'directory' err || return 1
	[ -z "$(find . -name '*.tlm-*')" ]
}
@test "-o FILE is renamed when the run was good, else nothing changes" { each_way into_place; }

bad_rejects_place() {
	run_tool three.ndjson --rejects nosuch/rejects
	[ "$status" = 2 ] && [ ! -s out ] && is_one_message || return 1
	fresh
	printf '{"a":1}\n}\n' >bad
	run_tool bad --rejects /dev/full
	[ "$status" = 2 ]
	grep -q 'No space left on device$' err
}
@test "rejects that cannot be written: status 2" { each_way bad_rejects_place; }

stats() {
	printf '{"a":1}\n}\n\n{"a":2}\n' >bad
	run_tool bad --stats -q
	[ "$status" = 5 ] && [ "$(wc -l <err)" = 1 ] || return 1
	jq -e --arg tool "$TOOL" '.tool == $tool and .end == true and .read == 3 and .rejected == 1 and .empty == 1
		and .read == .kept + .filtered + .late + .rejected + .duplicate + .open
		and .rejects == {"json": 1} and .bytes_in == 19 and .elapsed_ms >= 0' err >/dev/null
}
@test "--stats: the books add up" { each_way stats; }

no_color() {
	local t
	for t in "NO_COLOR=1 TERM=xterm" "NO_COLOR= TERM=dumb"; do
		script -qec "env $t ${CMD[*]} three.ndjson 2>&1" /dev/null </dev/null >out
		! grep -q "$(printf '\033')" out || return 1
	done
	run_tool --color=never three.ndjson
	[ "$status" = 0 ] && ! grep -q "$(printf '\033')" out || return 1
	run_tool three.ndjson
	! grep -q "$(printf '\033')" out
}
@test "no colour with NO_COLOR, on a dumb terminal, in a pipe" {
	need script
	each_way no_color
}

progress() {
	local place=(-o result)
	has_file_output || place=()
	# stdin is a pipe that lives 1.3 s; stderr is a terminal of 80 columns
	script -qec "(cat three.ndjson; sleep 1.3; cat three.ndjson) | timeout 20 ${CMD[*]} ${place[*]} $1 >out" /dev/null \
		</dev/null >screen
	# drawn, and erased at the end
	grep -q "$(printf '\r')3 records, " screen
	grep -q "$(printf '\r\033\\[K')$" screen
}
progress_on_a_terminal() { progress ""; }
no_progress() { ! progress -q && ! progress --no-progress && [ ! -s screen ]; }
@test "progress is drawn on a terminal, and erased" {
	need script
	each_way progress_on_a_terminal
}
@test "-q and --no-progress: no progress" {
	need script
	each_way no_progress
}

# ---- signals ----

# start_live [OPTION...]: the tool in the background reads the fifo `in`, held open by 9; waits until it has read three
# records. INT and HUP, which a shell ignores for its background, have their default action.
start_live() {
	rm -f in
	mkfifo in
	env --default-signal=INT,HUP,TERM "${CMD[@]}" --stats=20ms "$@" <in >out 2>err &
	pid=$!
	exec 9>in
	cat three.ndjson >&9
	for _ in $(seq 300); do
		grep -q '"read":3,' err && return 0
		sleep 0.01
	done
	return 1
}

wait_for() {
	status=0
	wait "$1" || status=$?
	exec 9>&-
}

stats_between() {
	start_live || return 1
	exec 9>&-
	wait_for "$pid"
	[ "$status" = 0 ] && jq -se 'length >= 2 and .[-1].end == true and all(.[:-1][]; .end == false)
		and any(.[:-1][]; .read == 3)' err >/dev/null
}
@test "--stats=20ms: the books between" { each_way stats_between; }

ends_by() {
	start_live || return 1
	kill "-$1" "$pid"
	wait_for "$pid"
	[ "$status" = "$2" ] || return 1
	grep '^{' err | tail -1 | jq -e '.end == true and .read == 3
		and .read == .kept + .filtered + .late + .rejected + .duplicate + .open' >/dev/null || return 1
	! is_copy || [ "$(arrived)" = 3 ]
}
by_term() { ends_by TERM 143; }
by_int() { ends_by INT 130; }
by_hup() { ends_by HUP 129; }
@test "SIGTERM: what was read goes out, the books add up, 143" { each_way by_term; }
@test "SIGINT: the same, 130" { each_way by_int; }
@test "SIGHUP: the same, 129" { each_way by_hup; }

nohup_is_kept() {
	rm -f in
	mkfifo in
	(trap '' HUP; exec "${CMD[@]}" --stats=20ms <in >out 2>err) &
	pid=$!
	exec 9>in
	cat three.ndjson >&9
	for _ in $(seq 300); do
		grep -q '"read":3,' err && break
		sleep 0.01
	done
	kill -HUP "$pid"
	cat three.ndjson >&9
	exec 9>&-
	wait_for "$pid"
	[ "$status" = 0 ]
	[ "$(arrived)" = 6 ]
}
@test "SIGHUP is ignored under nohup" { each_way nohup_is_kept; }

status_line() {
	start_live || return 1
	kill -USR1 "$pid"
	for _ in $(seq 300); do
		grep -q "^$TOOL: 3 records, " err && break
		sleep 0.01
	done
	exec 9>&-
	wait_for "$pid"
	[ "$status" = 0 ]
	grep -q "^$TOOL: 3 records, .* rejected 0" err
}
@test "SIGUSR1 prints a status line" { each_way status_line; }

withdrawn() {
	has_file_output || return 0
	echo before >result
	start_live -o result || return 1
	kill -TERM "$pid"
	wait_for "$pid"
	[ "$status" = 143 ]
	[ "$(cat result)" = before ]
	[ -z "$(find . -name 'result.*')" ]
}
@test "SIGTERM: -o FILE stays as it was" { each_way withdrawn; }

# start_stuck: the output is a fifo that nobody empties, the tool hangs in a write.
start_stuck() {
	rm -f full
	mkfifo full
	exec 8<>full
	seq -f '{"a":%.0f}' 100000 >many
	env --default-signal=INT,HUP,TERM "${CMD[@]}" "$@" many >full 2>err &
	pid=$!
	for _ in $(seq 300); do
		# asleep in a write to the pipe
		grep -q 'pipe_w' "/proc/$pid/wchan" 2>/dev/null && break
		sleep 0.01
	done
	sleep 0.1
}

second_signal() {
	is_copy || return 0
	start_stuck --rejects rejects || return 1
	kill -TERM "$pid"
	sleep 0.1
	kill -0 "$pid" || return 1
	kill -INT "$pid"
	wait_for "$pid"
	exec 8>&-
	[ "$status" = 130 ]
	[ -z "$(find . -name 'rejects*')" ]
}
@test "the second signal ends at once, temporary files are gone" { each_way second_signal; }

grace() {
	is_copy || return 0
	start_stuck --stop-timeout 200ms || return 1
	local start=$EPOCHREALTIME
	kill -TERM "$pid"
	wait_for "$pid"
	exec 8>&-
	[ "$status" = 143 ]
	[ "$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))" -lt 2000 ]
}
@test "--stop-timeout ends what cannot finish" { each_way grace; }
