/*
 * bundle.c: the libc that the bundled libcurl and OpenSSL see, where the real one could harm the
 * traced program.
 *
 * Who calls me: the bundle, on the exporter's thread; the loader, once, for the copy of the proxy
 * variables. I own that copy. Not my job: interposed calls of the bundle, which go to the at_true_
 * functions, and symbol versions (floor.c).
 */
#include "libc/bundle.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "libc/sys.h"
#include "libc/vdso.h"

#define MAX_ERRNO       4095 /* the kernel's results from -4095 to -1 are errors */
#define PROXY_VARIABLES 7
#define PROXY_BYTES     2048

/* HTTP_PROXY is missing on purpose: in a CGI program it is a request's "Proxy:" header. */
static const char *const proxy_names[PROXY_VARIABLES] = {
	"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
	"ALL_PROXY",  "no_proxy",    "NO_PROXY",
};

/*
 * Written by the constructor before there is a second thread, only read afterwards. getenv() itself
 * is out of the question: the program may call setenv() at the same time, and bash brings a getenv
 * of its own.
 */
static struct {
	char *value[PROXY_VARIABLES]; /* NULL when unset or when there was no room */
	char text[PROXY_BYTES];       /* the values, each closed by a NUL */
	size_t used;                  /* bytes of text taken */
} proxy;

static void take(size_t i, const char *value)
{
	size_t len = strlen(value) + 1;

	if (proxy.value[i] != NULL || len > sizeof(proxy.text) - proxy.used)
		return;
	proxy.value[i] = memcpy(proxy.text + proxy.used, value, len);
	proxy.used += len;
}

__attribute__((constructor)) static void at_bundle_take_proxies(void)
{
	for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
		if (strchr("hHaAnN", **entry) == NULL)
			continue;
		for (size_t i = 0; i < PROXY_VARIABLES; i++) {
			size_t len = strlen(proxy_names[i]);

			if (strncmp(*entry, proxy_names[i], len) == 0 && (*entry)[len] == '=')
				take(i, *entry + len + 1);
		}
	}
}

char *at_bundle_getenv(const char *name)
{
	for (size_t i = 0; i < PROXY_VARIABLES; i++)
		if (strcmp(name, proxy_names[i]) == 0)
			return proxy.value[i];
	return NULL;
}

char *at_bundle_secure_getenv(const char *name)
{
	return at_bundle_getenv(name);
}

int at_bundle_atexit(void (*handler)(void))
{
	(void)handler;
	return 0;
}

void *at_bundle_dlopen(const char *path, int flags)
{
	(void)path;
	(void)flags;
	return NULL;
}

void *at_bundle_dlsym(void *handle, const char *name)
{
	(void)handle;
	(void)name;
	return NULL;
}

int at_bundle_dladdr(const void *address, Dl_info *info)
{
	(void)address;
	(void)info;
	return 0;
}

int at_bundle_dlclose(void *handle)
{
	(void)handle;
	return 0;
}

char *at_bundle_dlerror(void)
{
	return NULL;
}

int at_bundle_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	(void)sig;
	(void)act;
	if (old != NULL)
		memset(old, 0, sizeof(*old));
	return 0;
}

sighandler_t at_bundle_signal(int sig, sighandler_t handler)
{
	(void)sig;
	(void)handler;
	return SIG_DFL;
}

unsigned int at_bundle_alarm(unsigned int seconds)
{
	(void)seconds;
	return 0;
}

int at_bundle_tcgetattr(int fd, struct termios *out)
{
	(void)fd;
	(void)out;
	errno = ENOSYS;
	return -1;
}

FILE *at_bundle_fopen(const char *path, const char *mode)
{
	char closing[8];
	size_t len = strlen(mode);

	if (len + 2 > sizeof(closing))
		return fopen(path, mode);
	memcpy(closing, mode, len);
	memcpy(closing + len, "e", 2);
	return fopen(path, closing);
}

FILE *at_bundle_fopen64(const char *path, const char *mode)
{
	return at_bundle_fopen(path, mode);
}

long at_bundle_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	long rc = at_sys6(number, a, b, c, d, e, f);

	if (rc < 0 && rc >= -MAX_ERRNO) {
		errno = (int)-rc;
		return -1;
	}
	return rc;
}

int at_bundle_clock_gettime(clockid_t id, struct timespec *out)
{
	at_vdso_clock(id, out);
	return 0;
}

int at_bundle_gettimeofday(struct timeval *out, void *zone)
{
	struct timespec now;

	(void)zone;
	at_vdso_clock(CLOCK_REALTIME, &now);
	*out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
	return 0;
}

time_t at_bundle_time(time_t *out)
{
	struct timespec now;

	at_vdso_clock(CLOCK_REALTIME, &now);
	if (out != NULL)
		*out = now.tv_sec;
	return now.tv_sec;
}
