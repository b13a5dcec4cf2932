# faults.bash: every tool with its Nth call failing (tests/kit/faults_preload.c). Loaded after contract.bash.

FAULTS=$TLM_TOP/${TLM_BUILD:-build}/kit/faults_preload.so

faults_setup() {
	[ -f "$FAULTS" ] || skip "no faults_preload.so: make kit"
	# a library that is loaded first does not go together with the sanitizers
	case ${TLM_BUILD:-build} in */san) skip "not with sanitizers" ;; esac
	cd "$BATS_TEST_TMPDIR" || return 1
	awk 'BEGIN { for (i = 0; i < 5000; i++) printf "{\"a\":%d,\"text\":\"the quick brown fox %d\"}\n", i, i * 7 }' >lines
	zstd -q lines -o lines.zst
}

# faults_run KIND N [FILE]: one run with that fault; sets status; is_hit says whether the run had so many calls.
# FILE: -o FILE is used, else stdout.
faults_run() {
	fresh
	rm -f hit result result.tlm-*
	status=0
	# shellcheck disable=SC2086
	timeout 20 env "TLM_FAULT=$1:$2" "TLM_FAULT_MARK=$PWD/hit" "LD_PRELOAD=$FAULTS" "${CMD[@]}" --no-progress lines lines.zst ${3:+-o $3} >out 2>err </dev/null || status=$?
	[ -e hit ]
}

# Whether the run kept its word: all is there, or the status says that something failed and stderr says what; nothing
# half-made has a final name, nothing temporary is left.
faults_judge() {
	if [ "$status" = 0 ]; then
		if [ -n "${1:-}" ]; then mv result out; fi
		cmp -s whole <(what_arrived) || { echo "# status 0, output not whole"; return 1; }
	else
		# 3: a worker died while it compiled, libjq ends the process where memory runs out
		[ "$status" = 2 ] || [ "$status" = 5 ] || { [ "$status" = 3 ] && grep -q libjq err; } || { echo "# status $status"; return 1; }
		[ -s err ] || { echo "# nothing on stderr"; return 1; }
		# the sync of the folder comes after the rename
		[ ! -e result ] || cmp -s whole result || { echo "# half a result at status $status"; return 1; }
	fi
	[ -z "$(find . -name 'result.*')" ] || { echo "# a temporary file is left"; return 1; }
	if [ "$TOOL" = tlm-s3put ] && [ -d "$LAKE" ]; then
		find "$LAKE" -name '*.zst' -not -path '*/.tlm-spool/*' -exec zstd -qt {} + ||
			{ echo "# a torn object"; return 1; }
	fi
}

# faults_hunt KIND IS_QUICK [FILE]: N = 1, 2, ... until a run has fewer calls; when quick (1), N grows by half of it;
# beyond 300 (libjq allocates thousands of times) always by an eighth.
faults_hunt() {
	local n=1 ok=0
	fresh
	"${CMD[@]}" lines lines.zst >out 2>err || return 1
	what_arrived >whole
	[ -s whole ] || return 1
	while faults_run "$1" "$n" "${3:-}"; do
		faults_judge "${3:-}" || {
			echo "# $TOOL ${3:+-o }${3:-} with ${1%%:*}:$n${1#"${1%%:*}"}: status $status"
			head -c 300 err
			ok=1
		}
		n=$((n + 1 + ($2 ? n / 2 : n > 300 ? n / 8 : 0)))
	done
	return $ok
}

# faults_all KIND IS_QUICK: every tool, to stdout and to a file.
faults_all() {
	local t bad=0
	for t in $(contract_ways); do
		use "$t"
		faults_hunt "$1" "$2" || bad=1
		# memory behaves the same with both: the quick hunt takes one
		if has_file_output && [ "$1$2" != malloc1 ]; then
			faults_hunt "$1" "$2" result || bad=1
		fi
	done
	return $bad
}
