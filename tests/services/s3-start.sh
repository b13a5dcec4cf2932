#!/bin/bash
# s3-start.sh SERVER DIR [ARGUMENT...] : starts a server on 127.0.0.1 with its data in DIR, waits until it serves, prints
# its port. SERVER is versitygw, s3proxy or toxiproxy. A second start on the same DIR brings it back on its data and port.
#
#   TLS=1         versitygw over https, by a certificate for localhost, 127.0.0.1 and *.s3.localhost of DIR/ca.pem
#   OWNER=PID     it is stopped when that process is gone (default: the caller)
#
# Keys: testaccess, testsecret123. Further arguments go to the server. DIR/data/NAME is the bucket NAME of both.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
server=$1
mkdir -p "$2/data"
dir=$(cd "$2" && pwd)
shift 2
owner=${OWNER:-$PPID}
programs=$("$here/s3-install.sh")

# is_free PORT: nothing listens there.
is_free() {
	! grep -qi "$(printf ' *[0-9]*: [0-9A-F]*:%04X [0-9A-F]*:[0-9A-F]* 0A' "$1")" /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Below the ports that the kernel gives to clients, and those of the brokers.
find_port() {
	local port=$((10000 + ($$ * 7 + RANDOM) % 9000))
	until is_free "$port"; do
		port=$((port + 1))
	done
	echo "$port"
}

make_certificates() {
	cd "$dir"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=test-authority \
		-keyout ca.key -out ca.pem
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout tls.key -out tls.csr
	echo 'subjectAltName=DNS:localhost,DNS:*.s3.localhost,IP:127.0.0.1' >tls.ext
	openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile tls.ext -out tls.pem
}

[ -f "$dir/port" ] || find_port >"$dir/port"
read -r port <"$dir/port"
case $server in
versitygw)
	export ROOT_ACCESS_KEY=testaccess ROOT_SECRET_KEY=testsecret123
	mkdir -p "$dir/iam"
	command=("$programs/versitygw" --port "127.0.0.1:$port" --region us-east-1 --iam-dir "$dir/iam" --iam-cache-disable
		--virtual-domain s3.localhost --health /health --keep-alive --quiet "$@")
	if [ -n "${TLS:-}" ]; then
		[ -f "$dir/tls.pem" ] || make_certificates >"$dir/tls.log" 2>&1
		command+=(--cert "$dir/tls.pem" --key "$dir/tls.key")
	fi
	command+=(posix "$dir/data")
	;;
s3proxy)
	cat >"$dir/s3proxy.conf" <<-END
		s3proxy.authorization=aws-v4
		s3proxy.endpoint=http://127.0.0.1:$port
		s3proxy.identity=testaccess
		s3proxy.credential=testsecret123
		s3proxy.maximum-timeskew=900
		jclouds.provider=filesystem-nio2
		jclouds.filesystem.basedir=$dir/data
	END
	command=(java -Xmx256m -XX:TieredStopAtLevel=1 -DLOG_LEVEL=warn -jar "$programs/s3proxy.jar"
		--properties "$dir/s3proxy.conf" "$@")
	;;
toxiproxy)
	command=("$programs/toxiproxy" -host 127.0.0.1 -port "$port" "$@")
	;;
*)
	echo "s3-start.sh: unknown server '$server'" >&2
	exit 2
	;;
esac

setsid "${command[@]}" >>"$dir/log" 2>&1 </dev/null 3>&- 4>&- &
pid=$!
echo "$pid" >"$dir/pid"
disown
# The end of the owner is the end of the server.
# shellcheck disable=SC2016
setsid sh -c 'while kill -0 "$0" 2>/dev/null && kill -0 "$1" 2>/dev/null; do sleep 1; done; kill -9 "$1" 2>/dev/null' \
	"$owner" "$pid" >/dev/null 2>&1 </dev/null 3>&- 4>&- &
disown
for ((i = 0; i < 400; i++)); do
	is_free "$port" || { echo "$port"; exit 0; }
	kill -0 "$pid" 2>/dev/null || break
	sleep 0.05
done
echo "s3-start.sh: $server does not serve: $(tail -n 3 "$dir/log")" >&2
exit 1
