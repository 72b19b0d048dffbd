#!/bin/bash
# rsync: local, to and from a daemon, over ssh; with deletions, partial changes, errors.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"
# shellcheck source=tests/transparency/cases/sshd.sh
. "$CASES/sshd.sh"

make_tree tree 40
find tree -exec touch -h -d 2021-01-01 {} +
say tree "$(tree_sum tree)"
numbers() { grep -E '^(Number of (files|created|deleted|regular)|Total file size)' | tr '\n' ' '; }

rsync -aH --stats tree/ local/ | numbers | sed 's/^/local: /'
echo
say local-sum "$(tree_sum local)"
echo changed >"tree/d1/e1/file 1"
printf x | dd of=tree/large bs=1 seek=4000000 conv=notrunc status=none
touch -d 2020-01-01 tree/large "tree/d1/e1/file 1" # by their times they differ, whatever the clock says
rm -r tree/d2/e2
rsync -aH --delete --no-whole-file -i tree/ local/ | sort | sha256sum | cut -c1-12 | sed 's/^/changes: /'
say changed "$(tree_sum local)"
rsync -an --delete -i tree/ local/ | wc -l | sed 's/^/nothing left to do: /'
rsync -a --include='*/' --include='file 1' --exclude='*' tree/ some/
say filtered "$? $(find some -type f | wc -l)"
rsync -aS tree/sparse sparse
say sparse "$? $(stat -c '%s %b' sparse)"
rsync -a no-such-source there 2>err
say missing "$? $(sed 's/ at main.*//' err | tr '\n' ' ')"

port=$(free_port)
mkdir module
cat >rsyncd.conf <<EOF
use chroot = no
pid file = $PWD/rsyncd.pid
lock file = $PWD/rsyncd.lock
log file = $PWD/rsyncd.log
port = $port
address = 127.0.0.1
$([ "$(id -u)" != 0 ] || printf 'uid = root\ngid = root')
[m]
	path = $PWD/module
	read only = no
[secret]
	path = $PWD/module
	auth users = u
	secrets file = $PWD/secrets
EOF
echo u:word >secrets
chmod 600 secrets
begin rsync --daemon --no-detach --config=rsyncd.conf
server=$begun
soon listens "$port"
at=rsync://127.0.0.1:$port
rsync "$at/" | sed 's/^/modules: /'
rsync -aH --stats tree/ "$at/m/tree/" | numbers | sed 's/^/to daemon: /'
echo
say to-daemon-sum "$(tree_sum module/tree)"
rsync -azH "$at/m/tree/" back/
say from-daemon "$? $(tree_sum back)"
for n in 1 2 3 4; do rsync -a "$at/m/tree/d$n/" "parallel$n/" & done
wait -n && wait -n && wait -n && wait -n
say parallel "$? $(find parallel? -type f | wc -l)"
RSYNC_PASSWORD=word rsync -a "rsync://u@127.0.0.1:$port/secret/tree/d1" auth/
say password $?
RSYNC_PASSWORD=wrong rsync -a "rsync://u@127.0.0.1:$port/secret/" auth/ 2>err
say wrong-password "$? $(head -n 1 err)"
rsync "$at/nothing/" 2>err
say no-module "$? $(head -n 1 err)"
rsync -a --timeout=20 --bwlimit=20000 "$at/m/tree/large" slow
say limited "$? $(sha256sum <slow | cut -c1-12)"
finish "$server"
say daemon-end "$status"

start_sshd
rsync -aH -e "ssh -F $PWD/ssh/config" tree/ "there:$PWD/over-ssh/"
say over-ssh "$? $(tree_sum over-ssh)"
rsync -aHz -e "ssh -F $PWD/ssh/config" "there:$PWD/tree/" from-ssh/
say from-ssh "$? $(tree_sum from-ssh)"
finish "$sshd"
