# Numbers, times and paths against python (float, decimal, datetime, zoneinfo) and jq: tests/kit/values.py.

load common.bash

setup() {
	need python3
	answer=$TLM_TOP/${TLM_BUILD:-build}/kit/answer
}

@test "numbers are read, printed, scaled and compared as python does" {
	python3 "$TLM_TOP/tests/kit/values.py" "$answer" num
}

@test "times from year 1 to 9999 are those of python's datetime" {
	python3 "$TLM_TOP/tests/kit/values.py" "$answer" time
}

@test "local times of 18 zones, around every change of offset, are those of python's zoneinfo" {
	[ -f /usr/share/zoneinfo/Europe/Warsaw ] || skip "no tzdata here"
	python3 "$TLM_TOP/tests/kit/values.py" "$answer" zones
}

@test "paths have the steps that jq gives them" {
	need jq
	python3 "$TLM_TOP/tests/kit/values.py" "$answer" paths
}
