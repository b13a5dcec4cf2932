#!/bin/sh
# kafka-install.sh [VERSION] : fetches Apache Kafka through Maven, once, and prints the folder of its jars.
# The folder is kept below ~/.cache (XDG_CACHE_HOME), so every later run finds it there. VERSION: 4.3.0.
# With the jars stands kafka.jsa, an archive of loaded classes: it halves the start of a broker.
set -eu
version=${1:-4.3.0}
here=$(cd "$(dirname "$0")" && pwd)
dir=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/tlm-tests/kafka-$version
if [ ! -f "$dir/done" ]; then
	command -v mvn >/dev/null || { echo "kafka-install.sh: no mvn here" >&2; exit 1; }
	command -v java >/dev/null || { echo "kafka-install.sh: no java here" >&2; exit 1; }
	mkdir -p "$dir"
	# two runs side by side: the second waits for the first
	exec 9>"$dir/lock"
	flock 9
	if [ ! -f "$dir/done" ]; then
		mvn -q -B -f "$here/kafka-pom.xml" -Dkafka.version="$version" dependency:copy-dependencies \
			-DoutputDirectory="$dir/jars" >&2
		: >"$dir/done"
	fi
fi
echo "$dir/jars"
