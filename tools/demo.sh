#!/usr/bin/env bash
# demo.sh : the main job, from a file of telemetry to a lake on disk, through all four tools; then shows what came out.
#
# Variables: DATA (a file; default: a sample of a fleet, made here), TIME (FIELD:FORMAT), WHERE (a program for
# tlm-filter), GROUP and VALUE (fields), DELAY (how long windows wait for records out of order), BIN (the tools).
set -uo pipefail

BIN=${BIN:-build/bin}
PATH=$(cd "$BIN" && pwd):$PATH
export PATH
dir=build/demo
lake=$PWD/$dir/lake
rm -rf "$dir"
mkdir -p "$dir"

pace=()
if [ -z "${DATA:-}" ]; then
	DATA=$dir/fleet.csv
	build/kit/fleetgen csv 30 >"$DATA" || exit 2
	TIME=${TIME:-timeMili:ms}
	WHERE=${WHERE:-.variable == \"SPEED\" and .value > 80}
	DELAY=${DELAY:-30s}
	# On a terminal half an hour of driving passes in six seconds; elsewhere as fast as it can.
	[ ! -t 1 ] || pace=(--time "$TIME" --speed 300)
elif [ ! -r "$DATA" ]; then
	echo "demo: cannot read DATA=$DATA" >&2
	exit 2
fi
if [ -z "${TIME:-}" ]; then
	echo 'demo: say which field is the time: make demo DATA=FILE TIME=FIELD:FORMAT (timeMili:ms, timestamp:iso, ...)' >&2
	exit 2
fi
WHERE=${WHERE:-true}
DELAY=${DELAY:-0}
GROUP=${GROUP:-deviceId}
VALUE=${VALUE:-value}
row=${VALUE//[^A-Za-z0-9_]/_}
column=${GROUP##*.}

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' off=$'\e[0m'; else bold='' dim='' off=''; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$off"; }

say 'The main job'
cat <<END
    tlm-replay${pace[*]:+ ${pace[*]}} $DATA \\
      | tlm-filter 'select($WHERE)' \\
      | tlm-agg --time $TIME --delay $DELAY -w 1m -g $GROUP 'count, mean($VALUE), max($VALUE), p95($VALUE)' \\
      | tlm-s3put --time window_start:iso -o 'file://$dir/lake/dt=%Y-%m-%d/$column={$GROUP}/'

END

# What flows between tlm-agg and tlm-s3put is shown as it passes.
show() { if [ -t 1 ]; then tee /dev/stderr; else cat; fi; }
common() { printf '%s\n' --stats --rejects "$dir/rejects-$1.ndjson"; }
mapfile -t r < <(common replay)
mapfile -t f < <(common filter)
mapfile -t a < <(common agg)
mapfile -t p < <(common s3put)

start=$(date +%s%N)
{
	tlm-replay "${r[@]}" "${pace[@]}" "$DATA" 2>"$dir/replay.log" |
		tlm-filter "${f[@]}" "select($WHERE)" 2>"$dir/filter.log" |
		tlm-agg "${a[@]}" --late "$dir/late.ndjson" --time "$TIME" --delay "$DELAY" -w 1m -g "$GROUP" \
			"count, mean($VALUE), max($VALUE), p95($VALUE)" 2>"$dir/agg.log" |
		show |
		tlm-s3put "${p[@]}" --time window_start:iso -o "file://$lake/dt=%Y-%m-%d/$column={$GROUP}/" \
			>"$dir/manifest.ndjson" 2>"$dir/s3put.log"
	statuses=("${PIPESTATUS[@]}")
}
elapsed_ms=$((($(date +%s%N) - start) / 1000000))
unset 'statuses[3]' # show
statuses=("${statuses[@]}")

field() { sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p" "$dir/$1.log" | tail -n 1; }
say "What became of every record ($elapsed_ms ms)"
printf '    %-11s %9s %9s %9s %9s %9s %7s\n' tool read kept filtered late rejected status
i=0 worst=0
for t in replay filter agg s3put; do
	printf '    tlm-%-7s %9s %9s %9s %9s %9s %7s\n' $t "$(field $t read)" "$(field $t kept)" "$(field $t filtered)" \
		"$(field $t late)" "$(field $t rejected)" "${statuses[i]}"
	if [ "${statuses[i]}" != 0 ]; then
		worst=${statuses[i]}
		sed 's/^/    /' "$dir/$t.log" >&2
	fi
	i=$((i + 1))
done
[ "$worst" = 0 ] || exit "$worst"

rejects=$(cat "$dir"/rejects-*.ndjson | wc -l)
if [ "$rejects" -gt 0 ]; then
	say "Bad records are kept, with the reason ($rejects in $dir/rejects-*.ndjson)"
	cat "$dir"/rejects-*.ndjson | head -n 3 | cut -c 1-150 | sed 's/^/    /'
fi

say 'The lake'
(cd "$dir" && find lake -name '*.zst' -printf '%p  %s bytes\n' | sort >tree && head -n 12 tree | sed 's/^/    /')
objects=$(wc -l <"$dir/tree")
[ "$objects" -le 12 ] || echo "    ... $objects objects in all"

say "Read back from the lake: the rows of all objects, by $GROUP"
mapfile -t files < <(find "$lake" -name '*.zst' | sort)
if [ "${#files[@]}" -gt 0 ]; then
	tlm-agg -g "$GROUP" --format table \
		"count as windows, sum(count) as records, max(max_$row) as max, max(p95_$row) as max_p95" "${files[@]}" | head -n 20
fi
printf '\n%sThe lake stays in %s; the logs with their --stats lines beside it.%s\n' "$dim" "$dir/lake" "$off"
