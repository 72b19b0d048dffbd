#!/bin/bash
# tmux: a server of its own, sessions, panes that are shells on terminals, commands from outside.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"

tm() { tmux -S "$PWD/tmux.sock" -f /dev/null "$@"; }
export ENV=
tm new-session -d -s main -n first -x 80 -y 24 "exec sh"
say new-session $?
server=$(tm display-message -p '#{pid}')
started+=("$server")
screen() { tm capture-pane -p -t "$1" | grep -v '^$' | tr '\n' '|'; }
shows() { tm capture-pane -p -t "$1" | grep -q "$2"; }
ready() { shows "$1" "$2" && [[ "|$(screen "$1")" == *'|'[\$\#]'|' ]]; } # output, and after it a prompt
runs() { [ "$(tm display-message -p -t "$1" '#{pane_current_command}')" = "$2" ]; }
soon ready main .
tm send-keys -t main 'stty size; echo one-$((1+1))' Enter
soon ready main one-2
say screen "$(screen main)"
tm send-keys -t main 'clear; tty | cut -c1-8; [ -t 0 ] && echo a ter''minal' Enter
soon ready main '^a terminal'
say terminal "$(screen main)"
tm send-keys -t main 'sleep 30' Enter
soon runs main sleep
tm send-keys -t main C-c
soon runs main sh
tm send-keys -t main 'echo status-$?' Enter
soon shows main status-130
say interrupted yes
tm split-window -h -t main 'seq 1 100; exec cat'
soon shows main.1 100
soon runs main.1 cat
say split "$(tm list-panes -t main -F '#{pane_index} #{pane_width}x#{pane_height} #{pane_current_command}' | tr '\n' '|')"
tm send-keys -t main.1 'typed text' Enter
soon shows main.1 'typed text'
tm resize-pane -t main.0 -x 20
say resized "$(tm list-panes -t main -F '#{pane_width}' | tr '\n' ' ')"
tm pipe-pane -t main.1 'cat >piped'
tm send-keys -t main.1 'into the pipe' Enter
piped() { [ "$(grep -c 'into the pipe' "$HOME/piped")" = "$1" ]; }
soon piped 2 # what the terminal echoes, and cat
say piped yes
tm new-window -t main -n job 'echo done; tmux -S "'"$PWD"'/tmux.sock" wait-for -S finished; sleep 20'
tm wait-for finished
say wait-for $?
say windows "$(tm list-windows -t main -F '#{window_index} #{window_name}' | tr '\n' '|')"
tm respawn-pane -k -t main:1 'echo again; exec cat'
soon shows main:1 again
say respawned yes
tm run-shell 'exit 4' >/dev/null
say run-shell-status $?
tm set-buffer 'some text' && tm paste-buffer -t main:1
soon shows main:1 'some text'
say pasted yes
tm if-shell 'test -e /etc/passwd' 'set-environment -g FOUND yes'
say environment "$(tm show-environment -g FOUND)"
mkfifo keys
exec 8<>keys
TERM=xterm script -qec "tmux -S '$PWD/tmux.sock' -f /dev/null attach -t main" typescript <keys >/dev/null &
client=$!
started+=("$client")
soon eval '[ "$(tm list-clients | wc -l)" = 1 ]'
say attached "$(tm list-clients -F '#{client_session}')"
soon eval 'tm detach-client -s main; [ "$(tm list-clients | wc -l)" = 0 ]'
wait "$client"
say detached $?
tm kill-window -t main:1
say no-such "$(tm send-keys -t nowhere x 2>&1)"
tm kill-server
soon gone "$server"
say after "$(tm list-sessions 2>&1 | sed 's/ on .*//')"
