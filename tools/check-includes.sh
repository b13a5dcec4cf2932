#!/bin/sh
# check-includes.sh : the shape of the house: cmd uses lib, lib never cmd, no circles among the modules of lib, every
# module has one public header that is named after it and stands in lib/README.md in the order of dependencies.
set -eu
export LC_ALL=C
status=0
complain() { echo "check-includes: $*" >&2; status=1; }

edges=$(mktemp)
trap 'rm -f "$edges"' EXIT
for f in lib/*/*.[ch]; do
	m=${f#lib/}; m=${m%%/*}
	case $f in *_test.c) continue ;; esac
	sed -n 's/^#include "\([^"]*\)".*/\1/p' "$f" | while read -r inc; do
		to=${inc%%/*}
		case $inc in
		cmd/* | */../* | ../*) echo "BAD $f $inc" ;;
		*/*) [ "$to" = "$m" ] || echo "$to $m" ;;
		esac
	done
done | sort -u >"$edges"

bad=$(grep '^BAD' "$edges" || true)
[ -z "$bad" ] || complain "lib includes from outside: $bad"
grep -v '^BAD' "$edges" | tsort >/dev/null 2>"$edges.cycle" || complain "modules of lib form a circle: $(tr '\n' ' ' <"$edges.cycle")"
rm -f "$edges.cycle"

for d in lib/*/; do
	m=$(basename "$d")
	[ -f "lib/$m/$m.h" ] || complain "lib/$m has no $m.h"
	[ -f "lib/$m/${m}_test.c" ] || grep -q "^| \`$m\` |.*tested through" lib/README.md || complain "lib/$m has no ${m}_test.c"
	grep -q "^| \`$m\` |" lib/README.md || complain "lib/README.md does not name $m"
done

# The order of lib/README.md is the order of dependencies: a module uses only those above it.
# shellcheck disable=SC2016
sed -n 's/^| `\([a-z0-9]*\)` |.*/\1/p' lib/README.md >"$edges.order"
while read -r to from; do
	[ "$to" != BAD ] || continue
	a=$(grep -nx "$to" "$edges.order" | cut -d: -f1)
	b=$(grep -nx "$from" "$edges.order" | cut -d: -f1)
	if [ -n "$a" ] && [ -n "$b" ] && [ "$a" -ge "$b" ]; then
		complain "$from uses $to, which stands below it in lib/README.md"
	fi
done <"$edges"
rm -f "$edges.order"
exit $status
