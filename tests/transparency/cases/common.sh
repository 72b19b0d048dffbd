# Sourced by the cases: a directory, observations, ports, processes that end by their id.
# A case runs in an empty directory of its own and prints lines "name: value", the same in every run.
set -u
started=()

say() { # $1 name, the rest: its value
	local name=$1
	shift
	printf '%s: %s\n' "$name" "$*"
}

free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

begin() { # starts a command in the background; its id is in $begun
	"$@" </dev/null &
	begun=$!
	started+=("$begun")
}

soon() { # waits until a command succeeds, at most 15 s
	local tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || {
			echo "waited too long for: $*" >&2
			exit 1
		}
		sleep 0.05
	done
}

listens() { # $1 port: does somebody listen there?
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

gone() { ! kill -0 "$1" 2>/dev/null; }

finish() { # $1 id of a child, $2 signal: ends it; its status is in $status
	kill -"${2:-TERM}" "$1"
	wait "$1"
	status=$?
}

# One sum for a tree: names, modes, link targets and contents.
tree_sum() {
	(cd "$1" && find . -printf '%p %m %y %l\n' | LC_ALL=C sort && find . -type f -print0 | LC_ALL=C sort -z |
		xargs -0 sha256sum) | sha256sum | cut -c1-16
}

# A tree of many small files, some large ones, links and odd names: the same in every run.
make_tree() { # $1 where, $2 how many directories of 20 files
	/usr/bin/python3 - "$1" "$2" <<-'EOF'
		import os, random, sys
		top, count = sys.argv[1], int(sys.argv[2])
		some = random.Random(7)
		for d in range(count):
		    here = f"{top}/d{d % 10}/e{d}"
		    os.makedirs(here)
		    for f in range(20):
		        with open(f"{here}/file {f}", "wb") as out:
		            out.write(some.randbytes(some.choice((0, 1, 100, 4096, 20000))))
		    os.symlink("file 1", f"{here}/link")
		    os.link(f"{here}/file 2", f"{here}/hard")
		with open(f"{top}/large", "wb") as out:
		    out.write(some.randbytes(8 << 20))
		with open(f"{top}/sparse", "wb") as out:
		    out.truncate(16 << 20)
		os.mkdir(f"{top}/empty")
		open(f"{top}/d0/n\u00e4me", "w").close()
	EOF
}

clean_up() {
	local pid
	for pid in "${started[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
}
trap clean_up EXIT
