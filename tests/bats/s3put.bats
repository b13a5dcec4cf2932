#!/usr/bin/env bats
# tlm-s3put into file:///DIR, seen from outside: places, limits, names, books, manifest, errors; read back by others.

load common

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	L="file://$PWD/lake"
	for i in 1 2 3 4 5 6; do
		printf '{"ts":%d,"dev":"v%d","n":%d}\n' $((1795341600 + i * 1800)) $((i % 2)) "$i"
	done >six.ndjson
}

objects() { (cd lake && find . -name '*.ndjson*' | sort); }
lines() { find lake -name '*.zst' -not -path '*/.tlm-spool/*' -exec zstdcat {} + | sort; }

@test "records go where time and fields say, as the bytes that came" {
	tlm-s3put --time ts:s --run-id r -o "$L/dt=%F/hour=%H/dev={dev}/" six.ndjson >rows
	same "$(objects)" "./dt=2026-11-22/hour=10/dev=v1/r-000001.ndjson.zst
./dt=2026-11-22/hour=11/dev=v0/r-000002.ndjson.zst
./dt=2026-11-22/hour=11/dev=v1/r-000003.ndjson.zst
./dt=2026-11-22/hour=12/dev=v0/r-000004.ndjson.zst
./dt=2026-11-22/hour=12/dev=v1/r-000005.ndjson.zst
./dt=2026-11-22/hour=13/dev=v0/r-000006.ndjson.zst"
	same "$(lines)" "$(sort six.ndjson)"
	[ ! -e lake/.tlm-spool ]
}

@test "--marks: marks are not stored" {
	printf '%s\n' '{"ts":1,"v":1}' '{"_tlm":{"time_us":1,"source":"x"}}' '{"ts":2,"v":2}' '{"_tlm":{"time_us":"1"}}' >in
	tlm-s3put --marks --time ts:s --run-id r -o "$L/dt=%F/" in --rejects bad --stats >rows 2>err
	same $'{"ts":1,"v":1}\n{"ts":2,"v":2}' "$(lines)"
	[ "$(jq -c '[.read, .kept, .rejected]' err)" = '[3,2,1]' ]
	[ "$(jq -c '[.line, .reason]' bad)" = '[4,"mark"]' ]
	rm -r lake
	tlm-s3put --run-id r -o "$L/x/" in >rows
	[ "$(lines | wc -l)" = 4 ]
}

@test "manifest rows tell what sha256sum, wc and stat tell" {
	tlm-s3put --time ts:s -o "$L/dev={dev}/" six.ndjson >rows
	[ "$(wc -l <rows)" = 2 ]
	while read -r row; do
		f=$(jq -r .key <<<"$row")
		f=${f#file://}
		[ "$(jq -r .sha256 <<<"$row")" = "$(sha256sum <"$f" | cut -c1-64)" ]
		[ "$(jq -r .raw_sha256 <<<"$row")" = "$(zstdcat "$f" | sha256sum | cut -c1-64)" ]
		[ "$(jq .bytes <<<"$row")" = "$(stat -c %s "$f")" ]
		[ "$(jq .raw_bytes <<<"$row")" = "$(zstdcat "$f" | wc -c)" ]
		[ "$(jq .records <<<"$row")" = "$(zstdcat "$f" | wc -l)" ]
		[ "$(jq -r '.min_time|fromdate' <<<"$row")" = "$(zstdcat "$f" | jq -s 'map(.ts)|min')" ]
		[ "$(jq -r '.max_time|fromdate' <<<"$row")" = "$(zstdcat "$f" | jq -s 'map(.ts)|max')" ]
	done <rows
	same "$(jq -r 'keys_unsorted|join(" ")' rows | sort -u)" \
		"key records bytes raw_bytes sha256 raw_sha256 min_time max_time run seq"
}

@test "--tz moves the codes, not the records" {
	tlm-s3put --time ts:s --tz Asia/Kolkata --run-id r -o "$L/%H-%M/" six.ndjson >rows
	objects | grep -q '^./16-00/'
	same "$(lines)" "$(sort six.ndjson)"
	status_of tlm-s3put --time ts:s --tz Mars/Base -o "$L/%H/" six.ndjson
	[ "$status" = 3 ]
	grep -q Mars/Base err
}

@test "the compressions, read by their own commands" {
	tlm-s3put --compression gz --level 9 --run-id r -o "$L" six.ndjson >rows
	same "$(gzip -dc lake/r-000001.ndjson.gz)" "$(cat six.ndjson)"
	tlm-s3put --compression none --run-id r -o "$L" six.ndjson >rows
	cmp lake/r-000001.ndjson six.ndjson
	tlm-s3put --level 19 --run-id r -o "$L" six.ndjson >rows
	zstd -qt lake/r-000001.ndjson.zst
	same "$(zstdcat lake/r-000001.ndjson.zst)" "$(cat six.ndjson)"
	for bad in "--compression gz --level 10" "--compression none --level 1" "--level 20" "--compression xz"; do
		# shellcheck disable=SC2086
		status_of tlm-s3put $bad -o "$L" six.ndjson
		[ "$status" = 2 ]
		[ "$(wc -l <err)" = 1 ]
	done
}

@test "--jobs: the same objects, byte for byte, however many threads compress" {
	seq 1 100000 | sed 's/.*/{"n":&,"d":&,"v":"x&y"}/; s/"d":[0-9]*\(.\),/"d":\1,/' >many.ndjson
	for how in "--compression zst" "--compression gz" "--compression none"; do
		for j in 1 2 5; do
			rm -rf lake
			# shellcheck disable=SC2086
			tlm-s3put -q -j "$j" --run-id r $how -o "$L/d={d}/" many.ndjson | sort >"rows$j"
			[ "$(wc -l <"rows$j")" -ge 10 ]
		done
		cmp rows1 rows2
		cmp rows1 rows5
	done
	status_of tlm-s3put --jobs 0 -o "$L" six.ndjson
	[ "$status" = 2 ]
}

@test "--max-records, --max-size and --max-span cut objects" {
	tlm-s3put --max-records 4 -o "$L" six.ndjson | jq .records >got
	same "$(cat got)" $'4\n2'
	tlm-s3put --max-size 80 -o "$L" six.ndjson | jq .raw_bytes >got
	[ "$(sort -n got | tail -n 1)" -le 80 ]
	[ "$(($(paste -sd+ got)))" = "$(wc -c <six.ndjson)" ]
	tlm-s3put --time ts:s --max-span 1h -o "$L" six.ndjson | jq -c '[.records, .min_time]' >got
	same "$(cat got)" '[2,"2026-11-22T10:30:00Z"]
[2,"2026-11-22T11:30:00Z"]
[2,"2026-11-22T12:30:00Z"]'
	status_of tlm-s3put --max-span 1h -o "$L" six.ndjson
	[ "$status" = 2 ]
	grep -q -- '--max-span needs' err
}

@test "--max-age stores while the input stays open" {
	(cat six.ndjson && sleep 3) | tlm-s3put --max-age 100ms -o "$L" >rows &
	for _ in $(seq 100); do
		[ -s rows ] && break
		sleep 0.02
	done
	[ "$(jq .records rows)" = 6 ]
	kill %1 2>/dev/null || :
	wait
}

@test "--max-open bounds the open directories and tells of objects that ended early" {
	status_of tlm-s3put --max-open 1 --run-id r -o "$L/dev={dev}/" six.ndjson
	[ "$status" = 0 ]
	[ "$(wc -l <out)" = 6 ]
	grep -q 'more than 1 directories at once' err
	grep -q '5 objects were closed early$' err
	same "$(lines)" "$(sort six.ndjson)"
}

@test "more open directories than files may be open: refused before anything is read" {
	status_of bash -c "ulimit -n 100; tlm-s3put --max-open 1000 -o '$L/{n}/' six.ndjson"
	[ "$status" = 2 ]
	grep -q 'may open only 100 files' err
	[ ! -e lake ]
	# Just enough: groups of objects take no more than is left.
	bash -c "ulimit -n 70; tlm-s3put --max-open 6 -o '$L/{n}/' six.ndjson" >rows
	[ "$(wc -l <rows)" = 6 ]
}

@test "a bad record is rejected with its reason and the books add up" {
	printf '%s\n' '{"d":1}' '[1]' '{' '{"d":{}}' '' '{"d":"'"$(printf 'x%.0s' $(seq 200))"'"}' '{"d":null}' >in
	status_of tlm-s3put --rejects bad --stats -o "$L/d={d}/" in
	[ "$status" = 0 ]
	same "$(jq -r .reason bad)" $'not_object\njson\npath_value\npath_value'
	same "$(jq -c '[.read, .kept, .rejected, .empty, .open, .out]' err)" '[6,2,4,1,0,2]'
	grep -q '"message":".\?d is an object"' bad
	status_of tlm-s3put -o "$L/d={d}/" in
	[ "$status" = 5 ]
	status_of tlm-s3put --time t:s --rejects bad -o "$L/%F/" in
	[ "$(jq -r 'select(.line == 1) | .reason + " " + .message' bad)" = "no_time t is absent" ]
}

@test "values cannot leave the root" {
	printf '{"d":%s}\n' '"../../x"' '".."' '"."' '""' '"a/b"' '"%2e%2e"' '"\u0000"' '"\n"' '"a=b"' '".tlm-spool"' \
		'"/etc"' '"__HIVE_DEFAULT_PARTITION__"' '"_manifests"' '"_complete"' >in
	tlm-s3put -o "$L/{d}/" in >rows
	[ "$(find . -mindepth 1 -maxdepth 1 | sort | xargs)" = "./in ./lake ./rows ./six.ndjson" ]
	[ "$(find lake -name '*.zst' | wc -l)" = 14 ]
	[ "$(find lake -mindepth 1 -type d | wc -l)" = 14 ]
	[ ! -e lake/.tlm-spool ]
	[ ! -e lake/_manifests ]
	# Each directory is decoded to the value of its records.
	for d in lake/*/; do
		want=$(zstdcat "$d"*.zst | jq -c '.d')
		have=$(python3 -c 'import sys, json, urllib.parse
n = sys.argv[1]
print(json.dumps("" if n == "__HIVE_DEFAULT_PARTITION__" else urllib.parse.unquote(n)))' "$(basename "$d")")
		same "$(jq -c . <<<"$have")" "$want"
	done
}

@test "a template that is wrong: status 3 with the place" {
	for t in '{' '{a' 'x}' '%Q/' '%' '{a}/../b' '{a}/.b' '_{a}' '_com{a}'; do
		status_of tlm-s3put --time ts:s -o "$L/$t" six.ndjson
		[ "$status" = 3 ]
		[ "$(wc -l <err)" = 1 ]
		grep -q 'at byte' err
	done
	[ ! -e lake ]
}

@test "places and options that do not go together: status 2, one line" {
	bad() {
		status_of tlm-s3put "$@" six.ndjson
		[ "$status" = 2 ]
		[ "$(wc -l <err)" = 1 ]
		[ ! -s out ]
	}
	bad
	bad -o lake
	bad -o -
	bad -o s3://
	bad -o s3:bucket/x
	bad -o s3://b/x
	grep -q 'not the name of a bucket' err
	bad -o s3://bucket/x --endpoint-url ftp://h
	for endpoint in '' http://h/path http://h:x http://h:0 http://h:65536 http://h:1x http://u@h 'http://h ' $'http://h\nX: y' http://::1 \
		'http://[::1' 'http://[]' 'http://[::1]x' http://; do
		bad -o s3://bucket/x --endpoint-url "$endpoint"
		grep -q endpoint err
	done
	bad -o s3://bucket/x --region $'a\nX: y'
	bad -o s3://bucket/x --region ''
	bad -o s3://bucket/x --storage-class ''
	bad -o s3://bucket/x --sse-kms-key-id k
	bad -o s3://bucket/x --metadata novalue
	bad -o s3://bucket/x --metadata tlm-x=1
	bad -o s3://bucket/x --metadata $'a=b\nc'
	bad -o s3://bucket/x --tagging é
	bad -o s3://bucket/x --multipart-chunksize 1M
	bad -o s3://bucket/x --manifest s3://other/x/_manifests
	bad -o s3://bucket/x --manifest s3://bucket/_manifests
	bad -o s3://bucket/x --manifest file:///x/_manifests
	bad -o "$L" --manifest "$L/manifests"
	bad -o "$L" --region eu-west-1
	grep -q -- '--region: is for s3://' err
	bad -o file://host/x
	bad -o "$L/%F/"
	grep -q 'no --time' err
	bad -o "$L" --rejects -
	bad -o "$L" --run-id a/b
	bad -o "$L" --run-id ''
	bad -o "$L" --run-id _hidden
	bad -o "$L" --run-id r --max-age 1s
	bad -o "$L" --run-id r --sync-interval 1s
	bad -o "$L" --max-open 0
	bad -o "$L" --max-records 0
	bad -o "$L" --time ts:parsec
	bad -o "$L" --spool ''
	grep -q 'spool: the name is empty' err
	bad -o "$L" --max-age 106751991d
	bad -o "$L" --spool /dev/shm/tlm-s3put-bats
	grep -q 'file system of the lake' err
	rmdir /dev/shm/tlm-s3put-bats
	bad -o "file://$PWD/six.ndjson/{n}"
}

@test "--run-id: a second run changes nothing, other records are refused" {
	tlm-s3put --run-id a.ndjson.gz -o "file://$PWD/odd" six.ndjson >first
	[ "$(jq -c '[.run, .seq]' first)" = '["a.ndjson.gz",1]' ]
	tlm-s3put --run-id n --max-records 2 -o "$L" six.ndjson >first
	before=$(objects; stat -c '%n %i %Y' lake/*)
	tlm-s3put --run-id n --max-records 2 -o "$L" six.ndjson >second
	cmp first second
	same "$(objects; stat -c '%n %i %Y' lake/*)" "$before"
	sed 's/"n":3/"n":33/' six.ndjson >other
	status_of tlm-s3put --run-id n --max-records 2 -o "$L" other
	[ "$status" = 6 ]
	grep -q 'n-000002.ndjson.zst: exists with other records' err
	same "$(lines)" "$(sort six.ndjson)"
}

@test "--run-id: manifests are cut by their rows alone" {
	shm=$(mktemp -d /dev/shm/tlm-s3put-bats.XXXXXX)
	seq 1 10150 | sed 's/.*/{"n":&}/' >in
	status_of tlm-s3put --run-id n --max-records 1 --compression none --manifest "file://$shm/_manifests" -o "file://$shm" in
	status_of wc -l "$shm"/_manifests/n-00000[12].ndjson
	rm -r "$shm"
	[ "$(awk '{print $1}' out | xargs)" = "10000 151 10151" ]
}

@test "--run-id: an input that fails leaves only finished objects, and the repetition completes" {
	status_of tlm-s3put --run-id n --max-records 4 -o "$L" six.ndjson missing.ndjson six.ndjson
	[ "$status" = 2 ]
	same "$(objects)" ./n-000001.ndjson.zst
	[ ! -e lake/.tlm-spool ]
	# so does a record that ends the run before the input has ended
	{ head -n 5 six.ndjson; printf 'bad%02000d\n' 6; } >bad
	for stop in --strict --max-rejects=1 '--max-rejects=1 --max-line=1K'; do
		# shellcheck disable=SC2086
		status_of tlm-s3put $stop --run-id n --max-records 4 -o "$L" bad
		[ "$status" = 5 ]
		same "$(objects)" ./n-000001.ndjson.zst
		[ ! -e lake/.tlm-spool ]
	done
	tlm-s3put --run-id n --max-records 4 -o "$L" six.ndjson >rows
	same "$(lines)" "$(sort six.ndjson)"
}

@test "without a name, what was read before an input failed is stored" {
	status_of tlm-s3put -o "$L" six.ndjson missing.ndjson
	[ "$status" = 2 ]
	same "$(lines)" "$(sort six.ndjson)"
}

# feed_and NAME...: starts the tool on a pipe that stays open, waits until the records are in the spool.
start_open() {
	mkfifo in
	tlm-s3put --sync-interval 10ms "$@" -o "$L/dev={dev}/" <in >rows 2>err &
	PID=$!
	exec 9>in
	cat six.ndjson >&9
	for _ in $(seq 200); do
		[ "$(find lake -name '*.part' -size +0 2>/dev/null | wc -l)" = 2 ] && break
		sleep 0.02
	done
}

@test "kill -9: the next run stores what was flushed, once; a living run is left alone" {
	start_open
	tlm-s3put -o "$L/dev={dev}/" </dev/null >other
	[ ! -s other ]
	kill -KILL "$PID"
	wait "$PID" || :
	[ ! -s rows ]
	status_of tlm-s3put -o "$L/dev={dev}/" </dev/null
	[ "$status" = 0 ]
	[ "$(wc -l <out)" = 2 ]
	grep -q 'stored what 1 ended runs had left: 2 objects, 6 records' err
	same "$(lines)" "$(sort six.ndjson)"
	[ ! -e lake/.tlm-spool ]
	[ "$(tlm-s3put -o "$L/dev={dev}/" </dev/null | wc -l)" = 0 ]
	exec 9>&-
}

@test "rows of a killed run: no objects of records, and none of a run with a name, which stays repeatable" {
	mkfifo in
	tlm-s3put --sync-interval 10ms --max-records 5 --manifest "$L/_manifests" -o "$L" <in >rows 2>err &
	PID=$!
	exec 9>in
	cat six.ndjson >&9
	parts_are() { [ "$(find lake -name '*.part' -size +0 | wc -l)" = 2 ]; }
	within 10 parts_are # of the last record, and of the row of those before it
	kill -KILL "$PID"
	wait "$PID" || :
	exec 9>&-
	cp -a lake left
	tlm-s3put -q -o "$L" </dev/null >>rows
	[ "$(jq -s 'map(.records) | add' rows)" = 6 ]
	tlm-s3put -q --audit "$L" rows
	rm -r lake
	mv left lake
	for _ in 1 2; do
		tlm-s3put -q --run-id n --manifest "$L/_manifests" -o "$L" six.ndjson
	done
	tlm-s3put -q --audit "$L"
	[ "$(lines | wc -l)" = 12 ]
	[ "$(find lake/_manifests -type f | wc -l)" = 3 ]
	[ ! -e lake/.tlm-spool ]
}

@test "a lake is made below directories that may be passed but not read" {
	need setpriv
	mkdir -p closed/open
	chmod 0311 closed
	status=0
	drop=()
	[ "$(id -u)" != 0 ] || drop=(setpriv --bounding-set=-all --inh-caps=-all)
	"${drop[@]}" tlm-s3put -o "file://$PWD/closed/open/a/b/{dev}" six.ndjson >rows 2>err || status=$?
	chmod 0755 closed
	[ "$status" = 0 ]
	[ "$(find closed/open/a/b -name '*.zst' | wc -l)" = 2 ]
}

@test "a dry run tells that a killed run left something, and leaves it" {
	start_open
	tlm-s3put --dry-run -o "$L/dev={dev}/" six.ndjson >out 2>quiet
	[ ! -s quiet ] # it lives
	kill -KILL "$PID"
	wait "$PID" || :
	before=$(find lake | sort)
	status_of tlm-s3put --dry-run -o "$L/dev={dev}/" six.ndjson
	[ "$status" = 0 ]
	[ "$(wc -l <out)" = 2 ]
	grep -q 'would first store what 1 ended runs have left' err
	same "$(find lake | sort)" "$before"
	[ "$(tlm-s3put -q -o "$L/dev={dev}/" </dev/null | wc -l)" = 2 ]
	status_of tlm-s3put --dry-run -o "$L/dev={dev}/" six.ndjson
	[ ! -s err ]
	exec 9>&-
}

@test "the same place, spelt with other slashes and dots, stores what a killed run left" {
	start_open
	kill -KILL "$PID"
	wait "$PID" || :
	[ "$(tlm-s3put -q -o "file://$PWD//./lake/.//dev={dev}" </dev/null | wc -l)" = 2 ]
	same "$(lines)" "$(sort six.ndjson)"
	[ ! -e lake/.tlm-spool ]
	exec 9>&-
}

@test "another place does not touch what a killed run left" {
	start_open
	kill -KILL "$PID"
	wait "$PID" || :
	tlm-s3put -o "$L/n={n}/" </dev/null >other
	[ ! -s other ]
	[ "$(find lake -name '*.part' | wc -l)" = 2 ]
	exec 9>&-
}

@test "what a run of another compression left is stored in that one" {
	start_open --compression gz
	kill -KILL "$PID"
	wait "$PID" || :
	tlm-s3put -q -o "$L/dev={dev}/" six.ndjson >rows
	[ "$(wc -l <rows)" = 4 ]
	same "$(find lake -name '*.gz' -exec gzip -dc {} + | sort)" "$(sort six.ndjson)"
	same "$(lines)" "$(sort six.ndjson)"
	exec 9>&-
}

@test "a killed run with a name is told, left alone, and completed by its repetition" {
	tlm-s3put --run-id n --max-records 2 -o "$L" <(cat six.ndjson; sleep 5) >rows &
	PID=$!
	for _ in $(seq 200); do
		[ "$(wc -l <rows)" = 3 ] && break
		sleep 0.02
	done
	rm "$(jq -r .key rows | tail -n 1 | cut -c8-)"
	kill -KILL $PID
	wait $PID || :
	status_of tlm-s3put -o "$L" </dev/null
	[ "$status" = 0 ]
	[ ! -s out ]
	grep -q 'the run n of this place was not finished: repeat it with --run-id n' err
	tlm-s3put --run-id n --max-records 2 -o "$L" six.ndjson >rows
	same "$(lines)" "$(sort six.ndjson)"
	[ ! -e lake/.tlm-spool ]
}

@test "SIGTERM to a run with a name: only finished objects stay" {
	tlm-s3put --run-id n --max-records 4 -o "$L" <(cat six.ndjson; sleep 5) >rows &
	PID=$!
	for _ in $(seq 200); do
		[ -s rows ] && break
		sleep 0.02
	done
	kill -TERM $PID
	status=0
	wait $PID || status=$?
	[ "$status" = 143 ]
	same "$(objects)" ./n-000001.ndjson.zst
}

@test "a file system without links: objects get their names by rename" {
	need strace
	export ASAN_OPTIONS=detect_leaks=0
	strace -f -qq -o trace -e trace=link,renameat2 -e inject=link:error=EPERM \
		tlm-s3put --run-id n --max-records 2 -o "$L" six.ndjson >rows
	[ "$(grep -c 'renameat2.*RENAME_NOREPLACE) *= 0' trace)" = 3 ]
	same "$(lines)" "$(sort six.ndjson)"
	[ ! -e lake/.tlm-spool ]
	strace -f -qq -o trace -e trace=link,renameat2 -e inject=link:error=EPERM \
		tlm-s3put --run-id n --max-records 2 -o "$L" six.ndjson >again
	cmp rows again
}

@test "SIGTERM: all that was read is stored, status 143" {
	start_open
	kill -TERM "$PID"
	status=0
	wait "$PID" || status=$?
	[ "$status" = 143 ]
	same "$(lines)" "$(sort six.ndjson)"
	[ "$(wc -l <rows)" = 2 ]
	[ ! -e lake/.tlm-spool ]
	exec 9>&-
}

@test "a full disk: status 2, and the next run completes what was flushed" {
	need unshare mount
	unshare -rm true 2>/dev/null || skip "no right to a mount namespace"
	cat >full.sh <<-'END'
		mount -t tmpfs -o size=256k none "$1" || exit 77
		head -c 3000000 /dev/urandom | base64 -w 200 | sed 's/.*/{"a":"&"}/' >in
		tlm-s3put --sync-interval 1ms -o "file://$1/x" in >rows 2>err
		echo $? >status
		grep -q 'No space left on device' err || exit 1
		[ "$(wc -l <err)" = 1 ] || exit 1
		mount -o remount,size=8m "$1" || exit 77
		tlm-s3put -q -o "file://$1/x" </dev/null >>rows || exit 1
		find "$1" -name '*.zst' -exec zstdcat {} + >got
		cmp got <(head -n "$(wc -l <got)" in) && [ -s got ] && [ ! -e "$1/x/.tlm-spool" ]
	END
	mkdir small
	status=0
	unshare -rm bash full.sh "$PWD/small" || status=$?
	[ "$status" != 77 ] || skip "no tmpfs may be mounted here"
	[ "$status" = 0 ]
	[ "$(cat status)" = 2 ]
}

@test "the reader of the manifest goes away: records are safe, the next run tells the rest" {
	status=0
	tlm-s3put --max-records 1 -o "$L" six.ndjson 2>err | true || status=$?
	[ ! -s err ]
	tlm-s3put -q -o "$L" </dev/null >rest
	n=$(lines | wc -l)
	[ "$(lines | sort -u | wc -l)" = "$n" ]
	[ ! -e lake/.tlm-spool ]
}

@test "a full stdout: status 2, the object is there and is told by the next run" {
	status=0
	tlm-s3put -o "$L" six.ndjson >/dev/full 2>err || status=$?
	[ "$status" = 2 ]
	[ "$(tlm-s3put -q -o "$L" </dev/null | jq .records)" = 6 ]
	same "$(lines)" "$(sort six.ndjson)"
}

@test "--spool: beside the lake" {
	tlm-s3put --spool waiting -o "$L/{dev}" six.ndjson >rows
	same "$(lines)" "$(sort six.ndjson)"
	[ -d waiting ]
	[ -z "$(ls -A waiting)" ]
	[ ! -e lake/.tlm-spool ]
}

@test "--dry-run prints keys and counts and writes nothing" {
	tlm-s3put --dry-run --run-id r --time ts:s -o "$L/dev={dev}/" six.ndjson | jq -r '"\(.key) \(.records)"' >got
	same "$(cat got)" "$L/dev=v1/r-000001.ndjson.zst 3
$L/dev=v0/r-000002.ndjson.zst 3"
	[ ! -e lake ]
}

@test "a column that hides a field is told once" {
	status_of tlm-s3put -o "$L/n={dev}/dev={dev}/" six.ndjson
	[ "$status" = 0 ]
	same "$(grep -c hides err)" 1
	grep -q 'the directory n=... hides the field n' err
}

@test "rows of tlm-agg need no --time" {
	printf '%s\n' '{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T11:00:00Z","count":1}' |
		tlm-s3put --run-id r -o "$L/%H-%M-%S/" >rows
	same "$(objects)" ./10-59-59/r-000001.ndjson.zst
	printf '%s\n' '{"session_start":"2026-11-22T10:00:00Z","session_end":"2026-11-22T11:00:00Z","count":1}' |
		tlm-s3put --run-id s -o "$L/%H-%M-%S/" >rows
	objects | grep -q ./11-00-00/s-000001.ndjson.zst
}

@test "an empty input stores nothing, a last line without its end and a CR LF are records" {
	tlm-s3put -o "$L" </dev/null >rows
	[ ! -s rows ]
	printf '{"a":1}\r\n{"a":2}' | tlm-s3put -o "$L" >rows
	same "$(lines)" $'{"a":1}\n{"a":2}'
}

@test "two runs at once into one place" {
	for i in 1 2 3 4; do
		tlm-s3put --max-records 2 -o "$L/{dev}" six.ndjson >rows$i &
	done
	wait
	[ "$(lines | wc -l)" = 24 ]
	same "$(lines | uniq -c | awk '{print $1}' | sort -u)" 4
	[ ! -e lake/.tlm-spool ]
	[ "$(cat rows? | wc -l)" = "$(find lake -name '*.zst' | wc -l)" ]
}

@test "DuckDB reads the lake back: the same rows, columns from the directories" {
	py=$(venv_python)
	printf '%s\n' '{"ts":1,"dev":"a b","v":1}' '{"ts":2,"dev":"../x","v":2}' '{"ts":3,"dev":null,"v":3}' \
		'{"ts":90000,"dev":"%41ż","v":4}' >in
	tlm-s3put --time ts:s -o "$L/dt=%F/device={dev}/" in >rows
	"$py" - <<-'END' >got
		import duckdb
		q = "select v, dt::varchar, device, dev from read_json('lake/*/*/*.ndjson.zst', hive_partitioning=true) order by v"
		for row in duckdb.sql(q).fetchall():
		    print(row)
	END
	same "$(cat got)" "(1, '1970-01-01', 'a b', 'a b')
(2, '1970-01-01', '../x', '../x')
(3, '1970-01-01', None, None)
(4, '1970-01-02', '%41ż', '%41ż')"
}

@test "real data: every record of automobile-telematics once, sums as DuckDB has them" {
	need_data automobile-telematics.ndjson.zst
	py=$(venv_python)
	tlm-s3put --time timestamp:iso -o "$L/dt=%F/v={variable}/" "$TLM_DATA/automobile-telematics.ndjson.zst" >rows
	zstdcat "$TLM_DATA/automobile-telematics.ndjson.zst" | sort | sha256sum >want
	lines | sha256sum >got
	cmp want got
	"$py" - "$TLM_DATA/automobile-telematics.ndjson.zst" <<-'END'
		import duckdb, json, sys
		a = duckdb.sql("select variable, count(*), count(timeMili) from read_json('%s', format='newline_delimited') group by 1 order by 1" % sys.argv[1]).fetchall()
		b = duckdb.sql("select v, count(*), count(timeMili) from read_json('lake/*/*/*.zst', hive_partitioning=true) group by 1 order by 1").fetchall()
		assert a == b, (a, b)
		rows = [json.loads(line) for line in open("rows")]
		assert sum(r["records"] for r in rows) == sum(r[1] for r in a)
	END
}

# ---- audit ----

audit() { status_of tlm-s3put -q --audit "$L" "$@"; }
faults() { jq -r '.fault' out | sort | uniq -c | sed 's/^ *//'; }

@test "--audit: a lake and its manifests agree; what was taken, changed, doubled or added is named" {
	awk 'BEGIN {for (i = 0; i < 60; i++) printf "{\"n\":%d,\"d\":\"%d\"}\n", i, i % 3}' >in
	tlm-s3put --max-records 5 -o "$L/d={d}/" --manifest "$L/_manifests/" in >rows
	tlm-s3put --run-id r --max-records 5 -o "$L/d={d}/" --manifest "$L/_manifests/" in >>rows
	audit
	cat out err
	[ "$status" = 0 ]
	[ ! -s out ]
	status_of tlm-s3put --audit "$L/d={d}/" rows
	[ "$status" = 0 ]
	[ "$(cat err)" = "tlm-s3put: $(wc -l <rows) objects, 120 records, $((2 * $(wc -l <rows))) rows: 0 faults" ]
	cp -a lake good
	again() { rm -rf lake; cp -a good lake; }
	mapfile -t f < <(find lake -path '*/d=*' -name 'r-*' | sort)

	rm "${f[0]}"
	audit
	[ "$status" = 1 ]
	[ "$(faults)" = "1 the object is missing" ]
	[ "$(jq -r .key out)" = "file://$PWD/${f[0]}" ]
	again
	head -c 20 "${f[1]}" >x && cp x "${f[1]}"
	audit
	[ "$(faults)" = "1 the object is damaged" ]
	again
	zstd -dcq "${f[2]}" | head -n 1 >x && zstd -qf x -o "${f[2]}"
	audit
	[ "$(faults)" = "1 the object has another number of records than its row tells" ]
	again
	zstd -dcq "${f[2]}" | sed 's/d/D/' >x && zstd -qf x -o "${f[2]}"
	audit
	[ "$(faults)" = "1 the object has other records than its row tells" ]
	again
	zstd -dcq "${f[2]}" >x && zstd -qf --no-check x -o "${f[2]}"
	audit
	[ "$(faults)" = "1 the object has the records that its row tells in other bytes" ]
	again
	cp "${f[3]}" lake/d=1/other-000001.ndjson.zst
	audit
	[ "$(faults)" = "1 no row tells of this object" ]
	again
	# a row that is gone: its object is untold, and its run incomplete
	m=$(find lake/_manifests -name 'r-*')
	sed -i 3d "$m"
	audit
	[ "$(faults)" = "1 no row tells of this object
1 the rows of this run are not as many as it told at its end" ]
	again
	sed -i '2s/"raw_sha256":"[0-9a-f]/"raw_sha256":"X/' "$m"
	audit rows
	[ "$(jq -r .fault out | head -n 1)" = "two rows tell of this object differently" ]
	[ "$status" = 1 ]
	again
	sed -i '2{p;s/"bytes":/"bytes":1/}' "$m"
	audit
	[ "$(faults)" = "1 two rows tell of this object differently" ]
	again
	# what is left of a torn manifest counts; a run whose rows are all gone is told by its end
	truncate -s -5 "$m"
	audit
	[ "$(faults)" = "1 the manifest is damaged" ]
	[ "$(jq -r .key out)" = "file://$PWD/$m" ]
	again
	sed -i '3s/...$//' "$m"
	audit
	[ "$(faults)" = "1 no row tells of this object
1 the manifest is damaged
1 the rows of this run are not as many as it told at its end" ]
	again
	sed -i '$!d' "$m"
	rm "${f[@]}"
	audit
	[ "$(faults)" = "1 the rows of this run are not as many as it told at its end" ]
	again
	: >"${f[1]}"
	audit
	[ "$(faults)" = "1 the object is damaged" ]
	again
	mv lake/d=1 aside
	ln -s ../aside lake/d=1
	audit
	[ "$status" = 0 ]
	rm aside/r-*
	mkfifo "aside/$(basename "$(find good/d=1 -name 'r-*' | head -n 1)")"
	audit
	[ "$(faults)" = "4 the object is missing" ]
	# what tells of the lake tells of its copy, which lives on
	cp -a good copy
	tlm-s3put -q -o "file://$PWD/copy/d={d}/" --manifest "file://$PWD/copy/_manifests/" in >new
	status_of tlm-s3put --audit "file://$PWD/copy" rows
	[ "$(cat err)" = "tlm-s3put: $(cat rows new | wc -l) objects, 180 records, $(cat rows new | wc -l) rows: 0 faults" ]
	rm "${f[0]/lake/copy}"
	status_of tlm-s3put --audit "file://$PWD/copy"
	[ "$status" = 1 ]
	[ "$(jq -r '.fault + " " + .key' out)" = "the object is missing file://$PWD/${f[0]/lake/copy}" ]
	rm -r copy/d=*
	status_of tlm-s3put --audit "file://$PWD/copy"
	[ "$(faults)" = "$(cat rows new | wc -l) the object is missing" ]
}

@test "--audit: a lake without rows is read; hidden names and other files are passed over" {
	tlm-s3put -o "$L/{d}/" six.ndjson >rows
	mkdir -p lake/.x
	echo x | tee lake/.x/a.ndjson lake/README >/dev/null
	status_of tlm-s3put --audit "$L"
	[ "$status" = 0 ]
	cat err
	grep -q '6 records, 0 rows: 0 faults (no row tells what should be there)' err
	status_of tlm-s3put --audit "$L" six.ndjson
	[ "$status" = 2 ]
	grep -q 'six.ndjson:1: not a row of a manifest' err
	status_of tlm-s3put --audit lake
	[ "$status" = 2 ]
	status_of tlm-s3put --audit "$L" -o "$L"
	[ "$status" = 2 ]
	status_of tlm-s3put --audit "file://$PWD/nowhere/"
	[ "$status" = 2 ]
}
