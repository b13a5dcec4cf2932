#!/usr/bin/env bats
# Topics as sources and sinks, on a real broker; what kcat writes and reads is the other opinion.

load common
load kafka

setup_file() {
	# a broker that is not there is waited for ten seconds
	begin absent tlm-filter . kafka://127.0.0.1:1/x
	kafka_start
}
teardown_file() { kafka_stop; }

setup() {
	kafka_need
	cd "$BATS_TEST_TMPDIR"
	T=t$BATS_TEST_NUMBER
}

filter() { timeout 120 tlm-filter --until-end "$@"; }

@test "what replay writes kcat reads, and filter reads what kcat writes" {
	topic 3
	seq 1 5000 | sed 's/.*/{"v":&,"s":"é\\u00e9 \\n"}/' >in
	timeout 120 tlm-replay in -o "kafka:$T"
	same "$(sort in)" "$(consume "$T" | sort)"
	put <in
	filter . "kafka:$T" >out
	same "$(sort in in)" "$(sort out)"
}

@test "filter with several jobs keeps order, keys and the places of rejects" {
	topic 1
	for n in 1 3; do kafka_admin create "$T-$n" 1; done
	seq 1 9000 | sed -E 's/(.*)/k\1:{"v":\1,"s":"some words to make a batch of it"}/; s/(.*777:.*)}/\1/' | put -K:
	for n in 1 3; do
		status_of timeout 180 tlm-filter --until-end --jobs $n --rejects rejects-$n \
			'select(.v % 3 == 0), (select(.v % 5 == 0) | [.v, .s])' "kafka:$T" -o "kafka:$T-$n"
		same 0 "$status"
		consume "$T-$n" -f '%k %s\n' >out-$n
	done
	grep -q '^k9000 ' out-3
	same "$(cat out-1)" "$(cat out-3)"
	[ "$(wc -l <rejects-3)" -eq 9 ]
	same "$(cat rejects-1)" "$(cat rejects-3)"
}

@test "the order inside a partition is kept" {
	topic 2
	seq 1 3000 | sed 's/.*/{"v":&}/' | put -p 1
	same "$(seq 1 3000)" "$(filter .v "kafka:$T")"
}

@test "keys land where Java puts them, and values of several kinds become keys" {
	topic 7
	printf '{"k":"veh-%s"}\n' 1 2 3 4 5 >in
	printf '%s\n' '{"k":7}' '{"k":null}' '{}' '{"k":"a\"b"}' '{"k":{"x":[1]}}' >>in
	timeout 120 tlm-replay in -o "kafka:$T?key=k"
	consume "$T" -f '%k %p\n' | sort >got
	# murmur2 of Java's client: (toPositive(murmur2(key)) % 7), computed here
	python3 - >want <<-'END'
		def murmur2(d):
		    m = 0x5bd1e995; h = 0x9747b28c ^ len(d); i = 0; M = 0xffffffff
		    while len(d) - i >= 4:
		        k = int.from_bytes(d[i:i+4], 'little') * m & M; k ^= k >> 24
		        h = (h * m & M) ^ (k * m & M); i += 4
		    r = d[i:]
		    for j in range(len(r) - 1, -1, -1): h ^= r[j] << 8 * j
		    if r: h = h * m & M
		    h ^= h >> 13; h = h * m & M; return h ^ h >> 15
		for k in ['veh-1', 'veh-2', 'veh-3', 'veh-4', 'veh-5', '7', 'a"b', '{"x":[1]}']:
		    print(k, (murmur2(k.encode()) & 0x7fffffff) % 7)
	END
	same "$(sort want)" "$(grep -v '^ ' got)"
	[ "$(grep -c '^ ' got)" = 2 ]
}

@test "time and headers come from fields of the record" {
	topic
	echo '{"ms":1700000000123,"h":{"a":"x","b":null,"c":[1]}}' >in
	timeout 120 tlm-replay in -o "kafka:$T?ts=ms:ms&headers=h"
	same '1700000000123 a=x,b=NULL,c=[1]' "$(consume "$T" -f '%T %h\n')"
}

@test "from topic to topic key, time and headers stay, for each line of a record" {
	topic 2
	kafka_admin create "$T-out" 2
	printf 'a:{"v":1}\nb:{"v":2}\n:{"v":3}\n' | put -K: -Z -H h=x -H h=y -p 0
	for evaluator in native libjq; do
		filter --evaluator $evaluator 'select(.v != 2) | ., {w: .v}' "kafka:$T" -o "kafka:$T-out?partition=0"
	done
	same "$(consume "$T" -f '%k %T %h\n' | sed -n '1p;1p;3p;3p'; consume "$T" -f '%k %T %h\n' | sed -n '1p;1p;3p;3p')" \
		"$(consume "$T-out" -f '%k %T %h\n')"
	same '{"v":1}{"w":1}{"v":3}{"w":3}' "$(consume "$T-out" -c 4 -D '')"
}

@test "an envelope keeps everything, and replay -J puts it back; kcat's form too" {
	topic 3
	kafka_admin create "$T-b" 3
	kafka_admin create "$T-c" 3
	printf 'k1:{"v":1}\nk2:\n:{"v": [1,\t2]}\nk4:no json\n' | put -K: -Z -H h=x -p 2
	printf 'k5:{"v":1.10}\n' | put -K: -H n=1 -p 1
	filter -J . "kafka:$T" >env
	jq -e -s 'length == 5 and all(.topic and .ts and (.headers | type) == "array")' env >/dev/null
	jq -e -s 'map(select(.key == "k2"))[0] | has("value") or has("value_b64") | not' env >/dev/null
	[ "$(jq -r 'select(.key == "k4").value_b64 | @base64d' env)" = 'no json' ]
	grep -q '"value":{"v": \[1,	2\]}' env
	# line breaks between tokens are blanks here too; one inside a string is no JSON
	kafka_admin create "$T-d" 1
	printf '{"a":\n1}\n|"x\ny"' | kcat -P -q -b "$BROKERS" -t "$T-d" -D'|'
	same $'"value":{"a": 1}}\n"value_b64":"'"$(printf '"x\ny"' | base64)\"}" "$(filter -J . "kafka:$T-d" | grep -o '"value.*')"
	# what is no envelope does not become a tombstone
	echo '{"v":1}' >plain
	status_of timeout 120 tlm-replay -J plain -o "kafka:$T-d"
	same "5 tlm-replay: kafka:$T-d: -J: a record is no envelope, an object with key, headers and value" "$status $(cat err)"
	echo '{"payload":{"a":1}}' | timeout 120 tlm-replay -J -o "kafka:$T-d"
	same '{"a":1}' "$(consume "$T-d" -o -1)"
	timeout 120 tlm-replay -J env -o "kafka:$T-b"
	consume "$T" -J >kcat.ndjson
	timeout 120 tlm-replay -J kcat.ndjson -o "kafka:$T-c"
	for t in "$T" "$T-b" "$T-c"; do
		consume "$t" -f '%p %k %K %T %h %S %s\n' | sort >"$t.txt"
	done
	same "$(cat "$T.txt")" "$(cat "$T-b.txt")"
	same "$(cat "$T.txt")" "$(cat "$T-c.txt")"
}

@test "offset= points and ranges" {
	topic
	seq 0 99 | sed 's/.*/{"v":&}/' | put
	at() { echo $(filter .v "kafka:$T?offset=$1"); }
	same "$(echo $(seq 0 99))" "$(at beginning)"
	same '97 98 99' "$(at 97)"
	same '98 99' "$(at -2)"
	same '99' "$(at +99)"
	same '' "$(at end)"
	# a range ends by itself
	at() { echo $(timeout 120 tlm-filter .v "kafka:$T?offset=$1"); }
	same '5 6' "$(at 5..7)"
	same '5 6' "$(at 5..+2)"
	same '0 1' "$(at ..2)"
	same '98 99' "$(at -2..)"
	same '96 97' "$(at -4..-2)"
	same '98 99' "$(at 98..1000)"
	status_of timeout 120 tlm-filter .v "kafka:$T?offset=@-1s..@2020-01-01T00:00:00Z"
	same '0 ' "$status $(cat out)"
	same '90' "$(at 90..+9223372036854775807 | cut -d' ' -f1)"
	same '100' "$(timeout 120 tlm-filter .v "kafka:$T?offset=@-1h.." | wc -l)"
	same '0 1 2' "$(echo $(timeout 120 tlm-filter .v "kafka:$T?limit=3"))"
}

@test "offset=@TIME is the first message of that time" {
	topic
	printf '{"ms":%s}\n' 1700000001000 1700000002000 1700000003000 >in
	timeout 120 tlm-replay in -o "kafka:$T?ts=ms:ms"
	same '1700000002000 1700000003000' "$(echo $(timeout 120 tlm-filter .ms "kafka:$T?offset=@2023-11-14T22:13:21.5Z.."))"
	same '1700000002000' "$(echo $(timeout 120 tlm-filter .ms "kafka:$T?offset=@1700000001001..@1700000003000"))"
}

@test "partition=, several topics, regular expressions, kafka:// with brokers" {
	topic 3
	kafka_admin create "$T.b" 1
	for p in 0 1 2; do echo "{\"p\":$p}" | put -p $p; done
	echo '{"p":9}' | kcat -P -q -b "$BROKERS" -t "$T.b"
	same '1' "$(filter .p "kafka:$T?partition=1")"
	same '1 2' "$(echo $(filter .p "kafka:$T?partition=1-2" | sort))"
	same '0 1 2 9' "$(echo $(filter .p "kafka:$T,$T.b" | sort))"
	same '0 1 2 9' "$(echo $(filter .p "kafka:^$T(\\.b)?$" | sort))"
	# one language for both ways of reading: extended, as grep -E has it, and letters are what they are
	kafka_admin create "other-$T" 1
	for group in '' "-G$T"; do
		# shellcheck disable=SC2086
		same '0 1 2 9' "$(echo $(filter $group .p "kafka:^(x|$T)(\\.[b]+)?$" | sort))"
		# shellcheck disable=SC2086
		status_of filter $group .p "kafka:^${T^^}$"
		same '6 ' "$status $(cat out)"
	done
	# what brokers keep for themselves is of no expression
	same '0 1 2 9' "$(echo $(filter .p 'kafka:^(__.*|'"$T"'.*)$' | sort))"
	same '0 1 2 9' "$(echo $(filter -G "$T-2" .p 'kafka:^(__.*|'"$T"'.*)$' | sort))"
	# what is read without end is not written too
	for o in "-o kafka:$T?key=p" "--rejects kafka:$T" "-G$T-3 -o kafka:$T"; do
		# shellcheck disable=SC2086
		status_of timeout 120 tlm-filter .p "kafka:^$T" $o
		[ "$status" = 2 ]
		grep -q "kafka:$T.*: is read, and what is written there would be read again" err
	done
	same '' "$(filter .p "kafka:$T?partition=0" -o "kafka:$T?partition=1")"
	same '0' "$(filter . "kafka:$T?partition=1&offset=-1")"
	status_of filter --instance one . "kafka:$T"
	same 2 "$status"
	status_of filter -G '' . "kafka:$T"
	same "2 tlm-filter: kafka:$T: the name of the group is empty: -G GROUP" "$status $(cat err)"
	same '9' "$(TLM_BROKERS=127.0.0.1:1 filter .p "kafka://$BROKERS/$T.b")"
	same '0 1 2 9' "$(echo $(filter .p "kafka:$T" "kafka:$T.b" | sort))"
}

@test "line breaks of a value, tombstones, and values that are not JSON" {
	topic
	printf '{"a":\n1}|{"a":"x\ny"}|[1,\n\n2]\n|{"a":2}|||{"b":' | put -D'|' -Z
	status_of filter -c . "kafka:$T" --rejects rej
	[ "$status" = 0 ]
	same $'{"a": 1}\n[1,  2]\n{"a":2}' "$(cat out)"
	same $'["kafka:'"$T"$'",0,1,"{\\"a\\":\\"x\\ny\\"}"]' "$(jq -c 'select(.offset == 1) | [.source, .partition, .offset, .raw]' rej)"
	[ "$(wc -l <rej)" = 2 ]
	status_of filter -c . "kafka:$T"
	[ "$status" = 5 ]
	grep -q "^tlm-filter: kafka:$T\[0\]@1 (byte [0-9]*): " err
}

@test "a live topic passes each record at once, and SIGTERM ends the run" {
	topic
	timeout 120 tlm-filter .v "kafka:$T?offset=end" >out &
	pid=$!
	one_more() { echo '{"v":1}' | put && [ -s out ]; }
	within 60 one_more
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ "$status" = 143 ]
}

@test "a partition that is added while we read is read from its beginning" {
	topic 1
	timeout 120 tlm-filter -X topic.metadata.refresh.interval.ms=200 .v "kafka:$T?limit=2" >out &
	pid=$!
	echo '{"v":1}' | put -p 0
	kafka_admin grow "$T" 2
	until echo '{"v":2}' | put -p 1 2>/dev/null; do sleep 0.1; done
	wait $pid
	same '1 2' "$(echo $(cat out))"
}

@test "a topic that is deleted while we read ends the run with status 6" {
	topic 1
	timeout 120 tlm-filter -X topic.metadata.refresh.interval.ms=200 -X topic.metadata.propagation.max.ms=500 .v "kafka:$T" >out 2>err &
	pid=$!
	echo '{"v":1}' | put
	within 60 test -s out
	kafka_admin delete "$T"
	status=0
	wait $pid || status=$?
	cat err
	[ "$status" = 6 ]
	grep -q "kafka:$T.*unknown topic or partition" err
}

@test "no broker, no topic, a record that is too large, an offset that is gone" {
	topic
	end_of absent
	[ "$status" = 7 ]
	grep -q 'no broker is in reach: .*Connection refused' err
	status_of timeout 120 tlm-filter . kafka:nosuch
	[ "$status" = 6 ]
	same 'tlm-filter: kafka:nosuch: unknown topic or partition' "$(cat err)"
	status_of timeout 120 tlm-replay -o kafka:nosuch /dev/null
	[ "$status" = 6 ]
	head -c 2000000 /dev/zero | tr '\0' x | sed 's/.*/{"v":"&"}/' >large
	status_of timeout 120 tlm-replay --max-line 4M large -o "kafka:$T"
	[ "$status" = 6 ]
	grep -q "kafka:$T: a record of 2000008 bytes is more than message.max.bytes" err
	seq 1 5 | put
	kafka_admin trim "$T" 0 3
	status_of timeout 120 tlm-filter . "kafka:$T?offset=1"
	[ "$status" = 6 ]
	grep -q "kafka:$T\[0\]@1: this offset is no longer there" err
	same '4 5' "$(echo $(filter . "kafka:$T"))"
}

@test "properties: where they come from, unknown ones, ours, secrets" {
	topic
	echo 1 | put
	status_of filter . "kafka:$T?fetch.mn.bytes=1"
	[ "$status" = 3 ]
	grep -q "^tlm-filter: kafka:$T: unknown property 'fetch.mn.bytes'" err
	status_of timeout 120 tlm-replay -o "kafka:$T?message.max.bytes=1" /dev/null
	same "3 tlm-replay: kafka:$T: property message.max.bytes: " "$status $(sed 's/Configuration.*[0-9]$//' err)"
	status_of filter -X fetch.min.bytes=many . "kafka:$T"
	[ "$status" = 3 ]
	status_of filter -X enable.auto.commit=true . "kafka:$T"
	[ "$status" = 3 ]
	grep -q 'enable.auto.commit: offsets are committed when the output is safe' err
	printf '# a file\n bootstrap.servers = %s \nenable.auto.commit=true\n' "$BROKERS" >good
	echo nothing >bad
	TLM_BROKERS='' status_of filter -F good . "kafka:$T"
	[ "$status" = 0 ]
	status_of filter -F bad . "kafka:$T"
	[ "$status" = 3 ]
	grep -q 'bad:1: must be NAME=VALUE' err
	TLM_BROKERS='' status_of filter . "kafka:$T"
	[ "$status" = 2 ]
	grep -q 'no brokers: say -b' err
	# the order: -b over TLM_BROKERS over KAFKA_BROKERS over files
	TLM_BROKERS=127.0.0.1:1 status_of filter -b "$BROKERS" . "kafka:$T"
	[ "$status" = 0 ]
	KAFKA_BROKERS=127.0.0.1:1 status_of filter . "kafka:$T"
	[ "$status" = 0 ]
	mkdir -p config/tlm
	cp good config/tlm/kafka.conf
	XDG_CONFIG_HOME=$PWD/config TLM_BROKERS='' status_of filter . "kafka:$T"
	[ "$status" = 0 ]
	mv config/tlm/kafka.conf config/kcat.conf
	XDG_CONFIG_HOME=$PWD/config TLM_BROKERS='' status_of filter . "kafka:$T"
	[ "$status" = 0 ]
	status_of filter -X sasl.password=x . "kafka:$T"
	[ "$status" = 0 ]
	grep -q 'sasl.password on the command line can be read by every user' err
}

@test "kcat habits and other mistakes are answered before anything is read" {
	for p in kafka: kafka://fleet "kafka:$T?offset=s@1" 'kafka:a b'; do
		status_of tlm-filter . "$p"
		[ "$status" = 2 ]
		[ "$(wc -l <err)" = 1 ]
	done
	status_of tlm-filter . kafka:x -o beginning
	[ "$status" = 2 ]
	grep -q 'write kafka:x?offset=beginning' err
	status_of tlm-replay kafka:x
	[ "$status" = 2 ]
	grep -q 'tlm-replay reads no topics' err
	status_of tlm-filter -G g . /dev/null
	[ "$status" = 2 ]
	status_of tlm-filter . kafka:x /dev/null
	[ "$status" = 2 ]
	grep -q 'topics and files are not read in one run' err
	status_of tlm-filter --indent 2 . /dev/null -o kafka:x
	[ "$status" = 2 ]
	status_of tlm-filter -t x .
	[ "$status" = 2 ]
	grep -q 'a topic is a place: kafka:TOPIC to read' err
	for tool in filter agg s3put replay; do
		status_of "tlm-$tool" -P
		[ "$status" = 2 ]
		grep -q 'is a place: -o kafka:TOPIC' err
	done
}

@test "a run on pipes has no thread of the library, and does not load it" {
	echo 1 >in
	strace -f -o trace tlm-filter . in >out
	[ "$(cat out)" = 1 ]
	none_of 'librdkafka[.]so' trace
	none_of 'clone3?\(' trace
}

@test "a transaction that is open at the start is waited for, and said so: its records are not left out" {
	topic 2
	put -p 0 <<<'{"v":1}'
	mkfifo hold
	kafka_admin transact "$T" 1 '{"v":2}' <hold >state 3>&- &
	exec 4>hold
	within 60 grep -q open state
	put -p 0 <<<'{"v":3}'
	i=0
	for place in "kafka:$T" "kafka:$T?offset=.." "kafka:$T?group=$T&offset=.."; do
		i=$((i + 1))
		timeout 180 tlm-filter --until-end .v "$place" >"got-$i" 2>"err-$i" 3>&- 4>&- &
		within 60 grep -q "kafka:$T\[1\]: a transaction is open: waiting" "err-$i"
		[ ! -s "got-$i" ]
		kill -0 $!
	done
	exec 4>&-
	wait
	for i in 1 2 3; do same '1 2 3' "$(sort "got-$i" | xargs)"; done
}

@test "a broker that is killed and started again under load: nothing is lost, nothing comes twice" {
	topic 2
	seq 1 20000 | sed 's/.*/{"v":&}/' >in
	timeout 180 tlm-replay --time v:ms --rate 10000 in -o "kafka:$T" 2>err &
	pid=$!
	has_some() { [ -n "$(kcat -C -q -e -c 1 -b "$BROKERS" -t "$T")" ]; }
	within 60 has_some
	"$TLM_TOP/tests/services/kafka-stop.sh" "$KAFKA_DIR" KILL
	OWNER=$$ "$TLM_TOP/tests/services/kafka-start.sh" "$KAFKA_DIR" >/dev/null
	wait $pid
	cat err
	same "$(seq 1 20000)" "$(filter .v "kafka:$T" | sort -n)"
}
