#!/bin/bash
# bash: co-processes, pipelines, substitutions, jobs, traps, /dev/tcp, descriptors moved about.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"

coproc BACK { while read -r line; do echo "<$line>"; done; }
for word in one two three; do
	echo $word >&"${BACK[1]}"
	read -r answer <&"${BACK[0]}"
	say "coproc-$word" "$answer"
done
pid=$BACK_PID
eval "exec ${BACK[1]}>&-"
wait "$pid"
say coproc-end "status $?"

coproc { sort -rn; }
pid=$COPROC_PID
exec {from}<&"${COPROC[0]}"
for n in 3 11 7; do echo $n; done >&"${COPROC[1]}"
eval "exec ${COPROC[1]}>&-"
say coproc-sort "$(tr '\n' ' ' <&"$from")"
exec {from}<&-
wait "$pid"

false | true | (exit 7) | cat
say pipestatus "${PIPESTATUS[*]}"
set -o pipefail
(exit 5) | true
say pipefail $?
set +o pipefail
yes | head -n 1 >/dev/null
say sigpipe "${PIPESTATUS[*]}"
say substitution "$(diff <(seq 1 5) <(seq 2 6) | tr '\n' ' ')"
tee >(wc -c >count) < <(head -c 100000 /dev/zero) >/dev/null
soon test -s count
say output-substitution "$(<count)"
say here "$(cat <<<'a string')"
say nested "$(echo "$(echo "$(echo deep)")")"

exec {fd}>file
echo text >&"$fd"
exec 7>&"$fd" {fd}>&-
echo more >&7
exec 7>&-
say descriptors "$(tr '\n' ' ' <file)"
for n in 3 9 63 100 200; do
	eval "exec $n>f$n" && eval "echo $n >&$n" && eval "exec $n>&-" && say "fd-$n" "$(<"f$n")"
done
(
	ulimit -n 64
	exec 63>edge && echo x >&63 && exec 63>&- && cat edge
	: 64>edge
) >out 2>err
say limit "$(tr '\n' ' ' <out) $(sed 's/.*line [0-9]*: //' err)"
bash -c 'ls /proc/self/fd | tr "\n" " "' | sed 's/^/open in a child: /'
echo

for n in 1 2 3 4 5; do (sleep 0.0$n; exit $n) & done
sum=0
for _ in 1 2 3 4 5; do wait -n; sum=$((sum + $?)); done
say wait-n $sum
sleep 30 &
soon eval '[ "$(<"/proc/$!/comm")" = sleep ]'
kill -INT $!; kill $! # the first is ignored in the background
wait $!
say killed $?
trap 'say trap usr1' USR1
kill -USR1 $BASHPID
(trap 'say trap exit; exit 9' EXIT; exit 3)
say exit-trap $?
(trap 'echo got term; exit 4' TERM; echo ready >ready; while :; do sleep 0.05; done) &
soon test -s ready
finish $! TERM
say term-trap "$status"
trap '' PIPE
(trap '' PIPE; { sleep 0.1; echo late; } 2>err | true; say ignored-pipe "${PIPESTATUS[0]}, $(sed 's/.*echo: //' err)")
trap - PIPE
read -r -t 0.1 line < <(sleep 1)
say read-timeout $?
exec 5< <(printf 'a\0b\0')
mapfile -d '' -u 5 words
say mapfile "${words[*]}"
timeout 0.2 sleep 10
say timeout $?
timeout -s KILL 0.2 bash -c 'while :; do :; done'
say timeout-kill $?
setsid -w bash -c 'exit 6'
say setsid $?
bash -c 'exec true'
say exec $?
bash -c 'exec /no/such/file' 2>/dev/null
say exec-missing $?
env -i /bin/bash -c 'echo "variables: $(env | wc -l)"'
nohup sh -c 'kill -HUP $$; exit 8' >/dev/null 2>&1
say nohup $?

begin /usr/bin/python3 -c '
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
open("port.new", "w").write(str(s.getsockname()[1]))
import os; os.rename("port.new", "port")
while True:
    c, _ = s.accept()
    f = c.makefile("rwb")
    try:
        for line in f:
            f.write(line.upper()); f.flush()
    except ConnectionError:
        pass
    c.close()
'
soon test -s port
exec 6<>"/dev/tcp/127.0.0.1/$(<port)"
for word in alpha beta; do
	echo $word >&6
	read -r answer <&6
	say "tcp-$word" "$answer"
done
exec 6>&-
printf 'GET / HTTP/1.1\r\nHost: x\r\n\r\n' >request
exec 6<>"/dev/tcp/127.0.0.1/$(<port)"
cat request >&6
for _ in 1 2; do read -r answer <&6; say tcp-line "${answer%$'\r'}"; done
exec 6<&- 6>&-
finish "$begun"
say server "$status"
