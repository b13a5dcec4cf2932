# tlm-filter and the processes in which libjq runs: no program and no record harms the run, and none of them outlives it.
load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	need jq
}

teardown() {
	[ -z "${tool:-}" ] || kill -9 "$tool" 2>/dev/null || true
}

# What kills or hangs libjq 1.6, and what the reject says there ("-": nothing, it gives up by itself). Later versions
# survive some of it.
killers() {
	cat <<-'E'
		ended the worker: Aborted	1e18 | todate
		ended the worker: Aborted	nan | todate
		ended the worker: Floating point exception	1e19 % -1
		ended the worker: Aborted	[1,2,3] | .[nan:]
		-	"abc" | splits("")
		took longer than 1s	"abc" | indices("")
		took longer than 1s	"abc" | gsub("";"x")
		ended the worker: Segmentation fault	[1] | .[2147483647] = 1
		ended the worker: Segmentation fault	reduce range(99999) as $i (1; [.]) | contains(.)
		took longer than 1s	repeat(1)
		took longer than 1s|needed more than 512M	"x" * 1e9
		took longer than 1s|needed more than 512M	[range(1e12)]
		needed more than 512M	def f: 1 + f; f
	E
}

# Sets spent to the processor seconds of the processes that this shell has waited for.
children() {
	times >times
	spent=$(awk 'NR == 2 { gsub(/[ms]/, " "); print $1 * 60 + $2 + $3 * 60 + $4 }' times)
}

@test "a record that kills or hangs libjq is a reject with its reason, after at most 1.5 s of work; its neighbours pass" {
	printf '%s\n' '{"k":0}' '{"k":1}' '{"k":2}' >in
	has_1_7=$(tlm-filter -n --evaluator libjq 'have_literal_numbers' 2>/dev/null || true)
	while IFS=$'\t' read -r reason killer; do
		children
		before=$spent
		status_of tlm-filter --evaluator libjq --rejects bad "if .k == 1 then ($killer | empty) else .k end" in
		[ "$status" -eq 0 ] || { echo "$killer: $status"; cat err; false; }
		same $'0\n2' "$(cat out)" || { echo "$killer"; false; }
		children
		awk -v s="$spent" -v before="$before" 'BEGIN { exit s - before > 1.5 + 0.3 }' || { echo "$killer: $before, $spent s"; false; }
		if [ -z "$has_1_7" ] && [ "$reason" != - ]; then
			same '2 limit' "$(jq -r '"\(.line) \(.reason)"' bad)" || { echo "$killer"; cat bad; false; }
			grep -qE "$reason" bad || { echo "$killer"; cat bad; false; }
		fi
	done < <(killers)
}

@test "the same killers, whoever runs them: native where it can" {
	printf '%s\n' '{"k":0}' '{"k":1}' '{"k":2}' >in
	while IFS=$'\t' read -r _ killer; do
		status_of tlm-filter --rejects bad "if .k == 1 then ($killer | empty) else .k end" in
		[ "$status" -eq 0 ] || { echo "$killer: $status"; cat err; false; }
		same $'0\n2' "$(cat out)" || { echo "$killer"; false; }
	done < <(killers)
}

peak_kib() {
	awk '$1 == "VmHWM:" { print $2 }' "/proc/$1/status"
}

@test "killers leave the memory of the parent as it was" {
	# one of each kind of death
	killers | sort -u -t $'\t' -k 1,1 | grep -v ^- >each
	program=$(cut -f 2 each | awk '{ print (NR > 1 ? "el" : "") "if .k == " NR " then (" $0 " | empty)" } END { print "else .k end" }')
	deaths=$(wc -l <each)
	mkfifo pipe
	tlm-filter --evaluator libjq -q --rejects bad "$program" pipe >out &
	tool=$!
	exec 7>pipe
	echo '{"k":0}' >&7
	within 60 grep -q 0 out
	before=$(peak_kib "$tool")
	for ((i = 1; i <= deaths; i++)); do printf '{"k":%d}\n{"k":0}\n' "$i" >&7; done
	all_there() { [ "$(wc -l <out)" -gt "$deaths" ]; }
	within 300 all_there
	after=$(peak_kib "$tool")
	exec 7>&-
	wait "$tool"
	tool=
	same "$((deaths + 1))" "$(wc -l <out)"
	echo "$before KiB, then $after KiB"
	[ "$after" -lt $((before + 8192)) ]
	[ "$after" -lt 32768 ]
}

@test "a program that never succeeds ends the run with status 3, whatever it dies of" {
	yes '{"k":1}' | head -n 100 >in
	for p in '1e18 | todate' 'def f: 1 + f; f'; do
		[ "$p" = '1e18 | todate' ] && [ "$(jq -n '1e18 | try todate catch 1' 2>/dev/null)" = 1 ] && continue
		status_of tlm-filter --evaluator libjq "$p" in
		same 3 "$status"
		has err 'never succeeds'
		same '' "$(cat out)"
	done
}

# All processes below one.
below() {
	local p
	for p in $(pgrep -P "$1"); do
		echo "$p"
		below "$p"
	done
}

# start N ARGUMENTS...: the tool on a pipe, with N processes below it; sets tool and workers.
start() {
	local wanted=$1
	shift
	mkfifo pipe
	SECRET=42 tlm-filter "$@" pipe >out 2>err &
	tool=$!
	exec 7>pipe
	enough() { [ "$(below "$tool" | wc -l)" -ge "$wanted" ]; }
	within 60 enough
	workers=$(below "$tool")
}

gone() {
	local p
	for p; do
		[ ! -e "/proc/$p" ] || return 1
	done
}

@test "workers do not outlive their parent, at rest, at work, or reading by themselves" {
	for way in rest work reading; do
		rm -f pipe
		case $way in
		rest) start 3 --jobs 2 --evaluator libjq . ;;
		work) start 3 --jobs 2 --evaluator libjq 'last(repeat(1))' ;;
		reading) start 1 -n 'reduce inputs as $x (0; . + 1)' ;;
		esac
		echo 1 >&7
		# shellcheck disable=SC2086
		{
			running() { grep -q '^State:.*R' "/proc/${workers##*$'\n'}/status" "/proc/$(sed -n 2p <<<"$workers")/status"; }
			[ $way != work ] || within 60 running
			kill -9 "$tool"
			within 60 gone $workers
		}
		exec 7>&-
	done
	tool=
}

@test "workers are gone when the tool has ended, and their processor time is told as its own" {
	seq 20000 >in
	children
	before=$spent
	tlm-filter --evaluator libjq --jobs 2 'reduce range(20) as $i (.; . + $i)' in >out
	children
	awk -v s="$spent" -v before="$before" 'BEGIN { exit s - before < 0.1 }' || { echo "$before, $spent s"; false; }
	same 20000 "$(wc -l <out)"
}

@test "workers hold no environment, no file and no descriptor of the tool" {
	exec 8<"$BATS_TEST_FILENAME"
	start 3 --jobs 2 --evaluator libjq .
	echo 1 >&7
	within 60 grep -q 1 out
	for p in $workers; do
		same '' "$(tr -d '\0' <"/proc/$p/environ")"
		# 0 to 2 lead nowhere; sockets to the parent and, of the one that begets, its signals
		same '/dev/null' "$(for f in /proc/"$p"/fd/*; do readlink "$f"; done | grep -vE '^(socket|anon_inode):' | sort -u)"
	done
	# those that run programs can open nothing more
	for p in $(tail -n +2 <<<"$workers"); do
		grep -q '^Max open files *0 *0 ' "/proc/$p/limits"
		grep -q '^Max core file size *0 ' "/proc/$p/limits"
	done
	exec 7>&-
	wait "$tool"
	tool=
}

@test "a program sees what it asks of the environment, and opens no file" {
	same '"v"' "$(echo 1 | FOO=v tlm-filter --evaluator libjq '$ENV.FOO')"
	same '"v"' "$(echo 1 | FOO=v tlm-filter --evaluator libjq 'env.FOO')"
	same '"v"' "$(FOO=v tlm-filter -n --evaluator libjq 'env.FOO')"
	# what reads a module while it runs
	echo 'module {"a":1}; def f: 1;' >m.jq
	same '{"a":1,"deps":[]}' "$(jq -cn -L . '"m" | modulemeta | {a, deps}')"
	status_of tlm-filter -L . '"m" | modulemeta' <<<1
	[ "$status" -eq 3 ]
	has err 'modulemeta would open a file'
	same '' "$(cat out)"
	same 7 "$(tlm-filter 'def modulemeta: 7; modulemeta' <<<1)"
}
