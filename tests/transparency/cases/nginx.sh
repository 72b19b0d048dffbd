#!/bin/bash
# nginx under load: reload (HUP), log reopening (USR1), binary upgrade (USR2, WINCH, QUIT) and its roll-back.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"

port=$(free_port)
mkdir www
for n in 1 2 3 4 5 6 7 8; do echo "some words, line $n"; done >www/page
cat >nginx.conf <<EOF
worker_processes 2;
pid $PWD/nginx.pid;
error_log $PWD/error.log notice;
$([ "$(id -u)" != 0 ] || echo 'user root;')
events { worker_connections 256; }
http {
	access_log $PWD/access.log;
	client_body_temp_path $PWD/body;
	proxy_temp_path $PWD/proxy;
	fastcgi_temp_path $PWD/fastcgi;
	uwsgi_temp_path $PWD/uwsgi;
	scgi_temp_path $PWD/scgi;
	upstream self { server 127.0.0.1:$port; keepalive 8; }
	server {
		listen 127.0.0.1:$port backlog=511;
		location / { root $PWD/www; }
		location /proxy/ {
			proxy_pass http://self/;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
	}
}
EOF
program=$(command -v nginx) # an upgrade executes what it was started as
nginx() { "$program" -e "$PWD/error.log" -p "$PWD" -c "$PWD/nginx.conf" "$@"; }
workers() { pgrep -P "$1" | sort -n | tr '\n' ' '; }
changed() { # $1 master, $2 its workers before: has it two new ones, and none of the old?
	local now old
	now=$(workers "$1")
	[ "$(wc -w <<<"$now")" = 2 ] || return 1
	for old in $2; do case " $now" in *" $old "*) return 1 ;; esac; done
}
has_workers() { [ "$(workers "$1" | wc -w)" = "$2" ]; }

nginx -t 2>/dev/null
say test-configuration $?
nginx
say start $?
soon listens "$port"
soon test -s nginx.pid
master=$(<nginx.pid)
started+=("$master")
soon has_workers "$master" 2

begin /usr/bin/python3 "$CASES/load.py" "http://127.0.0.1:$port/proxy/page" stop >proxied
first=$begun
begin /usr/bin/python3 "$CASES/load.py" "http://127.0.0.1:$port/page" stop >static
second=$begun
sleep 0.5

for n in 1 2 3; do
	old=$(workers "$master")
	kill -HUP "$master"
	soon changed "$master" "$old"
	say "reload-$n" "new workers"
done
nginx -s reload
say reload-by-command $?
mv access.log access.old
kill -USR1 "$master"
soon test -s access.log
say reopened yes

upgrade() { # a new master beside the old one; its id is in $new
	kill -USR2 "$master"
	soon test -s nginx.pid.oldbin
	soon test -s nginx.pid
	new=$(<nginx.pid)
	started+=("$new")
	soon has_workers "$new" 2
}
upgrade
say upgrade "old master $(grep -c "^$master$" nginx.pid.oldbin)"
kill -WINCH "$master"
soon eval '[ "$(workers "$master")" = "$new " ]'
sleep 0.3
kill -HUP "$master" # second thoughts: the old one starts workers again
soon has_workers "$master" 3
kill -QUIT "$new"
soon gone "$new"
say roll-back "$(grep -c "^$master$" nginx.pid)"
upgrade
kill -WINCH "$master"
soon eval '[ "$(workers "$master")" = "$new " ]'
kill -QUIT "$master"
soon gone "$master"
say upgraded "old pid file: $(test -e nginx.pid.oldbin && echo there)"
sleep 0.5

touch stop
wait "$first" "$second"
sed 's/^/static, /' static
sed 's/^/proxied, /' proxied
nginx -s quit
say quit $?
soon gone "$new"
say alarms "$(grep -E '\[(crit|alert|emerg)\]' error.log | sed 's/^[^[]*\[/[/; s/[0-9][0-9]*/N/g' | sort -u | tr '\n' ' ')"
