/*
 * The words of complaints about settings: one line each, naming the variable and the value used
 * instead. Called by config.c at the end of loading; pure but for the config's list and the arena.
 */
#ifndef AT_CONFIG_WARNING_H
#define AT_CONFIG_WARNING_H

#include "config/config.h"
#include "config/value.h"

/* A value that is not (wholly) usable. */
struct at_complaint {
	struct at_str name;      /* the variable */
	struct at_str value;     /* what it holds */
	struct at_str item;      /* the offending piece of a list, or what is not supported */
	struct at_str used;      /* the value used instead; empty: none */
	const char *expected;    /* "… is not <expected>" */
	enum at_verdict verdict; /* what is wrong */
	bool secret;             /* neither value nor item nor used may be shown */
};

void at_warning_value(struct at_config *c, struct at_value_arena *a, const struct at_complaint *p);

/* An AUTOTRACE_ variable that is no setting; nearest: the one that may be meant, or empty. */
void at_warning_stranger(struct at_config *c, struct at_value_arena *a, struct at_str name,
			 struct at_str nearest);

/* The batch was made as small as the queue. */
void at_warning_batch(struct at_config *c, struct at_value_arena *a);

/* Edits (insert, delete, replace) that turn a into b; UINT_MAX when either is over 63 bytes. */
unsigned at_warning_distance(struct at_str a, struct at_str b);

#endif
