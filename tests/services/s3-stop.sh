#!/bin/bash
# s3-stop.sh DIR [SIGNAL] : ends the server that s3-start.sh started on DIR and waits until it is gone.
set -euo pipefail
read -r pid <"$1/pid"
grep -qa 'versitygw\|s3proxy\|toxiproxy' "/proc/$pid/cmdline" 2>/dev/null || exit 0
kill -"${2:-KILL}" "$pid"
for ((i = 0; i < 200; i++)); do
	state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) || exit 0
	case $state in '' | Z*) exit 0 ;; esac
	sleep 0.02
done
exit 1
