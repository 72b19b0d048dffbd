#!/bin/bash
# curl with many of its options, against a server of our own.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"

begin /usr/bin/python3 "$CASES/web.py" port http.sock
soon test -s port
at=http://127.0.0.1:$(<port)
dead=http://127.0.0.1:$(free_port)
seq 1 3000 >upload
printf 'first\n' >small

try() { # $1 name, the rest: curl's arguments
	local name=$1 code
	shift
	curl --no-progress-meter --max-time 20 "$@" >out 2>err
	code=$?
	sed -i "s/127\.0\.0\.1:[0-9]*/SERVER/g; s/localhost:[0-9]*/SERVER/g; s/after [0-9]* ms/after N ms/; s/[0-9]* milliseconds/N ms/" out err
	say "$name" "code $code, $(wc -c <out) bytes, sum $(sha256sum <out | cut -c1-12), stderr: $(tr '\n' ' ' <err)"
}

try get "$at/echo"
try include -i "$at/echo"
try head -I "$at/big"
try post -d a=1 -d b=2 "$at/echo"
try post-file --data-binary @upload "$at/echo"
try urlencode -G --data-urlencode 'q=a b&c' "$at/echo"
try json --json '{"a": 1}' "$at/echo"
try form -F name=value -F 'file=@small;type=text/plain' "$at/echo"
try put -T upload "$at/echo"
try put-chunked -H 'Transfer-Encoding: chunked' -T upload "$at/echo"
try put-stdin -T - "$at/echo" <upload
try expect -H 'Expect: 100-continue' --data-binary @upload "$at/echo"
try no-expect -H 'Expect:' --data-binary @upload "$at/echo"
try delete -X DELETE "$at/echo"
try options -X OPTIONS "$at/echo"
try own-method -X PURGE "$at/echo"
try headers -H 'X-One: 1' -H 'X-Empty;' -H 'Accept:' -A agent -e http://ref/ "$at/echo"
try long-header -H "X-Long: $(head -c 20000 /dev/zero | tr '\0' a)" "$at/echo"
try compressed --compressed "$at/gzip"
try not-decoded -H 'Accept-Encoding: gzip' "$at/gzip"
try follow -L "$at/redirect/3"
try follow-post -L -d x=1 "$at/redirect/1"
try follow-too-far -L --max-redirs 2 "$at/redirect/5"
try not-followed "$at/redirect/3"
try basic -u user:secret "$at/auth"
try anyauth --anyauth -u user:secret "$at/auth"
try cookies -c jar -b jar "$at/cookie" "$at/cookie"
try range -r 100-199 "$at/big"
try tail -r -50 "$at/big"
head -c 1000 /dev/zero >part
try resume -C - -o part "$at/big"
try http10 -0 "$at/echo"
try chunked "$at/chunked"
try chunked-raw --raw "$at/chunked"
try close "$at/close"
try several "$at/echo?1" "$at/echo?2" "$at/big" "$at/echo?3"
try connections -w '%{http_code} %{size_download} %{size_request} %{size_header} %{num_connects}\n' -o /dev/null \
	"$at/echo?1" -o /dev/null "$at/echo?2" -o /dev/null "$at/big"
try parallel -Z --parallel-max 4 -o p1 "$at/big" -o p2 "$at/gzip" -o p3 "$at/chunked" -o p4 "$at/echo"
say parallel-files "$(cat p1 p2 p3 | sha256sum | cut -c1-12)"
try glob -o 'g#1' "$at/echo?[1-5]"
try config -K - <<<"url = $at/echo?config"
try unix --unix-socket http.sock http://any.example/echo
try proxy -x "$at" http://proxied.example/echo
try slow-rate --limit-rate 2M "$at/big"
try hints -i "$at/hints"
try own-trace -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' "$at/echo"
try resolve --resolve "some.example:${at##*:}:127.0.0.1" "http://some.example:${at##*:}/echo"
try happy-eyeballs "http://localhost:${at##*:}/echo"
try interface --interface 127.0.0.1 --local-port 20000-60000 "$at/echo"
try keepalive --no-keepalive --tcp-nodelay --tcp-fastopen "$at/echo"
try trace-off --trace-ascii /dev/null "$at/echo"
try fail -f "$at/status/404"
try fail-with-body --fail-with-body "$at/status/500"
try status204 "$at/status/204"
try status304 "$at/status/304"
try retry --retry 2 --retry-delay 0 "$at/status/503"
try refused "$dead/"
try timeout -m 0.5 "$at/slow"
try empty-reply "$at/nothing"
try short-body "$at/short"
try no-status-line "$at/raw"
try http09 --http0.9 "$at/raw"
try bad-host http://no-such-host.invalid/
try bad-scheme nope://x/
try file "file://$PWD/upload"
try telnet telnet://127.0.0.1:"${at##*:}" <<<$'GET /echo HTTP/1.0\r\n\r'
try pipe-closed -N -o /dev/full "$at/big"
curl -s "$at/big" | head -c 10 >/dev/null
say broken-pipe "${PIPESTATUS[*]}"
finish "$begun"
say server "status $status"
