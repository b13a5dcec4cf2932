# s3.bash: loaded by the bats files that start servers of S3 below $S3_HOME, behind common.bash.

# s3_start_all NAME...: in setup_file, where there is Go: plain and tls are versitygw, toxi is Toxiproxy.
s3_start_all() {
	local name programs
	export S3_HOME=$BATS_FILE_TMPDIR S3_MISSING=''
	programs=$("$TLM_TOP/tests/services/s3-install.sh")
	if [ ! -x "$programs/versitygw" ]; then
		S3_MISSING='no Go 1.24 here for versitygw and Toxiproxy'
		return 0
	fi
	for name; do
		case $name in
		plain) OWNER=$$ "$TLM_TOP/tests/services/s3-start.sh" versitygw "$S3_HOME/plain" ;;
		tls) TLS=1 OWNER=$$ "$TLM_TOP/tests/services/s3-start.sh" versitygw "$S3_HOME/tls" ;;
		toxi) OWNER=$$ "$TLM_TOP/tests/services/s3-start.sh" toxiproxy "$S3_HOME/toxi" ;;
		esac >"$S3_HOME/$name.port"
	done
}

# s3_need: in setup, goes to the folder of the test; sets credentials, the name $B of its bucket, the port $PLAIN and the
# address $TOXI.
s3_need() {
	cd "$BATS_TEST_TMPDIR"
	[ -z "$S3_MISSING" ] || skip "$S3_MISSING"
	export AWS_ACCESS_KEY_ID=testaccess AWS_SECRET_ACCESS_KEY=testsecret123 XDG_STATE_HOME=$PWD/state
	B=b-$BATS_TEST_NUMBER
	PLAIN=$(cat "$S3_HOME/plain.port")
	[ ! -f "$S3_HOME/toxi.port" ] || TOXI=http://127.0.0.1:$(cat "$S3_HOME/toxi.port")
}

# s3_stop_all: in teardown_file, each server that was started there.
s3_stop_all() {
	local pid
	for pid in "$S3_HOME"/*/pid; do
		[ ! -f "$pid" ] || "$TLM_TOP/tests/services/s3-stop.sh" "$(dirname "$pid")"
	done
}

put() { status_of timeout 60 tlm-s3put "$@"; }

# lines_of SERVER: what the bucket $B of versitygw in $S3_HOME/SERVER holds.
lines_of() { find "$S3_HOME/$1/data/$B" -name '*.zst' -not -path '*/.sgwtmp/*' -exec zstd -dcq {} + | sort -t: -k2n; }

# through TOXIC-JSON...: a proxy of the Toxiproxy at $TOXI to the port $TO (by default $PLAIN), with these faults; sets $U,
# its address. heal NAME...: without these faults from now on.
through() {
	local toxic
	curl -sf -X DELETE "$TOXI/proxies/p" >/dev/null || true
	U=http://$(curl -sf "$TOXI/proxies" -d "{\"name\":\"p\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"127.0.0.1:${TO:-$PLAIN}\"}" | jq -r .listen)
	for toxic; do
		curl -sf "$TOXI/proxies/p/toxics" -d "$toxic" >/dev/null
	done
}
heal() { for t; do curl -sf -X DELETE "$TOXI/proxies/p/toxics/$t" >/dev/null; done; }

# cut_at STREAM N [OPTION...]: each connection is cut after N bytes upstream or downstream until the run gives up or comes
# through; the next run, over the healed connection, leaves every line of the file in once, and the audit is good. $AT is
# the server of $TO (plain). $status_cut: the status of the first.
cut_at() {
	local at=${AT:-plain}
	rm -rf "$S3_HOME/$at/data/$B" state
	mkdir "$S3_HOME/$at/data/$B"
	through "{\"name\":\"cut\",\"type\":\"limit_data\",\"stream\":\"$1\",\"attributes\":{\"bytes\":$2}}"
	[ "$at" = plain ] || U=https${U#http}
	put --give-up-after 300ms --cli-read-timeout 1 "${@:3}" --endpoint-url "$U" -o "s3://$B/x/" in
	echo "$1 $2: $status $(cat err)"
	status_cut=$status
	case $status in 0 | 7) ;; *) return 1 ;; esac
	cp out first
	heal cut
	put "${@:3}" --endpoint-url "$U" -o "s3://$B/x/" /dev/null
	[ "$status" = 0 ] || { cat err; return 1; }
	lines_of "$at" | cmp - in || return 1
	cat out >>first
	put "${@:3}" --endpoint-url "$U" --audit "s3://$B/x/" first
	[ "$status" = 0 ] || { cat out err; return 1; }
}
