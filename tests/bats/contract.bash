# contract.bash: how contract.bats and the torture runs use each tool: its smallest command line that reads any record,
# and how to see which records arrived. A new tool needs a line in each `case`.

contract_tools() {
	local t
	for t in "$TLM_BIN"/tlm-*; do
		basename "$t"
	done
}

# The same, and other ways to run them.
contract_ways() {
	contract_tools
	echo tlm-filter+libjq
}

# use TOOL [OPTION...]: sets CMD to a working command line without sources; a lake goes to $LAKE.
use() {
	TOOL=$1
	shift
	LAKE=$BATS_TEST_TMPDIR/lake
	case $TOOL in
	tlm-filter+libjq)
		TOOL=tlm-filter
		CMD=(tlm-filter --evaluator libjq "$@" .)
		;;
	tlm-filter) CMD=(tlm-filter "$@" .) ;;
	tlm-agg) CMD=(tlm-agg "$@" count) ;;
	tlm-replay) CMD=(tlm-replay "$@") ;;
	tlm-s3put) CMD=(tlm-s3put --level 1 -o "file://$LAKE/all/" "$@") ;;
	*)
		echo "contract.bash has no line for $TOOL" >&2
		return 1
		;;
	esac
}

# Whether the output is the records themselves / goes to a file that -o names.
is_copy() { [ "$TOOL" = tlm-filter ] || [ "$TOOL" = tlm-replay ]; }
has_file_output() { [ "$TOOL" != tlm-s3put ]; }

# arrived [FILE]: how many records reached the output (FILE: what stdout or -o got).
arrived() {
	local file=${1:-$BATS_TEST_TMPDIR/out}
	case $TOOL in
	tlm-agg) jq -s 'map(.count) | add // 0' "$file" ;;
	tlm-s3put) find "$LAKE" -name '*.zst' -not -path '*/.tlm-spool/*' -exec zstdcat {} + 2>/dev/null | wc -l ;;
	*) wc -l <"$file" ;;
	esac
}

# what_arrived: the bytes themselves, to compare two runs.
what_arrived() {
	case $TOOL in
	tlm-s3put) find "$LAKE" -name '*.zst' -not -path '*/.tlm-spool/*' -exec zstdcat {} + ;;
	*) cat "$BATS_TEST_TMPDIR/out" ;;
	esac
}

# Forgets what the last run left.
fresh() {
	rm -rf "$LAKE" "$BATS_TEST_TMPDIR"/{out,err,raw,result*,rejects*}
}
