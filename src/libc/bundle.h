/*
 * bundle.h: what libcurl and OpenSSL get in place of a few libc functions when they live inside
 * another program.
 *
 * Nobody writes these names in C: scripts/link-bundle renames the calls inside the bundle, by the
 * list in scripts/bundle.own. They run on the exporter's thread. None of them fails in a way the
 * callers do not expect of libc.
 */
#ifndef AT_LIBC_BUNDLE_H
#define AT_LIBC_BUNDLE_H

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <termios.h>
#include <time.h>

/* The proxy variables (http_proxy, https_proxy, all_proxy, no_proxy) as they were at start; NULL
 * for every other name. */
char *at_bundle_getenv(const char *name);
char *at_bundle_secure_getenv(const char *name);

/* Registers nothing and says it did: at exit the traced program must not run through OpenSSL's
 * clean-up. */
int at_bundle_atexit(void (*handler)(void));

/* Load and find nothing: no OpenSSL engine, no provider module. */
void *at_bundle_dlopen(const char *path, int flags);
void *at_bundle_dlsym(void *handle, const char *name);
int at_bundle_dladdr(const void *address, Dl_info *info);
int at_bundle_dlclose(void *handle);
char *at_bundle_dlerror(void);

/* Change nothing, succeed, and report the default disposition: signals belong to the traced
 * program. */
int at_bundle_sigaction(int sig, const struct sigaction *act, struct sigaction *old);
sighandler_t at_bundle_signal(int sig, sighandler_t handler);
unsigned int at_bundle_alarm(unsigned int seconds);

/* Never a terminal (errno ENOSYS): OpenSSL must not ask the program's user for a key's pass phrase.
 */
int at_bundle_tcgetattr(int fd, struct termios *out);

/* fopen(3) whose descriptor no program that is executed meanwhile inherits. */
FILE *at_bundle_fopen(const char *path, const char *mode);
FILE *at_bundle_fopen64(const char *path, const char *mode);

/* The kernel's time, also where the program is given another: a certificate is valid or not by the
 * true date, and time-outs are true seconds. `out` of gettimeofday is not NULL. */
int at_bundle_clock_gettime(clockid_t id, struct timespec *out);
int at_bundle_gettimeofday(struct timeval *out, void *zone);
time_t at_bundle_time(time_t *out);

/* syscall(2) that does not pass through our own hook. */
long at_bundle_syscall(long number, long a, long b, long c, long d, long e, long f);

#endif
