#!/usr/bin/env bats
# The connection to a real server cut after N bytes, up or down, for many N: status 7 or 0, then
# every record once. STEP: from one N to the next (17).

load ../bats/common
load ../bats/s3

setup_file() { s3_start_all plain tls toxi; }

teardown_file() { s3_stop_all; }

setup() {
	s3_need
	seq 1 40 | sed 's/.*/{"n":&}/' >in
}

# cut_all STREAM [OPTION...]: the longest way, by TLS, is over before 2,200 bytes.
cut_all() {
	local n hit=0
	for ((n = 1; n < 2200; n += ${STEP:-17})); do
		cut_at "$1" "$n" "${@:2}" || return 1
		[ "$status_cut" = 0 ] || hit=$((hit + 1))
	done
	echo "# $*: $hit of $(((n - 1) / ${STEP:-17})) runs were cut" >&3
	[ "$hit" -gt 0 ]
}

@test "what is sent" { cut_all upstream; }
@test "what is answered" { cut_all downstream; }
@test "what is sent in parts" { cut_all upstream --multipart-threshold 1; }
@test "what is answered to parts" { cut_all downstream --multipart-threshold 1; }
@test "what is sent by TLS" { TO=$(cat "$S3_HOME/tls.port") AT=tls cut_all upstream --ca-bundle "$S3_HOME/tls/ca.pem"; }
@test "what is answered by TLS" { TO=$(cat "$S3_HOME/tls.port") AT=tls cut_all downstream --ca-bundle "$S3_HOME/tls/ca.pem"; }
