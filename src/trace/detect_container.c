/*
 * Detects container.id: the 64 hex digits that container runtimes put into cgroup names (v1) and
 * into the paths they mount from (v2). Fed by detect.c on the exporter's thread.
 */
#include "trace/detect.h"

#define ID 64

static bool is_id(struct at_str s)
{
	uint8_t bytes[ID / 2];
	return s.n == ID && at_hex_decode_lower(bytes, s.p, ID / 2);
}

/* Lines of cgroup v1 end in "/docker/<id>", "/docker-<id>.scope" or ":cri-containerd:<id>". */
static struct at_str by_cgroup(struct at_str file)
{
	while (file.n) {
		struct at_str line = at_str_cut(&file, '\n');
		for (size_t i = line.n; i-- > 0;) {
			if (line.p[i] != '/' && line.p[i] != '-' && line.p[i] != ':')
				continue;
			struct at_str id = at_str_head(at_str_from(line, i + 1), ID);
			struct at_str behind = at_str_from(line, i + 1 + ID);
			if (is_id(id) && (behind.n == 0 || at_str_eq(behind, AT_STR(".scope"))))
				return id;
		}
	}
	return AT_STR_NONE;
}

/* The id in ".../containers/<id>/hostname" and the like. Other ids of 64 digits are volumes, layers
 * and pod sandboxes. */
static struct at_str id_in_path(struct at_str path)
{
	bool containers = false;
	while (path.n) {
		struct at_str part = at_str_cut(&path, '/');
		if (containers && is_id(part))
			return part;
		containers = at_str_eq(part, AT_STR("containers")) ||
			     at_str_eq(part, AT_STR("overlay-containers"));
	}
	return AT_STR_NONE;
}

/* /proc/self/mountinfo: the fourth field is the path within the mounted file system. */
static struct at_str by_mounts(struct at_str file)
{
	while (file.n) {
		struct at_str line = at_str_cut(&file, '\n'), root = AT_STR_NONE;
		for (int i = 0; i < 4; i++)
			root = at_str_cut(&line, ' ');
		struct at_str id = id_in_path(root);
		if (id.n)
			return id;
	}
	return AT_STR_NONE;
}

void at_detect_container(struct at_detect *d)
{
	char buf[16384];
	struct at_str id =
		by_cgroup(at_str(buf, at_detect_read(d, "/proc/self/cgroup", buf, sizeof(buf))));
	if (id.n == 0)
		id = by_mounts(
			at_str(buf, at_detect_read(d, "/proc/self/mountinfo", buf, sizeof(buf))));
	at_resource_set(d->into, "container.id", id);
	d->in_container = id.n || at_detect_exists(d, "/.dockerenv") ||
			  at_detect_exists(d, "/run/.containerenv") ||
			  at_detect_exists(d, "/var/run/secrets/kubernetes.io");
}
