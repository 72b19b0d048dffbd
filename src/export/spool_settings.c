/*
 * Fed by spool.c when a file is made, and by recover.c with what it finds in one; the latter is
 * foreign and goes through the same reader as the environment.
 */
#include "export/spool_settings.h"

#include <sys/syscall.h>

#include "config/config.h"
#include "libc/sys.h"

#define ENTRIES    16
#define COMMAND    "command="
#define EXECUTABLE "executable="

/* Settings that are texts, by the name that stands for them. */
static const struct {
	const char *name;
	size_t offset; /* of the field in struct at_config */
} texts[] = {
	{"OTEL_SERVICE_NAME=", offsetof(struct at_config, service_name)},
	{"OTEL_RESOURCE_ATTRIBUTES=", offsetof(struct at_config, resource_attributes)},
	{"OTEL_INJECTOR_RESOURCE_ATTRIBUTES=", offsetof(struct at_config, injected_attributes)},
	{"AUTOTRACE_ROUTES=", offsetof(struct at_config, routes)},
	{"AUTOTRACE_REDACT_QUERY_ADD=", offsetof(struct at_config, redact_add)},
	{"AUTOTRACE_REDACT_QUERY_REMOVE=", offsetof(struct at_config, redact_remove)},
	{COMMAND, offsetof(struct at_config, command)},
};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))

/* Text being put together. */
struct out {
	char *p;     /* caller's memory */
	size_t room; /* bytes there are */
	size_t n;    /* bytes used */
	bool full;   /* something did not fit */
};

static void put(struct out *o, struct at_str s)
{
	if (s.n > o->room - o->n) {
		o->full = true;
		return;
	}
	if (s.n)
		memcpy(o->p + o->n, s.p, s.n);
	o->n += s.n;
}

static void put_entry(struct out *o, const char *name, struct at_str value)
{
	if (!value.n)
		return;
	put(o, at_str_c(name));
	put(o, value);
	put(o, at_str("", 1));
}

static void put_executable(struct out *o)
{
	struct at_str name = AT_STR(EXECUTABLE);
	size_t mark = o->n;
	put(o, name);
	if (o->full || o->n == o->room)
		return;
	long n = at_sys(SYS_readlink, (long)"/proc/self/exe", (long)(o->p + o->n),
			(long)(o->room - o->n));
	if (n <= 0 || (size_t)n > o->room - o->n) {
		o->n = mark;
		return;
	}
	o->n += (size_t)n;
	put(o, at_str("", 1));
}

bool at_spool_settings_write(const struct at_config *c, char *dst, size_t room, size_t *ret_n)
{
	struct out o = {.p = dst, .room = room};
	char digits[20];
	for (size_t i = 0; i < TEXTS; i++)
		put_entry(&o, texts[i].name,
			  *(const struct at_str *)((const char *)c + texts[i].offset));
	if (!c->route_heuristic)
		put_entry(&o, "AUTOTRACE_ROUTE_HEURISTIC=", AT_STR("false"));
	if (c->attr_value_limit != SIZE_MAX)
		put_entry(&o, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=",
			  at_str(digits, at_dec_encode(digits, c->attr_value_limit)));
	put_executable(&o);
	*ret_n = o.n;
	return !o.full;
}

/* The entries of the block; the last one must end like the others. */
static void split(struct at_str settings, const char *entry[ENTRIES + 1])
{
	unsigned n = 0;
	while (settings.n && n < ENTRIES) {
		ptrdiff_t end = at_str_find(settings, 0);
		if (end < 0)
			break;
		entry[n++] = settings.p;
		settings = at_str_from(settings, (size_t)end + 1);
	}
	entry[n] = NULL;
}

static struct at_str find(const char *const *entry, struct at_str name)
{
	for (; *entry; entry++)
		if (at_str_starts(at_str_c(*entry), name))
			return at_str_from(at_str_c(*entry), name.n);
	return AT_STR_NONE;
}

void at_spool_settings_load(struct at_str settings, struct at_config *c, char *arena, size_t room)
{
	const char *entry[ENTRIES + 1];
	split(settings, entry);
	at_config_load(c, entry, arena, room);
	c->command = find(entry, AT_STR(COMMAND));
}

struct at_str at_spool_settings_executable(struct at_str settings)
{
	const char *entry[ENTRIES + 1];
	split(settings, entry);
	return find(entry, AT_STR(EXECUTABLE));
}
