/*
 * Fed by the exporters that print, writes by raw system calls. Owns the private copy of the
 * standard descriptor taken at start and the files it opened; before a write it checks that the
 * descriptor is still what it was.
 */
#include "export/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/fdmap.h"
#include "base/log.h"
#include "config/config.h"
#include "export/gate.h"
#include "libc/sys.h"

#define PRINTING  (AT_EXPORTER_CONSOLE | AT_EXPORTER_LINE | AT_EXPORTER_OTLP_STDOUT)
#define FILES     4
#define NS_PER_MS 1000000u
/* A pipe that can be written to takes this much without blocking. */
#define PIECE PIPE_BUF

struct at_sink {
	int fd;       /* not owned when it is the private copy */
	uint64_t dev; /* what it was when it was opened */
	uint64_t ino;
	bool regular; /* a plain file: no need for pieces */
};

static int standard = -1;        /* private copy of stdout or stderr */
static int files[FILES];         /* descriptor + 1 of files opened by this process */
static char directory[PATH_MAX]; /* working directory at start, for a relative path */

static int standard_fd(struct at_str name)
{
	if (at_str_eq_nocase(name, AT_STR("stdout")))
		return 1;
	return at_str_eq_nocase(name, AT_STR("stderr")) ? 2 : -1;
}

bool at_sink_is_the_programs(const struct at_config *c)
{
	return (c->exporters & PRINTING) && standard_fd(c->console_file) >= 0;
}

void at_sink_boot(const struct at_config *c)
{
	int fd = standard_fd(c->console_file);
	if (!(c->exporters & PRINTING))
		return;
	if (fd >= 0) {
		long copy = at_sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
		standard = copy < 0 ? -1 : at_fdmap_move_high((int)copy);
	} else if (c->console_file.n && c->console_file.p[0] != '/') {
		long n = at_sys(SYS_getcwd, (long)directory, sizeof(directory), 0);
		if (n <= 0)
			directory[0] = 0;
	}
}

static int open_file(struct at_str path)
{
	char name[2 * PATH_MAX];
	size_t n = 0;
	if (path.n >= PATH_MAX)
		return -ENAMETOOLONG;
	if (path.p[0] != '/' && directory[0]) {
		n = strlen(directory);
		memcpy(name, directory, n);
		name[n++] = '/';
	}
	memcpy(name + n, path.p, path.n);
	name[n + path.n] = 0;
	long fd = at_sys6(SYS_openat, AT_FDCWD, (long)name,
			  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644,
			  0, 0);
	if (fd < 0)
		return (int)fd;
	int high = at_fdmap_move_high((int)fd);
	for (int i = 0; i < FILES; i++)
		if (!files[i]) {
			files[i] = high + 1;
			break;
		}
	return high;
}

struct at_sink *at_sink_open(const struct at_config *c)
{
	struct stat st;
	struct at_sink *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->fd = standard_fd(c->console_file) >= 0 ? standard : open_file(c->console_file);
	if (s->fd < 0 || at_sys(SYS_fstat, s->fd, (long)&st, 0) != 0) {
		at_log(AT_LOG_WARN, "cannot write spans to %.*s (error %d)",
		       AT_STR_ARG(c->console_file), s->fd < 0 ? -s->fd : EBADF);
		free(s);
		return NULL;
	}
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->regular = S_ISREG(st.st_mode);
	return s;
}

static bool still_ours(const struct at_sink *s)
{
	struct stat st;
	return at_sys(SYS_fstat, s->fd, (long)&st, 0) == 0 && st.st_dev == s->dev &&
	       st.st_ino == s->ino;
}

/* What to write at once: as many whole lines as a pipe takes. */
static size_t piece(const struct at_sink *s, struct at_str text)
{
	if (s->regular || text.n <= PIECE)
		return text.n;
	for (size_t n = PIECE; n > 0; n--)
		if (text.p[n - 1] == '\n')
			return n;
	return PIECE;
}

static bool wait_writable(const struct at_sink *s, uint64_t deadline)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};
	long ms = -1;
	if (deadline != UINT64_MAX) {
		uint64_t now = at_clock_now();
		ms = now >= deadline ? 0 : (long)((deadline - now) / NS_PER_MS) + 1;
	}
	return at_sys(SYS_poll, (long)&p, 1, ms) == 1 && !(p.revents & POLLNVAL);
}

static bool write_all(struct at_sink *s, struct at_str text, uint64_t deadline)
{
	while (text.n) {
		if (!s->regular && !wait_writable(s, deadline))
			return false;
		long n = at_sys(SYS_write, s->fd, (long)text.p, (long)piece(s, text));
		if (n == -EAGAIN || n == -EINTR)
			continue;
		if (n <= 0)
			return false;
		text = at_str_from(text, (size_t)n);
	}
	return true;
}

bool at_sink_write(struct at_sink *s, struct at_str text, uint64_t timeout_ms)
{
	uint64_t deadline = timeout_ms ? at_clock_now() + timeout_ms * NS_PER_MS : UINT64_MAX;
	bool inside = at_gate_pause();
	bool ok = still_ours(s) && write_all(s, text, deadline);
	at_gate_resume(inside);
	return ok;
}

void at_sink_after_fork(void)
{
	for (int i = 0; i < FILES; i++)
		if (files[i]) {
			int fd = files[i] - 1;
			files[i] = 0;
			if (at_fdmap_get(fd) == AT_FD_OWN)
				at_sys(SYS_close, fd, 0, 0);
			at_fdmap_disown(fd);
		}
}
