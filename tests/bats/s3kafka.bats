#!/usr/bin/env bats
# From a group of Kafka into a lake: each record in exactly one object, by a plan that is committed before anything is
# stored.

load common
load kafka

setup_file() {
	kafka_start
	export S3_HOME=$BATS_FILE_TMPDIR/s3
	OWNER=$$ "$TLM_TOP/tests/services/s3-start.sh" s3proxy "$S3_HOME" >"$BATS_FILE_TMPDIR/s3.port"
}
teardown_file() {
	kafka_stop
	"$TLM_TOP/tests/services/s3-stop.sh" "$S3_HOME"
}

setup() {
	kafka_need
	cd "$BATS_TEST_TMPDIR"
	T=l$BATS_TEST_NUMBER
	export AWS_ACCESS_KEY_ID=testaccess AWS_SECRET_ACCESS_KEY=testsecret123 XDG_STATE_HOME=$PWD/state
	export AWS_ENDPOINT_URL=http://127.0.0.1:$(cat "$BATS_FILE_TMPDIR/s3.port")
}

teardown() { kill -CONT "$(cat "$S3_HOME/pid")"; }

# records FROM TO [STEP_MS]: records of three devices, from 10:00 on
records() {
	seq "$1" "$2" | jq -c --argjson step "${3:-1000}" '{d: "v\(. % 3)", ms: (1795341600000 + . * $step), n: .}'
}

# member OPTION...: in the background without timeout, which would pass each signal on twice
member() { exec tlm-s3put -G "$T" --time ms:ms -X heartbeat.interval.ms=200 -X session.timeout.ms=2000 "$@" "kafka:$T"; }
put_all() { timeout 60 tlm-s3put -G "$T" --until-end "$@"; }
lake() { put_all --time ms:ms -o "file://$PWD/lake/dt=%Y-%m-%d/hour=%H/d={d}/" "$@" "kafka:$T"; }
objects() { (cd "${1:-lake}" && find . -name '*.ndjson*' -not -path './_*' -not -path '*/.tlm-spool/*' | sed 's|^\./||' | LC_ALL=C sort); }
contents() { objects | while IFS= read -r o; do zstd -dcq "lake/$o"; done; }
# plan: what the commit of partition 0 tells
plan() { kafka_admin committed "$T" "$T" | sed -n 's/^0 //p'; }

# all_once IN [PLACE]: the lake holds the very lines, each once, and its audit finds no fault
all_once() {
	contents | sort >got
	sort "$1" | cmp - got
	tlm-s3put -q --audit "${2:-file://$PWD/lake}"
}

@test "each record once, under names of offsets, with rows, manifest and marks; the group goes on behind them" {
	topic
	records 0 5399 >in
	put <in
	lake --max-records 2000 --manifest "file://$PWD/lake/_manifests" >rows
	all_once in
	same "$(objects)" "$(jq -r .key rows | sed "s|file://$PWD/lake/||" | LC_ALL=C sort)"
	same '0-1999 2000-3999 4000-5399' "$(jq -r '"\(.first)-\(.last)"' rows | uniq | xargs)"
	same "dt=2026-11-22/hour=10/d=v0/$T-0-000000000000-000000001999.ndjson.zst" "$(objects | head -1)"
	same "$T 0 null" "$(jq -r '"\(.topic) \(.partition) \(.run)"' rows | sort -u)"
	same "$(printf '%s\n' "lake/_complete/dt=2026-11-22/hour=10/$T-0")" "$(find lake/_complete -type f)"
	same "{\"complete\":\"dt=2026-11-22/hour=10\",\"topic\":\"$T\",\"partition\":0}" "$(cat lake/_complete/*/*/*)"
	same "$(cat rows)" "$(cat lake/_manifests/* | jq -c 'select(.end | not)')"
	same '2000 2000 1400' "$(jq -r 'select(.end) | .records' lake/_manifests/* | xargs)"
	same 5400 "$(committed)"
	# nothing waits there any more
	[ ! -e lake/.tlm-spool ]
	records 5400 5500 | put
	lake --manifest "file://$PWD/lake/_manifests" >more
	same '5400-5500' "$(jq -r '"\(.first)-\(.last)"' more | sort -u)"
	records 0 5500 >in
	all_once in
}

# A file stands where a directory is needed: the plan is committed, nothing is stored.
plan_only() {
	mkdir -p lake
	if [ -d lake/dt=2026-11-22 ]; then mv lake/dt=2026-11-22 aside; fi
	touch lake/dt=2026-11-22
	status_of lake "$@"
	[ "$status" = 2 ]
	plan >planned
	rm lake/dt=2026-11-22
	if [ -d aside ]; then mv aside lake/dt=2026-11-22; fi
}

@test "a plan is carried out by whoever comes next, whatever limits it has" {
	topic
	records 0 999 >in
	put <in
	plan_only --max-records 600
	has planned "c=--time ms:ms -o 'file://$PWD/lake/dt=%Y-%m-%d/hour=%H/d={d}/'"
	same "0 tlm-lake1 b=0 w=W e=600 n=600 k=3 o=O" "$(sed 's/ c=.*//; s/ t=[0-9]*//; s/w=[0-9]*/w=W/; s/o=[0-9a-f]*/o=O/' planned)"
	[ -z "$(objects)" ]
	lake --max-records 70 --max-open 1 >rows 2>err
	all_once in
	same 0-599 "$(jq -r '"\(.first)-\(.last)"' rows | head -3 | sort -u)"
}

@test "a plan that was carried out in part gives the same objects, told again" {
	topic
	records 0 999 >in
	put <in
	plan_only
	lake >once
	all_once in
	# as if the run had been killed before the offset behind it was committed
	kafka_admin commit "$T" "$T" 0 $(cat planned | sed 's/ /\n/' | head -1) "$(sed 's/^0 //' planned)"
	rm "lake/$(objects | sed -n 2p)"
	lake >again
	same "$(jq -r .key once)" "$(jq -r .key again)"
	all_once in
	same 1000 "$(committed)"
}

@test "--max-ahead: a wrong clock is rejected and completes no hour, and the plan stays the same" {
	topic
	records 0 1999 >in
	{ head -1000 in; echo '{"d":"v1","ms":4102444800000,"n":-1}'; tail -1000 in; } | put
	plan_only --max-ahead 90m --max-records 1200 --rejects bad
	has planned '--max-ahead 1.5h'
	status_of lake --max-ahead 1h --rejects bad
	[ "$status" = 6 ]
	lake --max-ahead 90m --max-records 500 --rejects bad >rows
	all_once in
	same 0-1200 "$(jq -r '"\(.first)-\(.last)"' rows | head -1)"
	same 'ahead' "$(jq -r .reason bad)"
	grep -q 'ms .* ahead of the partition, more than --max-ahead' bad
	[ ! -e lake/_complete ]
	status_of tlm-s3put --max-ahead 1h --time ms:ms -o "file://$PWD/other/" in
	[ "$status" = 2 ]
	has err 'only the partitions of a group have a time'
	T=none$T topic
	echo '{}' | T=none$T put
	T=none$T status_of put_all --max-ahead 1h -o "file://$PWD/other/" "kafka:none$T"
	[ "$status" = 2 ]
	has err 'no --time: the option --max-ahead needs'
}

@test "a plan of other options is refused, as are offsets of another tool, and records that are gone" {
	topic
	records 0 999 >in
	put <in
	plan_only --max-records 600
	status_of put_all --time ms:ms -o "file://$PWD/lake/d={d}/" "kafka:$T"
	[ "$status" = 6 ]
	has err 'was planned with another place or other options'
	status_of lake --compression gz
	[ "$status" = 6 ]
	kafka_admin trim "$T" 0 100
	status_of lake
	[ "$status" = 6 ]
	has err 'this offset is no longer there'
	kafka_admin commit "$T" "$T" 0 100 "$(sed 's/^0 //' planned)"
	status_of lake
	[ "$status" = 6 ]
	has err 'the topic does not hold the records any more'
	[ -z "$(objects)" ]
	kafka_admin commit "$T" "$T" 0 100 'tlm1 o=1 p=10 n=0 d=0 t=5 l=5'
	status_of lake
	[ "$status" = 6 ]
	has err 'a lake needs a group of its own'
	kafka_admin commit "$T" "$T" 0 100
	lake >rows
	same 900 "$(contents | wc -l)"
}

@test "a plan whose options are lost: they are told, and it can be planned anew" {
	topic
	records 0 999 >in
	put <in
	plan_only --max-records 600 --compression none
	status_of lake
	[ "$status" = 6 ]
	has err 'see --forget-plan'
	none_of secret err
	words=$(sed -n 's/.*offsets 0 to 599 were planned by: tlm-s3put //p' err)
	# what was stored of it goes first
	eval "put_all $words kafka:$T --max-records 700" >old
	same 0-599 "$(jq -r '"\(.first)-\(.last)"' old | head -3 | sort -u)"
	kafka_admin commit "$T" "$T" 0 "$(cut -d' ' -f1 planned)" "$(sed 's/^0 //' planned)"
	find lake -name '*-000000000*' -delete
	lake --forget-plan --max-records 250 >rows 2>err
	has err 'remove what is stored as *-000000000000-000000000599.*'
	same '0-249 250-499 500-749 750-999' "$(jq -r '"\(.first)-\(.last)"' rows | uniq | xargs)"
	all_once in
	status_of tlm-s3put -G "$T" --forget-plan --time ms:ms -o "file://$PWD/lake/" "kafka:$T"
	[ "$status" = 2 ]
	has err 'add --until-end'
	status_of tlm-s3put --forget-plan --time ms:ms -o "file://$PWD/lake/" in
	[ "$status" = 2 ]
	has err 'no group'
}

@test "a rejected record ends the run before it; with a place it is told once, before the plan is committed" {
	topic
	{ records 0 9; echo 'bad{'; records 11 19; } | put
	status_of lake
	[ "$status" = 5 ]
	same 10 "$(committed)"
	same 10 "$(contents | wc -l)"
	plan_only --rejects rej
	same '10' "$(jq .offset rej)"
	lake --rejects rej
	same '10' "$(jq .offset rej)"
	same 19 "$(contents | wc -l)"
	same 20 "$(committed)"
	tlm-s3put -q --audit "file://$PWD/lake"
}

@test "a partition that gives nothing to store goes on, and the names of the next batch begin where the last one ended" {
	topic
	records 0 9 | put
	lake >rows
	printf '%s\n' '[]' '[]' | put
	lake --rejects rej >rows
	[ ! -s rows ]
	same 12 "$(committed)"
	records 12 19 | put
	lake >rows
	same 10-19 "$(jq -r '"\(.first)-\(.last)"' rows | sort -u)"
	tlm-s3put -q --audit "file://$PWD/lake"
}

@test "--time @kafka is the time of the message, here too" {
	topic
	jq -nc '{partition: 0, ts: "2026-11-22T10:59:00Z", value: {n: 1}}, {partition: 0, ts: "2026-11-22T11:01:00Z", value: {n: 2}}' |
		tlm-replay -J - -o "kafka:$T"
	put_all --time @kafka -o "file://$PWD/lake/hour=%H/" "kafka:$T" | jq -c '[.records, .min_time]' >rows
	same $'[1,"2026-11-22T10:59:00Z"]\n[1,"2026-11-22T11:01:00Z"]' "$(cat rows)"
	# without a group, too
	same '1 1' "$(timeout 60 tlm-s3put --until-end --time @kafka -o "file://$PWD/pipe/hour=%H/" "kafka:$T" | jq .records | xargs)"
	status_of tlm-s3put --time @kafka -o "file://$PWD/pipe/hour=%H/" /dev/null
	[ "$status" = 2 ]
	has err 'no topic to read'
}

@test "rows of windows bring their own time" {
	topic
	records 0 299 | tlm-agg --time ms:ms -w 1m -g d count - -o "kafka:$T"
	put_all -o "file://$PWD/lake/hour=%H/d={d}/" "kafka:$T" >rows
	same '5 5 5' "$(jq .records rows | xargs)"
	same 'hour=10/d=v0' "$(objects | head -1 | cut -d/ -f1,2)"
}

@test "limits count the batch of a partition; time cuts where the partition passes a border, late records never" {
	topic
	records 0 99 60000 >in # 10:00 to 11:39
	records 5 5 60000 >late
	{ head -70 in; cat late; tail -30 in; } | put
	lake --max-span 1h >rows
	same '0-59 60-100' "$(jq -r '"\(.first)-\(.last)"' rows | uniq | xargs)"
	cat in late >all
	all_once all
	same 3 "$(jq -r 'select(.first == 0).key' rows | wc -l)"
	# by size: 10 records of about 40 bytes
	rm -r lake
	timeout 60 tlm-s3put -G "$T-size" --until-end --time ms:ms --max-size 400 -o "file://$PWD/lake/d={d}/" "kafka:$T" >rows
	all_once all
	[ "$(jq -s 'group_by(.first) | map(map(.raw_bytes) | add) | max' rows)" -le 400 ]
	# more directories than may be open: the batch is cut
	rm -r lake
	timeout 60 tlm-s3put -G "$T-open" --until-end --time ms:ms --max-open 2 -o "file://$PWD/lake/d={d}/" "kafka:$T" >rows 2>err
	has err 'closed early'
	all_once all
	[ "$(jq -s 'group_by(.first) | map(length) | max' rows)" = 2 ]
}

three_are_open() { [ "$(find lake/.tlm-spool -name '*.part' 2>/dev/null | wc -l)" = 3 ]; }

@test "by the clock: objects appear while the topic lives, and SIGTERM stores the rest" {
	topic
	records 0 99 | put
	member --max-age 200ms -o "file://$PWD/lake/d={d}/" >rows 2>err &
	pid=$!
	within 20 grep -q '"last":99' rows
	records 100 119 | put
	within 20 grep -q '"last":119' rows
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ "$status" = 143 ]
	member -o "file://$PWD/lake/d={d}/" >rows 2>err &
	pid=$!
	records 120 199 | put
	within 20 three_are_open
	kill -TERM $pid
	wait $pid || true
	same 200 "$(committed)"
	records 0 199 >in
	all_once in
}

@test "what cannot be had with a group is refused in words" {
	topic
	for o in '--run-id x' '--sync-interval 1s' '--dry-run' '--delivery at-least-once'; do
		# shellcheck disable=SC2086
		status_of lake $o
		[ "$status" = 2 ]
		has err "${o%% *}"
	done
	status_of timeout 60 tlm-s3put --until-end --delivery exactly-once -o "file://$PWD/lake/" "kafka:$T"
	[ "$status" = 2 ]
	same -1 "$(committed)"
}

@test "in S3: a server that is away leaves the plan, which the next run carries out" {
	topic 2
	records 0 3999 >in
	put <in
	mkdir -p "$S3_HOME/data/plan"
	s3put() { put_all --time ms:ms -o 's3://plan/tel/dt=%Y-%m-%d/hour=%H/d={d}/' --manifest s3://plan/tel/_manifests/ "$@" "kafka:$T"; }
	status_of s3put --max-records 500 --endpoint-url http://127.0.0.1:1 --give-up-after 100ms
	[ "$status" = 7 ]
	[[ $(kafka_admin committed "$T" "$T") == *e=500* ]]
	[ -z "$(find state -type f)" ]
	s3put --max-records 800 >rows
	mv "$S3_HOME/data/plan/tel" lake
	contents | sort >got
	sort in | cmp - got
	mv lake "$S3_HOME/data/plan/tel"
	tlm-s3put -q --audit s3://plan/tel/ rows
	# of one partition or both, as far as the first run came
	jq -e -s 'map(select(.first == 0 and .last == 499)) | length > 0' rows
	[ -z "$(find state -type f)" ]
}

@test "a full spool pauses the partitions and keeps the membership" {
	topic 2
	records 0 29999 >in
	put <in
	mkdir -p "$S3_HOME/data/full"
	timeout 100 tlm-s3put -G "$T" --until-end --time ms:ms -X max.poll.interval.ms=3000 -X session.timeout.ms=2000 \
		-X heartbeat.interval.ms=200 --max-spool 1 --uploads 1 --max-records 1000 -o 's3://full/d={d}/' "kafka:$T" >rows 2>err
	cat err
	none_of 'max.poll|exceeded|lost' err
	tlm-s3put -q --audit s3://full/ rows
	same 30000 "$(jq -s 'map(.records) | add' rows)"
}

@test "members that read to the end do not wait for each other's objects" {
	topic 2
	records 0 1999 >in
	put <in
	mkdir one two
	for member in one two; do
		timeout 40 tlm-s3put -G "$T" --until-end --time ms:ms -X session.timeout.ms=60000 -o "file://$PWD/lake/d={d}/" "kafka:$T" \
			>$member/rows 2>$member/err 3>&- &
	done
	wait -n
	wait -n
	same 2000 "$(jq -s 'map(.records) | add' one/rows two/rows)"
	tlm-s3put -q --audit "file://$PWD/lake"
}

@test "two members that are killed, stopped, joined and put to sleep: each message is in one object" {
	OWNER=$PPID timeout 250 "$TLM_TOP/tests/torture/kafka.py" "$KAFKA_DIR" 10 --tool lake --members 2 --every 0.2-0.8 \
		--kinds kill,kill,term,more,stop --place "file://$PWD/lake" --lake "$PWD/lake"
}

has_plan() { [[ $(kafka_admin committed "$T" "$T") == *' e='* ]]; }
is_read_by() { [ -n "$(find "$1" -name '*.part' -o -name '*.zst*' 2>/dev/null)" ]; }
is_all_committed() { kafka_admin committed "$T" "$T" | awk -v n="$1" '{ s += $2; if (/ e=/) s = -1e9 } END { exit s != n }'; }

@test "partitions that go and come back while the store stands still are read from where they are committed" {
	topic 2
	records 0 19999 >in
	head -n 10000 in | put -p 0 # left to itself the producer may take one partition for all
	tail -n 10000 in | put -p 1
	mkdir -p "$S3_HOME/data/still"
	kill -STOP "$(cat "$S3_HOME/pid")"
	set -- --max-spool 1 --max-records 500 --max-age 1s -o "s3://still/d={d}/"
	member "$@" >rows 2>err &
	pid=$!
	within 30 has_plan
	XDG_STATE_HOME=$PWD/other member "$@" >others 2>&1 &
	other=$!
	within 30 is_read_by other
	kill -KILL $other
	wait $other || true
	sleep 4 # until its session is over
	kill -CONT "$(cat "$S3_HOME/pid")"
	within 5 is_all_committed 20000 # each try asks the broker
	kill -TERM $pid
	wait $pid || true
	mv "$S3_HOME/data/still" lake
	contents | sort >got
	sort in | cmp - got
}

# asleep: a member that has read the topic and planned nothing is put to sleep until the group has done without it
asleep() {
	member --max-age 1h -o "file://$PWD/lake/d={d}/" "$@" >rows 2>err &
	pid=$!
	within 20 three_are_open
	kill -STOP $pid
	timeout 60 tlm-s3put -G "$T" --until-end --time ms:ms --max-records 70 -o "file://$PWD/lake/d={d}/" "kafka:$T" >others
	same 100 "$(committed)"
	plan >planned
}

@test "a zombie that wakes up in a group that is empty stores nothing, and commits nothing" {
	topic
	records 0 99 >in
	put <in
	asleep
	# told to stop before it can learn that it was taken for dead
	kill -TERM $pid
	kill -CONT $pid
	status=0
	wait $pid || status=$?
	[ "$status" = 143 ]
	[ ! -s rows ]
	all_once in
	same "$(cat planned)" "$(plan)"
}

@test "a zombie that wakes up joins again and goes on where the others are" {
	topic
	records 0 99 >in
	put <in
	asleep --max-records 120
	kill -CONT $pid
	records 100 219 >>in
	tail -120 in | put
	within 30 grep -q '"last":219' rows
	kill -TERM $pid
	wait $pid || true
	same 100 "$(jq -r .first rows | sort -u)"
	all_once in
}

@test "the audit finds offsets that are missing, or there twice" {
	topic
	records 0 299 | put
	put_all --time ms:ms --max-records 100 --compression none -o "file://$PWD/lake/" "kafka:$T" >rows
	tlm-s3put -q --audit "file://$PWD/lake"
	mv "lake/$T-0-000000000100-000000000199.ndjson" x
	status_of tlm-s3put --audit "file://$PWD/lake"
	[ "$status" = 1 ]
	same "{\"fault\":\"offsets are missing\",\"topic\":\"$T\",\"partition\":0,\"first\":100,\"last\":199}" "$(cat out)"
	mv x "lake/$T-0-000000000090-000000000199.ndjson"
	status_of tlm-s3put --audit "file://$PWD/lake"
	[ "$status" = 1 ]
	same "{\"fault\":\"offsets are stored twice\",\"topic\":\"$T\",\"partition\":0,\"first\":90,\"last\":99}" "$(cat out)"
}
