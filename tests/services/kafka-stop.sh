#!/bin/sh
# kafka-stop.sh DIR [SIGNAL [NODE]] : ends the brokers of DIR, or one node of them, by SIGNAL (TERM) and waits until they
# are gone. Several nodes are ended with KILL: one after the other they would wait for a quorum that is lost.
dir=$1 signal=${2:-TERM} node=${3:-}
[ "$(cat "$dir/nodes" 2>/dev/null || echo 1)" = 1 ] || [ -n "$node" ] || signal=KILL

is_broker() { tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -q "kafka.Kafka $dir_full"; }
dir_full=$(cd "$dir" && pwd) || exit 0

pids=
for f in "$dir"/${node:-[0-9]*}/pid; do
	[ -f "$f" ] || continue
	read -r pid <"$f"
	rm -f "$f"
	is_broker "$pid" && kill -s "$signal" "$pid" && pids="$pids $pid"
done
for pid in $pids; do
	n=0
	while is_broker "$pid"; do
		n=$((n + 1))
		[ $n -lt 600 ] || kill -s KILL "$pid"
		sleep 0.05
	done
done
exit 0
