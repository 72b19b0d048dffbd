"""The hazards of being preloaded, what in the sources meets each, and how it is taken out.

A hazard has mutations; a mutation has edits (file, text that stands there once, what stands there instead) and the
tests that must fail then: "unit ROOM/PROGRAM [PATTERN]", "e2e FILE::TEST" as pytest names it, or "run COMMAND".
`quick` ones are those of `make hazards-quick`. A hazard that has none says why in its note.
`given` are edits that stay for all mutations of a hazard, and with which alone its tests must pass: they make sure that
what the mitigation is for does happen.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, eq=False)
class Mutation:
    what: str
    edits: list
    tests: list
    quick: bool = False


@dataclass(frozen=True, eq=False)
class Hazard:
    number: int
    name: str
    where: list
    mutations: list = field(default_factory=list)
    note: str = ""
    given: list = field(default_factory=list)


def call(row):
    return f"e2e test_hooks.py::test_a_call_does_what_it_did[{row}]"


HAZARDS = [
    Hazard(
        1, "what the library needs is missing: no program of the container starts",
        ["scripts/link-bundle", "scripts/lower-floor", "Makefile"],
        [
            Mutation(
                "another library is needed",
                [("Makefile", "LINK_SO = -shared", "LINK_SO = -shared -Wl,--no-as-needed -lm")],
                ["run scripts/lint-symbols"], quick=True,
            ),
            Mutation(
                "the newest symbol versions of this system are asked for",
                [("Makefile", "\t$(Q)scripts/lower-floor $(BUILD)/autotrace.o\n", "")],
                ["run scripts/lint-symbols"],
            ),
            Mutation(
                "lazy binding: a missing name shows in the middle of the program",
                [("Makefile", "-Wl,-z,now ", "-Wl,-z,lazy ")],
                ["run scripts/lint-symbols"],
            ),
        ],
    ),
    Hazard(
        2, "the exporter's libraries and the program's get each other's functions",
        ["scripts/link-bundle", "scripts/bundle.own", "scripts/list-exports", "Makefile"],
        [
            Mutation(
                "names of the bundled libraries can be seen",
                [
                    ("scripts/list-exports", "echo 'local: *;'", "true"),
                    ("Makefile", "-Wl,--exclude-libs,ALL ", ""),
                    ("scripts/link-bundle", '\t--keep-global-symbols="$here/bundle.keep" "$object"',
                     '\t--weaken "$object"'),
                ],
                ["run scripts/lint-symbols", "e2e test_preload.py::test_the_program_s_libraries_are_its_own"],
            ),
        ],
    ),
    Hazard(
        3, "a vfork child works in its parent's memory",
        ["src/hooks/trampoline.S", "src/base/thread.h", "src/base/process.c"],
        [
            Mutation(
                "the child is not told from its parent",
                [("src/hooks/trampoline.S", "\tmovl $1, %fs:4(%rdx)\n", ""),
                 ("src/base/process.c", "\treturn (uint32_t)at_sys(SYS_getpid, 0, 0, 0) != at_process.is.pid;",
                   "\treturn false;")],
                ["e2e test_processes.py::test_a_child_in_our_memory[vfork-_exit]"], quick=True,
            ),
            Mutation(
                "the parent keeps the mark",
                [("src/hooks/trampoline.S", "\tmovl %esi, %fs:4(%rdx)\n", "")],
                ["e2e test_processes.py::test_a_child_in_our_memory[vfork-_exit]"],
            ),
        ],
    ),
    Hazard(
        4, "an original is missing: the program gets an error of ours, or calls address 0",
        ["src/libc/libc.c", "src/libc/calls.def"],
        [
            Mutation(
                "what is not found takes the place of the raw system call",
                [("src/libc/libc.c", "\tif (found)\n\t\t__atomic_store_n(place", "\t__atomic_store_n(place")],
                ["e2e test_preload.py::test_a_c_library_that_lacks_the_originals[calls_only]"],
            ),
        ],
    ),
    Hazard(
        5, "called before our constructor, or by an allocator that is being set up",
        ["src/libc/libc.c", "src/libc/early.c", "src/base/process.h", "src/hooks/trampoline.S"],
        [
            Mutation(
                "the table of originals is empty at first",
                [("src/libc/libc.c", ".name = raw_##name,", ".name = NULL,")],
                ["e2e test_preload.py::test_calls_before_our_constructor_and_after_our_destructor"],
            ),
            Mutation(
                "nobody asks whether the dynamic linker has relocated us",
                [("src/libc/libc.c", "\tif (at_early_is_over())\n\t\treturn true;\n\tfill_early();\n\treturn false;",
                  "\treturn (void)fill_early, true;")],
                ["e2e test_preload.py::test_calls_before_we_are_relocated[lazy]",
                 "e2e test_preload.py::test_calls_before_we_are_relocated[now]"],
            ),
            Mutation(
                "hooks work before the settings are read, and when they say no",
                [("src/base/process.h", "\treturn __atomic_load_n(&at_process.is.live, __ATOMIC_RELAXED);",
                  "\treturn true;")],
                ["e2e test_preload.py::test_what_is_of_no_interest_costs_no_system_call[true]"],
            ),
            Mutation(
                "the slabs' memory is the program's allocator's",
                [("src/base/slab.c", "char *p = mmap(NULL, 2 * AT_SLAB_CHUNK, PROT_READ | PROT_WRITE,\n"
                  "\t\t       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);",
                  "char *p = __builtin_malloc(2 * AT_SLAB_CHUNK);")],
                ["run scripts/lint-symbols"],
            ),
        ],
    ),
    Hazard(
        6, "the program closes or replaces our descriptors",
        ["src/base/fdmap.c", "src/flow/shore.c", "src/flow/shore.h", "src/export/socket.c"],
        [
            Mutation(
                "our thread stays in the program's table of descriptors",
                [("src/base/fdmap.c", "apart = at_sys(SYS_close_range, 3, ~0u, 2 /* CLOSE_RANGE_UNSHARE */) == 0;",
                  "apart = false;")],
                ["e2e test_descriptors.py::test_nothing_of_ours_is_in_it"], quick=True,
            ),
            Mutation(
                "close and its like reach descriptors of ours",
                [("src/flow/shore.h", "if (at_fdmap_get(fd) != AT_FD_OWN || !at_fdmap_is_own(fd))", "if (fd >= -1)")],
                ["e2e test_descriptors.py::test_spans_on_stdout_go_on[closed_to_65535-line-today's]"],
            ),
            Mutation(
                "close_range and closefrom do not go around them",
                [("src/flow/shore.c", "return at_fdmap_own_in(first, last) >= 0;", "return false;")],
                ["e2e test_descriptors.py::test_spans_on_stdout_go_on[closed_ranges-line-today's]"],
            ),
            Mutation(
                "a socket of ours is used without a look whether it still is",
                [("src/export/socket.c", "inode(sockets[i].fd - 1) != sockets[i].ino)", "!sockets[i].ino)")],
                ["e2e test_preload.py::test_a_number_of_ours_is_taken_unseen"],
            ),
            Mutation(
                "a number that was ours is closed, whosever it is now",
                [("src/export/socket.c", "\tif (inode(fd) == sockets[i].ino)\n", "")],
                ["e2e test_preload.py::test_a_number_of_ours_is_taken_unseen"],
            ),
        ],
    ),
    Hazard(
        7, "a number is used again, a close goes by unseen",
        ["src/hooks/close.c", "src/hooks/trampoline.S", "src/flow/exchange.c", "src/flow/shore.c"],
        [
            Mutation(
                "syscall(SYS_close) is not seen",
                [("src/hooks/trampoline.S", "\tcmpq $3, %rdi\n\tje 1f\n", "")],
                ["e2e test_hooks.py::test_each_hook_observes"],
            ),
            Mutation(
                "the connection is forgotten after the close, not before",
                [("src/hooks/close.c", "\tat_shore_closing(fd);\n\treturn at_libc.close(fd);",
                  "\tint rc = at_libc.close(fd);\n\tat_shore_closing(fd);\n\treturn rc;")],
                ["e2e test_preload.py::test_a_number_is_used_again_while_it_is_closed"],
            ),
            Mutation(
                "dup2 onto a connection does not end it",
                [("src/flow/shore.c", "\tforget(to, AT_FD_UNKNOWN);\n\tat_conn_share(from, to);",
                  "\tat_conn_share(from, to);")],
                ["e2e test_preload.py::test_a_connection_is_replaced"],
            ),
            Mutation(
                "a reference to an exchange has no generation",
                [("src/flow/exchange.c", "return (generation & 1) && __atomic_load_n(&x->generation, "
                                         "__ATOMIC_ACQUIRE) == generation;",
                  "return x && (generation & 1);")],
                ["unit flow/test_exchange", "unit flow/test_causality"],
            ),
        ],
    ),
    Hazard(
        8, "fork while the exporter's thread works, or another thread holds a lock of ours",
        ["src/export/gate.c", "src/flow/boot.c", "src/export/export.c", "src/base/lock.c"],
        [
            Mutation(
                "the child keeps the parent's queue",
                [("src/export/export.c", "\tat_queue_after_fork();\n", "")],
                ["e2e test_export.py::test_fork"], quick=True,
            ),
            Mutation(
                "the child believes that its parent's thread is there",
                [("src/export/export.c", "\tat_worker_after_fork();\n", "")],
                ["e2e test_export.py::test_fork"],
            ),
            Mutation(
                "fork does not wait for the exporter's thread to rest",
                [("src/flow/boot.c", "if (!__atomic_load_n(&confined, __ATOMIC_ACQUIRE))\n\t\t"
                                     "at_export_fork_prepare();\n}", ";\n}")],
                ["e2e test_lifecycle.py::test_process_for_each_connection"],
            ),
            Mutation(
                "locks have no generation",
                [("src/flow/boot.c", "\tat_lock_after_fork();\n", "")],
                ["e2e test_lifecycle.py::test_fork_in_a_request"],
            ),
            Mutation(
                "the child draws its parent's random numbers",
                [("src/flow/boot.c", "\tat_entropy_after_fork();\n", "")],
                ["e2e test_preload.py::test_children_have_numbers_of_their_own"],
            ),
        ],
    ),
    Hazard(
        9, "a thread the program did not start: too early, or open to its signals",
        ["src/export/export.c", "src/base/thread.c"],
        [
            Mutation(
                "it is started by the constructor",
                [("src/export/export.c", "\tconfig = c;\n", "\tconfig = c;\n\tat_worker_start(c);\n")],
                ["e2e test_lifecycle.py::test_an_idle_program_is_left_alone"],
            ),
            Mutation(
                "it takes the program's signals",
                [("src/base/thread.c", "sigfillset(&all);", "sigemptyset(&all);")],
                ["unit base/test_thread"], quick=True,
            ),
            Mutation(
                "its stack is as large as the program's threads have it",
                [("src/base/thread.c", "\tpthread_attr_setstacksize(&attr, stack);\n", "\t(void)stack;\n")],
                ["unit base/test_thread"], quick=True,
            ),
        ],
    ),
    Hazard(
        10, "errno is not what the call left there",
        ["src/flow/boot.h", "src/flow/shore.c"],
        [
            Mutation(
                "after our work",
                [("src/flow/boot.h", "\terrno = saved;\n", "\t(void)saved;\n")],
                [call("recv"), call("send"), call("connect")],
            ),
            Mutation(
                "after fclose of a stream without a descriptor",
                [("src/flow/shore.c", "EBADF for a stream that is not on a descriptor */\n\terrno = saved;",
                  "EBADF for a stream that is not on a descriptor */\n\t(void)saved;")],
                [call("fclose")],
            ),
        ],
        "Tested with a library that sets errno to something each time its own work begins: as it is, it has to "
        "work hard to "
        "change errno at all.",
        [
            ("src/base/thread.h", "#include <stdbool.h>\n", "#include <errno.h>\n#include <stdbool.h>\n"),
            ("src/base/thread.h", "\tif (at_thread_self.guard++ == 0)",
              "\terrno = EXDEV;\n\tif (at_thread_self.guard++ == 0)"),
        ],
    ),
    Hazard(
        11, "the program's buffers: shorter than said, absent, not to be read",
        ["src/hooks/read.c", "src/hooks/write.c", "src/flow/shore_bytes.c", "src/base/memory.c"],
        [
            Mutation(
                "MSG_TRUNC: as many bytes as it returns are read from the buffer",
                [("src/hooks/read.c", "\tif (flags & MSG_TRUNC)\n\t\tat_shore_read_unseen(fd, rc);\n\telse\n"
                  "\t\tat_shore_read(fd, &iov, 1, rc);", "\tat_shore_read(fd, &iov, 1, rc);")],
                [call("recv")],
            ),
            Mutation(
                "what was peeked at counts as read",
                [("src/hooks/read.c", "#define NO_DATA (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)", "#define NO_DATA 0")],
                ["e2e test_preload.py::test_a_request_that_is_peeked_at_is_one"],
            ),
            Mutation(
                "nobody asks whether memory can be read",
                [("src/base/memory.c", "\treturn rc == -EINVAL;", "\treturn page || rc == -EINVAL;")],
                ["e2e "
                 "test_injection.py::test_every_head_has_our_line_and_nothing_else_is_different[bad_pointers-tcp]",
                 "unit base/test_memory"],
            ),
        ],
    ),
    Hazard(
        12, "a header of ours in a write: its count, its rest, its place",
        ["src/flow/inject.c", "src/flow/inject_send.c", "src/wire/http1_look.c"],
        [
            Mutation(
                "the program is told of our bytes",
                [("src/flow/inject_send.c", "\t\twire -= taken;\n\t\tif (edit->replaces)\n\t\t\tapp += taken;",
                  "\t\tif (edit->replaces)\n\t\t\tapp += taken;")],
                ["e2e test_injection.py::test_the_kernel_takes_any_number_of_bytes"],
            ),
            Mutation(
                "what the kernel did not take of ours is forgotten",
                [("src/flow/inject_send.c", "\tif (!t || !left)\n\t\treturn;",
                  "\tif (left <= SIZE_MAX)\n\t\treturn;")],
                ["e2e test_injection.py::test_the_kernel_takes_any_number_of_bytes"],
            ),
            Mutation(
                "nothing of the program went, and it is told 0",
                [("src/flow/inject_send.c", "return app == 0 && total ? nothing_taken(fd, flags) : (ssize_t)app;",
                  "return (void)nothing_taken, (ssize_t)app;")],
                ["e2e test_injection.py::test_every_write_is_short[1]"],
            ),
            Mutation(
                "ours stands before the request line",
                [("src/flow/inject_http1.c", "at_inject_edit(e, x, p->insert_at, lines, n, false);",
                  "at_inject_edit(e, x, 0, lines, n, false);")],
                ["e2e test_injection.py::test_every_head_has_our_line_and_nothing_else_is_different[write-tcp]"],
                quick=True,
            ),
            Mutation(
                "a span of ours beside the program's own",
                [("src/flow/client.c", "x->silent = x->carries == AT_CLIENT_INSTRUMENTED;", "x->silent = false;")],
                ["e2e test_injection.py::test_an_application_s_own_context_stays_alone"],
            ),
        ],
    ),
    Hazard(
        13, "a signal handler makes a call while a hook is at work",
        ["src/base/thread.h", "src/base/lock.c", "src/conn/conn.c", "src/base/ring.c"],
        [
            Mutation(
                "there is no guard",
                [("src/base/thread.h", "\tif (at_thread_self.guard++ == 0)", "\tif (at_thread_self.guard == 0)")],
                ["unit base/test_thread"],
            ),
            Mutation(
                "a lock is waited for without end",
                [("src/base/lock.c", "i < SPINS + YIELDS; i++", "i >= 0; i = i < SPINS ? i + 1 : i")],
                ["unit base/test_lock"],
            ),
            Mutation(
                "who reserves a place in the ring does not look whether another one did meanwhile",
                [("src/base/ring.c", "\t} while (!__atomic_compare_exchange_n(&r->head, &head, head + pad + "
                                     "need, true,\n"
                  "\t\t\t\t\t      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));",
                  "\t} while (false);\n\t__atomic_store_n(&r->head, head + pad + need, __ATOMIC_RELEASE);")],
                ["unit base/test_ring"],
            ),
        ],
    ),
    Hazard(
        14, "what is of no interest costs time",
        ["src/flow/shore.h", "src/conn/conn.c", "src/flow/shore.c"],
        [
            Mutation(
                "what is found out of a number is not kept, not even when it is closed",
                [("src/conn/conn.c", "if (sockopt(fd, SO_TYPE) != SOCK_STREAM)\n\t\treturn AT_FD_BORING;",
                  "if (sockopt(fd, SO_TYPE) != SOCK_STREAM)\n\t\treturn AT_FD_UNKNOWN;"),
                 ("src/flow/shore.c", "forget(fd, AT_FD_BORING);\n\tat_boot_leave(saved);",
                  "forget(fd, AT_FD_UNKNOWN);\n\tat_boot_leave(saved);")],
                ["e2e test_preload.py::test_what_is_of_no_interest_costs_no_system_call[false]"],
            ),
        ],
        "What it costs in time is measured by `make bench`; a test that can fail on any machine counts system calls.",
    ),
    Hazard(
        15, "an HTTP message is taken for something else",
        ["src/wire/http1.c", "src/wire/http1_head.c", "src/wire/http1_priv.h", "src/flow/talk_http1.c"],
        [
            Mutation(
                "chunks are not looked for",
                [("src/wire/http1_head.c", 'm->chunked = at_str_eq_nocase(x.coding, AT_STR("chunked"));',
                  "m->chunked = false;")],
                ["unit wire/test_http1"], quick=True,
            ),
            Mutation(
                "an answer to HEAD has a body",
                [("src/flow/talk_http1.c", "return x->method == AT_METHOD_HEAD ? AT_HTTP1_THEN_NO_BODY : "
                                           "AT_HTTP1_THEN_BODY;",
                  "return AT_HTTP1_THEN_BODY;")],
                ["e2e test_semconv.py::test_methods_of_the_user"],
            ),
            Mutation(
                "an interim answer is the answer",
                [("src/wire/http1_priv.h", "\tif (response && m->status < 200)\n\t\treturn AT_HTTP1_HEAD;\n", "")],
                ["e2e test_programs_clients.py::test_answers[early-200-unset-None-4]"],
            ),
            Mutation(
                "what is tunnelled is read as HTTP",
                [("src/flow/talk_http1.c", "\t\treturn AT_HTTP1_THEN_TUNNEL;", "\t\treturn AT_HTTP1_THEN_BODY;")],
                ["e2e test_programs_clients.py::test_connect"],
            ),
            Mutation(
                "the last byte of a body is the next message's first",
                [("src/wire/http1.c", "n = n < h->left ? n : h->left;",
                  "n = n < h->left ? n : h->left > 1 ? h->left - 1 : n;")],
                ["unit wire/test_http1"],
            ),
        ],
    ),
    Hazard(
        16, "TLS: the same bytes twice, and whose they are",
        ["src/flow/secure.c", "src/conn/await.c", "src/libc/tls.c"],
        [
            Mutation(
                "what is on the wire is looked at as well",
                [("src/flow/secure.c", "\tcase AT_WAY_SECURE:\n\t\treturn true;\n",
                  "\tcase AT_WAY_SECURE:\n\t\tbreak;\n")],
                ["e2e test_tls.py::test_clients[curl]"],
            ),
            Mutation(
                "a session's connection is not looked for by the ClientHello",
                [("src/flow/secure.c", "c = told ? by_random(random, role) : NULL;", "c = NULL;")],
                ["e2e test_tls.py::test_clients[aiohttp]"],
            ),
            Mutation(
                "what a library does by calling itself is seen twice",
                [("src/flow/secure.c", "bool is = session && inside.session == session &&",
                  "bool is = !session && inside.session == session &&")],
                ["e2e test_tls.py::test_every_byte[gnutls 9000 cork]"],
            ),
            Mutation(
                "the caller's library is not asked for",
                [("src/libc/tls.c", "found = at_objects_next(rows[i].name, caller, global ? global : UINT32_MAX);",
                  "found = NULL;")],
                ["e2e test_tls.py::test_clients[requests]"],
            ),
        ],
    ),
    Hazard(
        17, "dlopen(RTLD_DEEPBIND) hides a library's calls from us",
        ["src/hooks/trampoline.S", "src/hooks/process.c"],
        [
            Mutation(
                "the flag is let through",
                [("src/hooks/trampoline.S", "\tandl at_hook_dlopen_mask(%rip), %esi\n", "")],
                ["e2e test_hooks.py::test_each_hook_observes"],
            ),
        ],
    ),
    Hazard(
        18, "dlopen looks at its caller, and that would be us",
        ["src/hooks/trampoline.S"],
        [
            Mutation(
                "dlopen is called, not jumped to",
                [("src/hooks/trampoline.S", "\tTAIL at_libc_dlopen\nEND dlopen",
                  "\tpushq %rbx\n\tcall *at_libc_dlopen(%rip)\n\tpopq %rbx\n\tret\nEND dlopen")],
                ["e2e test_preload.py::test_plug_ins_are_looked_for_where_the_program_says"],
            ),
        ],
    ),
    Hazard(
        19, "spans are lost at the end, or the end does not come",
        ["src/hooks/process.c", "src/export/export.c", "src/flow/boot.c"],
        [
            Mutation(
                "_exit is not seen",
                [("src/hooks/process.c", "\tat_boot_end(true);\n\tat_libc._exit(status);",
                  "\tat_libc._exit(status);")],
                ["e2e test_lifecycle.py::test_exit"],
            ),
            Mutation(
                "there is no destructor",
                [("src/hooks/process.c", "__attribute__((destructor(101))) static", "__attribute__((used)) static")],
                ["e2e test_lifecycle.py::test_exit"], quick=True,
            ),
            Mutation(
                "nothing is delivered before exec",
                [("src/hooks/process.c", "\tat_boot_end(false);\n", "")],
                ["e2e test_lifecycle.py::test_spans_leave_before_exec"],
            ),
            Mutation(
                "the wait for a collector has no end",
                [("src/export/export.c", "if (now >= deadline || at_worker_parked())\n\t\t\treturn -1;\n"
                  "\t\tat_queue_wait_word(progress, seen, deadline - now);",
                  "if (at_worker_parked())\n\t\t\treturn -1;\n\t\tat_queue_wait_word(progress, seen, NS_PER_MS);")],
                ["e2e test_export.py::test_exit_when_nobody_answers"],
            ),
        ],
    ),
    Hazard(
        20, "every shell and health check is a traced program too",
        ["src/config/select.c", "src/flow/boot.c", "src/export/export.c"],
        [
            Mutation(
                "the kill switch is not asked first",
                [("src/config/select.c", "\tif (at_select_kills(disabled))\n\t\treturn AT_SELECT_DISABLED;\n", "")],
                ["e2e test_select.py::test_the_kill_switch_comes_first"], quick=True,
            ),
            Mutation(
                "what is excluded is traced",
                [("src/config/select.c", "if (at_select_names(exclude, who))", "if (exclude.n > 9999)")],
                ["unit config/test_select", "e2e test_select.py::test_by_name_path_and_arguments"],
            ),
            Mutation(
                "each of them complains of a bad setting",
                [("src/flow/boot.c", "\tread_sampler();\n\tat_boot.env",
                  "\tread_sampler();\n\tat_boot_complain();\n\tat_boot.env")],
                ["e2e test_select.py::test_a_shell_full_of_commands_does_not_repeat_a_bad_setting"],
            ),
        ],
    ),
    Hazard(
        21, "programs that gain rights, and sandboxes",
        ["src/hooks/process.c", "src/hooks/trampoline.S", "src/flow/boot.c", "src/base/memory.c"],
        [
            Mutation(
                "AT_SECURE is not asked for",
                [("src/hooks/process.c", "if (getauxval(AT_SECURE) || !is_first_copy())", "if (!is_first_copy())")],
                ["e2e test_preload.py::test_a_program_that_gains_rights"],
            ),
            Mutation(
                "a program that filters its system calls gets some of ours",
                [("src/hooks/trampoline.S", "\tcmpl $22, %edi\n\tjne 1f\n", "\tjmp 1f\n")],
                ["e2e test_seccomp.py::test_no_call_of_ours_behind_a_filter[prctl]"],
            ),
        ],
    ),
    Hazard(
        22, "a table of descriptors with an end below the program's limit",
        ["src/base/fdmap.h", "src/base/fdmap.c"],
        [
            Mutation(
                "it has one page",
                [("src/base/fdmap.h", "#define AT_FDMAP_PAGES 256u", "#define AT_FDMAP_PAGES 1u")],
                ["e2e test_hooks.py::test_descriptors_beyond_a_small_table"],
            ),
        ],
    ),
    Hazard(
        23, "threads with small stacks, threads that are cancelled",
        ["src/flow/shore_bytes.c", "src/hooks/read.c", "src/base/pool.c"],
        [
            Mutation(
                "a head's copy on the stack",
                [("src/flow/shore_bytes.c", "\tint saved = errno;\n\tstruct at_edits *edits = NULL;\n",
                  "\tint saved = errno;\n\tstruct at_edits *edits = NULL;\n\tvolatile char head[16384];\n"
                  "\tfor (size_t i = 0; i < sizeof(head); i += 512)\n\t\thead[i] = 1;\n")],
                ["e2e test_hooks.py::test_how_much_of_a_stack_we_need"],
            ),
            Mutation(
                "the guard is held across the call that blocks",
                [("src/hooks/read.c", "\tssize_t rc = at_libc.read(fd, buf, n);\n",
                  "\tat_thread_enter();\n\tssize_t rc = at_libc.read(fd, buf, n);\n\tat_thread_leave();\n")],
                ["e2e test_preload.py::test_a_handler_makes_a_request_while_a_read_waits"],
            ),
        ],
    ),
    Hazard(
        24, "output of ours in the program's",
        ["src/base/log.c"],
        [
            Mutation(
                "lines go to 2, whatever it has become",
                [("src/base/log.c", "\treturn now[1] && now[0] == home[0] && now[1] == home[1] && "
                                    "!is_a_client();", "\treturn true;")],
                ["unit base/test_log", "e2e test_descriptors.py::test_a_connection_on_0_1_and_2"], quick=True,
            ),
        ],
    ),
    Hazard(
        25, "names of ours that the program sees; the library twice in the preload",
        ["scripts/list-exports", "src/hooks/process.c", "Makefile"],
        [
            Mutation(
                "no version script, and a name that is not hidden",
                [("scripts/list-exports", "echo 'local: *;'", "true"),
                 ("src/base/log.c", "void at_log(enum at_log_level level, const char *format, ...)\n{",
                  '__attribute__((visibility("default"))) void\n'
                  "at_log(enum at_log_level level, const char *format, ...)\n{")],
                ["run scripts/lint-symbols"],
            ),
            Mutation(
                "a second copy works too",
                [("src/hooks/process.c", "return !first || first == (void *)autotrace_version;",
                  "return first != &first;")],
                ["e2e test_hooks.py::test_listed_twice_and_copied"], quick=True,
            ),
            Mutation(
                "it can be unloaded",
                [("Makefile", "-Wl,-z,nodelete ", "")],
                ["run scripts/lint-symbols"],
            ),
        ],
    ),
]  # fmt: skip
