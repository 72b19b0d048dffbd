#!/bin/bash
# git over http: git http-backend behind fcgiwrap and nginx; clone, push, fetch, shallow, large and refused pushes.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"

export GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
git config --global init.defaultBranch main
git config --global safe.directory '*'
git config --global gc.auto 0
port=$(free_port)
mkdir repositories
git init -q --bare repositories/one.git
git -C repositories/one.git config http.receivepack true
git init -q --bare repositories/closed.git
cat >nginx.conf <<EOF
worker_processes 1;
daemon off;
pid $PWD/nginx.pid;
$([ "$(id -u)" != 0 ] || echo 'user root;')
events { }
http {
	access_log off;
	client_max_body_size 0;
	client_body_temp_path $PWD/body;
	proxy_temp_path $PWD/proxy;
	fastcgi_temp_path $PWD/fastcgi;
	uwsgi_temp_path $PWD/uwsgi;
	scgi_temp_path $PWD/scgi;
	server {
		listen 127.0.0.1:$port;
		location / {
			fastcgi_pass unix:$PWD/cgi.sock;
			include /etc/nginx/fastcgi_params;
			fastcgi_param SCRIPT_FILENAME /usr/lib/git-core/git-http-backend;
			fastcgi_param GIT_PROJECT_ROOT $PWD/repositories;
			fastcgi_param GIT_HTTP_EXPORT_ALL 1;
			fastcgi_param PATH_INFO \$uri;
			fastcgi_param HOME $HOME;
		}
	}
}
EOF
begin fcgiwrap -c 4 -s "unix:$PWD/cgi.sock"
soon test -S cgi.sock
cgi=$begun
begin nginx -e stderr -p "$PWD" -c "$PWD/nginx.conf"
server=$begun
soon listens "$port"
at=http://127.0.0.1:$port

make_tree tree 8
rm -rf tree/empty
git init -q tree
git -C tree add -A
git -C tree commit -q -m first
for n in 1 2 3 4 5; do
	echo "$n" >"tree/n$n"
	git -C tree add -A
	git -C tree commit -q -m "number $n"
done
git -C tree tag -a -m tagged v1
git -C tree push -q --all "$at/one.git" 2>err
say push "$? $(cat err)"
git -C tree push -q --tags "$at/one.git"
say push-tags $?
git -C repositories/one.git symbolic-ref HEAD refs/heads/main
git clone -q "$at/one.git" clone
say clone "$? $(git -C clone rev-parse HEAD) $(git -C clone tag)"
say tree "$(git -C clone ls-tree -r HEAD | sha256sum | cut -c1-12) $(git -C clone status --porcelain | wc -l)"
git clone -q --depth 1 "$at/one.git" shallow
say shallow "$? $(git -C shallow log --oneline | wc -l)"
git -C shallow fetch -q --unshallow
say unshallow "$? $(git -C shallow log --oneline | wc -l)"
git clone -q --filter=blob:none --no-checkout "$at/one.git" partial
say partial $?
git -c protocol.version=0 clone -q "$at/one.git" version0
say version-0 $?
git -c http.postBuffer=1000 -C clone push -q "$at/one.git" HEAD:refs/heads/small-buffer
say chunked-push $?
head -c 4000000 /dev/urandom >clone/noise
git -C clone add noise
git -C clone -c user.name=b commit -q -m noise
git -c http.postBuffer=100000 -C clone push -q origin main 2>err
say large-push "$? $(cat err)"
git -C tree fetch -q "$at/one.git" main
say fetch "$? $(git -C tree rev-list --count FETCH_HEAD)"
git -C tree commit -q --allow-empty -m behind
git -C tree push -q "$at/one.git" main 2>err
say not-fast-forward "$? $(grep -c rejected err)"
git -C tree push -q "$at/closed.git" main 2>err
say not-allowed "$? $(grep -o 'returned error: [0-9]*' err)"
git ls-remote "$at/one.git" | cut -f2 | tr '\n' ' ' | sed 's/^/references: /'
echo
git ls-remote "$at/none.git" 2>err
say missing "$? $(grep -o "repository .* not found" err)"
for n in 1 2 3 4; do git clone -q "$at/one.git" "many$n" & done
wait -n && wait -n && wait -n && wait -n
say at-once "$? $(cat many?/.git/refs/heads/main | sort -u | wc -l)"
git -C repositories/one.git fsck --no-progress >/dev/null 2>err
say fsck "$? $(cat err)"
GIT_CURL_VERBOSE=1 git ls-remote "$at/one.git" 2>&1 >/dev/null | grep -c '200 OK' | sed 's/^/answers: /'
finish "$server"
say nginx-end "$status"
finish "$cgi"
say fcgiwrap-end "$status"
