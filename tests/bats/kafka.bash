# kafka.bash: loaded by the bats files that need a broker, behind common.bash.
#
#     setup_file() { kafka_start; }
#     teardown_file() { kafka_stop; }
#
# A real Apache Kafka on loopback for the file's tests; BROKERS, BROKERS_SASL, BROKERS_SSL and KAFKA_DIR are exported. It
# ends with the file, and by itself when bats is killed. Where it cannot be had, every test of the file is skipped with
# the reason (continuous integration turns that into a failure): call kafka_need in setup().

kafka_start() { # [NODES]
	local why
	export KAFKA_DIR=$BATS_FILE_TMPDIR/kafka BROKERS='' KAFKA_MISSING=''
	unset TLM_BROKERS KAFKA_BROKERS TLM_KAFKA_CONFIG KCAT_CONFIG
	export XDG_CONFIG_HOME=$BATS_FILE_TMPDIR/config
	for why in java mvn openssl kcat; do
		command -v "$why" >/dev/null || { export KAFKA_MISSING="no $why here"; return 0; }
	done
	if ! BROKERS=$(OWNER=$$ "$TLM_TOP/tests/services/kafka-start.sh" "$KAFKA_DIR" "${1:-1}" 2>"$BATS_FILE_TMPDIR/kafka.err"); then
		export KAFKA_MISSING="Kafka does not start: $(tail -1 "$BATS_FILE_TMPDIR/kafka.err")"
		return 0
	fi
	local port
	port=$(cat "$KAFKA_DIR/port")
	export BROKERS BROKERS_SASL=127.0.0.1:$((port + 2)) BROKERS_SSL=127.0.0.1:$((port + 3))
	export TLM_BROKERS=$BROKERS
}

kafka_stop() {
	[ ! -d "${KAFKA_DIR:-}" ] || "$TLM_TOP/tests/services/kafka-stop.sh" "$KAFKA_DIR" KILL
}

kafka_need() {
	[ -z "$KAFKA_MISSING" ] || skip "$KAFKA_MISSING"
}

# kafka_admin COMMAND...: create TOPIC [PARTITIONS [CONFIG...]], delete TOPIC, ... see tests/kit/kafkaadmin.c.
kafka_admin() {
	"$TLM_BUILD_KIT/kafkaadmin" "$BROKERS" "$@"
}

# consume TOPIC [KCAT OPTION...]: what a topic holds, as kcat shows it. kcat -e ends where the stable offset is, which a
# transaction that was just committed may not have moved yet.
consume() {
	kafka_admin settle "$1" &&
		kcat -C -q -e -b "$BROKERS" -t "$@"
}
# none_of REGEX FILE: no line matches. A bare ! would not end the test.
none_of() {
	if grep -Ein "$1" "$2"; then return 1; fi
}

# begin NAME COMMAND...: in setup_file, for what takes long and needs no broker of ours: it runs beside the tests.
begin() {
	local at=$BATS_FILE_TMPDIR/$1 s=0
	shift
	{
		timeout 180 "$@" >/dev/null 2>"$at.err" </dev/null || s=$?
		echo $s >"$at.new" && mv "$at.new" "$at.status"
	} 3>&- &
}

# end_of NAME: waits for it; its status is in $status, what it said in err.
end_of() {
	local i
	for i in $(seq 1 1800); do
		[ ! -e "$BATS_FILE_TMPDIR/$1.status" ] || break
		sleep 0.1
	done
	status=$(cat "$BATS_FILE_TMPDIR/$1.status")
	cp "$BATS_FILE_TMPDIR/$1.err" err
}
TLM_BUILD_KIT=$TLM_TOP/${TLM_BUILD:-build}/kit

# Of the topic of a test, $T. topic [PARTITIONS]: makes it. put [KCAT OPTION...]: lines into it. committed: the offsets
# that the group of its name has committed; is_committed OFFSETS.
topic() { kafka_admin create "$T" "${1:-1}"; }
put() { kcat -P -q -b "$BROKERS" -t "$T" "$@"; }
committed() { echo $(kafka_admin committed "$T" "$T" | cut -d' ' -f2); }
is_committed() { [ "$(committed)" = "$1" ]; }
has_lines() { [ "$(wc -l <"$2")" = "$1" ]; } # N FILE
