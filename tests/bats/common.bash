# common.bash: loaded by every bats file. Tests run from the top of the tree; the tools come from $TLM_BIN.

TLM_TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
TLM_BIN=$(cd "$TLM_TOP" && cd "${TLM_BIN:-build/bin}" && pwd)
TLM_DATA=${TLM_DATA:-$TLM_TOP/../shared/data}
export TLM_TOP TLM_BIN TLM_DATA
export PATH="$TLM_BIN:$PATH" LC_ALL=C.UTF-8 TZ=UTC
unset NO_COLOR

# No test asks a real service: what this machine knows of AWS is forgotten.
for v in $(compgen -e AWS_); do unset "$v"; done
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/nonexistent AWS_SHARED_CREDENTIALS_FILE=/nonexistent

# need_data FILE: skips the test where a real data file is missing.
need_data() {
	[ -f "$TLM_DATA/$1" ] || skip "no $1 in the folder of real data"
}

# need PROGRAM...: skips where a program is missing.
need() {
	local p
	for p; do
		command -v "$p" >/dev/null || skip "no $p here"
	done
}

# python with DuckDB and numpy; prints its path.
venv_python() {
	(cd "$TLM_TOP" && tools/venv.sh)
}

# same EXPECTED ACTUAL: compares two texts and shows the difference.
same() {
	diff -u <(printf '%s\n' "$1") <(printf '%s\n' "$2")
}

# status_of COMMAND...: runs it with output to out and err in the test's folder, sets $status.
status_of() {
	status=0
	"$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
}

# Whether a file holds a text; shows the file when it does not.
has() { grep -qF -- "$2" "$1" || { cat "$1"; return 1; }; }

# stat_of KEY: a number of the stats line in the file err.
stat_of() {
	sed -n "s/.*\"end\":true.*\"$1\":\([0-9]*\).*/\1/p" err
}

# within SECONDS COMMAND...: tries until it succeeds.
within() {
	local i n=$(($1 * 50))
	shift
	for ((i = 0; i < n; i++)); do
		! "$@" || return 0
		sleep 0.02
	done
	"$@"
}
