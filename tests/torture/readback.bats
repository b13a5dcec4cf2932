#!/usr/bin/env bats
# The lake in S3 read by others, as docs/lake.md tells their users: ClickHouse's engine, polars and pyarrow from tools/venv.sh
# bench, Spark where $SPARK_PYTHON is a python that has pyspark (its skip says how), rclone where it is installed.

load ../bats/common

setup_file() {
	cd "$TLM_TOP"
	export S3_HOME=$BATS_FILE_TMPDIR
	server=s3proxy
	[ ! -x "$(tests/services/s3-install.sh)/versitygw" ] || server=versitygw
	OWNER=$$ tests/services/s3-start.sh $server "$S3_HOME/s3" >"$S3_HOME/port"
	keys
	mkdir "$S3_HOME/s3/data/lake"
	cd "$S3_HOME"
	awk 'BEGIN {split("veh 1|a/b|ü%=+|x", v, "|"); for (i = 0; i < 5000; i++)
		printf "{\"deviceId\":%s,\"timeMili\":%.0f,\"variable\":\"SPEED\",\"value\":%.2f}\n", i % 5 == 4 ? "null" : "\"" v[i % 5 + 1] "\"",
			1795341600000 + i * 20000, i / 7}' >in
	for kind in zst gz; do
		tlm-s3put -q --spool sp --compression $kind --time timeMili:ms -o "s3://lake/$kind/dt=%Y-%m-%d/hour=%H/vehicle={deviceId}/" in >rows
		[ "$(jq -s 'map(.records) | add' rows)" = 5000 ]
	done
}

keys() { export AWS_ACCESS_KEY_ID=testaccess AWS_SECRET_ACCESS_KEY=testsecret123 AWS_ENDPOINT_URL=http://127.0.0.1:$(cat "$S3_HOME/port"); }
setup() { keys; }
teardown_file() { "$TLM_TOP/tests/services/s3-stop.sh" "$S3_HOME/s3"; }

readback() { "${python:-$(cd "$TLM_TOP" && tools/venv.sh bench)}" "$TLM_TOP/tests/torture/readback.py" "$@"; }

@test "ClickHouse: rows, sums, partition columns with their types" { readback chdb lake/zst "$S3_HOME/in"; }
@test "polars: rows, sums, partition columns with their types" { readback polars lake/zst "$S3_HOME/in"; }
@test "pyarrow, a dataset: rows, sums, partition columns with their types" { readback arrow lake/gz "$S3_HOME/in"; }
@test "pyarrow, objects of zst one by one: rows and sums" { readback arrow-zst lake/zst "$S3_HOME/in"; }
@test "rclone: a copy is whole" {
	need rclone
	cd "$BATS_TEST_TMPDIR"
	export RCLONE_CONFIG_S_TYPE=s3 RCLONE_CONFIG_S_PROVIDER=Other RCLONE_CONFIG_S_ENV_AUTH=true RCLONE_CONFIG_S_ENDPOINT=$AWS_ENDPOINT_URL
	rclone --config /dev/null copy S:lake/zst copy
	rclone --config /dev/null check S:lake/zst copy
	find copy -name '*.zst' -exec zstd -dcq {} + | sort | cmp - <(sort "$S3_HOME/in")
	tlm-s3put -q --audit "file://$PWD/copy" 2>err || { cat err; false; }
}
@test "Spark: the table of docs/lake.md: rows, sums, partition columns with their types" {
	[ -n "${SPARK_PYTHON:-}" ] || skip "no SPARK_PYTHON; with Java 17 do: python3 -m venv build/spark; build/spark/bin/pip install pyspark;\
 make torture T=readback SPARK_PYTHON=build/spark/bin/python"
	[[ $SPARK_PYTHON = /* ]] || SPARK_PYTHON=$TLM_TOP/$SPARK_PYTHON
	cd "$BATS_TEST_TMPDIR"
	for kind in zst gz; do
		mkdir $kind && cd $kind
		python=$SPARK_PYTHON readback spark lake/$kind "$S3_HOME/in" "$S3_HOME/s3/data/lake/$kind"
		cd ..
	done
}
