/*
 * What a spool file looks like, and the reader of those that ended processes left behind. Pure:
 * bytes in, records out; everything in a file is foreign. spool.c writes, recover.c reads.
 *
 *   0            4096                                    65536
 *   | struct     | settings (text) | resource (packed)   | the ring (base/ring.c), a power of two …
 * | | spool_head |                 |                     |
 *
 * A record of the ring is sealed: the checksum in its header covers where it lies in the endless
 * stream, its length and its bytes, salted with a number of the file. So what an earlier lap left
 * behind, a record that was half written, or bytes a client made up never pass for one.
 */
#ifndef AT_EXPORT_SPOOL_FILE_H
#define AT_EXPORT_SPOOL_FILE_H

#include "base/bytes.h"
#include "base/checksum.h"

#define AT_SPOOL_MAGIC     "autospl\n"
#define AT_SPOOL_VERSION   1u
#define AT_SPOOL_SETTINGS  4096u  /* where the settings lie */
#define AT_SPOOL_RESOURCE  20480u /* where the resource lies */
#define AT_SPOOL_RING      65536u /* where the ring lies */
#define AT_SPOOL_RING_MIN  4096u
#define AT_SPOOL_RING_MAX  (256u << 20)
#define AT_SPOOL_SUFFIX    ".spool"
#define AT_SPOOL_UNDER_WAY ".new" /* of a file that is being made */

/* Bytes at the file's start. All numbers in the machine's order. */
struct at_spool_head {
	/* Written once, before the file has its name; `check` is over what stands before it. */
	char magic[8];         /* AT_SPOOL_MAGIC */
	uint32_t version;      /* AT_SPOOL_VERSION; the rest is for this version */
	uint32_t pid;          /* of the process, as it saw itself */
	uint64_t layout;       /* at_record_layout() of the writer */
	uint64_t ring_bytes;   /* a power of two */
	uint64_t salt;         /* of the records' seals */
	uint8_t instance[16];  /* service.instance.id */
	uint64_t settings;     /* bytes of settings */
	uint64_t settings_sum; /* their at_checksum, salted */
	uint64_t check;

	/* Written once by the exporter's thread: the length last. */
	uint64_t resource_sum; /* at_checksum of the packed resource, salted */
	uint64_t resource;     /* its bytes; 0: not there yet (atomic) */

	/* at_spool_mark_of() of positions, moved on with each acknowledgement: everything before
	 * the first has been delivered or given up; everything before the second has been zeroed as
	 * well, and its room belongs to the next lap (atomic). */
	uint64_t mark[2];

	/* The same for the end of the batch that was last sent: what lies before it and behind the
	 * mark was on its way, and may have arrived (atomic). */
	uint64_t flight;
};

/* A position, a multiple of 16, and a short checksum of it in one word, so that it is never half
 * written. */
uint64_t at_spool_mark_of(uint64_t salt, uint64_t position);

/* What stands in `check`. */
uint64_t at_spool_head_check(const struct at_spool_head *h);

/* The seal of a record of n bytes that begins at `position`. */
static inline uint64_t at_spool_seal_of(uint64_t salt, uint64_t position, const void *record,
					size_t n)
{
	return at_checksum(at_checksum_mix(salt, position), record, n);
}

/* What a file turned out to be. */
enum at_spool_verdict {
	AT_SPOOL_GOOD,
	AT_SPOOL_FOREIGN, /* no spool file at all */
	AT_SPOOL_OTHER,   /* of another version, or with records that this program cannot read */
	AT_SPOOL_DAMAGED  /* a spool file whose head or marks are unreadable */
};

/* A file being read. */
struct at_spool_reader {
	const struct at_spool_head *head;
	const char *ring;       /* the bytes of the ring that are there */
	uint64_t there;         /* how many: fewer than ring_bytes when it was cut */
	struct at_str settings; /* NAME=VALUE, each with its NUL; empty when damaged */
	struct at_str resource; /* packed; empty when it is not there or damaged */
	bool settings_lost;     /* there were settings, but damaged */
	uint64_t position;      /* next byte of the stream to look at */
	uint64_t flight;        /* records before this position may have been delivered */
	uint64_t end;           /* behind the last that can be there */
	uint64_t budget;        /* bytes that may still be summed up: foreign files are no work */
	uint64_t torn;          /* stretches that hold something unreadable, so far; one for a
				 * file that was cut */
	bool in_gap;            /* the last bytes looked at were no record */
};

/* Looks at the n bytes of a file, aligned to 8, which must stay while it is read. layout as of
 * at_record_layout(). */
enum at_spool_verdict at_spool_read(struct at_spool_reader *r, const void *file, size_t n,
				    uint64_t layout);

/* The next record that is whole, or NULL: no more. r->position is then behind it. */
const void *at_spool_next(struct at_spool_reader *r, size_t *ret_n);

#endif
