#!/usr/bin/env bats
# Signatures beside those of others: a signing test suite, and botocore on random requests.

load common

@test "every case of the signing test suite" {
	need_data aws-sigv4-vectors.tar.zst
	tar --zstd -C "$BATS_TEST_TMPDIR" -xf "$TLM_DATA/aws-sigv4-vectors.tar.zst"
	run python3 "$TLM_TOP/tests/kit/sigcheck.py" vectors "$BATS_TEST_TMPDIR/aws-c-auth/tests/aws-signing-test-suite/v4"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$output" = "38 requests, 0 signed differently" ]
}

@test "random requests are signed as botocore signs them (SIGN_N=10000 for all)" {
	run "$(venv_python)" "$TLM_TOP/tests/kit/sigcheck.py" random "${SIGN_N:-1500}" "${SIGN_SEED:-7}"
	echo "$output"
	[ "$status" -eq 0 ]
}
