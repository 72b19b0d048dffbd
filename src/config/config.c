/*
 * Loads the settings: walks the environment once, gives each value to the function of its type and
 * collects what there is to complain about. Called by flow in the constructor of every process, so
 * it must cost microseconds and need nothing that is not there yet. Owns nothing: struct and arena
 * are the caller's. What a value means is value.c's job, how a complaint is worded warning.c's.
 */
#include "config/config.h"

#include "base/board.h"
#include "base/log.h"
#include "config/select.h"
#include "config/value.h"
#include "config/warning.h"

enum type {
#define AT_TYPE(name, is_text, expected) TYPE_##name,
#include "config/types.def"
#undef AT_TYPE
	TYPES
};

static const struct {
	enum at_verdict (*read)(struct at_value *v);
	bool is_text;         /* the field is a struct at_str */
	const char *expected; /* for the warning */
} types[TYPES] = {
#define AT_TYPE(name, is_text, expected) {at_value_##name, is_text, expected},
#include "config/types.def"
#undef AT_TYPE
};

enum option {
#define AT_OPTION(name, field, type, fallback, secret, help) OPTION_##name,
#include "config/options.def"
#undef AT_OPTION
	OPTIONS
};

static const struct {
	struct at_str name;
	uint16_t offset;        /* of the field in struct at_config */
	uint8_t type;           /* enum type */
	bool secret;            /* never show the value */
	struct at_str fallback; /* the default */
} options[OPTIONS] = {
#define AT_OPTION(name, field, type, fallback, secret, help) \
	{{#name, sizeof(#name) - 1},                         \
	 offsetof(struct at_config, field),                  \
	 TYPE_##type,                                        \
	 secret,                                             \
	 {fallback, sizeof(fallback) - 1}},
#include "config/options.def"
#undef AT_OPTION
};

/* Names of unknown AUTOTRACE_ variables kept for a warning each. */
#define STRANGERS 8

/* Bytes of a value that are told. */
#define TOLD_MAX 200

/* What the walk finds. Lives on the constructor's stack. */
struct found {
	const char *value[OPTIONS];        /* first non-empty value of each, or NULL */
	uint8_t verdict[OPTIONS];          /* enum at_verdict, for those that have a value */
	struct at_str item[OPTIONS];       /* the piece that AT_VALUE_PART complains about */
	struct at_str stranger[STRANGERS]; /* names that are no setting */
	unsigned strangers;                /* how many of them there are */
};

static int look_up(struct at_str name)
{
	for (int i = 0; i < OPTIONS; i++)
		if (options[i].name.n == name.n && memcmp(options[i].name.p, name.p, name.n) == 0)
			return i;
	return -1;
}

static void walk(struct found *f, const char *const *envp)
{
	for (; envp && *envp; envp++) {
		const char *entry = *envp, *equals;
		bool ours = strncmp(entry, "AUTOTRACE_", 10) == 0;
		if (!ours && strncmp(entry, "OTEL_", 5) != 0 && strncmp(entry, "TRACE", 5) != 0 &&
		    strncmp(entry, "BAGGAGE=", 8) != 0)
			continue;
		equals = strchr(entry, '=');
		if (!equals)
			continue;
		struct at_str name = at_str(entry, (size_t)(equals - entry));
		int i = look_up(name);
		if (i >= 0 && !f->value[i])
			f->value[i] = equals + 1;
		else if (i < 0 && ours && f->strangers < STRANGERS)
			f->stranger[f->strangers++] = name;
	}
}

static enum at_verdict read_value(struct at_config *c, enum option i, struct at_str text,
				  struct at_value_arena *arena, struct at_str *ret_item)
{
	struct at_value v = {options[i].name, text,        (char *)c + options[i].offset,
			     arena,           AT_STR_NONE, c};
	enum at_verdict verdict = types[options[i].type].read(&v);
	*ret_item = v.item;
	return verdict;
}

static void set_defaults(struct at_config *c, struct at_value_arena *arena)
{
	struct at_str item;
	memset(c, 0, sizeof(*c));
	c->attr_value_limit = SIZE_MAX;
	for (int i = 0; i < OPTIONS; i++) {
		struct at_str *text = (struct at_str *)((char *)c + options[i].offset);
		if (types[options[i].type].is_text && !text->p)
			*text = AT_STR("");
		if (options[i].fallback.n)
			read_value(c, i, options[i].fallback, arena, &item);
	}
}

/* What option i reads when nothing is set: OTLP/gRPC has a port of its own. */
static struct at_str fallback(const struct at_config *c, enum option i)
{
	if (i == OPTION_OTEL_EXPORTER_OTLP_ENDPOINT && c->otlp_protocol == AT_OTLP_GRPC)
		return AT_STR("http://localhost:4317");
	return options[i].fallback;
}

/* The text that the field of option i was last filled from; empty when it has its default and that
 * is empty. */
static struct at_str text_used(const struct at_config *c, const struct found *f, enum option i)
{
	struct at_str used = AT_STR_NONE;
	for (int k = 0; k < OPTIONS; k++) {
		if (options[k].offset != options[i].offset)
			continue;
		if (options[k].fallback.n)
			used = fallback(c, k);
		if (f->value[k] && f->verdict[k] == AT_VALUE_OK)
			used = at_str_c(f->value[k]);
	}
	return used;
}

/* The same, in words, also for lists; `names` has 128 bytes. */
static struct at_str used_words(const struct at_config *c, const struct found *f, enum option i,
				char *names)
{
	if (options[i].type == TYPE_propagators)
		return at_str(names, at_value_propagator_names(c->propagators, names, 128));
	if (options[i].type == TYPE_bridges)
		return at_str(names, at_value_bridge_names(c->bridges, names, 128));
	if (options[i].type == TYPE_exporters)
		return at_str(names, at_value_exporter_names(c->exporters, names, 128));
	return text_used(c, f, i);
}

/* The row whose value stands in the field of option i instead of its own, or -1. */
static int overruled_by(const struct found *f, enum option i)
{
	int by = -1;
	for (int k = i + 1; k < OPTIONS; k++)
		if (options[k].offset == options[i].offset && f->value[k] &&
		    f->verdict[k] == AT_VALUE_OK && options[i].type != TYPE_injected &&
		    options[i].type != TYPE_injected_list)
			by = k;
	return by;
}

/* A value that may be shown, cut; a URL with user and password in it may not. */
static struct at_str shown(enum option i, struct at_str value)
{
	if (options[i].secret || at_str_find(value, '@') >= 0)
		return AT_STR("(not shown)");
	return at_str_head(value, TOLD_MAX);
}

/* Notes down one variable that is set, for whoever asks what this process was told. */
static void tell(struct at_config *c, const struct found *f, enum option i,
		 struct at_value_arena *arena)
{
	char names[128];
	int by = overruled_by(f, i);
	struct at_told t = {.name = options[i].name, .origin = AT_STR("environment")};
	struct at_str note = AT_STR_NONE;
	if (c->tolds == AT_CONFIG_TOLD)
		return;
	if (f->verdict[i] != AT_VALUE_OK) {
		t.origin = AT_STR("fallback");
		note = shown(i, used_words(c, f, i, names));
	} else if (by >= 0) {
		t.origin = AT_STR("overruled");
		note = options[by].name;
	}
	if (at_value_keep(arena, &t.value, shown(i, at_str_trim(at_str_c(f->value[i]))),
			  AT_STR_NONE, AT_STR_NONE) &&
	    at_value_keep(arena, &t.note, note, AT_STR_NONE, AT_STR_NONE))
		c->told[c->tolds++] = t;
}

static void complain(struct at_config *c, const struct found *f, enum option i,
		     struct at_value_arena *arena)
{
	char names[128];
	struct at_complaint p = {.name = options[i].name,
				 .value = at_str_trim(at_str_c(f->value[i])),
				 .item = f->item[i],
				 .verdict = f->verdict[i],
				 .expected = types[options[i].type].expected,
				 .secret = options[i].secret};
	p.used = used_words(c, f, i, names);
	at_warning_value(c, arena, &p);
}

static void apply(struct at_config *c, struct found *f, struct at_value_arena *arena)
{
	struct at_str item;
	if (!f->value[OPTION_OTEL_TRACES_SAMPLER])
		f->value[OPTION_OTEL_TRACES_SAMPLER_ARG] = NULL;
	for (int i = 0; i < OPTIONS; i++) {
		struct at_str text = at_str_trim(at_str_c(f->value[i]));
		if (fallback(c, i).p != options[i].fallback.p)
			read_value(c, i, fallback(c, i), arena, &item);
		if (text.n == 0)
			f->value[i] = NULL;
		else
			f->verdict[i] = (uint8_t)read_value(c, i, text, arena, &f->item[i]);
	}
}

static struct at_str nearest(struct at_str name)
{
	struct at_str best = AT_STR_NONE;
	unsigned least = 4;
	for (int i = 0; i < OPTIONS; i++) {
		if (!at_str_starts(options[i].name, AT_STR("AUTOTRACE_")))
			continue;
		unsigned distance = at_warning_distance(name, options[i].name);
		if (distance < least) {
			least = distance;
			best = options[i].name;
		}
	}
	return best;
}

/* Rules that concern several settings. */
static void settle(struct at_config *c, const struct found *f, struct at_value_arena *arena)
{
	if (c->bsp_max_export_batch_size > c->bsp_max_queue_size) {
		c->bsp_max_export_batch_size = c->bsp_max_queue_size;
		if (f->value[OPTION_OTEL_BSP_MAX_EXPORT_BATCH_SIZE])
			at_warning_batch(c, arena);
	}
	if (!c->env_context)
		c->traceparent = c->tracestate = c->baggage = AT_STR("");
}

bool at_config_load(struct at_config *c, const char *const *envp, char *arena, size_t room)
{
	struct at_value_arena a = {arena, room};
	struct found f;
	memset(&f, 0, sizeof(f));
	set_defaults(c, &a);
	walk(&f, envp);
	if (at_select_kills(at_str_c(f.value[OPTION_AUTOTRACE_DISABLED]))) {
		c->disabled = true;
		return false;
	}
	apply(c, &f, &a);
	settle(c, &f, &a);
	for (int i = 0; i < OPTIONS; i++) {
		if (f.value[i] && f.verdict[i] != AT_VALUE_OK)
			complain(c, &f, i, &a);
		if (f.value[i])
			tell(c, &f, i, &a);
	}
	for (unsigned i = 0; i < f.strangers; i++)
		at_warning_stranger(c, &a, f.stranger[i], nearest(f.stranger[i]));
	return !c->disabled;
}

void at_config_show(const struct at_config *c)
{
	at_board_show("settings", AT_BOARD_STR, c->told, c->tolds * sizeof(c->told[0]));
	at_board_show("warnings", AT_BOARD_STR, c->warning, c->warnings * sizeof(c->warning[0]));
	AT_BOARD_SHOW("service.name", AT_BOARD_STR, c->service_name);
	AT_BOARD_SHOW("command", AT_BOARD_STR, c->command);
	AT_BOARD_SHOW("queue.spans_max", AT_BOARD_NUMBER, c->bsp_max_queue_size);
	AT_BOARD_SHOW("sampler", AT_BOARD_STR, c->sampler);
	AT_BOARD_SHOW("exporters", AT_BOARD_NUMBER, c->exporters);
	AT_BOARD_SHOW("inject", AT_BOARD_NUMBER, c->inject);
	AT_BOARD_SHOW("propagators", AT_BOARD_NUMBER, c->propagators);
	AT_BOARD_SHOW("sdk_disabled", AT_BOARD_NUMBER, c->sdk_disabled);
}

void at_config_warn(const struct at_config *c)
{
	for (unsigned i = 0; i < c->warnings; i++)
		at_log(AT_LOG_WARN, "%.*s", AT_STR_ARG(c->warning[i]));
	if (c->warnings_lost)
		at_log(AT_LOG_WARN, "%u more settings are malformed or unknown", c->warnings_lost);
}
