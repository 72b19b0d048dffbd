#!/bin/bash
# ssh and sshd: commands, status, streams both ways, terminals, forwarding, multiplexing, sftp, scp.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"
# shellcheck source=tests/transparency/cases/sshd.sh
. "$CASES/sshd.sh"

make_tree tree 10
start_sshd
remote there true
say first $?
remote there 'echo out; echo err >&2; exit 7' >out 2>err
say command "$? $(cat out) $(cat err)"
head -c 3000000 tree/large | remote there 'sha256sum' | cut -c1-12 | sed 's/^/stdin: /'
remote there "cat $PWD/tree/large" | sha256sum | cut -c1-12 | sed 's/^/stdout: /'
head -c 3000000 tree/large | remote there cat | sha256sum | cut -c1-12 | sed 's/^/both: /'
remote -n there 'kill -9 $$' 2>/dev/null
say killed $?
remote -n there 'ls /proc/self/fd | wc -l; exec 5>&-; cat' </dev/null | sed 's/^/descriptors: /'
remote -tt there 'tty | cut -c1-9; stty size; [ -t 1 ] && echo terminal' </dev/null 2>&1 | tr -d '\r' | sed 's/^/terminal: /'
PASSED_ON=value remote -o SendEnv=PASSED_ON there 'echo $PASSED_ON' | sed 's/^/environment: /'
remote -o BatchMode=yes nobody@there true 2>err
say refused "$? $(sed 's/.*: //' err)"
remote -o Ciphers=aes128-ctr -o MACs=hmac-sha2-256 -C there 'seq 1 10000' | sha256sum | cut -c1-12 | sed 's/^/other cipher: /'
remote there 'yes' 2>/dev/null | head -n 1 | sed 's/^/closed early: /'
remote there 'sleep 0.3; echo late' | sed 's/^/late: /'
begin tunnel there "touch $PWD/begun; sleep 60"
soon test -e begun
finish "$begun"
say terminated "$status"

port=$(free_port)
web=$(free_port)
begin /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory tree "$web" >/dev/null 2>&1
server=$begun
soon listens "$web"
begin tunnel -N -L "127.0.0.1:$port:127.0.0.1:$web" -o ExitOnForwardFailure=yes there
through=$begun
soon listens "$port"
say forwarded "$(curl -s "http://127.0.0.1:$port/large" | sha256sum | cut -c1-12)"
say forwarded-many "$(for _ in 1 2 3 4 5 6; do curl -s "http://127.0.0.1:$port/large" | sha256sum | cut -c1-12 & done | sort | uniq -c | tr '\n' ' ')"
finish "$through"
say tunnel-end "$status"
back=$(free_port)
begin tunnel -N -R "127.0.0.1:$back:127.0.0.1:$web" there
through=$begun
soon listens "$back"
say reversed "$(curl -s "http://127.0.0.1:$back/large" | sha256sum | cut -c1-12)"
finish "$through"
begin tunnel -N -D "127.0.0.1:$port" there
through=$begun
soon listens "$port"
say socks "$(curl -s --socks5 "127.0.0.1:$port" "http://127.0.0.1:$web/large" | sha256sum | cut -c1-12)"
finish "$through"
remote -W "127.0.0.1:$web" there < <(printf 'GET /d0/e0/file%%201 HTTP/1.0\r\n\r\n'; sleep 0.5) | head -n 1 | sed 's/^/stdio forward: /'
remote -f -M -S "$PWD/ssh/control" -N there
say master $?
soon test -S ssh/control
say multiplexed "$(for n in 1 2 3 4 5; do remote -S "$PWD/ssh/control" there "echo $n; exit $n" & done | sort | tr '\n' ' ')"
remote -S "$PWD/ssh/control" -O check there 2>&1 | sed 's/pid=[0-9]*/pid=N/; s/^/check: /'
remote -S "$PWD/ssh/control" -O exit there 2>/dev/null
say master-exit $?

scp -q -F ssh/config -r tree there:"$PWD/copy"
say scp "$? $(diff -r tree copy >/dev/null; echo $?)"
scp -q -O -F ssh/config there:"$PWD/tree/large" old-protocol
say scp-old "$? $(sha256sum <old-protocol | cut -c1-12)"
printf 'put tree/large %s/put\nget %s/tree/d0/e0/link got\nmkdir %s/made\nls -1 %s/made/..\nget missing\n' \
	"$PWD" "$PWD" "$PWD" "$PWD" >commands
sftp -q -F ssh/config -b commands there >out 2>err
say sftp "$? $(grep -c . out) $(sha256sum <put | cut -c1-12) $(sha256sum <got | cut -c1-12) $(tr '\n' ' ' <err)"
many=0
for n in $(seq 1 12); do remote there "exit $n" & done
for n in $(seq 1 12); do wait -n; many=$((many + $?)); done
say at-once "$many"
kill -HUP "$sshd"
listened() { [ "$(grep -c 'Server listening' ssh/log)" = "$1" ]; }
soon listened 2
soon listens "$ssh_port"
remote there 'echo yes' | sed 's/^/after reload: /'
finish "$server"
finish "$sshd"
say end "$status"
say trouble "$(grep -iE 'fatal|error|unexpected|violation' ssh/log | sed 's/[0-9][0-9]*/N/g' | sort | uniq -c | tr '\n' '|')"
