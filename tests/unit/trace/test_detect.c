/*
 * Detectors on crafted /proc and /etc trees, down to empty ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "trace/detect.h"

#define ID1 "11112222333344445555666677778888aaaabbbbccccddddeeeeffff00009999"
#define ID2 "99992222333344445555666677778888aaaabbbbccccddddeeeeffff00001111"

static char root[64];

static int unlink_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int new_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/autotrace-detect.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	(void)state;
	return nftw(root, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_parents(char *path)
{
	for (char *p = path + strlen(root) + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
		*p = '/';
	}
}

static void put(const char *path, const char *text)
{
	char full[256];
	snprintf(full, sizeof(full), "%s%s", root, path);
	make_parents(full);
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
	assert_int_equal(fclose(f), 0);
}

static void put_link(const char *path, const char *target)
{
	char full[256];
	snprintf(full, sizeof(full), "%s%s", root, path);
	make_parents(full);
	assert_int_equal(symlink(target, full), 0);
}

/* What all detectors find below root. */
static struct at_resource *detect(void)
{
	/* A block of at_resource_build with nothing of its own left in it. */
	struct at_resource_user nobody = {.command = AT_STR_NONE};
	bool bad;
	struct at_resource *r = at_resource_build(&nobody, &bad);
	struct at_detect d = {.root = root, .into = r};
	assert_non_null(r);
	r->count = 0;
	at_detect_all(&d);
	return r;
}

static void assert_text(const struct at_resource *r, const char *key, const char *value)
{
	struct at_str got = at_resource_get(r, at_str_c(key));
	if (!at_str_eq(got, at_str_c(value)))
		fail_msg("%s is \"%.*s\", not \"%s\"", key, AT_STR_ARG(got), value);
}

static void an_empty_tree(void **state)
{
	struct at_resource *r = detect();
	(void)state;
	assert_text(r, "os.type", "linux");
	assert_text(r, "os.name", "");
	assert_text(r, "container.id", "");
	assert_text(r, "host.id", "");
	assert_text(r, "process.owner", "");
	assert_text(r, "process.creation.time", "");
	assert_text(r, "process.command", "");
	assert_text(r, "service.name", "unknown_service:test_detect"); /* AT_EXECFN */
	at_resource_free(r);
}

static void a_whole_tree(void **state)
{
	char passwd[128];
	(void)state;
	put("/etc/os-release",
	    "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME='Debian GNU/Linux'\n"
	    "VERSION_ID=12\n# x\nBUILD_ID=\"\"\n");
	put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	snprintf(passwd, sizeof(passwd), "a:x:99999:1::/:/bin/sh\nweb:x:%u:0::/:/bin/sh\n",
		 (unsigned)geteuid());
	put("/etc/passwd", passwd);
	put("/proc/self/cmdline", "gunicorn: master\0x");
	put_link("/proc/self/exe", "/usr/bin/python3.11 (deleted)");
	put("/proc/self/stat",
	    "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 100 20\n");
	put("/proc/self/cgroup", "0::/user.slice/session-1.scope\n");
	struct at_resource *r = detect();
	assert_text(r, "os.name", "Debian GNU/Linux");
	assert_text(r, "os.version", "12");
	assert_text(r, "os.description", "Debian GNU/Linux 12 (bookworm)");
	assert_text(r, "os.build_id", "");
	assert_text(r, "host.id", "0123456789abcdef0123456789abcdef");
	assert_text(r, "process.owner", "web");
	assert_text(r, "process.command", "gunicorn: master");
	assert_text(r, "process.executable.path", "/usr/bin/python3.11");
	assert_text(r, "process.executable.name", "python3.11");
	assert_text(r, "process.runtime.name", "cpython");
	assert_text(r, "service.name", "unknown_service:python3.11");
	assert_text(r, "container.id", "");
	assert_int_equal(at_resource_get(r, AT_STR("process.creation.time")).n, 24);
	at_resource_free(r);
}

static void other_places(void **state)
{
	(void)state;
	put("/usr/lib/os-release", "NAME=Alpine\n");
	put("/var/lib/dbus/machine-id", "fedcba9876543210fedcba9876543210");
	put_link("/proc/self/exe", "/opt/node_exporter");
	put("/proc/self/stat", "nonsense");
	struct at_resource *r = detect();
	assert_text(r, "os.name", "Alpine");
	assert_true(at_resource_get(r, AT_STR("os.version")).n > 0); /* the kernel's */
	assert_text(r, "host.id", "fedcba9876543210fedcba9876543210");
	assert_text(r, "process.runtime.name", "");
	assert_text(r, "process.creation.time", "");
	at_resource_free(r);
}

static void containers_by_cgroup(void **state)
{
	static const struct {
		const char *line, *id;
	} cases[] = {
		{"4:memory:/docker/" ID1, ID1},
		{"0::/system.slice/docker-" ID1 ".scope", ID1},
		{"1:name=systemd:/kubepods/burstable/pod275ecb36/" ID1, ID1},
		{"0::/kubepods.slice/x.slice/cri-containerd-" ID1 ".scope", ID1},
		{"3:cpu:/system.slice/containerd.service/kubepods-x:cri-containerd:" ID1, ID1},
		{"1:a:/\n2:b:/ecs/55091c13-b8cf-4801-b527-f4601742204d/" ID2, ID2},
		{"0::/", ""},
		{"0::/docker/" ID1 "0", ""},
		{"0::/docker/" ID1 ".slice", ""},
		{"0::/docker/x" ID1, ""},
		{"0::/docker/AAAA2222333344445555666677778888aaaabbbbccccddddeeeeffff00009999", ""},
	};
	(void)state;
	put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put("/proc/self/cgroup", cases[i].line);
		struct at_resource *r = detect();
		assert_text(r, "container.id", cases[i].id);
		assert_text(r, "host.id", cases[i].id[0] ? "" : "0123456789abcdef0123456789abcdef");
		at_resource_free(r);
	}
}

static void containers_by_mounts(void **state)
{
	static const struct {
		const char *lines, *id;
	} cases[] = {
		{"473 456 254:1 / / rw - overlay overlay rw,upperdir=/var/lib/docker/overlay2/" ID2
		 "/diff\n"
		 "480 473 254:1 /var/lib/docker/volumes/" ID2
		 "/_data /data rw - ext4 /dev/vda1 rw\n"
		 "485 473 254:1 /docker/containers/" ID1 "/hostname /etc/hostname rw - ext4 x rw\n",
		 ID1},
		{"1 2 0:1 /containers/overlay-containers/" ID1 "/userdata/hosts /etc/hosts rw\n",
		 ID1},
		{"1 2 0:1 /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/" ID1
		 "/hostname /etc/hostname rw\n",
		 ""},
		{"1 2 0:1 /docker/containers/short/hostname /etc/hostname rw\n", ""},
		{"1 2 0:1\n\n \n1", ""},
	};
	(void)state;
	put("/proc/self/cgroup", "0::/\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put("/proc/self/mountinfo", cases[i].lines);
		struct at_resource *r = detect();
		assert_text(r, "container.id", cases[i].id);
		at_resource_free(r);
	}
}

static void a_container_has_no_host_id(void **state)
{
	(void)state;
	put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	put("/.dockerenv", "");
	struct at_resource *r = detect();
	assert_text(r, "host.id", "");
	at_resource_free(r);
}

static void files_are_read_up_to_the_room(void **state)
{
	struct at_detect d = {.root = root};
	char buf[8];
	(void)state;
	put("/etc/x", "0123456789");
	assert_int_equal(at_detect_read(&d, "/etc/x", buf, sizeof(buf)), 7);
	assert_string_equal(buf, "0123456");
	assert_int_equal(at_detect_read(&d, "/etc/none", buf, sizeof(buf)), 0);
	assert_int_equal(at_detect_read(&d, "/etc", buf, sizeof(buf)), 0);
	assert_true(at_detect_exists(&d, "/etc/x"));
	assert_false(at_detect_exists(&d, "/etc/none"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, new_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_tree),
		TEST(a_whole_tree),
		TEST(other_places),
		TEST(containers_by_cgroup),
		TEST(containers_by_mounts),
		TEST(a_container_has_no_host_id),
		TEST(files_are_read_up_to_the_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
