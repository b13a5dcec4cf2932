#!/usr/bin/env bats
# The lake in S3 and its credentials, against a server that says what it is told: errors that real ones never give on
# command, and the services that hand out keys.

load common

setup() {
	cd "$BATS_TEST_TMPDIR"
	export AWS_ACCESS_KEY_ID=testaccess AWS_SECRET_ACCESS_KEY=testsecret123 XDG_STATE_HOME=$PWD/state
	mkdir fake
	python3 "$TLM_TOP/tests/kit/s3fake.py" fake 3>&- 4>&- &
	fake=$!
	until [ -f fake/port ]; do sleep 0.02; done
	U=http://127.0.0.1:$(cat fake/port)
	export AWS_ENDPOINT_URL=$U
	echo '{"n":1}' >in
}

teardown() { kill "$fake"; }

rule() { printf '%s\n' "$1" >>fake/rules; }
put() { status_of timeout 60 tlm-s3put --cli-read-timeout 1 -o s3://lake/x/ "$@"; }
# asked METHOD: how often
asked() { jq -r .method fake/log | grep -c "^$1\$" || true; }
stored() { curl -sf "$U/lake/$(jq -r .key out | head -n 1 | sed 's|s3://lake/||')" | zstd -dcq; }
good() {
	cat err
	[ "$status" = 0 ]
	[ "$(wc -l <out)" = 1 ]
	[ "$(stored)" = '{"n":1}' ]
	[ -z "$(find state -type f)" ]
}

# ---- answers ----

@test "503 SlowDown and 429 are asked again, Retry-After is waited for" {
	rule '{"method":"PUT","status":503,"body":"<Error><Code>SlowDown</Code></Error>"}'
	rule '{"method":"PUT","status":429,"headers":{"Retry-After":"1"}}'
	start=$(date +%s%N)
	put in
	good
	[ "$(asked PUT)" = 3 ]
	[ "$(asked HEAD)" = 0 ]
	[ $(($(date +%s%N) - start)) -ge 1000000000 ]
}

@test "what may have been done is looked up before it is asked again" {
	rule '{"method":"PUT","status":500,"body":"<Error><Code>InternalError</Code></Error>","store":true}'
	put in
	good
	[ "$(asked PUT)" = 1 ]
	[ "$(asked HEAD)" = 1 ]
	rm fake/log
	rule '{"method":"PUT","close":true,"store":true,"times":2}'
	put in
	good
	[ "$(asked PUT)" = 1 ]
}

@test "what was not done is asked again, and is stored once" {
	rule '{"method":"PUT","close":true}'
	rule '{"method":"PUT","status":502}'
	put in
	good
	[ "$(asked PUT)" = 3 ]
	[ "$(asked HEAD)" = 2 ]
}

@test "an error inside a 200 is an error" {
	rule '{"method":"PUT","status":200,"body":"<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>"}'
	put in
	good
	[ "$(asked PUT)" = 2 ]
}

@test "an error inside a 200 at the end of an upload in parts; an upload that broke off is aborted" {
	head -c 12000000 /dev/urandom | base64 -w 100 | sed 's/.*/{"x":"&"}/' >in
	rule '{"method":"POST","path":"uploads","close":true,"store":true}'
	rule '{"method":"PUT","path":"partNumber=2","status":503}'
	rule '{"method":"POST","path":"uploadId","status":200,"body":"<Error><Code>InternalError</Code></Error>"}'
	rule '{"method":"POST","path":"uploadId","close":true,"store":true}'
	put --compression none --multipart-threshold 6M --multipart-chunksize 5M in
	cat err
	[ "$status" = 0 ]
	curl -sf "$U/lake/$(jq -r .key out | sed 's|s3://lake/||')" | cmp - in
	curl -s "$U/lake?uploads" | grep -q '<Upload>' && return 1
	[ "$(jq -r 'select(.method == "DELETE") | .path' fake/log | grep -c uploadId)" = 1 ]
	# if nothing helps, the upload is aborted
	rm fake/log
	rule '{"method":"PUT","path":"partNumber=3","status":403,"body":"<Error><Code>AccessDenied</Code></Error>"}'
	put --compression none --multipart-threshold 6M --multipart-chunksize 5M in
	[ "$status" = 6 ]
	curl -s "$U/lake?uploads" | grep -q '<Upload>' && return 1
	[ "$(find state -name '*.ready' | wc -l)" = 1 ]
}

@test "the server's clock is used, and told once" {
	rule '{"method":"PUT","status":403,"headers":{"Date":"Fri, 24 May 2013 00:00:00 GMT"},"body":"<Error><Code>RequestTimeTooSkewed</Code></Error>"}'
	put in
	good
	grep -q 'the clock of this machine is [0-9]* s ahead of that of the server' err
	[ "$(wc -l <err)" = 1 ]
	[ "$(jq -r 'select(.method == "PUT") | .headers["x-amz-date"]' fake/log | tail -n 1 | cut -c 1-8)" = 20130524 ]
	# never twice
	rule '{"method":"PUT","times":9,"status":403,"headers":{"Date":"Fri, 24 May 2019 00:00:00 GMT"},"body":"<Error><Code>RequestTimeTooSkewed</Code></Error>"}'
	put in
	[ "$status" = 6 ]
}

@test "a bucket in another region is asked for there, within the endpoint; a Location is not followed" {
	rule '{"method":"PUT","status":301,"headers":{"x-amz-bucket-region":"eu-west-3","Location":"http://127.0.0.1:1/"},"body":"<Error><Code>PermanentRedirect</Code><Endpoint>evil.example</Endpoint></Error>"}'
	put in
	good
	[ "$(asked PUT)" = 2 ]
	[[ "$(jq -r .headers.Authorization fake/log | sed -n 2p)" == */eu-west-3/s3/aws4_request* ]]
	rule '{"method":"PUT","status":400,"body":"<Error><Code>AuthorizationHeaderMalformed</Code><Region>ap-south-1</Region></Error>"}'
	put in
	good
	for bad in 'evil.example/' 'UPPER' ''; do
		rule "{\"method\":\"PUT\",\"status\":307,\"headers\":{\"x-amz-bucket-region\":\"$bad\",\"Location\":\"http://127.0.0.1:1/\"}}"
		put in
		[ "$status" = 6 ]
		rm -r state
	done
}

@test "what is refused is not asked again" {
	for code in 403:AccessDenied 400:InvalidRequest 501:NotImplemented 404:NoSuchBucket 405:MethodNotAllowed; do
		rm -f fake/log
		rule "{\"method\":\"PUT\",\"status\":${code%%:*},\"body\":\"<Error><Code>${code#*:}</Code></Error>\"}"
		put in
		[ "$status" = 6 ]
		[ "$(asked PUT)" = 1 ]
		grep -q "PUT: ${code%%:*} ${code#*:}" err
		[ "$(wc -l <err)" = 1 ]
		rm -r state
	done
}

@test "a body that arrives broken is sent again, three times at most" {
	rule '{"method":"PUT","status":400,"body":"<Error><Code>BadDigest</Code></Error>"}'
	put in
	good
	rule '{"method":"PUT","status":400,"times":9,"body":"<Error><Code>XAmzContentSHA256Mismatch</Code></Error>"}'
	put in
	[ "$status" = 6 ]
	[ "$(asked PUT)" = 6 ]
}

@test "an endless 500 ends with status 7 after --give-up-after; the next run stores the data" {
	rule '{"method":"PUT","status":500,"times":999}'
	put --give-up-after 1500ms in
	[ "$status" = 7 ]
	grep -q 'trying on for' err
	[ "$(find state -name '*.ready' | wc -l)" = 1 ]
	: >fake/rules
	put /dev/null
	good
}

@test "the options of an object are its headers, and all that is sent but User-Agent and lengths is signed" {
	put --sse aws:kms --sse-kms-key-id k1 --storage-class STANDARD_IA --metadata team=fleet,kind=raw --metadata Owner='a  b' \
		--metadata none=,blank=' ' --tagging 'a=b&c=d' in
	good
	jq -c 'select(.method == "PUT") | .headers' fake/log >h
	jq -e '."x-amz-server-side-encryption" == "aws:kms" and ."x-amz-server-side-encryption-aws-kms-key-id" == "k1" and
		."x-amz-storage-class" == "STANDARD_IA" and ."x-amz-meta-team" == "fleet" and ."x-amz-meta-kind" == "raw" and
		."x-amz-meta-owner" == "a  b" and
		."x-amz-meta-none" == "" and ."x-amz-meta-blank" == "" and ."x-amz-tagging" == "a=b&c=d" and ."if-none-match" == "*" and
		."content-type" == "application/zstd"' h
	signed=$(jq -r .Authorization h | sed 's/.*SignedHeaders=\([^,]*\),.*/\1/' | tr ';' '\n')
	sent=$(jq -r 'keys[] | ascii_downcase' h | grep -v '^user-agent$\|^content-length$\|^authorization$' | sort)
	same "$(sort <<<"$signed")" "$sent"
}

# ---- credentials ----

key_of() { jq -r 'select(.method == "PUT" and (.path | startswith("/lake"))) | .headers.Authorization' fake/log | sed 's/.*Credential=\([^/]*\).*/\1/'; }
token_of() { jq -r 'select(.method == "PUT" and (.path | startswith("/lake"))) | .headers["x-amz-security-token"]' fake/log; }
sts() { printf '<%sResponse><%sResult><Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>tok</SessionToken><Expiration>%s</Expiration></Credentials></%sResult></%sResponse>' "$1" "$1" "$2" "$3" "$1" "$1"; }

@test "a role by one call of STS, signed with the key of the source profile" {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	printf '[profile r]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = base\nexternal_id = e&1\nregion = eu-west-1\n[profile base]\naws_access_key_id=BASE\naws_secret_access_key=b\n' >config
	rule "{\"method\":\"POST\",\"path\":\"^/\$\",\"status\":500}"
	rule "{\"method\":\"POST\",\"path\":\"^/\$\",\"status\":200,\"body\":\"$(sts AssumeRole ROLE 2099-01-01T00:00:00Z)\"}"
	AWS_CONFIG_FILE=config put --profile r --max-records 1 in in
	cat err
	[ "$status" = 0 ]
	[ "$(wc -l <out)" = 2 ]
	same "$(printf 'ROLE\nROLE')" "$(key_of)"
	[ "$(token_of | sort -u)" = tok ]
	[ "$(asked POST)" = 2 ]
	jq -r 'select(.method == "POST") | .headers.Authorization' fake/log | grep -q 'Credential=BASE/[0-9]*/eu-west-1/sts/'
	[[ "$(jq -r 'select(.method == "POST") | .body' fake/log)" == *'ExternalId=e%261&'*'RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx'* ]]
	rule '{"method":"POST","path":"^/$","status":403,"body":"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"}'
	AWS_CONFIG_FILE=config put --profile r in
	[ "$status" = 6 ]
	grep -q 'STS answered 403 AccessDenied' err
}

@test "a web identity" {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	echo 'jwt.of.pod' >token
	rule "{\"method\":\"POST\",\"path\":\"^/\$\",\"status\":200,\"body\":\"$(sts AssumeRoleWithWebIdentity POD 2099-01-01T00:00:00Z)\"}"
	AWS_WEB_IDENTITY_TOKEN_FILE=token AWS_ROLE_ARN=arn:r put in
	good
	[ "$(key_of)" = POD ]
	[[ "$(jq -r 'select(.method == "POST") | .body' fake/log)" == *'WebIdentityToken=jwt.of.pod' ]]
	[ "$(jq -r 'select(.method == "POST") | .headers.Authorization' fake/log)" = null ]
}

@test "a container, with its token; only this machine is asked by http" {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	rule '{"method":"GET","path":"^/creds","status":200,"body":"{\"AccessKeyId\":\"BOX\",\"SecretAccessKey\":\"s\",\"Token\":\"bt\",\"Expiration\":\"2099-01-01T00:00:00Z\"}"}'
	AWS_CONTAINER_CREDENTIALS_FULL_URI=$U/creds AWS_CONTAINER_AUTHORIZATION_TOKEN=box-token put in
	good
	[ "$(key_of)" = BOX ]
	[ "$(token_of)" = bt ]
	[ "$(jq -r 'select(.path == "/creds") | .headers.Authorization' fake/log)" = box-token ]
	for bad in http://example.com/x "http://127.0.0.1:80@example.com/" http://10.0.0.1/x ftp://localhost/x; do
		AWS_CONTAINER_CREDENTIALS_FULL_URI=$bad put in
		[ "$status" = 3 ]
		grep -q 'only https, or http to this machine' err
	done
}

@test "the role of an instance by IMDSv2" {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED
	rule '{"method":"PUT","path":"^/latest/api/token$","status":200,"body":"imds-token"}'
	rule '{"method":"GET","path":"security-credentials/$","status":200,"body":"fleet-role"}'
	rule '{"method":"GET","path":"security-credentials/fleet-role$","status":200,"body":"{\n \"Code\" : \"Success\",\n \"AccessKeyId\":\"EC2\",\"SecretAccessKey\":\"s\",\"Token\":\"et\",\"Expiration\":\"2099-01-01T00:00:00Z\"}"}'
	AWS_EC2_METADATA_SERVICE_ENDPOINT=$U put in
	good
	[ "$(key_of)" = EC2 ]
	[ "$(jq -r 'select(.path | endswith("fleet-role")) | .headers["x-aws-ec2-metadata-token"]' fake/log)" = imds-token ]
	AWS_EC2_METADATA_SERVICE_ENDPOINT=$U put in
	[ "$status" = 3 ]
	grep -q 'no credentials: .*the instance' err
}

@test "credentials that the server calls expired are fetched anew, once" {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	printf '#!/bin/sh\necho x >>%s/runs\necho "{\\"AccessKeyId\\":\\"K$(wc -l <%s/runs)\\",\\"SecretAccessKey\\":\\"s\\"}"\n' "$PWD" "$PWD" >give
	chmod +x give
	printf '[default]\ncredential_process = %s/give\n' "$PWD" >config
	rule '{"method":"PUT","status":400,"body":"<Error><Code>ExpiredToken</Code></Error>"}'
	AWS_CONFIG_FILE=config put in
	good
	same "$(printf 'K1\nK2')" "$(key_of)"
	rule '{"method":"PUT","status":400,"times":9,"body":"<Error><Code>ExpiredToken</Code></Error>"}'
	AWS_CONFIG_FILE=config put in
	[ "$status" = 6 ]
	[ "$(wc -l <runs)" = 4 ]
}

@test "no secret is seen: not in messages, the command line, or the spool" {
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	printf '[default]\naws_access_key_id = AKID\naws_secret_access_key = TOPSECRET\naws_session_token = TOPTOKEN\n' >credentials
	export AWS_SHARED_CREDENTIALS_FILE=credentials
	mkfifo pipe
	tlm-s3put -v -v --give-up-after 1s --stats -o s3://lake/x/ pipe >out 2>err &
	pid=$!
	exec 7>pipe
	printf 'bad\n{"n":1}\n' >&7
	sleep 0.1
	cat "/proc/$pid/cmdline" >seen
	rule '{"method":"PUT","status":403,"body":"<Error><Code>SignatureDoesNotMatch</Code><Message>The signature</Message><StringToSign>x</StringToSign></Error>"}'
	exec 7>&-
	wait "$pid" || true
	grep -q SignatureDoesNotMatch err
	cat out err >>seen
	find state -type f -exec cat {} + >>seen
	[ "$(grep -c 'TOPSECRET\|TOPTOKEN' seen)" = 0 ]
}

# ---- streams ----

@test "a live pipe: an object is stored and told while the pipe stays open" {
	mkfifo pipe
	tlm-s3put --max-age 200ms -o s3://lake/x/ pipe >out 2>err &
	pid=$!
	exec 7>pipe
	echo '{"n":1}' >&7
	for ((i = 0; i < 200; i++)); do
		[ ! -s out ] || break
		sleep 0.02
	done
	[ "$(wc -l <out)" = 1 ]
	[ "$(stored)" = '{"n":1}' ]
	[ -z "$(find state -name '*.ready')" ]
	exec 7>&-
	wait "$pid"
}

@test "many objects at once: rows in the order of sealing, each true" {
	seq 1 500 | sed 's/.*/{"n":&}/' >in
	rule '{"method":"PUT","path":"-00000[3-5]","status":503,"times":3}'
	put --uploads 8 --max-records 10 in
	cat err
	[ "$status" = 0 ]
	same "$(seq 1 50)" "$(jq .seq out)"
	jq -r .key out | sed "s|s3://|$U/|" | xargs curl -s | zstd -dcq | cmp - in
}

@test "a server that says no: every line that was read is in the spool, and stored by the next run" {
	printf '[default]\ncredential_process = false\n' >config
	for code in 403 500 none; do
		rm -f fake/rules
		: >fake/rules
		how=()
		if [ "$code" = none ]; then # a command for credentials that fails
			how=(-u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_CONFIG_FILE=config)
		else
			rule "{\"method\":\"PUT\",\"status\":$code,\"times\":999,\"after\":3}"
		fi
		seq 1 600 | sed 's/.*/{"n":&,"d":&}/; s/"d":[0-9]*\([0-9]\)/"d":\1/' >in
		mkfifo pipe
		timeout 60 env "${how[@]}" tlm-s3put --give-up-after 100ms --max-records 7 --max-open 20 --sync-interval 1h -o 's3://lake/y/{d}/' pipe >out 2>err &
		pid=$!
		exec 7>pipe
		cat in >&7
		status=0
		wait "$pid" || status=$?
		exec 7>&-
		cat err
		case $code in 403) want=6 ;; 500) want=7 ;; none) want=2 ;; esac
		[ "$status" = "$want" ]
		: >fake/rules
		put --max-open 20 -o 's3://lake/y/{d}/' /dev/null
		[ "$status" = 0 ]
		grep -q 'stored what 1 ended runs had left' err
		curl -s "$U/lake?list-type=2&prefix=y/" | grep -o '<Key>[^<]*' | sed "s|<Key>|$U/lake/|" | xargs curl -s | zstd -dcq | sort | cmp - <(sort in)
		[ -z "$(find state -type f)" ]
		rm -r state pipe
		kill "$fake"
		rm fake/port
		python3 "$TLM_TOP/tests/kit/s3fake.py" fake 3>&- 4>&- &
		fake=$!
		until [ -f fake/port ]; do sleep 0.02; done
		U=http://127.0.0.1:$(cat fake/port)
		export AWS_ENDPOINT_URL=$U
	done
}
