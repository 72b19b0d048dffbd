/*
 * The types that a setting can have: one function for each reads the text of a value into its field
 * of struct at_config. Called by config.c only, in the constructor; pure but for the arena.
 */
#ifndef AT_CONFIG_VALUE_H
#define AT_CONFIG_VALUE_H

#include "base/bytes.h"

/* The caller's memory that texts are copied to. */
struct at_value_arena {
	char *p;     /* next free byte */
	size_t room; /* bytes left */
};

/* What became of a value. */
enum at_verdict {
	AT_VALUE_OK,
	AT_VALUE_BAD,        /* not usable; the field is untouched */
	AT_VALUE_PART,       /* a list: `item` is not usable, the rest is in the field */
	AT_VALUE_TOO_LONG,   /* no room in the arena; the field is untouched */
	AT_VALUE_UNSUPPORTED /* understood, but not there yet; the field is untouched */
};

struct at_config;

/* One value on its way into the struct. */
struct at_value {
	struct at_str name;           /* the variable */
	struct at_str text;           /* its value: trimmed, never empty */
	void *field;                  /* the member of struct at_config */
	struct at_value_arena *arena; /* for texts */
	struct at_str item; /* out: the offending piece (AT_VALUE_PART, AT_VALUE_UNSUPPORTED) */
	const struct at_config *config; /* what the rows before have set; NULL: nothing */
};

#define AT_TYPE(name, is_text, expected) enum at_verdict at_value_##name(struct at_value *v);
#include "config/types.def"
#undef AT_TYPE

/* The words for bits of AT_VALUE_PART lists into dst: "tracecontext,baggage" or "none"; returns the
 * length. */
size_t at_value_propagator_names(unsigned set, char *dst, size_t cap);
size_t at_value_exporter_names(unsigned set, char *dst, size_t cap);
size_t at_value_bridge_names(unsigned set, char *dst, size_t cap);

/* Copies up to three pieces, one behind the other, and a NUL into the arena. False: no room. */
bool at_value_keep(struct at_value_arena *a, struct at_str *ret, struct at_str one,
		   struct at_str two, struct at_str three);

#endif
