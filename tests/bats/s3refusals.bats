#!/usr/bin/env bats
# What a real server says no to: a prefix that is denied, a full disk, a body that arrived broken, a clock that is wrong,
# too many requests, a bucket that goes away. Needs versitygw and Toxiproxy, which need Go 1.24.

load common
load s3

setup_file() { s3_start_all plain; }

teardown_file() { s3_stop_all; }

setup() {
	s3_need
	export AWS_ENDPOINT_URL=http://127.0.0.1:$PLAIN
	DATA=$S3_HOME/plain/data
	mkdir "$DATA/$B"
	seq 1 200 | sed 's/.*/{"n":&}/' >in
}

stored() { find "$DATA/$B" -name '*.zst' -not -path '*/.sgwtmp/*' -exec zstd -dcq {} + | sort -t: -k2n; }

# kept_then_stored PLACE: what was refused waits in the spool, and the next run stores it.
kept_then_stored() {
	[ "$(wc -l <err)" -le 2 ]
	find state -name '*.ready' | grep -q .
	put -o "$1" /dev/null
	cat err
	[ "$status" = 0 ]
	[ -z "$(find state -type f)" ]
	stored | cmp - in
}

@test "a prefix that a policy denies: status 6, the data kept, stored once it is allowed" {
	local programs policy
	programs=$("$TLM_TOP/tests/services/s3-install.sh")
	"$programs/versitygw" admin -a testaccess -s testsecret123 --er "$AWS_ENDPOINT_URL" create-user -a fleet -s fleetsecret1 -r user
	policy='{"Statement":[{"Effect":"Allow","Principal":"fleet","Action":"s3:*","Resource":["arn:aws:s3:::%s","arn:aws:s3:::%s/*"]}%s]}'
	# shellcheck disable=SC2059
	printf "$policy" "$B" "$B" ",{\"Effect\":\"Deny\",\"Principal\":\"fleet\",\"Action\":\"s3:PutObject\",\"Resource\":\"arn:aws:s3:::$B/denied/*\"}" |
		"$(venv_python)" "$TLM_TOP/tests/kit/s3check.py" policy "$B"
	export AWS_ACCESS_KEY_ID=fleet AWS_SECRET_ACCESS_KEY=fleetsecret1
	put --run-id a -o "s3://$B/open/" in
	cat err
	[ "$status" = 0 ]
	rm -rf "$DATA/$B/open"
	put -o "s3://$B/denied/" in
	cat err
	[ "$status" = 6 ]
	grep -q 'AccessDenied' err
	# shellcheck disable=SC2059
	printf "$policy" "$B" "$B" "" | AWS_ACCESS_KEY_ID=testaccess AWS_SECRET_ACCESS_KEY=testsecret123 \
		"$(venv_python)" "$TLM_TOP/tests/kit/s3check.py" policy "$B"
	kept_then_stored "s3://$B/denied/"
}

@test "a body that arrives broken: the server sees it by its hash; sent again, and refused in the end" {
	for times in 1 99; do
		rm -rf "${DATA:?}/$B" port
		mkdir "$DATA/$B"
		mkfifo hold
		"$TLM_TOP/tests/kit/flip.py" "$PLAIN" "$times" port <hold 3>&- &
		exec 7>hold
		until [ -s port ]; do sleep 0.02; done
		put --spool "sp$times" --endpoint-url "http://127.0.0.1:$(cat port)" -o "s3://$B/x/" in
		cat err
		[ "$times" = 99 ] || { [ "$status" = 0 ] && stored | cmp - in; }
		[ "$times" = 1 ] || [ "$status" = 6 ]
		exec 7>&-
		rm hold
	done
	[ -z "$(stored)" ]
	grep -q 'SHA256Mismatch\|BadDigest' err
	[ "$(find sp99 -name '*.ready' -exec zstd -dcq {} + | wc -l)" = 200 ]
}

@test "a clock that is two hours ahead or a day behind: put right by the server's, told once" {
	for offset in 7200 -86400; do
		rm -rf "${DATA:?}/$B"
		mkdir "$DATA/$B"
		CLOCK_OFFSET_S=$offset LD_PRELOAD=$TLM_TOP/${TLM_BUILD:-build}/kit/clock_preload.so put --max-records 50 -o "s3://$B/x/" in
		cat err
		[ "$status" = 0 ]
		[ "$(grep -c 'the clock of this machine is' err)" = 1 ]
		stored | cmp - in
	done
}

@test "503 SlowDown of a real server: tried again as long as it may be, status 7, the data kept" {
	local slow toxi u
	OWNER=$$ "$TLM_TOP/tests/services/s3-start.sh" versitygw "$PWD/one" --max-requests 1 >one.port
	OWNER=$$ "$TLM_TOP/tests/services/s3-start.sh" toxiproxy "$PWD/toxi" >toxi.port
	toxi=http://127.0.0.1:$(cat toxi.port)
	DATA=$PWD/one/data
	mkdir "$DATA/$B"
	u=$(curl -sf "$toxi/proxies" -d "{\"name\":\"p\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"127.0.0.1:$(cat one.port)\"}" | jq -r .listen)
	curl -sf "$toxi/proxies/p/toxics" -d '{"name":"slow","type":"bandwidth","stream":"upstream","attributes":{"rate":20}}' >/dev/null
	head -c 3000000 /dev/urandom | base64 -w 60 | sed 's/.*/{"x":"&"}/' >big
	timeout 100 tlm-s3put -q --spool sp --compression none --endpoint-url "http://$u" -o "s3://$B/big/" big >big.out 2>big.err 3>&- &
	slow=$!
	within 20 held_open
	AWS_ENDPOINT_URL=http://127.0.0.1:$(cat one.port) put --give-up-after 2s -o "s3://$B/x/" in
	cat err
	[ "$status" = 7 ]
	grep -q 'SlowDown' err
	curl -sf -X DELETE "$toxi/proxies/p/toxics/slow" >/dev/null
	wait "$slow"
	cmp "$(find "$DATA/$B/big" -name '*.ndjson')" big
	AWS_ENDPOINT_URL=http://127.0.0.1:$(cat one.port) kept_then_stored "s3://$B/x/"
	"$TLM_TOP/tests/services/s3-stop.sh" one
	"$TLM_TOP/tests/services/s3-stop.sh" toxi
}
held_open() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$(cat one.port)/$B?list-type=2")" = 503 ]; }

@test "a bucket that goes away in the middle: status 6, what was not stored is kept" {
	mkfifo pipe
	timeout 60 tlm-s3put --max-records 100 -o "s3://$B/x/" pipe >out 2>err 3>&- &
	pid=$!
	exec 7>pipe
	head -n 100 in >&7
	within 20 told_one
	rm -rf "${DATA:?}/$B"
	tail -n 100 in >&7
	exec 7>&-
	status=0
	wait "$pid" || status=$?
	cat err
	[ "$status" = 6 ]
	grep -q 'NoSuchBucket' err
	mkdir "$DATA/$B"
	tail -n 100 in >rest
	mv rest in
	kept_then_stored "s3://$B/x/"
}
told_one() { [ "$(wc -l <out)" = 1 ]; }

@test "a server whose disk is full: tried again, status 7, the data kept, stored once there is room" {
	need unshare mount
	unshare -rm true 2>/dev/null || skip "no right to a mount namespace"
	cat >full.sh <<-'END'
		mkdir disk
		mount -t tmpfs -o size=300k none disk || exit 77
		python3 -c 'import os; os.setxattr("disk", "user.x", b"1")' 2>/dev/null || exit 77
		port=$(OWNER=$$ "$TLM_TOP/tests/services/s3-start.sh" versitygw "$PWD/disk") || exit 1
		mkdir disk/data/bkt
		export AWS_ENDPOINT_URL=http://127.0.0.1:$port
		head -c 600000 /dev/urandom | base64 -w 60 | sed 's/.*/{"x":"&"}/' >big
		timeout 60 tlm-s3put --compression none --give-up-after 2s -o s3://bkt/x/ big >out 2>err
		echo $? >status
		mount -o remount,size=8m disk || exit 77
		timeout 60 tlm-s3put -q -o s3://bkt/x/ </dev/null >>out 2>>err || exit 1
		find disk/data/bkt -name '*.ndjson' -not -path '*/.sgwtmp/*' -exec cat {} + | cmp - big || exit 1
		[ -z "$(find state -type f)" ] || exit 1
		"$TLM_TOP/tests/services/s3-stop.sh" disk
	END
	status=0
	unshare -rm bash full.sh || status=$?
	[ "$status" != 77 ] || skip "no tmpfs with attributes may be mounted here"
	cat err
	[ "$status" = 0 ]
	[ "$(cat status)" = 7 ] || [ "$(cat status)" = 6 ]
}
