#!/usr/bin/env bats
# What must not change a result of tlm-agg, and how far approximate results are off. tests/RULES.md says which rule stands where.

load common

@test "order within the delay, cuts of the input, and parts that are merged change nothing" {
	need python3
	TLM_AGG=tlm-agg python3 "$TLM_TOP/tests/reference/properties.py" 40 1
}

@test "percentiles and distinct stay within what the man page promises, on any shape of values" {
	run "$(venv_python)" "$TLM_TOP/tests/reference/sketches.py"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "a constant has no spread, however often it comes" {
	yes '{"v":52.26412578344086}' | head -n 5000 | tlm-agg 'var(v), stddev(v)' >"$BATS_TEST_TMPDIR/out"
	same '{"var_v":0,"stddev_v":0}' "$(cat "$BATS_TEST_TMPDIR/out")"
}

@test "every test that RULES.md names exists" {
	local where name file missing=0
	while IFS=: read -r where name; do
		name=${name# }
		case $where in
		*.bats) grep -qF "@test \"$name\"" "$TLM_TOP/tests/bats/$where" ;;
		*) file=$(find "$TLM_TOP/lib" -name "$where.c") && grep -q "cmocka_unit_test($name)" "$file" ;;
		esac || { echo "no such test: $where: $name"; missing=1; }
	done < <(grep -o '`[a-z0-9_-]*\(\.bats\|_test\): [^`]*`' "$TLM_TOP/tests/RULES.md" | tr -d '`')
	[ "$missing" = 0 ]
	[ "$(grep -c '_test: \|\.bats: ' "$TLM_TOP/tests/RULES.md")" -gt 30 ]
}
