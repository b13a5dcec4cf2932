#!/usr/bin/env bats
# The lake in S3, against two real servers, looked at with boto3.

load common
load s3

setup_file() {
	cd "$TLM_TOP"
	export S3_HOME=$BATS_FILE_TMPDIR
	OWNER=$$ tests/services/s3-start.sh s3proxy "$S3_HOME/s3proxy" >"$S3_HOME/s3proxy.url"
	[ ! -x "$(tests/services/s3-install.sh)/versitygw" ] ||
		OWNER=$$ tests/services/s3-start.sh versitygw "$S3_HOME/versitygw" >"$S3_HOME/versitygw.url"
}

teardown_file() { s3_stop_all; }

setup() {
	cd "$BATS_TEST_TMPDIR"
	export AWS_ACCESS_KEY_ID=testaccess AWS_SECRET_ACCESS_KEY=testsecret123 XDG_STATE_HOME=$PWD/state
	export SPOOL=$PWD/state/tlm/spool
	python=$(venv_python)
}

# on SERVER: what follows goes to it, in a bucket of its own.
on() {
	[ -s "$S3_HOME/$1.url" ] || skip "no Go 1.24 here for $1; S3Proxy is asked the same"
	SERVER=$1
	export AWS_ENDPOINT_URL=http://127.0.0.1:$(cat "$S3_HOME/$1.url")
	B=b-$BATS_TEST_NUMBER
	DATA=$S3_HOME/$1/data/$B
	mkdir "$DATA"
}

# What boto3 says, which takes a second to load; where the server is not in question its files are looked at.
s3() { "$python" "$TLM_TOP/tests/kit/s3check.py" "$@"; }

# Keys and lines as the server keeps them on its disk; hidden names are its own.
keys() { (cd "$DATA" && find . -type f -path "./${1:-}*" -not -path '*/.sgwtmp/*' | sed 's|^\./||' | LC_ALL=C sort); }
lines() {
	keys "$1" | while IFS= read -r key; do
		case $key in
		*.zst) zstd -dcq "$DATA/$key" ;;
		*.gz) gzip -dc "$DATA/$key" ;;
		*) cat "$DATA/$key" ;;
		esac
	done
}

# put ARGUMENT...: tlm-s3put with a limit, to out and err, $status.

spool_is_empty() { [ -z "$(find "$SPOOL" -type f 2>/dev/null)" ]; }

# ---- what is stored ----

stored() {
	on "$1"
	seq 1 300 | sed 's/.*/{"n":&,"d":"v&","ts":&}/; s/"v[0-9]*\([0-9]\)"/"v\1"/' >in
	put --time ts:s --max-records 20 -o "s3://$B/trips/dt=%Y/d={d}/" in
	cat err
	[ "$status" = 0 ]
	[ "$(s3 manifest "$B" <out)" = 20 ]
	lines trips/ | sort >got
	sort in | cmp - got
	spool_is_empty
	key=$(jq -r .key out | head -n 1)
	s3 head "$B" "${key#s3://"$B"/}" >head
	[ "$(jq -r '.ContentType, .ContentEncoding, .Metadata["tlm-records"]' head | xargs)" = "application/zstd null 20" ]
	[ "$(jq -r '.Metadata["tlm-raw-sha256"]' head)" = "$(jq -r .raw_sha256 out | head -n 1)" ]
}
@test "versitygw: every record once, rows that are true, the spool empty" { stored versitygw; }
@test "S3Proxy: every record once, rows that are true, the spool empty" { stored s3proxy; }

odd_keys() {
	on "$1"
	cat >in <<-'END'
		{"d":"a b","n":1}
		{"d":"a=b","n":2}
		{"d":"a+b","n":3}
		{"d":"100%","n":4}
		{"d":"../../x","n":5}
		{"d":"..","n":6}
		{"d":"","n":7}
		{"d":"%2e%2e","n":8}
		{"d":"日本 é","n":9}
		{"d":"a\nb\tc","n":10}
		{"d":"?x=1&y#z","n":11}
		{"d":"~!*'()$,;:@[]","n":12}
	END
	put --run-id r -o "s3://$B/a b+c/é=1 %%/d={d}/" in
	cat err
	[ "$status" = 0 ]
	[ "$(s3 manifest "$B" <out)" = 12 ]
	lines "a b+c/é=1 %/" | sort | cmp - <(sort in)
	keys >list
	[ -z "$(grep '^a b+c/é=1 %/d=\.\./' list)" ]
	grep -q '^a b+c/é=1 %/d=a%20b/r-000001' list
	grep -q '^a b+c/é=1 %/d=%2E%2E/' list
}
@test "versitygw: keys with blanks, =, +, %, UTF-8" { odd_keys versitygw; }
@test "S3Proxy: keys with blanks, =, +, %, UTF-8" { odd_keys s3proxy; }

formats() {
	on "$1"
	printf '{"n":1}\n{"n":2}\n' >in
	for kind in zst gz none; do
		put --run-id "$kind" --compression "$kind" -o "s3://$B/f/" in
		[ "$status" = 0 ]
		jq -r .key out >>names
	done
	mapfile -t names < <(sed "s|s3://$B/||" names)
	s3 head "$B" "${names[@]}" >head
	[ "$(jq -r .ContentType head | xargs)" = "application/zstd application/gzip application/x-ndjson" ]
	[ "$(jq -r .ContentEncoding head | sort -u)" = null ]
	for key in "${names[@]}"; do
		lines "$key" | cmp - in
	done
}
@test "versitygw: three formats and their Content-Type" { formats versitygw; }
@test "S3Proxy: three formats and their Content-Type" { formats s3proxy; }

repeatable() {
	on "$1"
	seq 1 9 | sed 's/.*/{"n":&}/' >in
	put --run-id night --max-records 4 -o "s3://$B/raw/" --manifest "s3://$B/raw/_manifests/" in
	[ "$status" = 0 ]
	cp out first
	keys >list
	put --run-id night --max-records 4 -o "s3://$B/raw/" --manifest "s3://$B/raw/_manifests/" in
	cat err
	[ "$status" = 0 ]
	cmp out first
	keys | cmp - list
	[ "$(wc -l <list)" = 4 ]
	lines raw/_manifests/ >rows
	cmp <(head -n 3 rows) first
	[ "$(tail -n 1 rows)" = '{"run":"night","end":true,"objects":3,"records":9}' ]
	# other records under the same name
	sed -i 's/8/88/' in
	put --run-id night --max-records 4 -o "s3://$B/raw/" in
	[ "$status" = 6 ]
	grep -q 'night-000002.ndjson.zst: exists with other records' err
	[ "$(wc -l <err)" = 1 ]
	[ -n "$(find "$SPOOL" -name '*.ready')" ]
	# an object that somebody else stored
	echo x | s3 put "$B" other/day-000001.ndjson.zst
	put --run-id day -o "s3://$B/other/" in
	[ "$status" = 6 ]
	grep -q 'was not stored by this program' err
}
@test "versitygw: --run-id: the same again is done, other records are refused" { repeatable versitygw; }
@test "S3Proxy: --run-id: the same again is done, other records are refused" { repeatable s3proxy; }

in_parts() {
	on "$1"
	awk 'BEGIN {for (i = 0; i < 260000; i++) printf "{\"n\":%d,\"pad\":\"%.60f\"}\n", i, i / 7}' >in
	put --compression none --multipart-threshold 6M --multipart-chunksize 5M -o "s3://$B/big/" in
	cat err
	[ "$status" = 0 ]
	[ "$(s3 manifest "$B" <out)" = 1 ]
	lines big/ | cmp - in
	# again, with the other checksum
	put --run-id p --checksum-algorithm CRC32C --compression none --multipart-threshold 6M --multipart-chunksize 7M -o "s3://$B/crc/" in
	cat err
	[ "$status" = 0 ]
	lines crc/ | cmp - in
	put --run-id p --compression none --multipart-threshold 6M -o "s3://$B/crc/" in
	[ "$status" = 0 ]
	[ -z "$(s3 uploads "$B")" ]
}
@test "versitygw: large objects in parts, with either checksum; the same again" { in_parts versitygw; }
@test "S3Proxy: large objects in parts, with either checksum; the same again" { in_parts s3proxy; }

audited() {
	on "$1"
	seq 1 30 | sed 's/.*/{"n":&,"d":"a b=%"}/' >in
	put --run-id r --max-records 3 -o "s3://$B/p q/{d}/" --manifest "s3://$B/p q/_manifests" in
	[ "$status" = 0 ]
	put --audit "s3://$B/p q/"
	cat err out
	[ "$status" = 0 ]
	grep -q '10 objects, 30 records, 10 rows: 0 faults' err
	key=$(keys 'p q/a' | sed -n 4p)
	s3 delete "$B" "$key"
	put --audit "s3://$B/p q/" out
	[ "$status" = 1 ]
	[ "$(jq -r .key out)" = "s3://$B/$key" ]
	echo '{"n":1}' | zstd -qc | s3 put "$B" "$key"
	put --audit "s3://$B/p q/"
	[ "$status" = 1 ]
	[ "$(jq -r .fault out)" = "the object has another number of records than its row tells" ]
}
@test "versitygw: --audit proves a lake whole and names what is not" { audited versitygw; }
@test "S3Proxy: --audit proves a lake whole and names what is not" { audited s3proxy; }

# ---- what is refused ----

refused() {
	on "$1"
	echo '{"n":1}' >in
	AWS_SECRET_ACCESS_KEY=wrong put -o "s3://$B/x/" in
	[ "$status" = 6 ]
	grep -q '403' err
	[ "$(wc -l <err)" = 1 ]
	[ -z "$(grep wrong err)" ]
	AWS_ACCESS_KEY_ID=nobody put -o "s3://$B/y/" in
	[ "$status" = 6 ]
	put -o "s3://$B-not-there/z/" in
	[ "$status" = 6 ]
	grep -q NoSuchBucket err
	# what was refused is stored by the next run that is not
	put -o "s3://$B/x/" /dev/null
	[ "$status" = 0 ]
	grep -q 'stored what 1 ended runs had left: 1 objects, 1 records' err
	[ "$(lines x/)" = '{"n":1}' ]
	mkdir "$S3_HOME/$1/data/$B-not-there"
	put -o "s3://$B-not-there/z/" in
	[ "$status" = 0 ]
	[ "$(DATA=$DATA-not-there lines z/ | wc -l)" = 2 ]
}
@test "versitygw: wrong secret, wrong key, no bucket: status 6, the data kept" { refused versitygw; }
@test "S3Proxy: wrong secret, wrong key, no bucket: status 6, the data kept" { refused s3proxy; }

@test "nobody there: status 7 after --give-up-after, the data kept and stored by the next run" {
	on s3proxy
	url=$AWS_ENDPOINT_URL
	echo '{"n":1}' >in
	put --spool sp --endpoint-url http://127.0.0.1:1 --give-up-after 1s -o "s3://$B/x/" in
	[ "$status" = 7 ]
	grep -q 'Failed to connect' err
	find sp -name '*.ready' | grep -q .
	[ "$(find sp -name '*.ready' | wc -l)" = 1 ]
	# one spelt otherwise is the same
	put --spool sp --endpoint-url http://127.0.0.1:1/ --give-up-after 1ms -o "s3://$B/x/" /dev/null
	[ "$status" = 7 ]
	# another endpoint is another destination
	put --spool sp -o "s3://$B/x/" /dev/null
	[ "$status" = 0 ]
	[ -z "$(keys)" ]
}

@test "--dry-run prints keys and asks nobody" {
	export AWS_ENDPOINT_URL=http://127.0.0.1:1
	printf '{"d":1}\n{"d":2}\n{"d":1}\n' >in
	put --dry-run -o 's3://lake/x/d={d}/' in
	[ "$status" = 0 ]
	[ "$(jq -r '"\(.key) \(.records)"' out)" = "s3://lake/x/d=1/RUN-000001.ndjson.zst 2
s3://lake/x/d=2/RUN-000002.ndjson.zst 1" ]
	[ ! -e state ]
}

# ---- read by others ----

@test "DuckDB reads what is in the bucket: rows, sums, partition columns with their types (docs/lake.md)" {
	on s3proxy
	awk 'BEGIN {for (i = 0; i < 5000; i++) printf "{\"deviceId\":\"veh %d\",\"timeMili\":%.0f,\"variable\":\"SPEED\",\"value\":%.2f}\n", i % 3, 1795341600000 + i * 20000, i / 7}' >in
	put --time timeMili:ms --max-records 500 -o "s3://$B/t/dt=%Y-%m-%d/hour=%H/vehicle={deviceId}/" --manifest "s3://$B/t/_manifests/" in
	[ "$status" = 0 ]
	# the pattern and options of the page, on the files of the server
	sed -n '/^FROM read_json/p' "$TLM_TOP/docs/lake.md" | head -n 1 >from
	grep -q "dt=\*/hour=\*/vehicle=\*/\*.ndjson.zst', hive_partitioning = true" from
	from=$(sed "s|s3://lake/telemetry|$DATA/t|" from)
	"$python" - "$from" >got <<-'END'
		import duckdb, sys
		q = lambda s: print(duckdb.sql(s.format(sys.argv[1])).fetchall())
		q("SELECT count(*), round(sum(value), 2), count(DISTINCT timeMili) {}")
		q("SELECT vehicle, count(*), typeof(any_value(dt)), typeof(any_value(hour)), typeof(vehicle) {} GROUP BY vehicle ORDER BY vehicle")
		sys.argv[1] = sys.argv[1].replace("= true", "= true, hive_types = {{'hour': INTEGER}}").format()
		q("SELECT typeof(any_value(hour)) {}")
		q("SELECT count(*) {} WHERE dt <> make_timestamp(timeMili * 1000)::DATE OR hour <> hour(make_timestamp(timeMili * 1000)) OR vehicle <> deviceId")
	END
	cat got
	sum=$(awk 'BEGIN {for (i = 0; i < 5000; i++) s += sprintf("%.2f", i / 7); printf "%.2f", s}')
	[ "$(sed -n 1p got)" = "[(5000, $(sed 's/0*$//; s/\.$//' <<<"$sum"), 5000)]" ]
	[ "$(sed -n 2p got)" = "[('veh 0', 1667, 'DATE', 'VARCHAR', 'VARCHAR'), ('veh 1', 1667, 'DATE', 'VARCHAR', 'VARCHAR'), ('veh 2', 1666, 'DATE', 'VARCHAR', 'VARCHAR')]" ]
	[ "$(sed -n 3p got)" = "[('INTEGER',)]" ]
	[ "$(sed -n 4p got)" = "[(0,)]" ]
	sed -n '/^SELECT sum(records)/,/^FROM (SELECT DISTINCT/p' "$TLM_TOP/docs/lake.md" >sql
	sed -i "s|s3://lake/telemetry|$DATA/t|; s|;$||" sql
	"$python" -c 'import duckdb, sys; print(duckdb.sql(sys.stdin.read()).fetchall()[0])' <sql >sums
	[ "$(cat sums)" = "(5000, $(jq -s 'map(.bytes) | add' out), $(wc -l <out))" ]
}
