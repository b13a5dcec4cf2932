#!/bin/sh
# sizes.sh : lists files above 500 lines and functions above 80 lines: each needs its reason on top.
awk 'FNR == 1 { if (n > 500) print n " lines: " name; name = FILENAME; n = 0; open = 0 }
	{ n++ }
	/^[a-z].*\)$/ { head = $0; at = FNR }
	/^\{$/ { open = FNR }
	/^\}$/ { if (open && FNR - open > 80) print FNR - open - 1 " lines: " FILENAME ":" at ": " head; open = 0 }
	END { if (n > 500) print n " lines: " name }' cmd/*/*.[ch] lib/*/*.[ch]
