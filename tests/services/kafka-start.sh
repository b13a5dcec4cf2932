#!/bin/bash
# kafka-start.sh DIR [NODES] : starts Apache Kafka (KRaft) on 127.0.0.1 with its data in DIR, waits until it serves and
# prints its bootstrap list. A second start on the same DIR brings the same brokers back on their data and ports.
#
# Node i of NODES (1) has six ports from the base on, in this order: PLAINTEXT, controller, SASL_PLAINTEXT, SASL_SSL,
# and a second PLAINTEXT, which sends its clients to the sixth: nobody listens there but a proxy that a test starts.
# From three nodes on topics are on three of them, and two must have a record before it is acknowledged.
# DIR/port is the base, DIR/ca.pem the authority that signed the brokers' certificate (localhost, 127.0.0.1).
# Users for SASL/PLAIN and SCRAM: alice (password alice-secret) and bob (bob-secret).
#
#   AUTH=1        access by ACLs: alice and the PLAINTEXT listener may do everything, bob nothing
#   NODE=i        starts node i alone
#   OWNER=PID     the brokers are stopped when that process is gone (default: the caller)
#   PROPERTIES=F  a file of further broker properties
#   CLUSTER=ID    the identity of the cluster (a UUID in base64), where there are two
#   KAFKA=VERSION another version than 4.3.0
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
nodes=${2:-1}
owner=${OWNER:-$PPID}
jars=$("$here/kafka-install.sh" ${KAFKA:+"$KAFKA"})
archive=$jars/../kafka.jsa
java=(java -Xmx256m -Xms64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Xlog:cds=off -Xlog:cds+dynamic=off
	-Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info)
class_path=$(printf '%s:' "$jars"/*.jar)

# is_free PORT: nothing listens there.
is_free() {
	! grep -qi "$(printf ' *[0-9]*: [0-9A-F]*:%04X [0-9A-F]*:[0-9A-F]* 0A' "$1")" /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Below the ports that the kernel gives to clients: a connection of somebody holds its port without listening.
find_ports() {
	local base i
	for ((base = 20000 + $$ % 600 * 20; ; base += 6 * nodes)); do
		for ((i = 0; i < 6 * nodes; i++)); do
			is_free $((base + i)) || continue 2
		done
		echo "$base"
		return
	done
}

make_certificates() (
	umask 077
	cd "$dir"
	key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
	openssl req -x509 "${key[@]}" -days 30 -subj '/CN=authority of a test' -keyout ca.key -out ca.pem
	openssl req "${key[@]}" -subj /CN=localhost -keyout broker.key -out broker.csr
	openssl x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
		-extfile <(echo 'subjectAltName=DNS:localhost,IP:127.0.0.1') -out broker.pem
	cat broker.key broker.pem ca.pem >store.pem
) 2>"$dir/openssl.log"

properties() { # NODE
	local port=$((base + 6 * ($1 - 1))) copies=$((nodes < 3 ? nodes : 3)) voters='' i l m
	local module=org.apache.kafka.common.security
	for ((i = 1; i <= nodes; i++)); do
		voters+=${voters:+,}$i@127.0.0.1:$((base + 6 * (i - 1) + 1))
	done
	cat <<-END
		process.roles=broker,controller
		node.id=$1
		controller.quorum.voters=$voters
		controller.listener.names=CONTROLLER
		listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1)),SASL_PLAINTEXT://127.0.0.1:$((port + 2)),SASL_SSL://127.0.0.1:$((port + 3)),PROXIED://127.0.0.1:$((port + 4))
		advertised.listeners=PLAINTEXT://127.0.0.1:$port,SASL_PLAINTEXT://127.0.0.1:$((port + 2)),SASL_SSL://127.0.0.1:$((port + 3)),PROXIED://127.0.0.1:$((port + 5))
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,PROXIED:PLAINTEXT
		sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
		ssl.keystore.type=PEM
		ssl.keystore.location=$dir/store.pem
		log.dirs=$dir/$1/data
		auto.create.topics.enable=false
		default.replication.factor=$copies
		min.insync.replicas=$((copies > 2 ? 2 : 1))
		offsets.topic.replication.factor=$copies
		offsets.topic.num.partitions=3
		transaction.state.log.replication.factor=$copies
		transaction.state.log.min.isr=$((copies > 1 ? 2 : 1))
		transaction.state.log.num.partitions=3
		group.initial.rebalance.delay.ms=0
		group.min.session.timeout.ms=1000
		broker.heartbeat.interval.ms=250
		broker.session.timeout.ms=2000
		log.cleaner.dedupe.buffer.size=4194304
		log.retention.ms=-1
	END
	for l in sasl_plaintext sasl_ssl; do
		echo "listener.name.$l.plain.sasl.jaas.config=$module.plain.PlainLoginModule required user_alice=\"alice-secret\" user_bob=\"bob-secret\";"
		for m in 256 512; do
			echo "listener.name.$l.scram-sha-$m.sasl.jaas.config=$module.scram.ScramLoginModule required;"
		done
	done
	if [ -n "${AUTH:-}" ]; then
		echo authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
		echo 'super.users=User:ANONYMOUS;User:alice'
	fi
	if [ -n "${PROPERTIES:-}" ]; then
		cat "$PROPERTIES"
	fi
}

format_node() { # NODE
	mkdir -p "$dir/$1"
	properties "$1" >"$dir/$1/properties"
	local share=()
	[ ! -f "$archive" ] || share=(-XX:SharedArchiveFile="$archive")
	"${java[@]}" "${share[@]}" -cp "$class_path" kafka.tools.StorageTool format -t "${CLUSTER:-dGVzdC1vZi10bG0tMDAwMQ}" \
		-c "$dir/$1/properties" -S 'SCRAM-SHA-256=[name=alice,password=alice-secret]' \
		-S 'SCRAM-SHA-512=[name=alice,password=alice-secret]' >"$dir/$1/log" 2>&1 || {
		cat "$dir/$1/log" >&2
		exit 1
	}
}

# The broker in its own session, with a guard beside it that ends it when the owner is gone.
launch() { # NODE
	local share=()
	[ ! -f "$archive" ] || share=(-XX:SharedArchiveFile="$archive")
	: >"$dir/$1/log"
	setsid "${java[@]}" "${share[@]}" ${JAVA_MORE:+"$JAVA_MORE"} -cp "$class_path" kafka.Kafka "$dir/$1/properties" \
		>>"$dir/$1/log" 2>&1 </dev/null 3>&- 9>&- &
	local broker=$!
	echo "$broker" >"$dir/$1/pid"
	setsid sh -c "while kill -0 $owner && kill -0 $broker; do sleep 0.5; done; kill -KILL $broker" \
		>/dev/null 2>&1 </dev/null 3>&- 9>&- &
}

await() { # NODE
	until grep -q 'Kafka Server started' "$dir/$1/log"; do
		kill -0 "$(cat "$dir/$1/pid")" 2>/dev/null || { cat "$dir/$1/log" >&2; exit 1; }
		sleep 0.05
	done
}

# The archive of classes is written by the first broker ever started, when it stops.
make_archive() {
	[ ! -f "$archive" ] || return 0
	local once
	once=$(mktemp -d)
	: >"$archive.busy"
	(
		exec 9>"$archive.busy"
		flock 9
		[ ! -f "$archive" ] || exit 0
		JAVA_MORE="-XX:ArchiveClassesAtExit=$archive.new" ARCHIVING=1 "$0" "$once" >/dev/null
		"$here/kafka-stop.sh" "$once"
		[ ! -f "$archive.new" ] || mv "$archive.new" "$archive"
	)
	rm -rf "$once"
}

if [ ! -f "$dir/port" ]; then
	[ -n "${ARCHIVING:-}" ] || make_archive
	base=$(find_ports)
	make_certificates
	for ((i = 1; i <= nodes; i++)); do
		format_node "$i"
	done
	echo "$nodes" >"$dir/nodes"
	echo "$base" >"$dir/port"
fi
base=$(cat "$dir/port")
nodes=$(cat "$dir/nodes")
list=
for ((i = 1; i <= nodes; i++)); do
	list+=${list:+,}127.0.0.1:$((base + 6 * (i - 1)))
	[ "${NODE:-$i}" != "$i" ] || launch "$i"
done
for ((i = 1; i <= nodes; i++)); do
	[ "${NODE:-$i}" != "$i" ] || await "$i"
done
echo "$list"
