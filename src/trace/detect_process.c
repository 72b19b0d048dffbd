/*
 * Detects process.* and the fallback for service.name. Fed by detect.c on the exporter's thread. No
 * getpwuid and no gmtime: they load modules and take locks that a fork may have caught.
 */
#include "trace/detect.h"

#include <limits.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/clock.h"

static struct at_str base_name(struct at_str path)
{
	for (size_t i = path.n; i-- > 0;)
		if (path.p[i] == '/')
			return at_str_from(path, i + 1);
	return path;
}

/* The executable's path: /proc/self/exe, else what the kernel told at exec. */
static struct at_str executable(const struct at_detect *d, char buf[PATH_MAX])
{
	static const struct at_str deleted = {" (deleted)", 10};
	char link[PATH_MAX];
	size_t root = strlen(d->root);
	const char *exec_name = (const char *)getauxval(AT_EXECFN);
	if (root + sizeof("/proc/self/exe") > sizeof(link))
		return AT_STR_NONE;
	memcpy(link, d->root, root);
	memcpy(link + root, "/proc/self/exe", sizeof("/proc/self/exe"));
	ssize_t n = readlink(link, buf, PATH_MAX);
	if (n <= 0)
		return at_str_c(exec_name);
	struct at_str path = at_str(buf, (size_t)n);
	if (path.n > deleted.n && at_str_eq(at_str_from(path, path.n - deleted.n), deleted))
		path.n -= deleted.n;
	return path;
}

/* Digits and points: "3.11" of "python3.11". */
static bool is_version(struct at_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < '0' || s.p[i] > '9') && s.p[i] != '.')
			return false;
	return true;
}

void at_detect_names(struct at_detect *d, struct at_str path)
{
	static const struct {
		struct at_str name; /* the executable's name without its version */
		const char *runtime;
	} runtimes[] = {
		{{"python", 6}, "cpython"},
		{{"node", 4}, "nodejs"},
		{{"ruby", 4}, "ruby"},
	};
	char service[300] = "unknown_service";
	struct at_str name = at_str_head(base_name(path), 256);
	size_t n = strlen(service);
	at_resource_set(d->into, "process.executable.path", path);
	at_resource_set(d->into, "process.executable.name", name);
	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++)
		if (at_str_starts(name, runtimes[i].name) &&
		    is_version(at_str_from(name, runtimes[i].name.n)))
			at_resource_set(d->into, "process.runtime.name",
					at_str_c(runtimes[i].runtime));
	if (name.n) {
		service[n++] = ':';
		memcpy(service + n, name.p, name.n);
	}
	at_resource_set(d->into, "service.name", at_str(service, n + name.n));
}

static void detect_command(struct at_detect *d)
{
	char buf[4096];
	struct at_str command = d->command;
	if (command.n == 0) {
		size_t n = at_detect_read(d, "/proc/self/cmdline", buf, sizeof(buf));
		command = at_str(buf, strnlen(buf, n));
	}
	at_resource_set(d->into, "process.command", command);
}

/* The login name of the effective user in /etc/passwd. */
static void detect_owner(struct at_detect *d)
{
	char buf[16384];
	struct at_str file = at_str(buf, at_detect_read(d, "/etc/passwd", buf, sizeof(buf)));
	while (file.n) {
		uint64_t uid;
		struct at_str line = at_str_cut(&file, '\n');
		struct at_str name = at_str_cut(&line, ':');
		at_str_cut(&line, ':');
		if (at_str_u64(at_str_cut(&line, ':'), &uid) && uid == geteuid()) {
			at_resource_set(d->into, "process.owner", name);
			return;
		}
	}
}

static void two_digits(char *dst, unsigned v)
{
	dst[0] = (char)('0' + v / 10 % 10);
	dst[1] = (char)('0' + v % 10);
}

/* "2023-11-21T09:25:34.853Z" from Unix milliseconds; the Gregorian calendar, years from March. */
static void write_time(char dst[24], uint64_t ms)
{
	uint64_t seconds = ms / 1000;
	unsigned second = (unsigned)(seconds % 86400), days = (unsigned)(seconds / 86400) + 719468;
	unsigned era = days / 146097, day = days % 146097;
	unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	unsigned month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	month = month < 10 ? month + 3 : month - 9;
	year += era * 400 + (month < 3);
	memcpy(dst, "0000-00-00T00:00:00.000Z", 24);
	two_digits(dst, year / 100);
	two_digits(dst + 2, year % 100);
	two_digits(dst + 5, month);
	two_digits(dst + 8, day + 1);
	two_digits(dst + 11, second / 3600);
	two_digits(dst + 14, second / 60 % 60);
	two_digits(dst + 17, second % 60);
	dst[20] = (char)('0' + ms % 1000 / 100);
	two_digits(dst + 21, (unsigned)(ms % 100));
}

/* Milliseconds since boot at which the process began: field 22 of /proc/self/stat. */
static bool started(const struct at_detect *d, uint64_t *ret_ms)
{
	char buf[1024];
	uint64_t ticks;
	long per_second = sysconf(_SC_CLK_TCK);
	struct at_str s = at_str(buf, at_detect_read(d, "/proc/self/stat", buf, sizeof(buf)));
	for (size_t i = s.n; i-- > 0;) {
		if (s.p[i] != ')')
			continue;
		s = at_str_from(s, i + 2);
		for (int field = 3; field < 22; field++)
			at_str_cut(&s, ' ');
		if (per_second <= 0 || !at_str_u64(at_str_cut(&s, ' '), &ticks) ||
		    ticks > UINT64_MAX / 1000)
			return false;
		*ret_ms = ticks * 1000 / (uint64_t)per_second;
		return true;
	}
	return false;
}

static void detect_creation(struct at_detect *d)
{
	uint64_t since_boot;
	char text[24];
	if (!started(d, &since_boot))
		return;
	uint64_t now_ms = at_clock_wall() / 1000000;
	uint64_t up_ms = at_clock_since_boot() / 1000000;
	if (now_ms < up_ms || since_boot > up_ms)
		return;
	write_time(text, now_ms - up_ms + since_boot);
	at_resource_set(d->into, "process.creation.time", at_str(text, sizeof(text)));
}

void at_detect_process(struct at_detect *d)
{
	char buf[PATH_MAX];
	at_resource_set_int(d->into, "process.pid", getpid());
	at_detect_names(d, executable(d, buf));
	detect_command(d);
	detect_owner(d);
	detect_creation(d);
}
