/*
 * Fed by the queue: the ring's birth on a thread of the program, seals from all, marks from the
 * worker. Owns the mapping, the file's path and the word that a forked child does not inherit.
 *
 *   none --create--> .PID-RANDOM.new, locked --filled--> PID-RANDOM.spool --remove--> no name
 *     ^                                                        |
 *     +---- in a forked child: the mapping becomes memory -----+
 *
 * A file has its final name only once its head is complete and its lock is held, so whoever finds
 * one without a lock finds what a dead process left.
 */
#include "export/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/entropy.h"
#include "base/fdmap.h"
#include "base/log.h"
#include "config/config.h"
#include "export/spool_dir.h"
#include "export/spool_settings.h"
#include "libc/sys.h"
#include "trace/record.h"
#include "trace/resource.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/* Where the file system cannot reserve room, zeros are written, when they are not many. */
#define WRITTEN_MAX (8u << 20)
#define PAGE        4096u

static struct {
	char *region; /* head and ring: the file, or memory where it was before fork */
	size_t bytes; /* of it */
	struct at_spool_head *head; /* in region; NULL: there is no file */
	uint64_t salt;              /* as in the head */
	uint32_t *alive;          /* 1; reads 0 in a forked child, by whatever call it was forked */
	bool refused;             /* it was tried in vain */
	char path[PATH_MAX];      /* the file */
	char under_way[PATH_MAX]; /* its name while it is being made */
} spool;

static bool say(const char *what, struct at_str dir, long error)
{
	at_log(AT_LOG_WARN, "spool: %.*s %s (error %d): spans wait in memory only", AT_STR_ARG(dir),
	       what, (int)-error);
	return false;
}

/* A directory of ours or root's where nobody else can replace files. */
static bool trust(struct at_str dir)
{
	struct stat st;
	if (dir.p[0] != '/')
		return say("is no absolute path", dir, -EINVAL);
	long rc = at_sys(SYS_lstat, (long)dir.p, (long)&st, 0);
	if (rc == -ENOENT) {
		rc = at_sys(SYS_mkdir, (long)dir.p, 0700, 0);
		if (rc != 0 && rc != -EEXIST)
			return say("cannot be made", dir, rc);
		rc = at_sys(SYS_lstat, (long)dir.p, (long)&st, 0);
	}
	if (rc != 0)
		return say("cannot be used", dir, rc);
	const char *fault = at_spool_dir_fault(&st);
	return !fault || say(fault, dir, -EPERM);
}

static size_t put(char *dst, size_t n, struct at_str s)
{
	if (s.n)
		memcpy(dst + n, s.p, s.n);
	return n + s.n;
}

/* DIR/.PID-RANDOM.new and DIR/PID-RANDOM.spool. */
static bool make_names(struct at_str dir)
{
	char name[48];
	uint64_t random = at_entropy_u64();
	size_t n = at_dec_encode(name, (uint64_t)at_sys(SYS_getpid, 0, 0, 0));
	name[n++] = '-';
	at_hex_encode(name + n, &random, sizeof(random));
	struct at_str stem = at_str(name, n + 2 * sizeof(random));
	if (dir.n + stem.n + 16 > PATH_MAX)
		return say("is too long a path", dir, -ENAMETOOLONG);
	n = put(spool.path, 0, dir);
	n = put(spool.path, n, AT_STR("/"));
	n = put(spool.path, n, stem);
	put(spool.path, n, at_str(AT_SPOOL_SUFFIX, sizeof(AT_SPOOL_SUFFIX)));
	n = put(spool.under_way, 0, dir);
	n = put(spool.under_way, n, AT_STR("/."));
	n = put(spool.under_way, n, stem);
	put(spool.under_way, n, at_str(AT_SPOOL_UNDER_WAY, sizeof(AT_SPOOL_UNDER_WAY)));
	return true;
}

/* Address space for head and ring; stays for the life of the process and of its children. */
static bool reserve_region(size_t bytes)
{
	void *p;
	if (!spool.alive) {
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return false;
		if (madvise(p, PAGE, MADV_WIPEONFORK) != 0) {
			munmap(p, PAGE);
			return false;
		}
		spool.alive = p;
	}
	if (spool.region && spool.bytes == bytes)
		return true;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (p == MAP_FAILED)
		return false;
	spool.region = p;
	spool.bytes = bytes;
	return true;
}

/* All room is taken now: a full disk would otherwise be a SIGBUS later. A limit on the size of
 * files would be a SIGXFSZ. */
static long take_room(int fd, size_t bytes)
{
	struct rlimit64 limit;
	long rc;
	if (at_sys6(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit, 0, 0) == 0 &&
	    limit.rlim_cur < bytes)
		return -EFBIG;
	for (int i = 0; i < 8; i++) {
		rc = at_sys6(SYS_fallocate, fd, 0, 0, (long)bytes, 0, 0);
		if (rc != -EINTR)
			break;
	}
	if (rc != -EOPNOTSUPP && rc != -ENOSYS)
		return rc;
	if (bytes > WRITTEN_MAX)
		return rc;
	for (size_t n = 0; n < bytes; n += (size_t)rc) {
		rc = at_sys6(SYS_pwrite64, fd, (long)(spool.region + n), (long)(bytes - n), (long)n,
			     0, 0);
		if (rc <= 0)
			return rc ? rc : -ENOSPC;
	}
	return 0;
}

/* The descriptor, out of the program's way, or an error. */
static long open_file(void)
{
	struct stat st;
	long fd =
		at_sys6(SYS_openat, AT_FDCWD, (long)spool.under_way,
			O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600, 0, 0);
	if (fd < 0)
		return fd;
	fd = at_fdmap_move_high((int)fd);
	long rc = at_sys(SYS_fchmod, fd, 0600, 0);
	if (rc == 0)
		rc = at_sys(SYS_fstat, fd, (long)&st, 0);
	if (rc == 0 && st.st_uid != (uid_t)at_sys(SYS_geteuid, 0, 0, 0))
		rc = -EPERM;
	if (rc == 0)
		rc = at_sys(SYS_flock, fd, LOCK_EX | LOCK_NB, 0);
	if (rc == 0)
		rc = take_room((int)fd, spool.bytes);
	if (rc == 0)
		return fd;
	at_fdmap_disown((int)fd);
	at_sys(SYS_close, fd, 0, 0);
	at_sys(SYS_unlink, (long)spool.under_way, 0, 0);
	return rc;
}

static long map_file(int fd)
{
	void *p = mmap(spool.region, spool.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		       fd, 0);
	at_fdmap_disown(fd);
	at_sys(SYS_close, fd, 0, 0);
	if (p != MAP_FAILED)
		return 0;
	spool.region = NULL;
	return -ENOMEM;
}

static bool fill_head(const struct at_config *c, uint64_t ring_bytes)
{
	struct at_spool_head *h = (struct at_spool_head *)spool.region;
	uint64_t random[2] = {at_entropy_u64(), at_entropy_u64()};
	size_t settings;
	memcpy(h->magic, AT_SPOOL_MAGIC, sizeof(h->magic));
	h->version = AT_SPOOL_VERSION;
	h->pid = (uint32_t)at_sys(SYS_getpid, 0, 0, 0);
	h->layout = at_record_layout();
	h->ring_bytes = ring_bytes;
	h->salt = at_entropy_u64();
	memcpy(h->instance, random, sizeof(h->instance));
	bool fits = at_spool_settings_write(c, spool.region + AT_SPOOL_SETTINGS,
					    AT_SPOOL_RESOURCE - AT_SPOOL_SETTINGS, &settings);
	h->settings = settings;
	h->settings_sum =
		at_checksum(h->salt, spool.region + AT_SPOOL_SETTINGS, (size_t)h->settings);
	h->check = at_spool_head_check(h);
	h->mark[0] = h->mark[1] = h->flight = at_spool_mark_of(h->salt, 0);
	spool.salt = h->salt;
	spool.head = h;
	return fits;
}

static bool create(const struct at_config *c, uint64_t ring_bytes)
{
	struct at_str dir = c->spool_dir;
	if (!trust(dir) || !make_names(dir))
		return false;
	if (!reserve_region(AT_SPOOL_RING + ring_bytes))
		return say("gets no memory", dir, -ENOMEM);
	long fd = open_file();
	if (fd < 0)
		return say("takes no file", dir, fd);
	long rc = map_file((int)fd);
	if (rc == 0 && !fill_head(c, ring_bytes))
		rc = -E2BIG;
	if (rc == 0)
		rc = at_sys(SYS_rename, (long)spool.under_way, (long)spool.path, 0);
	if (rc == 0)
		return true;
	at_sys(SYS_unlink, (long)spool.under_way, 0, 0);
	at_spool_after_fork();
	return say("takes no file", dir, rc);
}

void *at_spool_create(const struct at_config *c, uint64_t ring_bytes)
{
	if (spool.refused)
		return NULL;
	spool.refused = !create(c, ring_bytes);
	if (spool.refused)
		return NULL;
	__atomic_store_n(spool.alive, 1, __ATOMIC_RELEASE);
	return spool.region + AT_SPOOL_RING;
}

bool at_spool_is_ours(void)
{
	return spool.head && __atomic_load_n(spool.alive, __ATOMIC_RELAXED);
}

uint64_t at_spool_seal(uint64_t position, const void *record, size_t n)
{
	return at_spool_seal_of(spool.salt, position, record, n);
}

void at_spool_mark(uint64_t position)
{
	__atomic_store_n(&spool.head->mark[0], at_spool_mark_of(spool.salt, position),
			 __ATOMIC_RELEASE);
}

void at_spool_wiped(uint64_t position)
{
	__atomic_store_n(&spool.head->mark[1], at_spool_mark_of(spool.salt, position),
			 __ATOMIC_RELEASE);
}

void at_spool_flight(uint64_t position)
{
	__atomic_store_n(&spool.head->flight, at_spool_mark_of(spool.salt, position),
			 __ATOMIC_RELEASE);
}

void at_spool_describe(const struct at_resource *r)
{
	struct at_spool_head *h = spool.head;
	char *place = spool.region + AT_SPOOL_RESOURCE;
	size_t n = at_resource_pack(r, place, AT_SPOOL_RING - AT_SPOOL_RESOURCE);
	h->resource_sum = at_checksum(h->salt, place, n);
	__atomic_store_n(&h->resource, n, __ATOMIC_RELEASE);
}

bool at_spool_described(void)
{
	return __atomic_load_n(&spool.head->resource, __ATOMIC_ACQUIRE) != 0;
}

const uint8_t *at_spool_instance(void)
{
	return spool.head->instance;
}

void at_spool_remove(void)
{
	at_sys(SYS_unlink, (long)spool.path, 0, 0);
}

void at_spool_after_fork(void)
{
	spool.head = NULL;
	if (spool.region &&
	    mmap(spool.region, spool.bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		spool.region = NULL;
}
