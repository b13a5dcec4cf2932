#!/usr/bin/env bats
# The connection to a real server cut after N bytes, up or down, for N from 1 on until a run is no longer hit: status 7 or
# 0, then every record once. STEP: from one N to the next (17).

load ../bats/common
load ../bats/s3

setup_file() {
	cd "$TLM_TOP"
	export S3_HOME=$BATS_FILE_TMPDIR
	[ -x "$(tests/services/s3-install.sh)/versitygw" ] || return 0
	OWNER=$$ tests/services/s3-start.sh versitygw "$S3_HOME/plain" >"$S3_HOME/plain.port"
	TLS=1 OWNER=$$ tests/services/s3-start.sh versitygw "$S3_HOME/tls" >"$S3_HOME/tls.port"
	OWNER=$$ tests/services/s3-start.sh toxiproxy "$S3_HOME/toxi" >"$S3_HOME/toxi.port"
}

teardown_file() { s3_stop_all; }

setup() {
	cd "$BATS_TEST_TMPDIR"
	[ -f "$S3_HOME/toxi.port" ] || skip "no Go 1.24 here for versitygw and Toxiproxy"
	export AWS_ACCESS_KEY_ID=testaccess AWS_SECRET_ACCESS_KEY=testsecret123 XDG_STATE_HOME=$PWD/state
	B=b-$BATS_TEST_NUMBER TOXI=http://127.0.0.1:$(cat "$S3_HOME/toxi.port")
	PLAIN=$(cat "$S3_HOME/plain.port")
	seq 1 40 | sed 's/.*/{"n":&}/' >in
}

# cut_all STREAM [OPTION...]: three runs in a row that come through were not hit.
cut_all() {
	local n good=0
	for ((n = 1; good < 3; n += ${STEP:-17})); do
		[ "$n" -lt 20000 ]
		cut_at "$1" "$n" "${@:2}" || return 1
		if [ "$status_cut" = 0 ]; then good=$((good + 1)); else good=0; fi
	done
	echo "# $*: $(((n - 1) / ${STEP:-17})) cuts, up to $n bytes" >&3
}

@test "what is sent" { cut_all upstream; }
@test "what is answered" { cut_all downstream; }
@test "what is sent in parts" { cut_all upstream --multipart-threshold 1; }
@test "what is answered to parts" { cut_all downstream --multipart-threshold 1; }
@test "what is sent by TLS" { TO=$(cat "$S3_HOME/tls.port") AT=tls cut_all upstream --ca-bundle "$S3_HOME/tls/ca.pem"; }
@test "what is answered by TLS" { TO=$(cat "$S3_HOME/tls.port") AT=tls cut_all downstream --ca-bundle "$S3_HOME/tls/ca.pem"; }
