/*
 * Fed by the configuration, asked by route.c. Owns the text of the file.
 */
#include "processor/template.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "libc/sys.h"

#define FILE_MAX (256u << 10)

static void add(struct at_templates *t, struct at_str row)
{
	row = at_str_trim(row);
	if (row.n && row.p[row.n - 1] == '\r')
		row = at_str_trim(at_str_head(row, row.n - 1));
	if (row.n == 0 || row.p[0] == '#')
		return;
	if (row.p[0] != '/' || t->count == AT_TEMPLATES_MAX)
		at_log(AT_LOG_WARN, "AUTOTRACE_ROUTES: \"%.*s\" ignored: %s", AT_STR_ARG(row),
		       row.p[0] != '/' ? "a template begins with /" : "too many templates");
	else
		t->row[t->count++] = row;
}

/* The file's content in t->file; empty with a warning when it cannot be read. */
static struct at_str read_file(struct at_templates *t, struct at_str path)
{
	char name[PATH_MAX];
	size_t n = 0;
	if (path.n == 0 || path.n >= sizeof(name))
		return AT_STR_NONE;
	memcpy(name, path.p, path.n);
	name[path.n] = 0;
	long fd = at_sys6(SYS_openat, AT_FDCWD, (long)name, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, 0,
			  0);
	t->file = fd < 0 ? NULL : malloc(FILE_MAX);
	while (t->file && n < FILE_MAX) {
		long got = at_sys(SYS_read, fd, (long)(t->file + n), (long)(FILE_MAX - n));
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (fd >= 0)
		at_sys(SYS_close, fd, 0, 0);
	if (n == 0)
		at_log(AT_LOG_WARN, "AUTOTRACE_ROUTES: cannot read %s", name);
	return at_str(t->file, n);
}

void at_templates_open(struct at_templates *t, struct at_str spec)
{
	char separator = ';';
	*t = (struct at_templates){.count = 0};
	if (spec.n && spec.p[0] == '@') {
		spec = read_file(t, at_str_from(spec, 1));
		separator = '\n';
	}
	while (spec.n)
		add(t, at_str_cut(&spec, separator));
}

void at_templates_close(struct at_templates *t)
{
	free(t->file);
	t->file = NULL;
	t->count = 0;
}

static bool is_variable(struct at_str segment)
{
	return segment.n > 2 && segment.p[0] == '{' && segment.p[segment.n - 1] == '}';
}

static struct at_str without_slash(struct at_str s)
{
	return s.n > 1 && s.p[s.n - 1] == '/' ? at_str_head(s, s.n - 1) : s;
}

bool at_template_fits(struct at_str template, struct at_str path)
{
	template = without_slash(template);
	path = without_slash(path);
	while (template.n) {
		struct at_str want = at_str_cut(&template, '/');
		if (template.n == 0 && at_str_eq(want, AT_STR("*")))
			return true;
		if (path.n == 0)
			return false;
		struct at_str have = at_str_cut(&path, '/');
		if (is_variable(want) ? have.n == 0 : !at_str_eq(want, have))
			return false;
	}
	return path.n == 0;
}

struct at_str at_templates_find(const struct at_templates *t, struct at_str path)
{
	for (unsigned i = 0; i < t->count; i++)
		if (at_template_fits(t->row[i], path))
			return t->row[i];
	return AT_STR_NONE;
}
