/*
 * The beginning, the fork and the end. Fed by the shore's constructor and destructor; wakes every
 * room below in order. Owns the settings.
 */
#include "flow/boot.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "base/board.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/entropy.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/slab.h"
#include "base/thread.h"
#include "config/select.h"
#include "export/export.h"
#include "flow/causality.h"
#include "flow/defer.h"
#include "flow/exchange.h"
#include "flow/roster.h"
#include "libc/libc.h"
#include "trace/propagate.h"

struct at_boot at_boot;

static char arena[AT_CONFIG_ARENA]; /* text of the settings */
static char command_text[256];      /* argv[0] as it was at the start, cut */
static uint32_t *complaint;         /* 1: made; shared by fork; NULL: nothing to complain of */
static uint32_t has_threads;        /* the program has made a thread (atomic) */

static uint32_t confined; /* the program filters its system calls: we make none (atomic) */

static void before_fork(void)
{
	at_exchange_before_fork();
	at_exchange_pass(at_causality_reads()); /* the child has its connection */
	if (!__atomic_load_n(&confined, __ATOMIC_ACQUIRE))
		at_export_fork_prepare();
}

static void after_fork_in_parent(void)
{
	if (!__atomic_load_n(&confined, __ATOMIC_ACQUIRE))
		at_export_fork_parent();
}

static void after_fork_in_child(void)
{
	if (__atomic_load_n(&confined, __ATOMIC_ACQUIRE))
		return;
	at_lock_after_fork();
	at_entropy_after_fork();
	at_defer_after_fork();
	at_exchange_after_fork();
	at_roster_after_fork();
	at_export_fork_child();
	at_process_begin_again();
}

/* A child by a bare system call, at its first hook. */
static void born_unseen(void)
{
	at_thread_enter();
	at_export_fork_unseen(__atomic_load_n(&has_threads, __ATOMIC_RELAXED));
	after_fork_in_child();
	at_thread_leave();
}

static void on_sigterm(int signal_number)
{
	struct sigaction usual = {.sa_handler = SIG_DFL};
	at_boot_end(true);
	sigaction(signal_number, &usual, NULL);
	raise(signal_number);
}

/* Only when asked for, and only in place of the default action. */
static void watch_sigterm(void)
{
	struct sigaction old;
	struct sigaction ours = {.sa_handler = on_sigterm, .sa_flags = SA_RESTART};
	if (sigaction(SIGTERM, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		sigaction(SIGTERM, &ours, NULL);
}

static void read_sampler(void)
{
	if (!at_sampler_init(&at_boot.sampler, at_boot.config.sampler,
			     at_boot.config.sampler_ratio))
		at_sampler_init(&at_boot.sampler, AT_STR("parentbased_always_on"), 1.0);
}

/* Programs overwrite their arguments, so the first is kept. */
static void keep_command(const char *command)
{
	struct at_str c = at_str_head(at_str_c(command), sizeof(command_text));
	if (c.n)
		memcpy(command_text, c.p, c.n);
	at_boot.config.command = at_str(command_text, c.n);
}

/* Shared with all that is forked from here on. */
static void prepare_complaint(void)
{
	void *p = MAP_FAILED;
	if (at_boot.config.warnings + at_boot.config.warnings_lost)
		p = mmap(NULL, sizeof(*complaint), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	complaint = p == MAP_FAILED ? NULL : p;
}

void at_boot_complain(void)
{
	uint32_t expected = 0;
	if (complaint && __atomic_compare_exchange_n(complaint, &expected, 1, false,
						     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		at_config_warn(&at_boot.config);
}

static void show(void)
{
	at_config_show(&at_boot.config);
	at_counter_show();
	at_slab_show();
	at_exchange_show();
	AT_BOARD_SHOW("started", AT_BOARD_NUMBER, at_boot.started);
}

void at_boot_start(const char *const *argv, const char *const *envp, const char *executed)
{
	enum at_selection selection = at_select_process(argv, envp, executed);
	at_board.state = at_select_text(selection);
	if (selection != AT_SELECT_TRACED ||
	    !at_config_load(&at_boot.config, envp, arena, sizeof(arena)))
		return;
	at_log_set_level((enum at_log_level)at_boot.config.log_level);
	at_log_open();
	prepare_complaint();
	keep_command(argv ? argv[0] : NULL);
	at_slab_limit(at_boot.config.memory_limit);
	at_clock_anchor();
	at_thread_look_around();
	read_sampler();
	at_boot.env_parent_valid =
		at_propagate_parse_traceparent(at_boot.config.traceparent, &at_boot.env_parent);
	at_boot.started = at_clock_unix(at_clock_now());
	show();
	at_boot.exporting = at_export_boot(&at_boot.config);
	if (!at_boot.exporting && (!at_boot.config.inject || !at_boot.config.propagators)) {
		at_board.state = "without an exporter, and without headers to add";
		return;
	}
	at_defer_start();
	at_roster_start();
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
	if (at_boot.config.sigterm && at_boot.exporting)
		watch_sigterm();
	at_process_begin(born_unseen);
}

void at_boot_thread(void)
{
	__atomic_store_n(&has_threads, 1, __ATOMIC_RELAXED);
}

void at_boot_end(bool ending)
{
	if (at_thread_pass() || !at_boot.exporting || at_process_is_guest())
		return;
	at_thread_enter();
	at_defer_release_all();
	if (ending)
		at_exchange_close_all("process_exit");
	at_thread_leave();
	at_export_catch_up();
	at_thread_enter();
	at_thread_let_signals();
	if (ending)
		at_export_exit(at_boot.config.exit_timeout_ms);
	else /* exec may fail, and the program then goes on as it was. */
		at_export_exec(at_boot.config.exit_timeout_ms);
	at_thread_leave();
}

void at_boot_confine(void)
{
	if (at_thread_pass())
		return;
	at_thread_enter();
	at_defer_release_all();
	at_thread_let_signals();
	at_export_exit(at_boot.config.exit_timeout_ms);
	/* Never ended: the background thread waits for that, as for a fork, and calls nothing else.
	 */
	at_export_fork_prepare();
	__atomic_store_n(&confined, 1, __ATOMIC_RELEASE);
	at_board.state = "no longer: it filters its own system calls (seccomp)";
	at_thread_leave();
	at_process_end();
}

bool at_boot_flush(unsigned timeout_ms)
{
	if (at_thread_pass() || !at_boot.exporting)
		return true;
	at_thread_enter();
	at_defer_release_all();
	at_thread_let_signals();
	int rc = at_export_flush(timeout_ms);
	at_thread_leave();
	return rc == 0;
}
