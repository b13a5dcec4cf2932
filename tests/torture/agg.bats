#!/usr/bin/env bats
# tlm-agg against its second implementation: thousands of random streams. COUNT and SEED pick others.

load ../bats/common

@test "random streams agree with the second implementation, to the byte" {
	count=${COUNT:-4000} seed=${SEED:-$(date +%s)}
	TLM_AGG=tlm-agg python3 "$TLM_TOP/tests/reference/agg.py" hunt "$count" "$seed"
}
