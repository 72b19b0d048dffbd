#!/bin/bash
# PostgreSQL as an unprivileged user: initdb, pgbench in three protocols, parallel workers, a crash and its recovery.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"

PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
as=()
if [ "$(id -u)" = 0 ]; then
	as=(setpriv --reuid nobody --regid nogroup --clear-groups)
	chmod 777 .
fi
export PGHOST=$PWD PGUSER=me PGDATABASE=postgres PGOPTIONS='-c client_min_messages=warning'
PGPORT=$(free_port)
export PGPORT
"${as[@]}" initdb -D data -U me -A trust --no-sync --no-locale -E UTF8 >init.out 2>init.err
say initdb "code $?, $(grep -c 'ok$' init.out) steps"
start() {
	exec "${as[@]}" postgres -D data -c listen_addresses=127.0.0.1 -c unix_socket_directories="$PWD" -c fsync=off \
		-c logging_collector=off -c max_connections=30 -c restart_after_crash=on 2>>log
}
begin start
server=$begun
soon psql -c 'select 1'
ask() { psql -XAt -c "$1" 2>&1 | tr '\n' ' '; }

pgbench -i -s 2 -q 2>err
say fill "code $?, $(ask 'select count(*) from pgbench_accounts')"
for protocol in simple extended prepared; do
	pgbench -n -h 127.0.0.1 -T 1 -c 4 -j 2 -M $protocol >out 2>err
	say "pgbench-$protocol" "code $?, $(grep 'failed' out | sed 's/(.*//'), $(grep -c '^tps' out), $(cat err)"
done
pgbench -n -t 20 -c 5 -C >out 2>err
say pgbench-connections "code $?, $(grep processed out), $(cat err)"
pgbench -n -S -t 500 -c 2 >out 2>err
say pgbench-select "code $?, $(grep processed out), $(cat err)"
say balances "$(ask 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)')"
say parallel "$(ask 'set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0;
	set min_parallel_table_scan_size = 0; select count(*), sum(aid) from pgbench_accounts')"
say copy "$(ask "copy (select generate_series(1, 20000)) to program 'md5sum >$PWD/sum'") $(cut -c1-12 sum)"
psql -XAtc 'copy (select aid, filler from pgbench_accounts order by aid) to stdout' | sha256sum | cut -c1-12 | sed 's/^/dump: /'
pg_dump -s | grep -c '^CREATE' | sed 's/^/schema: /'
say error "$(ask 'select 1/0') $(ask 'select * from nothing')"
say notify "$(psql -XAt -c 'listen l' -c "notify l, 'hello'" | sed 's/PID [0-9]*/PID N/' | tr '\n' ' ')"
say locked "$(ask "set lock_timeout = 100; begin; lock pgbench_tellers; select pg_advisory_lock(1); commit")"
say statement-timeout "$(ask 'set statement_timeout = 100; select pg_sleep(5)')"
begin psql -XAtc 'select pg_sleep(20)' >cancelled 2>&1
soon eval '[ "$(ask "select count(*) from pg_stat_activity where query ~ '"'^select pg_sleep'"'")" = "1 " ]'
say cancel "$(ask "select pg_cancel_backend(pid) from pg_stat_activity where query ~ '^select pg_sleep'")"
wait "$begun"
say cancelled "$? $(cat cancelled)"
ask 'create table kept as select generate_series(1, 1000) n; checkpoint' >/dev/null
"${as[@]}" pg_ctl -D data restart -m immediate -w -o "-c listen_addresses=127.0.0.1 -c unix_socket_directories=$PWD" \
	-l log2 >/dev/null
say recovered "$? $(ask 'select count(*) from kept')"
started+=("$(head -n 1 data/postmaster.pid)")
wait "$server"
"${as[@]}" pg_ctl -D data reload >/dev/null
say reload $?
"${as[@]}" pg_ctl -D data stop -m fast -w >/dev/null
say stop "$?"
say trouble "$(cat log log2 | grep -E 'PANIC|terminated by signal|server process' | sed 's/[0-9][0-9]*/N/g' | sort -u | tr '\n' ' ')"
