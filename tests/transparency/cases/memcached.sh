#!/bin/bash
# memcached and a client that talks its text protocol.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"

port=$(free_port)
user=()
[ "$(id -u)" != 0 ] || user=(-u nobody)
chmod 777 .
begin memcached -l 127.0.0.1 -p "$port" -U 0 -m 16 -t 4 "${user[@]}"
server=$begun
begin memcached -s "$PWD/m.sock" -a 777 -m 4 -t 1 "${user[@]}"
other=$begun
soon listens "$port"
soon test -S m.sock
/usr/bin/python3 "$CASES/memcached_client.py" "$port" m.sock
say client $?
finish "$server"
say server "status $status"
finish "$other" INT
say server-at-unix-socket "status $status"
