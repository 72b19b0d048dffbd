/*
 * Delivers what ended processes left in the spool directory, file by file, under the resource of
 * the process that made it. Driven step by step like a lane: by the worker of a traced process, or
 * by `autotrace flush`. One thread.
 */
#ifndef AT_EXPORT_RECOVER_H
#define AT_EXPORT_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

struct at_config;
struct at_recover;

/* What became of the files and of their spans, since the start. */
struct at_recover_tally {
	uint64_t files;     /* done with: delivered, and removed */
	uint64_t delivered; /* spans */
	uint64_t unsure;    /* of them: on their way when their process died, maybe there before */
	uint64_t rejected;  /* spans that the backend accepted the rest of a batch without */
	uint64_t torn;      /* stretches of files that hold no whole record */
	uint64_t filtered;  /* spans that a processor dropped */
	uint64_t busy;      /* files of living processes, or in somebody else's hands */
	uint64_t left;      /* files that could not be delivered now */
	uint64_t other;     /* files of another version: left alone */
	uint64_t damaged;   /* files without a readable head, and what is no spool file */
	uint64_t expired;   /* files dropped: too old, or too many */
	uint64_t lost;      /* spans in those */
	int error;          /* errno of the directory, 0: it could be read */
};

/* patient: files of every size are read (a traced program's memory is not ours to fill). NULL: no
 * memory, or no exporter that can. The configuration must stay. */
struct at_recover *at_recover_open(const struct at_config *c, bool patient);

/* Begins to look through the directory. */
void at_recover_begin(struct at_recover *r);

/* Goes on; true when it got further. `hurry`: no batch is begun any more. */
bool at_recover_step(struct at_recover *r, uint64_t now, bool hurry);

/* Whether it is through with the directory. */
bool at_recover_idle(const struct at_recover *r);

/* When the next step makes sense, monotonic ns; 0: when the network says; UINT64_MAX: never. */
uint64_t at_recover_next(const struct at_recover *r);

const struct at_recover_tally *at_recover_tally(const struct at_recover *r);

/* In a forked child, with what the parent had (or NULL): lets go of its file. */
void at_recover_after_fork(struct at_recover *r);

#endif
