/*
 * See recover.h. Fed by spool_dir.c with files, feeds an exporter of its own. Owns the file it has
 * claimed, its bytes, and the batch under way.
 *
 *   idle --begin--> looking --file claimed--> filling --batch--> sending --accepted--> filling
 *    ^                |  ^                       |                  |
 *    +---- no more ---+  +----- file empty ------+                  +--not now--> looking, or idle
 *
 * With each accepted batch the file's mark moves on, so another recoverer goes on where this one
 * stopped. What cannot be delivered stays: only age and the limit on bytes take it away.
 */
#include "export/recover.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/counter.h"
#include "base/fdmap.h"
#include "base/log.h"
#include "config/config.h"
#include "export/exporter.h"
#include "export/spool_dir.h"
#include "export/spool_file.h"
#include "export/spool_settings.h"
#include "libc/sys.h"
#include "processor/chain.h"
#include "trace/resource.h"

#define BATCH_BYTES (8u << 20)
#define BATCH_CAP   (32u << 20)
#define SPARE_BYTES (1u << 20)
/* A traced program reads files up to this size. */
#define MODEST   (32u << 20)
#define ARENA    32768u
#define EXPIRE_S (7 * 86400)

enum state { IDLE, LOOKING, FILLING, SENDING };

/* The file under way. */
struct file {
	int fd;                        /* claimed, -1: none */
	const char *name;              /* in the directory's list */
	void *bytes;                   /* a copy of it */
	size_t n;                      /* bytes of that */
	struct at_spool_reader reader; /* at the next record */
	uint64_t upto;                 /* where the mark will be once the batch is accepted */
	struct at_config config;       /* as its process was configured, for the processors */
	char arena[ARENA];             /* texts of that */
	struct at_chain chain;         /* the processors */
	struct at_resource *resource;  /* whose spans they are */
	uint64_t delivered;            /* spans so far */
	uint64_t repeated;             /* of them: were on their way before */
	bool unsure;                   /* those of the batch under way may have arrived before */
};

struct at_recover {
	enum state state;
	bool patient;                      /* see at_recover_open */
	const struct at_config *config;    /* of this process: directory, exporter, limits */
	const struct at_exporter_ops *ops; /* the exporter */
	void *self;                        /* its state; NULL: not opened yet */
	struct at_spool_dir dir;
	unsigned next; /* entry to be looked at next */
	struct file file;
	struct at_batch batch;
	struct at_span span; /* the one being handled */
	struct at_recover_tally tally;
	bool told_other;   /* the line about other versions was written */
	bool told_damaged; /* the line about unreadable files was written */
};

/* One attempt for each batch, and no pauses in between: the next scan is another. */
static const bool one_attempt = true;

static const struct at_exporter_ops *find_exporter(const struct at_config *c)
{
	for (unsigned i = 0; i < at_exporters; i++)
		if ((c->exporters & at_exporter[i].bit) && at_exporter[i].ops->adopt)
			return at_exporter[i].ops;
	return NULL;
}

struct at_recover *at_recover_open(const struct at_config *c, bool patient)
{
	const struct at_exporter_ops *ops = find_exporter(c);
	struct at_recover *r = ops && c->spool_dir.n ? calloc(1, sizeof(*r)) : NULL;
	if (!r)
		return NULL;
	r->config = c;
	r->ops = ops;
	r->patient = patient;
	r->dir.fd = -1;
	r->file.fd = -1;
	r->batch.out.cap = BATCH_CAP;
	return r;
}

bool at_recover_idle(const struct at_recover *r)
{
	return r->state == IDLE;
}

const struct at_recover_tally *at_recover_tally(const struct at_recover *r)
{
	return &r->tally;
}

uint64_t at_recover_next(const struct at_recover *r)
{
	if (r->state == IDLE)
		return UINT64_MAX;
	return r->state == SENDING ? r->ops->next(r->self) : 1;
}

void at_recover_begin(struct at_recover *r)
{
	r->next = 0;
	if (r->state == IDLE && at_spool_dir_open(&r->dir, r->config->spool_dir.p, &r->tally.error))
		r->state = LOOKING;
}

/* ---- a file ---- */

static void forget(struct file *f)
{
	at_chain_close(&f->chain);
	at_resource_free(f->resource);
	f->resource = NULL;
	if (f->bytes)
		munmap(f->bytes, f->n);
	f->bytes = NULL;
	if (f->fd >= 0)
		at_spool_dir_release(f->fd);
	f->fd = -1;
	f->delivered = 0;
	f->repeated = 0;
}

/* Removes the file under way: nothing in it is wanted any more. */
static void finish(struct at_recover *r)
{
	struct file *f = &r->file;
	const struct at_spool_head *h = f->bytes;
	unsigned long torn = f->reader.torn;
	at_spool_dir_remove(&r->dir, f->name);
	r->tally.files++;
	r->tally.torn += torn;
	at_count(spool_torn, torn);
	if (torn)
		at_log(AT_LOG_WARN, "spool: %lu places of what process %u left cannot be read",
		       torn, h->pid);
	if (f->delivered)
		at_log(AT_LOG_INFO,
		       "spool: delivered %lu spans that process %u left, %lu of them were on their "
		       "way when it died",
		       (unsigned long)f->delivered, h->pid, (unsigned long)f->repeated);
	forget(f);
	r->state = LOOKING;
}

/* Lets go of the file under way, which stays. */
static void leave(struct at_recover *r)
{
	r->tally.left++;
	forget(&r->file);
	r->state = LOOKING;
}

static bool read_bytes(struct file *f, size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	f->bytes = p;
	f->n = n;
	for (size_t got = 0; got < n;) {
		long rc = at_sys6(SYS_pread64, f->fd, (long)p + (long)got, (long)(n - got),
				  (long)got, 0, 0);
		if (rc == -EINTR)
			continue;
		if (rc < 0)
			return false;
		if (rc == 0)
			break; /* cut meanwhile: zeros are nothing */
		got += (size_t)rc;
	}
	return true;
}

/* Whose spans these are: as the process wrote it down, or as far as the settings tell. */
static bool restore(struct file *f)
{
	struct at_str s = f->reader.settings;
	at_spool_settings_load(s, &f->config, f->arena, sizeof(f->arena));
	struct at_resource_user user = {
		.service_name = f->config.service_name,
		.attributes = f->config.resource_attributes,
		.injected = f->config.injected_attributes,
		.command = f->config.command,
		.instance = f->reader.head->instance,
	};
	f->resource = f->reader.resource.n ? at_resource_unpack(f->reader.resource) : NULL;
	if (!f->resource)
		f->resource = at_resource_outline(&user, f->reader.head->pid,
						  at_spool_settings_executable(s));
	at_chain_open(&f->chain, &f->config);
	return f->resource != NULL;
}

/* The exporter speaks for the file's process from now on. */
static bool dress_up(struct at_recover *r)
{
	struct at_exporter_env env = {
		.config = r->config, .resource = r->file.resource, .exiting = &one_attempt};
	if (r->self)
		return r->ops->adopt(r->self, r->file.resource);
	r->self = r->ops->open(&env);
	return r->self != NULL;
}

/* Says once what kind of files are left alone. */
static void pass_by(struct at_recover *r, bool other)
{
	bool *told = other ? &r->told_other : &r->told_damaged;
	uint64_t *count = other ? &r->tally.other : &r->tally.damaged;
	(*count)++;
	if (!*told)
		at_log(AT_LOG_WARN, "spool: %s/%s %s, left alone", r->config->spool_dir.p,
		       r->file.name,
		       other ? "was made by another version" : "is damaged or no spool file");
	*told = true;
	forget(&r->file);
}

/* Spans of the file under way that nobody will get. */
static void drop(struct at_recover *r)
{
	size_t n;
	unsigned long lost = 0;
	while (at_spool_next(&r->file.reader, &n))
		lost++;
	at_spool_dir_remove(&r->dir, r->file.name);
	r->tally.expired++;
	r->tally.lost += lost;
	at_count(spool_lost, lost);
	at_log(AT_LOG_WARN, "spool: dropped %s with %lu spans: too old, or over the limit",
	       r->file.name, lost);
	forget(&r->file);
}

/* Reads the claimed file of st_size bytes. */
static enum at_spool_verdict load(struct at_recover *r, const struct stat *st)
{
	struct file *f = &r->file;
	size_t n = (size_t)st->st_size;
	if (!n || n > AT_SPOOL_RING + AT_SPOOL_RING_MAX || !read_bytes(f, n))
		return AT_SPOOL_FOREIGN;
	enum at_spool_verdict verdict = at_spool_read(&f->reader, f->bytes, n, at_record_layout());
	/* Without its settings nobody knows what was to be redacted. */
	return verdict == AT_SPOOL_GOOD && f->reader.settings_lost ? AT_SPOOL_DAMAGED : verdict;
}

static void handle(struct at_recover *r, const struct at_spool_entry *e, const struct stat *st)
{
	if (!r->patient && (uint64_t)st->st_size > AT_SPOOL_RING + MODEST) {
		leave(r);
		return;
	}
	enum at_spool_verdict verdict = load(r, st);
	bool known = verdict == AT_SPOOL_GOOD || verdict == AT_SPOOL_DAMAGED;
	if (known && at_spool_dir_now() - e->changed > EXPIRE_S)
		drop(r);
	else if (verdict != AT_SPOOL_GOOD)
		pass_by(r, verdict == AT_SPOOL_OTHER);
	else if (!restore(&r->file) || !dress_up(r))
		leave(r);
	else
		r->state = FILLING;
}

static void look(struct at_recover *r)
{
	const struct at_spool_entry *e = &r->dir.entry[r->next++];
	struct stat st;
	int fd = at_spool_dir_claim(&r->dir, e->name, &st);
	r->tally.busy += fd == -EWOULDBLOCK;
	if (fd < 0)
		return;
	r->file.fd = fd;
	r->file.name = e->name;
	handle(r, e, &st);
}

/* ---- a batch ---- */

/* Adds one record to the batch. */
static void add(struct at_recover *r, const void *record, size_t n)
{
	struct at_span *s = &r->span;
	struct at_batch *b = &r->batch;
	if (!at_span_read(s, record, n) || !at_span_expand(s)) {
		r->file.reader.torn++;
		return;
	}
	if (!at_chain_run(&r->file.chain, s)) {
		r->tally.filtered++;
		return;
	}
	size_t mark = b->out.n;
	r->ops->add(r->self, b, s);
	if (b->out.failed) {
		b->out.failed = false;
		b->out.n = mark;
		r->file.reader.torn++;
		return;
	}
	b->spans++;
}

/* Writes a position into the head of the file. */
static void note(const struct file *f, size_t offset, uint64_t position)
{
	uint64_t mark = at_spool_mark_of(f->reader.head->salt, position);
	at_sys6(SYS_pwrite64, f->fd, (long)&mark, sizeof(mark), (long)offset, 0, 0);
}

static void fill(struct at_recover *r)
{
	struct file *f = &r->file;
	struct at_batch *b = &r->batch;
	const void *record;
	size_t n;
	at_out_reset(&b->out, SPARE_BYTES);
	b->spans = 0;
	b->start = 0;
	r->ops->begin(r->self, b);
	f->unsure = f->reader.position < f->reader.flight;
	while (b->spans < r->config->bsp_max_export_batch_size && b->out.n < BATCH_BYTES &&
	       !b->out.failed && (record = at_spool_next(&f->reader, &n))) {
		add(r, record, n);
		/* What was on its way stays together. */
		if (f->unsure && f->reader.position >= f->reader.flight)
			break;
	}
	f->upto = f->reader.position;
	if (b->out.failed) {
		leave(r);
	} else if (!b->spans) {
		finish(r);
	} else {
		r->ops->close(r->self, b);
		note(f, offsetof(struct at_spool_head, flight), f->upto);
		r->state = SENDING;
	}
}

/* The directory is done with, for now. */
static void rest(struct at_recover *r)
{
	at_spool_dir_close(&r->dir);
	r->state = IDLE;
}

/* Keeps the bytes of what is left below the limit: the oldest go. */
static void trim(struct at_recover *r)
{
	uint64_t sum = 0;
	for (unsigned i = r->dir.count; i-- > 0;) {
		struct stat st;
		r->file.name = r->dir.entry[i].name;
		r->file.fd = at_spool_dir_claim(&r->dir, r->file.name, &st);
		if (r->file.fd < 0)
			continue;
		sum += (uint64_t)st.st_blocks * 512;
		if (sum > r->config->spool_limit && load(r, &st) == AT_SPOOL_GOOD)
			drop(r);
		else
			forget(&r->file);
	}
	r->file.fd = -1;
}

static bool send(struct at_recover *r, uint64_t now)
{
	struct at_result result = {0};
	if (r->ops->step(r->self, &r->batch, now, &result) == AT_STEP_BUSY)
		return false;
	if (result.failed) {
		leave(r);
		if (result.again) {
			trim(r);
			rest(r);
		}
		return true;
	}
	note(&r->file, offsetof(struct at_spool_head, mark[0]), r->file.upto);
	r->tally.delivered += result.delivered;
	if (r->file.unsure) {
		r->tally.unsure += result.delivered;
		r->file.repeated += result.delivered;
	}
	r->tally.rejected += result.rejected;
	at_count(spool_lost, result.rejected);
	r->file.delivered += result.delivered;
	at_count(spans_recovered, result.delivered);
	r->state = FILLING;
	return true;
}

bool at_recover_step(struct at_recover *r, uint64_t now, bool hurry)
{
	if (r->state == SENDING)
		return send(r, now);
	if (r->state == IDLE)
		return false;
	if (hurry) {
		forget(&r->file);
		rest(r);
	} else if (r->state == FILLING) {
		fill(r);
	} else if (r->next < r->dir.count) {
		look(r);
	} else {
		rest(r);
	}
	return true;
}

void at_recover_after_fork(struct at_recover *r)
{
	int fds[] = {r ? r->file.fd : -1, r ? r->dir.fd : -1};
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0 && at_fdmap_is_own(fds[i]))
			at_spool_dir_release(fds[i]);
}
