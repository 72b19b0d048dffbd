#!/bin/bash
# make -j: the job server, recursive makes, failing targets, many short processes.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"

cat >Makefile <<'EOF'
N := $(shell seq 1 150)
FROM := $(shell echo first; echo second)
all: $(N:%=out/%) sub/all
	@cat out/* | sort -n | sha256sum | cut -c1-16 >sum
out/%: | out
	@echo $* | sed 's/^/number /' | tee $@.tmp >/dev/null && mv $@.tmp $@
out: ; @mkdir -p $@
sub/all: $(FROM:%=sub/%)
sub/%: FORCE
	@+$(MAKE) --no-print-directory -f sub.mk NAME=$*
fail: $(N:%=f%)
f%: ; @[ $* != 77 ] || exit 3
shell: ; @printf '%s\n' "$$(printf 'a\nb\n' | while read -r x; do echo "<$$x>"; done)"
oneshell: ; @(sleep 0.1; echo late) & wait; echo ok
FORCE:
.PHONY: all fail shell oneshell FORCE
EOF
cat >sub.mk <<'EOF'
all: $(foreach n,$(shell seq 1 30),$(NAME).$(n))
%: ; @echo $@ >$@.part
EOF

for jobs in 1 4 16; do
	rm -rf out ./*.part sum
	make -j$jobs >log 2>err
	say "jobs-$jobs" "code $?, sum $(cat sum), parts $(find . -name '*.part' | wc -l), out $(sort -u log | tr '\n' ' '), $(cat err)"
done
make -j8 -k fail >log 2>err
say keep-going "code $?, $(tr '\n' ' ' <err)"
make -j2 -Oline shell >log 2>err
say shell "code $?, $(tr '\n' ' ' <log)"
make -j4 oneshell >log 2>err
say background "code $?, $(tr '\n' ' ' <log)"
make -n all | sort | sha256sum | cut -c1-16 | sed 's/^/dry-run: /'
make -q all
say question "code $?"
make no-such-target 2>err
say no-target "code $?, $(cat err)"
make -j4 SHELL=/bin/bash >/dev/null 2>&1
say other-shell "code $?"
cat >long.mk <<'EOF'
all: ; @sleep 30
EOF
make -f long.mk 2>err &
pid=$!
soon pgrep -P "$pid" sleep
finish "$pid" TERM
say terminated "status $status, $(sed 's/.*\] *//' err)"
