# Work grows with the input and no faster, counted in instructions: a busy machine changes nothing.
load ../bats/common

@test "twice the input is twice the work, for what is hard for the scanner and the evaluator" {
	need valgrind python3
	"$TLM_TOP/tests/kit/linear.py" "$TLM_BIN/tlm-filter"
}
