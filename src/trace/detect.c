/*
 * Detects host.* and os.*, and reads small files for the other detectors. Fed by resource.c on the
 * exporter's thread; owns nothing. A file that is missing or odd leaves its attribute out.
 */
#include "trace/detect.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "libc/libc.h"

static bool full_path(const struct at_detect *d, const char *path, char dst[PATH_MAX])
{
	size_t root = strlen(d->root), n = strlen(path);
	if (root + n >= PATH_MAX)
		return false;
	memcpy(dst, d->root, root);
	memcpy(dst + root, path, n + 1);
	return true;
}

bool at_detect_exists(const struct at_detect *d, const char *path)
{
	char full[PATH_MAX];
	return full_path(d, path, full) && access(full, F_OK) == 0;
}

size_t at_detect_read(const struct at_detect *d, const char *path, char *buf, size_t cap)
{
	char full[PATH_MAX];
	size_t n = 0;
	buf[0] = 0;
	if (!full_path(d, path, full))
		return 0;
	int fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return 0;
	while (n < cap - 1) {
		ssize_t got = at_libc.read(fd, buf + n, cap - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	at_libc.close(fd);
	buf[n] = 0;
	return n;
}

/* The value of KEY= in a file of shell assignments, without quotes. */
static struct at_str assignment(struct at_str file, struct at_str key)
{
	while (file.n) {
		struct at_str value = at_str_cut(&file, '\n');
		struct at_str name = at_str_cut(&value, '=');
		if (!at_str_eq(name, key))
			continue;
		value = at_str_trim(value);
		if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') &&
		    value.p[value.n - 1] == value.p[0])
			value = at_str(value.p + 1, value.n - 2);
		return value;
	}
	return AT_STR_NONE;
}

static void detect_os(struct at_detect *d, const struct utsname *u)
{
	char buf[4096];
	size_t n = at_detect_read(d, "/etc/os-release", buf, sizeof(buf));
	if (n == 0)
		n = at_detect_read(d, "/usr/lib/os-release", buf, sizeof(buf));
	struct at_str file = at_str(buf, n);
	struct at_str version = assignment(file, AT_STR("VERSION_ID"));
	at_resource_set(d->into, "os.type", AT_STR("linux"));
	at_resource_set(d->into, "os.name", assignment(file, AT_STR("NAME")));
	at_resource_set(d->into, "os.version", version.n ? version : at_str_c(u->release));
	at_resource_set(d->into, "os.description", assignment(file, AT_STR("PRETTY_NAME")));
	at_resource_set(d->into, "os.build_id", assignment(file, AT_STR("BUILD_ID")));
}

/* uname's machine in the words of the conventions. */
static struct at_str architecture(struct at_str machine)
{
	static const struct {
		struct at_str machine; /* uname's name, or its beginning */
		struct at_str arch;
	} names[] = {
		{{"x86_64", 6}, {"amd64", 5}}, {{"aarch64", 7}, {"arm64", 5}},
		{{"arm", 3}, {"arm32", 5}},    {{"i386", 4}, {"x86", 3}},
		{{"i486", 4}, {"x86", 3}},     {{"i586", 4}, {"x86", 3}},
		{{"i686", 4}, {"x86", 3}},     {{"ppc64", 5}, {"ppc64", 5}},
		{{"ppc", 3}, {"ppc32", 5}},
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (at_str_starts(machine, names[i].machine))
			return names[i].arch;
	return machine;
}

/* A container shares the machine's id with others or has an invented one: left out there. */
static void detect_host(struct at_detect *d, const struct utsname *u)
{
	char buf[128];
	at_resource_set(d->into, "host.name", at_str_c(u->nodename));
	at_resource_set(d->into, "host.arch", architecture(at_str_c(u->machine)));
	if (d->in_container)
		return;
	size_t n = at_detect_read(d, "/etc/machine-id", buf, sizeof(buf));
	if (n < 32)
		n = at_detect_read(d, "/var/lib/dbus/machine-id", buf, sizeof(buf));
	struct at_str rest = at_str(buf, n);
	struct at_str id = at_str_trim(at_str_cut(&rest, '\n'));
	if (id.n == 32)
		at_resource_set(d->into, "host.id", id);
}

void at_detect_all(struct at_detect *d)
{
	struct utsname u;
	if (uname(&u) != 0)
		memset(&u, 0, sizeof(u));
	at_detect_process(d);
	at_detect_container(d);
	detect_host(d, &u);
	detect_os(d, &u);
}
