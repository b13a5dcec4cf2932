#!/usr/bin/env bats
# A broker with passwords, certificates and access lists.

load common
load kafka

setup_file() { AUTH=1 kafka_start; }
teardown_file() { kafka_stop; }

setup() {
	kafka_need
	cd "$BATS_TEST_TMPDIR"
	T=s$BATS_TEST_NUMBER
	kafka_admin create "$T" 1
	echo 1 | kcat -P -q -b "$BROKERS" -t "$T"
	printf '%s\n' "bootstrap.servers=$BROKERS_SSL" security.protocol=sasl_ssl sasl.mechanism=PLAIN \
		"ssl.ca.location=$KAFKA_DIR/ca.pem" sasl.username=alice sasl.password=alice-secret >alice
	sed 's/alice/bob/' alice >bob
	unset TLM_BROKERS
}

filter() { timeout 120 tlm-filter --until-end "$@"; }

@test "TLS with a password, from a file" {
	status_of filter -F alice . "kafka:$T"
	[ "$status" = 0 ]
	same 1 "$(cat out)"
	[ ! -s err ]
	echo 2 >in
	timeout 120 tlm-replay in -F alice -o "kafka:$T"
	same '1 2' "$(echo $(TLM_KAFKA_CONFIG=alice filter . "kafka:$T"))"
}

@test "a wrong password, an unknown authority, a broker without TLS" {
	sed 's/alice-secret/wrong/' alice >wrong
	status_of filter -F wrong . "kafka:$T"
	cat err
	[ "$status" = 6 ]
	grep -qi 'authentication failed' err
	echo 2 >in
	status_of timeout 120 tlm-replay in -F wrong -o "kafka:$T"
	[ "$status" = 6 ]
	grep -v ssl.ca.location alice >stranger
	status_of filter -F stranger . "kafka:$T"
	cat err
	[ "$status" = 6 ]
	grep -qi 'certificate verify failed' err
}

@test "SCRAM; where this library cannot do it that is told with a hint" {
	sed 's/PLAIN/SCRAM-SHA-256/' alice >scram
	status_of filter -F scram . "kafka:$T"
	cat err
	case ${KAFKA:-4}:$(kcat -V | sed -n 's/.*librdkafka \([0-9.]*\).*/\1/p') in
	4*:2.[0-5].* | 4*:2.6.0)
		[ "$status" = 6 ]
		grep -q 'librdkafka before 2.6.1 cannot do SCRAM with Kafka 4' err
		;;
	*)
		[ "$status" = 0 ]
		same 1 "$(cat out)"
		sed 's/SCRAM-SHA-256/SCRAM-SHA-512/' scram >scram512
		same 1 "$(filter -F scram512 . "kafka:$T")"
		sed 's/alice-secret/wrong/' scram >wrong
		status_of filter -F wrong . "kafka:$T"
		[ "$status" = 6 ]
		;;
	esac
}

@test "what is not allowed ends with status 6, and nothing is committed" {
	status_of filter -F bob . "kafka:$T"
	cat err
	[ "$status" = 6 ]
	grep -qi 'authorization failed' err
	echo 2 >in
	status_of timeout 120 tlm-replay in -F bob -o "kafka:$T"
	[ "$status" = 6 ]
	kafka_admin allow bob topic "$T" read
	same 1 "$(filter -F bob . "kafka:$T")"
	status_of filter -F bob -G g . "kafka:$T"
	cat err
	[ "$status" = 6 ]
	grep -qi 'authorization failed' err
	kafka_admin allow bob group g read
	same 1 "$(filter -F bob -G g . "kafka:$T")"
}
