# s3.bash: loaded by the bats files that start servers of S3 below $S3_HOME, behind common.bash.

# s3_stop_all: in teardown_file, each server that was started there.
s3_stop_all() {
	local pid
	for pid in "$S3_HOME"/*/pid; do
		[ ! -f "$pid" ] || "$TLM_TOP/tests/services/s3-stop.sh" "$(dirname "$pid")"
	done
}
