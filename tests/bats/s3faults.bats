#!/usr/bin/env bats
# The lake in S3 when something goes wrong on the way to a real server: TLS, a proxy that cuts, delays and swallows, a
# server that is killed. Needs versitygw and Toxiproxy, which need Go 1.24.

load common
load s3

setup_file() { s3_start_all plain tls toxi; }

teardown_file() { s3_stop_all; }

setup() {
	s3_need
	mkdir "$S3_HOME/plain/data/$B" "$S3_HOME/tls/data/$B"
	TLS=$(cat "$S3_HOME/tls.port")
	seq 1 200 | sed 's/.*/{"n":&}/' >in
}


# ---- TLS ----

@test "https with an authority of our own, path style and virtual hosts" {
	put --endpoint-url "https://127.0.0.1:$TLS" --ca-bundle "$S3_HOME/tls/ca.pem" -o "s3://$B/a=b c/" in
	cat err
	[ "$status" = 0 ]
	lines_of tls | cmp - in
	AWS_CA_BUNDLE=$S3_HOME/tls/ca.pem put --addressing-style virtual --endpoint-url "https://s3.localhost:$TLS" -o "s3://$B/a=b c/" in
	cat err
	[ "$status" = 0 ]
	[ "$(lines_of tls | wc -l)" = 400 ]
	put --addressing-style virtual --endpoint-url "http://s3.localhost:$PLAIN" -o "s3://$B/v/" in
	cat err
	[ "$status" = 0 ]
	lines_of plain | cmp - in
}

@test "a certificate that is not good is refused at once: unknown authority, other host, expired, no bundle" {
	put --endpoint-url "https://127.0.0.1:$TLS" -o "s3://$B/x/" in
	[ "$status" = 6 ]
	grep -qi 'certificate' err
	put --spool s2 --endpoint-url "https://b.c.localhost:$TLS" --ca-bundle "$S3_HOME/tls/ca.pem" -o "s3://$B/x/" in
	[ "$status" = 6 ]
	put --spool s3 --endpoint-url "https://127.0.0.1:$TLS" --ca-bundle /nonexistent -o "s3://$B/x/" in
	[ "$status" = 6 ]
	# expired: a server that only has to show its certificate
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=old -keyout ca.key -out ca.pem 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout old.key -out old.csr 2>/dev/null
	printf 'subjectAltName=IP:127.0.0.1\n' >ext
	openssl x509 -req -in old.csr -CA ca.pem -CAkey ca.key -days 30 -extfile ext -out good.pem 2>/dev/null
	cat >serve.py <<-'END'
		import socket, ssl, sys
		c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		c.load_cert_chain(sys.argv[1], "old.key")
		s = socket.create_server(("127.0.0.1", 0))
		print(s.getsockname()[1], flush=True)
		while True:
		    try:
		        c.wrap_socket(s.accept()[0], server_side=True)
		    except OSError:
		        pass
	END
	openssl ca -help >/dev/null 2>&1 || true
	: >index && echo 01 >serial
	printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nsubjectAltName=IP:127.0.0.1\n' >ca.cnf
	openssl ca -batch -config ca.cnf -in old.csr -cert ca.pem -keyfile ca.key -startdate 20200101000000Z -enddate 20200102000000Z -out old.pem 2>/dev/null
	python3 serve.py old.pem >port 2>/dev/null 3>&- &
	server=$!
	until [ -s port ]; do sleep 0.02; done
	put --spool s4 --endpoint-url "https://127.0.0.1:$(cat port)" --ca-bundle ca.pem -o "s3://$B/x/" in
	kill "$server"
	[ "$status" = 6 ]
	grep -qi 'expired' err
	[ "$(find state s2 s3 s4 -name '*.ready' | wc -l)" = 4 ]
}

# ---- a proxy in between ----

@test "the connection cut after N bytes up or down, for many N: status 7 or 0, then every record once" {
	seq 1 40 | sed 's/.*/{"n":&}/' >in
	for n in 1 150 420 640 790 900 1100; do
		cut_at upstream "$n"
		cut_at downstream "$n"
	done
}

@test "an answer that is swallowed is looked up: stored once, without a second upload" {
	through '{"name":"hush","type":"timeout","stream":"downstream","attributes":{"timeout":0}}'
	timeout 60 tlm-s3put --cli-read-timeout 1 --endpoint-url "$U" -o "s3://$B/x/" in >out 2>err &
	pid=$!
	for ((i = 0; i < 100; i++)); do
		[ -z "$(find "$S3_HOME/plain/data/$B" -name '*.zst' -not -path '*/.sgwtmp/*')" ] || break
		sleep 0.05
	done
	heal hush
	wait "$pid"
	lines_of plain | cmp - in
	[ "$(wc -l <out)" = 1 ]
	[ -z "$(find state -type f)" ]
}

@test "a slow server: the pipe waits, the spool stays below its limit" {
	through '{"name":"slow","type":"bandwidth","stream":"upstream","attributes":{"rate":300}}'
	head -c 1500000 /dev/urandom | base64 -w 60 | sed 's/.*/{"x":"&"}/' >big
	timeout 60 tlm-s3put --compression none --max-size 64K --max-spool 200K --uploads 2 --endpoint-url "$U" -o "s3://$B/x/" big >out 2>err &
	pid=$! most=0
	while kill -0 "$pid" 2>/dev/null; do
		now=$(find state -name '*.ready' -printf '%s\n' 2>/dev/null | awk '{s += $1} END {print s + 0}')
		[ "$now" -le "$most" ] || most=$now
		sleep 0.1
	done
	wait "$pid"
	echo "most: $most"
	[ "$most" -gt 0 ]
	[ "$most" -le 300000 ]
	cat "$(find "$S3_HOME/plain/data/$B" -name '*000001.ndjson')" | head -n 1 | cmp - <(head -n 1 big)
	find "$S3_HOME/plain/data/$B" -name '*.ndjson' | sort | xargs cat | cmp - big
}

@test "a server that is killed in the middle and comes back: nothing lost, nothing twice" {
	head -c 6000000 /dev/urandom | base64 -w 60 | sed 's/.*/{"x":"&"}/' >big
	through '{"name":"slow","type":"bandwidth","stream":"upstream","attributes":{"rate":6000}}'
	timeout 60 tlm-s3put --compression none --max-size 500K --cli-read-timeout 2 --endpoint-url "$U" -o "s3://$B/x/" big >out 2>err &
	pid=$!
	until [ "$(wc -l <out)" -ge 2 ]; do sleep 0.02; done
	"$TLM_TOP/tests/services/s3-stop.sh" "$S3_HOME/plain" KILL
	sleep 0.3
	(cd "$TLM_TOP" && OWNER=$PPID tests/services/s3-start.sh versitygw "$S3_HOME/plain" >/dev/null)
	wait "$pid"
	cat err
	find "$S3_HOME/plain/data/$B" -name '*.ndjson' -not -path '*/.sgwtmp/*' | sort | xargs cat | cmp - big
	put --endpoint-url "http://127.0.0.1:$PLAIN" --audit "s3://$B/x/" out
	[ "$status" = 0 ]
}

@test "SIGTERM while the server is gone: all that was read is in the spool, and stored by the next run" {
	mkfifo pipe
	tlm-s3put --max-spool 1K --stop-timeout 500ms --endpoint-url http://127.0.0.1:1 --spool sp -o "s3://$B/x/" pipe >out 2>err &
	pid=$!
	exec 7>pipe
	cat in >&7
	sleep 0.3
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	exec 7>&-
	[ "$status" = 143 ]
	find sp -name '*.ready' -exec zstd -dcq {} + | cmp - in
}
