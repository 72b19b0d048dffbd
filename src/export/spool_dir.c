/*
 * See spool_dir.h. Fed by recover.c. Names and files in the directory are foreign: only plain files
 * of our own user, with one name and nobody's lock, are touched.
 */
#include "export/spool_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/fdmap.h"
#include "export/spool_file.h"
#include "libc/sys.h"

/* A file that is being made gets its name within milliseconds; one this old never will. */
#define STILLBORN_S 10

const char *at_spool_dir_fault(const struct stat *st)
{
	if (!S_ISDIR(st->st_mode))
		return "is no directory";
	if (st->st_uid != 0 && st->st_uid != (uid_t)at_sys(SYS_geteuid, 0, 0, 0))
		return "belongs to somebody else";
	if ((st->st_mode & 022) && !(st->st_mode & S_ISVTX))
		return "can be written by others and is not sticky";
	return NULL;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);
	return n > m && strcmp(name + n - m, suffix) == 0;
}

/* The program may live in another time; files carry the kernel's. */
int64_t at_spool_dir_now(void)
{
	return (int64_t)(at_clock_wall() / 1000000000u);
}

/* Takes what a process that died while it made its file left behind. */
static void sweep(const struct at_spool_dir *d, const char *name, const struct stat *seen)
{
	struct stat st;
	if (seen->st_mtime + STILLBORN_S > at_spool_dir_now())
		return;
	int fd = at_spool_dir_claim(d, name, &st);
	if (fd < 0)
		return;
	at_spool_dir_remove(d, name);
	at_spool_dir_release(fd);
}

static void look_at(struct at_spool_dir *d, const char *name)
{
	struct stat st;
	size_t n = strlen(name);
	bool whole = ends_in(name, AT_SPOOL_SUFFIX);
	if ((!whole && !(name[0] == '.' && ends_in(name, AT_SPOOL_UNDER_WAY))) ||
	    n >= AT_SPOOL_NAME || d->count == AT_SPOOL_FILES ||
	    at_sys6(SYS_newfstatat, d->fd, (long)name, (long)&st, AT_SYMLINK_NOFOLLOW, 0, 0) != 0 ||
	    !S_ISREG(st.st_mode))
		return;
	if (!whole) {
		sweep(d, name, &st);
		return;
	}
	memcpy(d->entry[d->count].name, name, n + 1);
	d->entry[d->count++].changed = st.st_mtime;
}

static int by_age(const void *a, const void *b)
{
	const struct at_spool_entry *x = a, *y = b;
	return x->changed < y->changed ? -1 : x->changed > y->changed;
}

/* The names in the directory, by the raw call: opendir would take a descriptor of its own. */
static void read_names(struct at_spool_dir *d)
{
	_Alignas(struct dirent64) char buf[4096];
	long n;
	while ((n = at_sys(SYS_getdents64, d->fd, (long)buf, sizeof(buf))) > 0)
		for (long i = 0; i < n;) {
			const struct dirent64 *e = (const struct dirent64 *)(buf + i);
			look_at(d, e->d_name);
			i += e->d_reclen;
		}
}

bool at_spool_dir_open(struct at_spool_dir *d, const char *path, int *ret_error)
{
	struct stat st;
	*d = (struct at_spool_dir){.fd = -1};
	long fd = at_sys6(SYS_openat, AT_FDCWD, (long)path,
			  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, 0, 0);
	*ret_error = (int)-fd;
	if (fd < 0)
		return false;
	d->fd = at_fdmap_move_high((int)fd);
	d->entry = calloc(AT_SPOOL_FILES, sizeof(*d->entry));
	*ret_error = !d->entry ? ENOMEM
		     : at_sys(SYS_fstat, d->fd, (long)&st, 0) != 0 || at_spool_dir_fault(&st)
			     ? EPERM
			     : 0;
	if (*ret_error) {
		at_spool_dir_close(d);
		return false;
	}
	read_names(d);
	qsort(d->entry, d->count, sizeof(*d->entry), by_age);
	return true;
}

void at_spool_dir_close(struct at_spool_dir *d)
{
	if (d->fd >= 0)
		at_spool_dir_release(d->fd);
	free(d->entry);
	*d = (struct at_spool_dir){.fd = -1};
}

static bool is_ours(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_nlink == 1 &&
	       st->st_uid == (uid_t)at_sys(SYS_geteuid, 0, 0, 0);
}

int at_spool_dir_claim(const struct at_spool_dir *d, const char *name, struct stat *ret_st)
{
	long fd = at_sys6(SYS_openat, d->fd, (long)name,
			  O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0, 0);
	if (fd < 0)
		return (int)fd;
	fd = at_fdmap_move_high((int)fd);
	long rc = at_sys(SYS_fstat, fd, (long)ret_st, 0);
	if (rc == 0 && !is_ours(ret_st))
		rc = -EPERM;
	if (rc == 0)
		rc = at_sys(SYS_flock, fd, LOCK_EX | LOCK_NB, 0);
	/* Whoever had the lock before may have delivered and removed it meanwhile. */
	if (rc == 0)
		rc = at_sys(SYS_fstat, fd, (long)ret_st, 0);
	if (rc == 0 && ret_st->st_nlink == 0)
		rc = -ENOENT;
	if (rc == 0)
		return (int)fd;
	at_spool_dir_release((int)fd);
	return (int)rc;
}

void at_spool_dir_release(int fd)
{
	at_fdmap_disown(fd);
	at_sys(SYS_close, fd, 0, 0);
}

void at_spool_dir_remove(const struct at_spool_dir *d, const char *name)
{
	at_sys(SYS_unlinkat, d->fd, (long)name, 0);
}
