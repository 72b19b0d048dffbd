#!/bin/bash
# redis: redis-benchmark, snapshots and rewrites in forked children, replication, scripts, a restart from disk.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"

serve() { # $1 name, the rest: options
	local name=$1
	shift
	mkdir -p "$name"
	exec redis-server --bind 127.0.0.1 --dir "$PWD/$name" --logfile "$PWD/$name/log" --save '' --daemonize no "$@"
}
port=$(free_port)
begin serve first --port "$port" --appendonly yes --io-threads 2 --unixsocket "$PWD/r.sock"
first=$begun
ask() { redis-cli -p "$port" "$@"; }
field() { ask info "$1" | tr -d '\r' | sed -n "s/^$2://p"; }
soon ask ping
say ping "$(ask ping)"

redis-benchmark -p "$port" -n 4000 -c 20 -P 4 --csv -t ping,set,get,incr,lpush,rpop,sadd,hset,zadd,mset >bench 2>err
say benchmark "code $?, $(grep -c '^"' bench) lines, $(cut -d, -f1 bench | tr '\n' ' '), $(cat err)"
redis-benchmark -s "$PWD/r.sock" -n 4000 -c 10 --threads 2 -q -t set,get >bench 2>err
say benchmark-unix "code $?, $(cat err)"
say counted "$(ask get counter:__rand_int__)"

ask flushall >/dev/null
seq 1 5000 | sed 's/.*/SET key:& value:&/' | ask --pipe | tail -n 1 | sed 's/^/pipe: /'
say dbsize "$(ask dbsize)"
say script "$(ask eval 'local n = 0 for i = 1, 100 do n = n + redis.call("strlen", "key:" .. i) end return n' 0)"
say transaction "$(printf 'MULTI\nINCR t\nINCR t\nEXEC\n' | ask | tr '\n' ' ')"
say wrong-type "$(ask lpush key:1 x)"
begin timeout 10 redis-cli -p "$port" blpop queue 9 >popped
waiter=$begun
soon eval '[ "$(field clients blocked_clients)" = 1 ]'
ask rpush queue job >/dev/null
wait "$waiter"
say blocked-pop "$(tr '\n' ' ' <popped)"
begin timeout 3 redis-cli -p "$port" subscribe channel >heard
soon eval '[ "$(ask pubsub numsub channel | tail -n 1)" = 1 ]'
say publish "$(ask publish channel hello)"
soon grep -q hello heard
say subscribed "$(tr '\n' ' ' <heard)"

is() { [ "$(field "$1" "$2")" = "$3" ]; }
ask bgsave >/dev/null
soon is persistence rdb_bgsave_in_progress 0
say snapshot "$(field persistence rdb_last_bgsave_status), file $(test -s first/dump.rdb && echo there)"
ask bgrewriteaof >/dev/null
soon is persistence aof_rewrite_in_progress 0
say rewrite "$(field persistence aof_last_bgrewrite_status)"

second_port=$(free_port)
begin serve second --port "$second_port" --replicaof "127.0.0.1 $port"
second=$begun
soon eval 'redis-cli -p "$second_port" info replication | grep -q master_link_status:up'
ask set replicated yes >/dev/null
say waited "$(ask wait 1 5000)"
say replica "$(redis-cli -p "$second_port" get replicated) $(redis-cli -p "$second_port" dbsize)"
finish "$second"
say replica-end "$status"
ask debug sleep 0.1 >/dev/null
say digest "$(ask debug digest | grep -c '^[0-9a-f]*$')"
ask shutdown nosave 2>/dev/null
wait "$first"
say end $?
begin serve first --port "$port" --appendonly yes
first=$begun
soon eval '[ "$(ask ping)" = PONG ]'
say restarted "$(ask dbsize) $(ask get key:77)"
finish "$first" INT
say stop "$status"
say trouble "$(cat first/log second/log | grep -cE ' # .*(crash|Fatal|assert)|=== REDIS BUG')"
