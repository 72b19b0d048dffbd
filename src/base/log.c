/*
 * One line at a time to the program's stderr. Fed by everybody, writes by the raw system call.
 * Holds no descriptor (a copy would keep a pipe open that a daemon has closed); before each write
 * checks that fd 2 is still the file it was, and no client of the program's.
 */
#include "base/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/bytes.h"
#include "libc/sys.h"

#define LINE 512

enum at_log_level at_log_threshold = AT_LOG_WARN;
/* Which file stderr is: device and inode. An inode of 0: none, or a client; nothing is written. */
static uint64_t home[2];
/* Whether home counts; before, plain fd 2 will do. */
static bool opened;

void at_log_set_level(enum at_log_level level)
{
	at_log_threshold = level;
}

enum at_log_level at_log_get_level(void)
{
	return at_log_threshold;
}

static void identify(uint64_t id[2])
{
	struct stat st;
	bool ok = at_sys(SYS_fstat, 2, (long)&st, 0) == 0;
	id[0] = ok ? st.st_dev : 0;
	id[1] = ok ? st.st_ino : 0;
}

/* A server as inetd starts it has its client on 0, 1 and 2: a line there is said to the client. */
static bool is_a_client(void)
{
	struct stat err, in;
	int domain = 0;
	socklen_t len = sizeof(domain);
	if (at_sys(SYS_fstat, 2, (long)&err, 0) != 0 || !S_ISSOCK(err.st_mode))
		return false;
	if (at_sys(SYS_fstat, 0, (long)&in, 0) == 0 && in.st_dev == err.st_dev &&
	    in.st_ino == err.st_ino)
		return true;
	return at_sys6(SYS_getsockopt, 2, SOL_SOCKET, SO_DOMAIN, (long)&domain, (long)&len, 0) ==
		       0 &&
	       (domain == AF_INET || domain == AF_INET6);
}

void at_log_open(void)
{
	identify(home);
	if (is_a_client())
		home[1] = 0;
	opened = true;
}

/* A log is written to and not read: a file that is open for both is the program's data, and what
 * goes out on a socket is somebody else's. */
void at_log_follow(void)
{
	struct stat st;
	bool ok = at_sys(SYS_fstat, 2, (long)&st, 0) == 0;
	long flags = at_sys(SYS_fcntl, 2, F_GETFL, 0);
	at_log_open();
	if (!ok || S_ISSOCK(st.st_mode) || (S_ISREG(st.st_mode) && (flags & O_ACCMODE) != O_WRONLY))
		home[1] = 0;
}

/* A line in the making. */
struct line {
	char text[LINE]; /* cut when full */
	size_t n;        /* bytes so far */
};

static void put(struct line *l, char c)
{
	if (l->n < LINE - 1)
		l->text[l->n++] = (unsigned char)c < 32 || c == 127 ? '?' : c;
}

static void put_text(struct line *l, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(l, s[i]);
}

static void put_number(struct line *l, uint64_t v, unsigned base)
{
	char digits[24];
	size_t n = 0;
	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n)
		put(l, digits[--n]);
}

static void put_signed(struct line *l, int64_t v)
{
	if (v < 0)
		put(l, '-');
	put_number(l, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10);
}

/* One conversion after '%'; returns what follows it. */
static const char *convert(struct line *l, const char *f, va_list *args)
{
	int longs = 0;
	int precision = -1;
	if (f[0] == '.' && f[1] == '*') {
		precision = va_arg(*args, int);
		f += 2;
	}
	while (*f == 'l' || *f == 'z') {
		longs++;
		f++;
	}
	switch (*f) {
	case 's': {
		const char *s = va_arg(*args, const char *);
		s = s ? s : "(none)";
		put_text(l, s, precision >= 0 ? (size_t)precision : strlen(s));
		break;
	}
	case 'd':
		put_signed(l, longs ? va_arg(*args, long) : va_arg(*args, int));
		break;
	case 'u':
		put_number(l, longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned), 10);
		break;
	case 'x':
		put_number(l, longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned), 16);
		break;
	case 'c':
		put(l, (char)va_arg(*args, int));
		break;
	default:
		put(l, *f);
	}
	return *f ? f + 1 : f;
}

static bool is_home(void)
{
	uint64_t now[2];
	if (!opened)
		return true;
	identify(now);
	return now[1] && now[0] == home[0] && now[1] == home[1] && !is_a_client();
}

void at_log(enum at_log_level level, const char *format, ...)
{
	struct line l = {.n = 0};
	va_list args;
	if (level > at_log_threshold)
		return;
	put_text(&l, "autotrace: ", 11);
	put_number(&l, (uint64_t)at_sys(SYS_getpid, 0, 0, 0), 10);
	put_text(&l, ": ", 2);
	va_start(args, format);
	for (const char *f = format; *f;)
		if (*f == '%')
			f = convert(&l, f + 1, &args);
		else
			put(&l, *f++);
	va_end(args);
	l.text[l.n++] = '\n';
	if (is_home())
		at_sys(SYS_write, 2, (long)l.text, (long)l.n);
}
