/*
 * One process's state as a JSON object; see glance.h. Fed by status.c; looks into the process with
 * peek.c and, where that is not allowed or the library is not there, at what /proc and the
 * examiners of `autotrace check` say.
 */
#include "cli/glance.h"

#include "cli/examine.h"
#include "cli/hint.h"
#include "cli/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t at_glance_number(const json_t *glance, const char *object, const char *member)
{
	json_int_t value =
		json_integer_value(json_object_get(json_object_get(glance, object), member));

	return value > 0 ? (uint64_t)value : 0;
}

static json_t *object_of(json_t *root, const char *name)
{
	json_t *object = json_object_get(root, name);

	if (!object) {
		object = json_object();
		json_object_set_new(root, name, object);
	}
	return object;
}

static void set(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void set_text(json_t *object, const char *name, const char *value)
{
	json_object_set_new(object, name, at_json_safe(value));
}

static uint64_t counter(const struct at_peek *peek, const char *name)
{
	unsigned count = at_peek_count(peek, "counters.names");

	for (unsigned i = 0; i < count; i++)
		if (strcmp(at_peek_text(peek, "counters.names", i), name) == 0)
			return at_peek_number(peek, "counters", i);
	return 0;
}

static void add_counters(json_t *root, const struct at_peek *peek)
{
	static const struct {
		const char *object, *member, *counter; /* as in glance.def */
	} rows[] = {
#define X(object, member, counter) {object, member, counter},
#include "cli/glance.def"
#undef X
	};
	json_t *all = json_object(), *causes = json_object();
	uint64_t lost = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *object = object_of(root, rows[i].object);
		uint64_t before = at_glance_number(root, rows[i].object, rows[i].member);

		set(object, rows[i].member, before + counter(peek, rows[i].counter));
	}
	for (unsigned i = 0; i < at_peek_count(peek, "counters.names"); i++) {
		uint64_t value = at_peek_number(peek, "counters", i);

		set(all, at_peek_text(peek, "counters.names", i), value);
		if (!at_peek_number(peek, "counters.losses", i))
			continue;
		lost += value;
		if (value)
			set(causes, at_peek_text(peek, "counters.texts", i), value);
	}
	set(object_of(root, "spans"), "lost", lost);
	json_object_set_new(object_of(root, "spans"), "lost_by", causes);
	json_object_set_new(root, "counters", all);
}

/* ---- settings ---- */

static void add_setting(json_t *list, const char *name, const char *value, const char *origin,
			const char *note)
{
	json_t *setting = json_object();

	set_text(setting, "name", name);
	set_text(setting, "value", value);
	set_text(setting, "origin", origin);
	if (*note)
		set_text(setting, strcmp(origin, "fallback") == 0 ? "used" : "by", note);
	json_array_append_new(list, setting);
}

/* Whether this row has no default to tell of: it is told of already, or another variable fills its
 * field. */
static bool is_told(const struct at_peek *peek, const char *const *names, const char *const *fields,
		    size_t rows, size_t row)
{
	for (unsigned i = 0; i < at_peek_count(peek, "settings"); i += 4)
		for (size_t k = 0; k < rows; k++)
			if (strcmp(fields[k], fields[row]) == 0 &&
			    strcmp(names[k], at_peek_text(peek, "settings", i)) == 0 &&
			    (k == row ||
			     strcmp(at_peek_text(peek, "settings", i + 2), "environment") == 0))
				return true;
	return false;
}

/* What the variables of the environment came to, then the defaults of all others, which we only
 * know when we are of the same version. */
static void add_settings(json_t *root, const struct at_peek *peek)
{
#define AT_OPTION(name, field, type, fallback, secret, help) #name,
	static const char *const names[] = {
#include "config/options.def"
#undef AT_OPTION
	};
#define AT_OPTION(name, field, type, fallback, secret, help) #field,
	static const char *const fields[] = {
#include "config/options.def"
#undef AT_OPTION
	};
#define AT_OPTION(name, field, type, fallback, secret, help) fallback,
	static const char *const defaults[] = {
#include "config/options.def"
#undef AT_OPTION
	};
	const size_t rows = sizeof(names) / sizeof(names[0]);
	json_t *list = json_array(), *warnings = json_array();

	for (unsigned i = 0; i + 3 < at_peek_count(peek, "settings"); i += 4)
		add_setting(list, at_peek_text(peek, "settings", i),
			    at_peek_text(peek, "settings", i + 1),
			    at_peek_text(peek, "settings", i + 2),
			    at_peek_text(peek, "settings", i + 3));
	for (size_t i = 0; i < rows; i++)
		if (*defaults[i] && strcmp(at_text_get(&peek->version), AT_VERSION) == 0 &&
		    !is_told(peek, names, fields, rows, i))
			add_setting(list, names[i], defaults[i], "default", "");
	for (unsigned i = 0; i < at_peek_count(peek, "warnings"); i++)
		json_array_append_new(warnings, at_json_safe(at_peek_text(peek, "warnings", i)));
	json_object_set_new(root, "settings", list);
	json_object_set_new(root, "warnings", warnings);
}

/* ---- the whole ---- */

static void add_rest(json_t *root, const struct at_peek *peek)
{
	json_t *exporter = object_of(root, "exporter"), *spans = object_of(root, "spans");
	uint64_t open = at_peek_number(peek, "requests.open", 0);
	uint64_t finished = at_glance_number(root, "spans", "finished");
	uint64_t met = at_glance_number(root, "spans", "delivered") +
		       at_glance_number(root, "spans", "lost") +
		       at_glance_number(root, "spans", "dropped_by_processors") +
		       at_peek_number(peek, "queue.spans", 0);

	set(object_of(root, "requests"), "served", at_peek_number(peek, "requests.served", 0));
	set(object_of(root, "requests"), "open", open >> 32);
	set(spans, "waiting", at_peek_number(peek, "queue.spans", 0));
	/* With several exporters each of them counts what it delivers. */
	set(spans, "in_delivery", finished > met ? finished - met : 0);
	set(spans, "waiting_max", at_peek_number(peek, "queue.spans_max", 0));
	json_object_set_new(exporter, "thread",
			    json_boolean(at_peek_number(peek, "exporter.started", 0)));
	set_text(exporter, "destination", at_peek_text(peek, "delivery.where", 0));
	set_text(exporter, "last_error", at_peek_text(peek, "delivery.error", 0));
	set(exporter, "last_error_unix_nano", at_peek_number(peek, "delivery.failed_at", 0));
	set(exporter, "failing_since_unix_nano", at_peek_number(peek, "delivery.failing_since", 0));
	set(exporter, "last_success_unix_nano", at_peek_number(peek, "delivery.good_at", 0));
	set(object_of(root, "memory"), "mapped", at_peek_number(peek, "memory.mapped", 0));
	set(object_of(root, "memory"), "limit", at_peek_number(peek, "memory.limit", 0));
	set(root, "started_unix_nano", at_peek_number(peek, "started", 0));
}

static uint64_t unix_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void add_board(json_t *root, const struct at_peek *peek)
{
	const char *state = at_text_get(&peek->state);

	set_text(root, "library", at_text_get(&peek->library));
	set_text(root, "version", at_text_get(&peek->version));
	set_text(root, "state", state);
	json_object_set_new(root, "traced", json_boolean(strcmp(state, "traced") == 0));
	if (peek->count == 0)
		return;
	set_text(root, "service", at_peek_text(peek, "service.name", 0));
	add_counters(root, peek);
	add_rest(root, peek);
	add_settings(root, peek);
	if (strcmp(state, "traced") == 0)
		at_hint_all(root, peek, unix_now());
}

static void add_hint(json_t *root, const char *hint)
{
	json_array_append_new(json_object_get(root, "hints"), at_json_safe(hint));
}

/* The thread's name is for everybody to see. */
static bool has_our_thread(pid_t pid)
{
	struct at_text threads = {0};
	bool found;

	at_process_threads(pid, &threads);
	found = strstr(at_text_get(&threads), "autotrace") != NULL;
	at_text_free(&threads);
	return found;
}

/* It is mapped, but its memory is closed to us. */
static void explain_closed(json_t *root, pid_t pid, bool mapped)
{
	FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = file ? fgetc(file) : EOF;

	set_text(root, "state",
		 mapped ? "cannot be told: the library is mapped, but its memory may not be read"
			: "cannot be told: it may not be looked at");
	add_hint(root,
		 scope == EOF || scope == '0'
			 ? "ask as its own user, or as root with CAP_SYS_PTRACE"
			 : "kernel.yama.ptrace_scope closes it to its own user too: ask as root "
			   "with CAP_SYS_PTRACE");
	if (has_our_thread(pid))
		add_hint(root, "it has the exporter's thread: it is traced and has finished spans");
	else if (mapped)
		add_hint(root, "it has no exporter's thread: no span was finished yet");
	if (file)
		fclose(file);
}

/* It is not mapped: what `autotrace check` says. */
static void explain_absent(json_t *root, pid_t pid, const char *library)
{
	struct at_subject subject = {0};
	struct at_report report = {0};
	const struct at_finding *decisive;

	at_subject_open_process(&subject, pid, library, &report);
	at_examine_reach(&subject, &report);
	decisive = at_report_decisive(&report);
	set_text(root, "state", "not traced: the library is not mapped");
	if (decisive)
		add_hint(root, decisive->what);
	else
		add_hint(root, "it was started without the library in LD_PRELOAD; a running "
			       "process cannot be joined: restart it with `autotrace run`");
	at_report_free(&report);
	at_subject_close(&subject);
}

static void explain(json_t *root, pid_t pid, const char *library, int error)
{
	json_object_set_new(root, "traced", json_false());
	if (error == ENOENT)
		explain_absent(root, pid, library);
	else if (error == EPERM || error == EACCES)
		explain_closed(root, pid, error == EPERM);
	else if (error == EPROTO)
		set_text(root, "state", "cannot be told: its library is of another version");
	else
		set_text(root, "state",
			 error == ESRCH ? "there is no such process" : strerror(error));
}

/* What is known of any process. */
static json_t *begin(pid_t pid, const struct at_process *process)
{
	json_t *root = json_object();
	struct at_text command = {0};
	const char *word = NULL;

	while ((word = at_process_next(&process->arguments, word)))
		at_text_addf(&command, "%s%s", command.size > 0 ? " " : "", word);
	set(root, "pid", (uint64_t)pid);
	set_text(root, "program", process->program ? process->program : "");
	set_text(root, "command", at_text_get(&command));
	set(root, "user", process->user);
	json_object_set_new(root, "hints", json_array());
	at_text_free(&command);
	return root;
}

json_t *at_glance(pid_t pid, const char *library)
{
	struct at_process process;
	struct at_peek peek;
	int error = at_process_open(&process, pid);
	json_t *root = begin(pid, &process);

	memset(&peek, 0, sizeof(peek));
	if (error == 0)
		error = at_peek_open(&peek, pid);
	if (error == 0)
		add_board(root, &peek);
	else
		explain(root, pid, library, error);
	at_peek_close(&peek);
	at_process_close(&process);
	return root;
}

json_t *at_glance_brief(pid_t pid, unsigned *hidden)
{
	struct at_peek peek;
	int error = at_peek_open(&peek, pid);

	at_peek_close(&peek);
	if (error == EACCES || error == EPERM)
		++*hidden;
	return error == 0 || error == EPERM || error == EPROTO ? at_glance(pid, NULL) : NULL;
}
