# autotrace: the build.
#
#   src/<room>/*.c, proto/*.proto  ->  build/core.a            everything but the hooks; tests link it
#   src/hooks/*.[cS], core, bundle ->  build/libautotrace.so   needs libc.so.6 and nothing else
#   src/cli, src/view              ->  build/autotrace, build/autotrace-view
#
# Sources are found by wildcard: a new file needs no line here.
# Variables: BUILD=dir  CC=gcc|clang  V=1  SAN=address,undefined  PREFIX=  DESTDIR=  FUZZ_SECONDS=60
#            SOAK_SECONDS=1800

BUILD        ?= build
BUNDLE       ?= build/bundle
PREFIX       ?= /usr/local
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 1800
PYTHON       ?= /usr/bin/python3
E2E_AGAIN    ?= 0
VERSION      := $(shell sed -n 's/^.define AUTOTRACE_VERSION "\(.*\)"$$/\1/p' include/autotrace.h)
ifeq ($(origin CC),default)
CC := gcc
endif
ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n'
else
say = @:
endif
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# ---- flags -----------------------------------------------------------------
# _FORTIFY_SOURCE stays away: it would turn a call of ours into __read_chk, which is interposed.
# initial-exec TLS and -fno-plt: a hook's guard and its true call cost one load each.
CPPFLAGS += -D_GNU_SOURCE= -DAT_VERSION='"$(VERSION)"' -Isrc -Iinclude -I$(BUILD)/gen -isystem $(BUNDLE)/include
WARNINGS  = -Wall -Wextra -Wvla -Wstrict-prototypes -Werror
CODEGEN   = -O2 -g -pthread -fno-common -fstack-protector-strong
LIBFLAGS  = -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-plt -ffunction-sections -fdata-sections
ifneq ($(SAN),)
CODEGEN  += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
# The library is optimised as a whole, so that the rooms cost nothing where a request passes through them.
LTO       = $(if $(SAN)$(findstring clang,$(CC)),,-flto)
COMPILE   = $(CC) -std=gnu11 $(CPPFLAGS) $(WARNINGS) $(CODEGEN) $(CFLAGS) -MMD -MP

# ---- sources ---------------------------------------------------------------
ROOMS      := libc base config conn wire trace processor export flow bridge
PROTO      := $(shell find proto -name '*.proto' 2>/dev/null | sort)
GEN_C      := $(PROTO:proto/%.proto=$(BUILD)/gen/%.pb-c.c)
GEN_H      := $(GEN_C:.c=.h)
objects     = $(patsubst %,$(BUILD)/obj/%.o,$(wildcard $(foreach r,$(1),src/$(r)/*.c src/$(r)/*.S)))
CORE_OBJ   := $(call objects,$(ROOMS)) $(GEN_C:.c=.o)
SO_OBJ     := $(if $(LTO),$(patsubst $(BUILD)/obj/%,$(BUILD)/obj-so/%,$(call objects,hooks $(ROOMS))),$(call objects,hooks $(ROOMS))) \
	$(GEN_C:.c=.o)
CLI_OBJ    := $(call objects,cli)
VIEW_OBJ   := $(call objects,view)
CLI_LIB    := $(BUILD)/cli.a
VIEW_LIB   := $(BUILD)/view.a
PROGRAMS   := $(if $(wildcard src/cli/main.c),$(BUILD)/autotrace) \
	$(if $(wildcard src/view/main.c),$(BUILD)/autotrace-view)
UNIT       := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*/test_*.c))
HELPERS    := $(patsubst tests/programs/%.c,$(BUILD)/tests/programs/%,$(wildcard tests/programs/*.c)) \
	$(addprefix $(BUILD)/tests/,hooks/hooks hooks/deep.so hooks/python.so programs/held.so causality/front tls/stream)
HOOK_TESTS := $(patsubst tests/hooks/%.c,$(BUILD)/tests/hooks/%.o,$(wildcard tests/hooks/*.c))
BENCHES    := $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%,$(wildcard tests/bench/*.c))
FUZZERS    := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
CALLS      := src/libc/calls.def src/libc/tls.def
DEPS       := $(BUILD)/.deps-build

all: lib programs ## build the library and the two programs
lib: $(BUILD)/libautotrace.so ## build/libautotrace.so alone
core: $(BUILD)/core.a ## build/core.a alone: everything but the hooks
bundle: $(BUILD)/libbundle.a ## libcurl, OpenSSL, nghttp2, zlib and protobuf-c as one object (cached)
programs: $(PROGRAMS)

$(DEPS): scripts/install-deps
	@mkdir -p $(@D)
	$(Q)scripts/install-deps build
	@touch $@

# ---- objects ---------------------------------------------------------------
$(BUILD)/gen/%.pb-c.c $(BUILD)/gen/%.pb-c.h &: proto/%.proto | $(DEPS)
	@mkdir -p $(BUILD)/gen
	$(say) PROTOC $<
	$(Q)protoc-c --proto_path=proto --c_out=$(BUILD)/gen $<

# Text of another language as a string of C.
$(BUILD)/gen/bridge/node_js.h: src/bridge/node.js scripts/embed | $(DEPS)
	@mkdir -p $(@D)
	$(say) EMBED $<
	$(Q)scripts/embed at_node_js $< >$@
$(patsubst %,$(BUILD)/%/src/bridge/node.c.o,obj obj-so): $(BUILD)/gen/bridge/node_js.h

$(BUILD)/gen/%.o: $(BUILD)/gen/%.c | $(GEN_H)
	$(say) CC $(<:$(BUILD)/%=%)
	$(Q)$(COMPILE) $(LIBFLAGS) -w -c -o $@ $<

$(BUILD)/obj/src/%.o: src/% | $(GEN_H) $(DEPS) $(BUNDLE)/stamp
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(COMPILE) $(LIBFLAGS) -c -o $@ $<

$(BUILD)/obj-so/src/%.o: src/% | $(GEN_H) $(DEPS) $(BUNDLE)/stamp
	@mkdir -p $(@D)
	$(say) CC "$< (library)"
	$(Q)$(COMPILE) $(LIBFLAGS) $(LTO) -c -o $@ $<

$(BUILD)/core.a: $(CORE_OBJ)
	$(say) AR $@
	$(Q)rm -f $@; ar rcs $@ $^

# ---- the bundle ------------------------------------------------------------
$(BUNDLE)/stamp: scripts/build-bundle scripts/curl-7.88.patch | $(DEPS)
	$(Q)scripts/build-bundle $(BUNDLE)

$(BUILD)/libbundle.a: $(BUNDLE)/stamp $(addprefix scripts/,link-bundle bundle.keep bundle.own lower-floor floor.names) \
		$(wildcard $(CALLS)) | $(DEPS)
	$(say) BUNDLE $@
	$(Q)scripts/link-bundle $(BUNDLE) $(BUILD)

# For a static program: the names as this libc.a has them.
$(BUILD)/libbundle-static.a: $(BUILD)/libbundle.a
	$(say) BUNDLE $@
	$(Q)nm -P $< 2>/dev/null | awk '$$1 ~ /@GLIBC/ { name = $$1; sub(/@.*/, "", name); print $$1, name }' | sort -u >$@.names
	$(Q)objcopy --redefine-syms=$@.names $< $@

# ---- products --------------------------------------------------------------
LINK_SO = -shared -pthread -static-libgcc -Wl,-soname,libautotrace.so -Wl,-z,now -Wl,-z,relro -Wl,-z,nodelete \
	-Wl,-z,defs -Wl,-z,noexecstack -Wl,-Bsymbolic -Wl,--exclude-libs,ALL -Wl,--gc-sections -Wl,--as-needed \
	-Wl,--hash-style=gnu -Wl,-O1

$(BUILD)/gen/exports.map: scripts/list-exports $(wildcard $(CALLS) include/autotrace.h) | $(DEPS)
	@mkdir -p $(@D)
	$(Q)scripts/list-exports --map > $@

$(BUILD)/libautotrace.so: $(SO_OBJ) $(BUILD)/libbundle.a $(BUILD)/gen/exports.map \
		$(addprefix scripts/,lower-floor order-hot hot.functions)
	$(say) LINK $@
	$(Q)$(if $(LTO),$(CC) $(CODEGEN) $(LIBFLAGS) $(LTO)=2 -nostdlib -r -flinker-output=nolto-rel,ld -r) \
		-o $(BUILD)/autotrace.o $(SO_OBJ)
	$(Q)scripts/lower-floor $(BUILD)/autotrace.o
	$(Q)scripts/order-hot $(BUILD)/autotrace.o
	$(Q)$(CC) $(CODEGEN) $(LINK_SO) -Wl,--version-script=$(BUILD)/gen/exports.map -o $@ \
		$(BUILD)/autotrace.o $(BUILD)/libbundle.a $(LDFLAGS)

# An archive member comes along only when it is asked for, so a test without curl does not carry it.
WITH_CORE = -Wl,--start-group $(BUILD)/core.a $(BUILD)/libbundle.a -Wl,--end-group
WITH_CLI  = $(CLI_LIB) $(WITH_CORE) -ljansson
WITH_VIEW = $(VIEW_LIB) $(BUILD)/core.a -lmicrohttpd -lnghttp2 -ljansson -lprotobuf-c -lz

$(CLI_LIB): $(filter-out %/main.c.o,$(CLI_OBJ))
$(VIEW_LIB): $(filter-out %/main.c.o,$(VIEW_OBJ))
$(CLI_LIB) $(VIEW_LIB):
	$(say) AR $@
	$(Q)rm -f $@; ar rcs $@ $^

# Static, so that "autotrace run" starts programs in containers of any C library.
$(BUILD)/autotrace: $(BUILD)/obj/src/cli/main.c.o $(CLI_LIB) $(BUILD)/core.a $(BUILD)/libbundle-static.a
	$(say) LINK $@
	$(Q)$(CC) $(CODEGEN) $(if $(SAN),,-static) -Wl,--gc-sections $$(sed "s/.* /-Wl,-u,/" $(BUILD)/libbundle-static.a.names) \
		-o $@ $< $(subst libbundle.a,libbundle-static.a,$(WITH_CLI)) $(LDFLAGS)

$(BUILD)/autotrace-view: $(BUILD)/obj/src/view/main.c.o $(VIEW_LIB) $(BUILD)/core.a
	$(say) LINK $@
	$(Q)$(CC) $(CODEGEN) -Wl,--gc-sections -o $@ $< $(WITH_VIEW) $(LDFLAGS)

# ---- tests -----------------------------------------------------------------
# Tests of a program's files link that program's archive too; all others link the core alone.
$(BUILD)/tests/unit/cli/%: ROOM = $(WITH_CLI)
$(BUILD)/tests/unit/view/%: ROOM = $(WITH_VIEW)
$(BUILD)/tests/unit/%: ROOM = $(WITH_CORE)
$(filter $(BUILD)/tests/unit/cli/%,$(UNIT)): $(CLI_LIB)
$(filter $(BUILD)/tests/unit/view/%,$(UNIT)): $(VIEW_LIB)

$(BUILD)/tests/unit/%: tests/unit/%.c $(BUILD)/core.a $(BUILD)/libbundle.a | $(GEN_H) $(DEPS)
	@mkdir -p $(@D)
	$(say) TEST $<
	$(Q)$(COMPILE) -Itests -o $@ $< $(ROOM) -lcmocka $(LDFLAGS)

# emit.c is the exporter without the hooks; the other programs are strangers to us.
$(BUILD)/tests/programs/emit: PARTS = $(WITH_CORE)
$(BUILD)/tests/programs/emit: $(BUILD)/core.a $(BUILD)/libbundle.a
$(BUILD)/tests/programs/%: tests/programs/%.c | $(DEPS)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(COMPILE) -o $@ $< $(PARTS) $(LDFLAGS)

$(BUILD)/tests/causality/front: tests/causality/apps/front.c | $(DEPS)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(COMPILE) -o $@ $< $(LDFLAGS)

# Every row of calls.def refers to its test: without one this does not link.
$(BUILD)/tests/hooks/%.o: tests/hooks/%.c | $(DEPS)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(COMPILE) -Itests -c -o $@ $<
$(BUILD)/tests/hooks/hooks: $(HOOK_TESTS)
	$(say) LINK $@
	$(Q)$(CC) $(CODEGEN) -pthread -o $@ $^ $(LDFLAGS)

$(BUILD)/tests/tls/%: tests/tls/%.c | $(DEPS) $(BUILD)/.deps-test
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(COMPILE) -o $@ $< -lssl -lcrypto -lgnutls $(LDFLAGS)

$(BUILD)/tests/hooks/deep.so: tests/hooks/deep/deep.c | $(DEPS)
$(BUILD)/tests/hooks/python.so: tests/hooks/python/python.c tests/hooks/python/stubs.c src/bridge/python_api.def | $(DEPS)
$(BUILD)/tests/programs/held.so: tests/programs/plug/held.c | $(DEPS)
$(BUILD)/tests/%.so:
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) -std=gnu11 $(CPPFLAGS) $(WARNINGS) $(CODEGEN) $(CFLAGS) -fPIC -shared -o $@ $(filter %.c,$^) $(LDFLAGS)

$(BUILD)/tests/bench/%: tests/bench/%.c $(BUILD)/core.a $(BUILD)/libbundle.a | $(GEN_H) $(DEPS)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(COMPILE) -Itests -o $@ $< $(WITH_CORE) $(LDFLAGS)

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(CLI_LIB) $(VIEW_LIB) $(BUILD)/core.a $(BUILD)/libbundle.a | $(GEN_H)
	@mkdir -p $(@D)
	$(say) FUZZ $<
	$(Q)$(COMPILE) -fsanitize=fuzzer -o $@ $< $(CLI_LIB) $(VIEW_LIB) $(WITH_CORE) \
		-lmicrohttpd -lnghttp2 -ljansson -lz $(LDFLAGS)

$(addprefix $(BUILD)/.deps-,test check demo bench transparency causality): $(BUILD)/.deps-%: scripts/install-deps
	@mkdir -p $(@D)
	$(Q)scripts/install-deps build $*
	@touch $@

-include $(patsubst %.o,%.d,$(CORE_OBJ) $(SO_OBJ) $(CLI_OBJ) $(VIEW_OBJ))
-include $(addsuffix .d,$(UNIT) $(HELPERS) $(BENCHES) $(FUZZERS) $(BUILD)/tests/causality/front) $(HOOK_TESTS:.o=.d)

test-programs: $(UNIT) $(HELPERS) $(BENCHES)
helpers: $(HELPERS)
run_unit = scripts/run-unit $(UNIT)
run_e2e  = BUILD_DIR=$(abspath $(BUILD)) E2E_AGAIN=$(E2E_AGAIN) scripts/run-e2e $(PYTHON)

# Where it cannot be built it says why, and its tests are skipped.
$(BUILD)/.collector: tests/collector/build $(wildcard tests/collector/*.go tests/collector/go.*)
	@mkdir -p $(@D)
	$(say) GO tests/collector
	$(Q)tests/collector/build $(BUILD)/otlp-collector
	@touch $@

unit: $(UNIT) ## run the unit tests
	$(Q)$(run_unit)
e2e: all $(HELPERS) $(BUILD)/.collector | $(BUILD)/.deps-test ## run the end-to-end tests
	$(Q)$(run_e2e)
hooks: all $(HELPERS) | $(BUILD)/.deps-test ## run the tests of the interposed calls alone
	$(Q)$(run_e2e) -k test_hooks
test: all $(UNIT) $(HELPERS) $(BUILD)/.collector | $(BUILD)/.deps-test ## run all tests
	$(Q)failed=0; $(run_unit) || failed=1; $(run_e2e) || failed=1; exit $$failed

check-asan: ## unit tests, programs under the library: AddressSanitizer
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SAN=address unit sanitized
check-ubsan: ## unit tests, programs under the library: UndefinedBehaviorSanitizer
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/ubsan SAN=undefined unit sanitized
check-tsan: ## unit tests, programs under the library: ThreadSanitizer
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan SAN=thread unit sanitized

sanitized: all $(HELPERS) | $(BUILD)/.deps-test
	$(Q)BUILD_DIR=$(abspath $(BUILD)) scripts/run-sanitized $(SAN) $(PYTHON)

VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
	--suppressions=tests/valgrind.supp
# Not for valgrind: log closes every descriptor, bundle executes itself, resolve forks while another thread looks names
# up (what that held is lost in the child), ring, slab and conn have more threads than it gets through in time, and the
# files of the two programs never run in anybody else's process. handler wants the kernel's frames on the stack, where
# valgrind has its own, process a child in the same memory, which valgrind has not, and the children of spool's tests
# end with _exit and free nothing. The sanitizers have them all.
NO_VALGRIND = base/test_log libc/test_bundle export/test_resolve base/test_ring base/test_slab conn/test_conn \
	base/test_handler base/test_process export/test_spool \
	$(patsubst tests/unit/%.c,%,$(wildcard tests/unit/cli/*.c tests/unit/view/*.c))
check-valgrind: all $(UNIT) $(HELPERS) | $(BUILD)/.deps-test ## unit tests, and a traced server, under valgrind
	$(Q)UNIT_UNDER="$(VALGRIND)" scripts/run-unit $(filter-out $(addprefix %/,$(NO_VALGRIND)),$(UNIT))
	$(Q)$(run_e2e) -k valgrind

check-ring: ## the ring under every interleaving of a few threads, as it is and with mistakes put in
	$(Q)BUILD_DIR=$(abspath $(BUILD)) CC="$(CC)" tests/model/run

fuzz: | $(BUILD)/.deps-check ## run each fuzz target for FUZZ_SECONDS (60)
	$(Q)$(MAKE) --no-print-directory CC=clang BUILD=$(BUILD)/fuzz SAN=fuzzer-no-link,address,undefined fuzz-run
fuzz-run: $(FUZZERS)
	$(Q)scripts/run-fuzz $(FUZZ_SECONDS) $(FUZZERS)

bench: all $(HELPERS) $(BENCHES) | $(BUILD)/.deps-bench ## measure the cost: paired runs with and without the preload
	$(Q)BUILD_DIR=$(abspath $(BUILD)) tests/bench/run
bench-record: bench ## the same, and keep the results where the README quotes them
	cp $(BUILD)/bench/results.md tests/bench/results.md
	$(Q)scripts/bench-table README.md
million: all $(HELPERS) $(BENCHES) | $(BUILD)/.deps-bench ## 1,000,000 requests at nginx: each a span received or counted
	$(Q)BUILD_DIR=$(abspath $(BUILD)) tests/bench/run --only million
soak: all $(HELPERS) | $(BUILD)/.deps-test ## SOAK_SECONDS (1800) of mixed load: memory, descriptors and threads stay flat
	$(Q)BUILD_DIR=$(abspath $(BUILD)) SOAK_SECONDS=$(SOAK_SECONDS) tests/soak/run
faults: all $(HELPERS) | $(BUILD)/.deps-test ## a program under load while its collector misbehaves, in sixty ways
	$(Q)BUILD_DIR=$(abspath $(BUILD)) tests/faults/run
faults-record: faults ## the same, and keep the table
	cp $(BUILD)/faults/results.md tests/faults/results.md
transparency: all | $(BUILD)/.deps-transparency ## test suites and programs, without and with the preload: no difference
	$(Q)BUILD_DIR=$(abspath $(BUILD)) tests/transparency/run
forks: all $(HELPERS) | $(BUILD)/.deps-test ## 10,000 forks for each thing that the exporter may be doing
	$(Q)BUILD_DIR=$(abspath $(BUILD)) tests/faults/forks
forks-record: forks ## the same, and keep the table
	cp $(BUILD)/faults/forks.md tests/faults/forks.md
hazards: all $(HELPERS) | $(BUILD)/.deps-test ## each mitigation taken out of a copy of the sources: its tests fail
	$(Q)BUILD_DIR=$(abspath $(BUILD)) tests/hazards/run
hazards-quick: all $(HELPERS) | $(BUILD)/.deps-test ## the part of it that takes a minute
	$(Q)BUILD_DIR=$(abspath $(BUILD)) tests/hazards/run --quick
hazards-record: hazards ## the same, and keep the table
	cp $(BUILD)/hazards/results.md tests/hazards/results.md
transparency-quick: all | $(BUILD)/.deps-transparency ## the part of it that takes a minute
	$(Q)BUILD_DIR=$(abspath $(BUILD)) tests/transparency/run --quick
transparency-record: all | $(BUILD)/.deps-transparency ## the whole of it, and keep the results
	$(Q)BUILD_DIR=$(abspath $(BUILD)) tests/transparency/run --record tests/transparency/results.md
causality: all $(BUILD)/tests/causality/front | $(BUILD)/.deps-causality ## who caused whom, against the truth: every stack, 1, 8 and 64 clients
	$(Q)BUILD_DIR=$(abspath $(BUILD)) tests/causality/run
causality-quick: all $(BUILD)/tests/causality/front | $(BUILD)/.deps-causality ## the part of it that takes a minute
	$(Q)BUILD_DIR=$(abspath $(BUILD)) tests/causality/run --quick
causality-record: all $(BUILD)/tests/causality/front | $(BUILD)/.deps-causality ## the whole, and keep the table, whatever it says
	$(Q)BUILD_DIR=$(abspath $(BUILD)) tests/causality/run; status=$$?; \
		cp $(BUILD)/causality/results.md tests/causality/results.md; exit $$status
demo: all | $(BUILD)/.deps-demo ## nginx, gunicorn and Flask under the preload, and the trace they make
	$(Q)BUILD_DIR=$(abspath $(BUILD)) examples/demo/run

spool-kill: all $(HELPERS) | $(BUILD)/.deps-test ## 1,000 rounds of SIGKILL under load: each finished span is delivered
	$(Q)BUILD_DIR=$(abspath $(BUILD)) $(PYTHON) tests/spool/kill.py 1000

lint: all core $(call objects,hooks) $(BUILD)/tests/hooks/hooks | $(BUILD)/.deps-check ## layers, symbols, format, clang-tidy, cppcheck, gcc -fanalyzer
	$(Q)BUILD=$(BUILD) BUNDLE=$(BUNDLE) scripts/lint

# ---- install ---------------------------------------------------------------
install: all ## install below PREFIX (/usr/local), honouring DESTDIR
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,lib bin include share/doc/autotrace)
	install -m 755 $(BUILD)/libautotrace.so $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(BUILD)/autotrace $(BUILD)/autotrace-view $(DESTDIR)$(PREFIX)/bin/
	install -m 644 include/autotrace.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 $(wildcard README.md LICENSE CHANGELOG.md) $(DESTDIR)$(PREFIX)/share/doc/autotrace/
uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/lib/libautotrace.so $(DESTDIR)$(PREFIX)/include/autotrace.h
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/bin/,autotrace autotrace-view)
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/autotrace

clean: ## remove what was built; the cached bundle stays
	rm -rf $(filter-out $(BUILD)/bundle,$(wildcard $(BUILD)/* $(BUILD)/.deps-*))
distclean: ## remove the build directory and the bundle
	rm -rf $(BUILD) $(BUNDLE)
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: all lib core bundle programs test-programs helpers unit e2e hooks test check-asan \
	check-ubsan check-tsan check-ring sanitized check-valgrind fuzz fuzz-run bench bench-record million soak \
	forks forks-record hazards hazards-quick hazards-record transparency transparency-quick transparency-record causality \
	causality-quick causality-record demo spool-kill lint install uninstall clean distclean help
