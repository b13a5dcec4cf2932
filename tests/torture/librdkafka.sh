#!/bin/sh
# librdkafka.sh : the newest librdkafka under build/, the shared object that the Python package confluent-kafka carries;
# prints a folder for LD_LIBRARY_PATH, where it stands by the name that tools ask for.
set -eu

package=confluent-kafka==2.16.1
folder=$PWD/build/librdkafka

if [ "$(cat "$folder/package" 2>/dev/null)" != "$package" ]; then
	rm -rf "$folder"
	mkdir -p "$folder"
	pip download -q --no-deps --only-binary :all: -d "$folder" "$package" >&2
	(cd "$folder" && python3 -m zipfile -e confluent_kafka-*.whl .)
	ln -s "$(cd "$folder/confluent_kafka.libs" && ls -d "$PWD"/librdkafka-*.so*)" "$folder/confluent_kafka.libs/librdkafka.so.1"
	echo "$package" >"$folder/package"
fi
echo "$folder/confluent_kafka.libs"
