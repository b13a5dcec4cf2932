#!/usr/bin/env bats
# tlm-agg --emit: rows before the final one. Random streams are compared in agg.bats.

load common
load agg

# rows FIELD... : these fields of each row of out
rows() { jq -c "[$(printf '.%s,' "$@" | sed 's/,$//')]" out; }

@test "--emit update: a row when complete, one for each change, a final one" {
	printf '{"t":%s,"g":"%s"}\n' 1 a 2 b 9.999999 a 10 a 3 a 4 c 15 b 20 a 5 a >in
	agg --time t:s --time-out s -w 10s --grace 10s --emit update -g g count in --late late --stats
	[ "$status" = 0 ]
	same '[0,"a",2,0,false]
[0,"b",1,0,false]
[0,"a",3,1,false]
[0,"c",1,0,false]
[0,"a",3,2,true]
[0,"b",1,1,true]
[0,"c",1,1,true]
[10,"a",1,0,false]
[10,"b",1,0,false]
[10,"a",1,1,true]
[10,"b",1,1,true]
[20,"a",1,0,true]' "$(rows window_start g count rev final)"
	[ "$(wc -l <late)" = 1 ]
	[ "$(jq -c '[.read, .kept, .late, .out]' err)" = '[9,8,1,12]' ]
	# complete at W = end, not before
	printf '{"t":%s}\n' 1 9.999999 2 >in
	agg --time t:s --time-out s -w 10s --grace 10s --emit update --no-flush count in --stats
	[ ! -s out ]
	[ "$(jq -c '[.kept, .open]' err)" = '[0,3]' ]
	# complete and closed at once: the final row only
	printf '{"t":%s}\n' 1 50 >in
	agg --time t:s --time-out s -w 10s --grace 10s --emit update count in
	same $'[0,0,true]\n[50,0,true]' "$(rows window_start rev final)"
}

@test "--emit update: a record changes each complete window that holds it; calendars too" {
	# 10 completes [0,10), 4 changes both; 16 completes [5,15) and closes [-5,5); 4 and 7 change what is complete
	printf '{"t":%s}\n' 7 10 4 16 4 7 >in
	agg --time t:s --time-out s -w 10s --every 5s --grace 10s --emit update count in
	same '[0,10,1,0,false]
[-5,5,1,0,false]
[0,10,2,1,false]
[-5,5,1,1,true]
[5,15,2,0,false]
[0,10,3,2,false]
[0,10,4,3,false]
[5,15,3,1,false]
[0,10,4,4,true]
[5,15,3,2,true]
[10,20,2,0,true]
[15,25,1,0,true]' "$(rows window_start window_end count rev final)"
	printf '{"t":"%s"}\n' 2026-03-28T23:00:00Z 2026-03-29T22:00:00Z 2026-03-29T21:59:59Z >in
	agg --time t -w day --tz Europe/Warsaw --grace 1h --emit update count in
	same '["2026-03-29T22:00:00Z",1,false]
["2026-03-29T22:00:00Z",2,false]
["2026-03-29T22:00:00Z",2,true]
["2026-03-30T22:00:00Z",1,true]' "$(rows window_end count final)"
}

@test "--emit update: sessions name the rows that are void" {
	printf '{"t":%s}\n' 1 2 10 12 30 5 7 8.5 100 >in
	agg --time t:s --time-out s --session 2s --grace 50s --emit update count in
	same '[1,2,2,0,false,null]
[10,12,2,0,false,null]
[5,5,1,0,false,null]
[5,7,2,1,false,[[5,5]]]
[5,12,5,2,false,[[5,7],[10,12]]]
[1,2,2,1,true,null]
[5,12,5,3,true,null]
[30,30,1,0,true,null]
[100,100,1,0,true,null]' "$(rows session_start session_end count rev final replaces)"
	# W = last + gap: it may still grow
	printf '{"t":%s,"g":"%s"}\n' 1 a 3 b 1 a >in
	agg --time t:s --session 2s --grace 50s --emit update --no-flush -g g count in
	[ ! -s out ]
	printf '{"t":%s,"g":"%s"}\n' 1 a 3.000001 b 1 a 3 a 3 b >in # 3 a: the session is open again
	agg --time t:s --time-out s --session 2s --grace 50s --emit update -g g count in
	same '["a",1,1,1,0,false,null]
["a",1,1,2,1,false,null]
["a",1,3,3,2,true,[[1,1]]]
["b",3,3,2,0,true,null]' "$(rows g session_start session_end count rev final replaces)"
}

@test "--emit every: what has changed when the watermark reaches a border" {
	printf '{"t":%s,"g":"%s"}\n' 1 a 4.999999 b 5 a 6 b 9 b 31 a >in
	agg --time t:s --time-out s -w 1h --emit every=5s -g g count in
	same '["a",1,0,false]
["b",1,0,false]
["a",2,1,false]
["b",3,1,false]
["a",3,2,true]
["b",3,2,true]' "$(rows g count rev final)"
	# before 1970, and with a delay
	printf '{"t":%s}\n' -12 -11 -10 -7 -5 -1 >in
	agg --time t:s --time-out s --emit every=5s count in
	same '[-12,-11,2,false]
[-12,-7,4,false]
[-12,-1,6,true]' "$(rows window_start window_end count final)"
	agg --time t:s --time-out s --delay 2s --session 1h --emit every=5s count in
	same '[3,0,false]
[5,1,false]
[6,2,true]' "$(rows count rev final)"
}

@test "--emit: columns of csv and tsv, the newest revision in --latest, --having for each row" {
	printf '{"t":%s,"g":"%s"}\n' 1 a 11 a 2 a 3 b 12 b 13 a >in
	agg --time t:s --time-out s -w 10s --grace 10s --emit update -g g --format csv count in --latest now.csv
	same 'window_start,window_end,g,count,rev,final
0,10,a,1,0,false
0,10,a,2,1,false
0,10,b,1,0,false
0,10,a,2,2,true
0,10,b,1,1,true
10,20,a,2,0,true
10,20,b,1,0,true' "$(cat out)"
	same $'10,20,a,2,0,true,20\n10,20,b,1,0,true,20' "$(sed 1d now.csv)"
	printf '{"t":%s}\n' 1 11 21 2 >in # the last one changes an older window than the newest told
	agg --time t:s --time-out s -w 10s --grace 30s --emit update --no-flush count in --latest now.csv
	[ "$(wc -l <out)" = 3 ]
	same '10,20,1,0,false,20' "$(sed 1d now.csv)"
	printf '{"t":%s}\n' 3 5 12 1 >before # the session begins earlier than was told
	agg --time t:s --time-out s --session 5s --grace 60s --emit update --no-flush count before --latest now.csv
	same '1,5,3,1,false,"[[3,5]]",5' "$(sed 1d now.csv)"
	agg --time t:s --time-out s -w 10s --grace 30s --emit update --having '.count == 2' count in
	same '[0,2,1,false]
[0,2,2,true]' "$(rows window_start count rev final)"
	printf '{"t":%s}\n' 1 11 2 >in
	agg --time t:s --time-out s --session 1s --grace 30s --emit update --format tsv 'count, p50(t)' in
	same $'session_start\tsession_end\tcount\tp50_t\trev\tfinal\treplaces\tapprox' "$(head -n 1 out)"
	same $'1\t2\t2\t1\t1\tfalse\t[[1,1]]\t' "$(sed -n 3p out)"
	agg --time t:s --time-out s -w 10s --grace 30s --emit update --format table count in
	[ "$(grep -c '(open)' out)" = 2 ]
}

@test "--emit: a signal leaves the last revision not final" {
	mkfifo pipe
	tlm-agg --time ts -w 1m --grace 1h --emit update --format csv count <pipe >live 2>err &
	pid=$!
	exec 9>pipe
	cat trips >&9
	for _ in $(seq 100); do
		[ -s live ] && break
		sleep 0.02
	done
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	exec 9>&-
	[ "$status" = 143 ]
	same '2026-11-22T10:00:00Z,2026-11-22T10:01:00Z,3,0,false
2026-11-22T10:00:00Z,2026-11-22T10:01:00Z,3,1,false
2026-11-22T10:01:00Z,2026-11-22T10:02:00Z,1,0,false' "$(sed 1d live)"
}

# refused TEXT ARGUMENT... : status 2 and a message with the text
refused() {
	local text=$1
	shift
	agg --time ts "$@" trips
	[ "$status" = 2 ] || return 1
	has err "$text"
}

@test "--emit: mistakes and what it cannot stand beside" {
	refused '--emit often: must be final, update or every=DURATION' --emit often count
	refused '--emit every=5: ' --emit every=5 count
	refused '--emit every=0s: rows cannot come every moment' --emit every=0s count
	refused '--emit update: the whole stream is complete at its end only' --emit update --grace 1m count
	refused '--emit update: needs --grace' -w 1m --emit update count
	refused '--emit every=1s: count windows and trips are told once' --emit every=1s --every-n 3 count
	refused '--emit update: count windows and trips' --grace 1s --emit update --start .v count
	refused '--top: rows that --emit every=1s tells one by one' --emit every=1s --top 1:count count
	refused '--fill: a window without records has nothing to tell' -w 1m --fill --emit every=1s count
	refused '--emit every=1s: files by the time' -w 1m --emit every=1s count -o 'x-%M.csv'
	agg --emit every=1s count trips
	[ "$status" = 2 ]
	has err 'no --time'
	agg --time ts --emit final count trips
	same '{"window_start":"2026-11-22T10:00:00Z","window_end":"2026-11-22T10:01:20Z","count":4}' "$(cat out)"
	agg --time ts --emit every=1s --dry-run 'twa(v)' trips
	[ "$status" = 0 ]
	has out 'rows before the final one: every=1s'
}
