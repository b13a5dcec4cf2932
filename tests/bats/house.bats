#!/usr/bin/env bats
# The house's own rules: headers, includes, manual pages, installation, the help of make.

load common

setup() {
	cd "$TLM_TOP"
}

@test "every header compiles alone" {
	run make -s headers
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "cmd uses lib, lib never cmd, no circles, one header and one test a module" {
	run tools/check-includes.sh
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "mandoc has nothing to say about the manual pages" {
	for m in man/*.[1-9]; do
		run mandoc -T lint -W warning "$m"
		echo "$output"
		[ "$status" -eq 0 ]
	done
}

@test "every tool has a manual page, and every page the table of exit statuses" {
	for t in cmd/*/; do
		[ -f "man/$(basename "$t").1" ]
	done
	for m in man/*.[1-9]; do
		for status in 0 2 3 5 6 7; do
			grep -q "^\.It $status\$\|^\.It Li $status\$\|^\.It Cm $status\$" "$m" || { echo "$m does not tell status $status"; false; }
		done
	done
}

@test "every aggregate has its line in the manual page and an example that is run" {
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' man/tlm-agg.1 >"$BATS_TEST_TMPDIR/examples"
	names=$(sed -n 's/^\t{"\([A-Za-z0-9_]*\)".*/\1/p' lib/aggregate/functions.c | sed 's/pNN/p[0-9]*/' | sort -u)
	[ "$(wc -w <<<"$names")" -ge 38 ]
	for f in $names; do
		grep -q "^\.It.* Cm ${f/\[*/ Ns Ar NN}\>" man/tlm-agg.1 || { echo "$f is not told"; false; }
		grep -q "^\$ tlm-agg.*\<$f(" "$BATS_TEST_TMPDIR/examples" || { echo "$f has no example"; false; }
	done
}

@test "install puts tools, pages and completions in place; uninstall removes them all" {
	d=$BATS_TEST_TMPDIR/root
	make -s install BUILD="${TLM_BUILD:-build}" DESTDIR="$d" PREFIX=/usr
	[ "$("$d/usr/bin/tlm-filter" -c '.a' <<<'{"a":[1,2]}')" = '[1,2]' ]
	for t in cmd/*/; do
		t=$(basename "$t")
		[ -x "$d/usr/bin/$t" ]
		[ -s "$d/usr/share/man/man1/$t.1" ]
		bash -n "$d/usr/share/bash-completion/completions/$t"
		[ -s "$d/usr/share/zsh/site-functions/_$t" ]
		[ -s "$d/usr/share/fish/vendor_completions.d/$t.fish" ]
	done
	make -s uninstall BUILD="${TLM_BUILD:-build}" DESTDIR="$d" PREFIX=/usr
	[ -z "$(find "$d" -type f)" ]
}

@test "make help names every target, one line each" {
	run make -s help
	for t in all deps demo check check-quick bench lint fuzz torture install uninstall dist clean help; do
		grep -q "^$t  *[a-z]" <<<"$output" || { echo "$t is missing"; false; }
	done
}

@test "main.c shows a tool on a few screens: at most 120 lines" {
	for m in cmd/*/main.c; do
		[ "$(wc -l <"$m")" -le 120 ] || { wc -l "$m"; false; }
	done
}

@test "the demo runs through all four tools and its lake holds what awk finds in the sample" {
	work=$BATS_TEST_TMPDIR/demo
	mkdir -p "$work/build" "$work/tools"
	cp tools/demo.sh "$work/tools"
	mkdir "$work/build/kit"
	cp "${TLM_BUILD:-build}/kit/fleetgen" "$work/build/kit"
	cd "$work"
	BIN=$TLM_BIN run tools/demo.sh
	echo "$output"
	[ "$status" -eq 0 ]
	# an independent count: fast SPEED rows with a number and a time, in the windows of a minute by vehicle
	want=$(awk -F, '$3 == "SPEED" && $2 != "" && $4 ~ /^[0-9.]+$/ && $4 > 80 {n[$1, int($2 / 60000)]++} END {for (k in n) {rows++; all += n[k]}; print rows, all}' build/demo/fleet.csv)
	got=$(find build/demo/lake -name '*.zst' -exec zstd -qdc {} + | jq -s -r '"\(length) \(map(.count) | add)"')
	late=$(wc -l <build/demo/late.ndjson)
	echo "awk: $want, lake: $got, late: $late"
	[ "$late" -eq 0 ]
	[ "$got" = "$want" ]
}

@test "the demo refuses what it cannot read" {
	BIN=$TLM_BIN DATA=/nonexistent run tools/demo.sh
	[ "$status" -eq 2 ]
	[[ "$output" == *"cannot read DATA=/nonexistent"* ]]
}

@test "every mutation of the torture stands in the sources" {
	python3 "$TLM_TOP/tests/torture/mutate-engine.py" --texts
}
