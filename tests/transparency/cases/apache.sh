#!/bin/bash
# Apache httpd under load: graceful restarts; then a hard restart and a graceful stop. $1: its MPM
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"

port=$(free_port)
mkdir www
for n in 1 2 3 4 5 6 7 8; do echo "some words, line $n"; done >www/page
modules=/usr/lib/apache2/modules
cat >httpd.conf <<EOF
ServerRoot $PWD
ServerName localhost
PidFile $PWD/httpd.pid
Listen 127.0.0.1:$port
Mutex file:$PWD default
ErrorLog $PWD/error.log
LogLevel notice
LoadModule mpm_$1_module $modules/mod_mpm_$1.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule proxy_module $modules/mod_proxy.so
LoadModule proxy_http_module $modules/mod_proxy_http.so
DocumentRoot $PWD/www
$([ "$(id -u)" != 0 ] || printf 'User nobody\nGroup nogroup')
StartServers $([ "$1" = prefork ] && echo 20 || echo 2)
MaxRequestWorkers 75
ServerLimit 75
GracefulShutdownTimeout 10
# A kept connection may be closed by a graceful restart just when it is used again.
ProxyPass /proxy/ http://127.0.0.1:$port/ disablereuse=on
EOF
httpd() { apache2 -d "$PWD" -f "$PWD/httpd.conf" "$@"; }
started_times() { [ "$(grep -c 'resuming normal operations' error.log)" -ge "$1" ]; }

httpd -t 2>/dev/null
say test-configuration $?
httpd -k start
say start $?
soon test -s httpd.pid
master=$(<httpd.pid)
started+=("$master")
soon listens "$port"

begin /usr/bin/python3 "$CASES/load.py" "http://127.0.0.1:$port/proxy/page" stop >proxied
first=$begun
begin /usr/bin/python3 "$CASES/load.py" "http://127.0.0.1:$port/page" stop >static
second=$begun
sleep 0.5
for n in 1 2 3 4; do
	if [ "$n" = 1 ]; then httpd -k graceful; else kill -USR1 "$master"; fi
	soon started_times $((n + 1))
	sleep 0.4
	say "graceful-$n" "same master $(grep -c "^$master$" httpd.pid)"
done
touch stop
wait "$first" "$second"
sed 's/^/static, /' static
sed 's/^/proxied, /' proxied

kill -HUP "$master"
soon started_times 6
soon listens "$port"
say restart "same master $(grep -c "^$master$" httpd.pid)"
httpd -k graceful-stop
say graceful-stop $?
soon gone "$master"
say ended "$(test -e httpd.pid && echo 'pid file left')"
say alarms "$(grep -iE ':(crit|alert|emerg)\]|exit signal' error.log | sed 's/^\[[^]]*\] //; s/[0-9][0-9]*/N/g' |
	sort -u | tr '\n' ' ')"
