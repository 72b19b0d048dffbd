/*
 * This process's spool file: what stands in it, who may read it, when it is refused, what a child
 * sees of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "config/config.h"
#include "export/spool.h"
#include "export/spool_dir.h"
#include "export/spool_settings.h"
#include "libc/libc.h"
#include "support/in_child.h"
#include "trace/record.h"
#include "trace/resource.h"

#define RING 65536u

static char dir[64];
static struct at_config config;
static char arena[AT_CONFIG_ARENA];

static void configure(const char *const *env)
{
	assert_true(at_config_load(&config, env, arena, sizeof(arena)));
	config.spool_dir = at_str_c(dir);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/autotrace-spool-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

/* Aborts, for children: cmocka's own jump would go to the parent's tests. */
static void need(bool ok, int line)
{
	if (ok)
		return;
	fprintf(stderr, "line %d\n", line);
	_exit(1);
}
#define NEED(condition) need((condition), __LINE__)

/* The one file in the directory. */
static bool find(struct at_spool_dir *d, char *path, size_t room)
{
	int error;
	if (!at_spool_dir_open(d, dir, &error))
		return false;
	if (d->count)
		snprintf(path, room, "%s/%s", dir, d->entry[0].name);
	return d->count == 1;
}

static int tear_down(void **state)
{
	struct at_spool_dir d;
	int error;
	(void)state;
	chmod(dir, 0700);
	if (at_spool_dir_open(&d, dir, &error)) {
		for (unsigned i = 0; i < d.count; i++)
			at_spool_dir_remove(&d, d.entry[i].name);
		at_spool_dir_close(&d);
	}
	return rmdir(dir);
}

static void create_and_look(void)
{
	static char copy[AT_SPOOL_RING + RING];
	struct at_resource_user user = {.service_name = AT_STR("shop")};
	struct at_spool_reader r;
	struct at_spool_dir d;
	struct stat st;
	char path[256];
	bool bad;
	char *ring = at_spool_create(&config, RING);
	NEED(ring && at_spool_is_ours() && !at_spool_described());
	NEED(find(&d, path, sizeof(path)));
	NEED(lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600);
	NEED(st.st_size == AT_SPOOL_RING + RING && st.st_blocks * 512 >= st.st_size);
	NEED(at_spool_dir_claim(&d, d.entry[0].name, &st) == -EWOULDBLOCK);
	struct at_resource *resource = at_resource_build(&user, &bad);
	at_spool_describe(resource);
	NEED(at_spool_described());
	int fd = open(path, O_RDONLY);
	NEED(read(fd, copy, sizeof(copy)) == (ssize_t)sizeof(copy));
	NEED(at_spool_read(&r, copy, sizeof(copy), at_record_layout()) == AT_SPOOL_GOOD);
	struct at_resource *again = at_resource_unpack(r.resource);
	NEED(again && again->count == resource->count);
	NEED(at_str_eq(at_resource_get(again, AT_STR("service.name")), AT_STR("shop")));
	NEED(r.head->pid == (uint32_t)getpid() && at_spool_settings_executable(r.settings).n);
	at_spool_remove();
	NEED(access(path, F_OK) != 0);
}

static void test_what_is_in_it(void **state)
{
	static const char *const env[] = {"OTEL_SERVICE_NAME=shop", NULL};
	(void)state;
	configure(env);
	in_child(create_and_look);
}

static void create_and_die(void)
{
	NEED(at_spool_create(&config, RING));
	raise(SIGKILL);
}

/* The lock ends with the process. */
static void test_left_behind(void **state)
{
	struct at_spool_dir d;
	struct stat st;
	char path[256];
	int status;
	(void)state;
	configure(NULL);
	pid_t pid = fork();
	if (pid == 0)
		create_and_die();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(find(&d, path, sizeof(path)));
	int fd = at_spool_dir_claim(&d, d.entry[0].name, &st);
	assert_true(fd >= 0);
	/* Two recoverers never have the same one. */
	assert_int_equal(at_spool_dir_claim(&d, d.entry[0].name, &st), -EWOULDBLOCK);
	at_spool_dir_remove(&d, d.entry[0].name);
	at_spool_dir_release(fd);
	assert_int_equal(at_spool_dir_claim(&d, d.entry[0].name, &st), -ENOENT);
	at_spool_dir_close(&d);
}

static void create_and_fork(void)
{
	char *ring = at_spool_create(&config, RING);
	int status;
	NEED(ring != NULL);
	/* By a call that nobody sees: the child must notice by itself. */
	pid_t pid = (pid_t)syscall(SYS_fork);
	if (pid == 0)
		_exit(at_spool_is_ours() ? 1 : 0);
	NEED(waitpid(pid, &status, 0) == pid && status == 0);
	NEED(at_spool_is_ours());
	/* As fork does it, with our handler: the child's memory is its own. */
	memcpy(ring, "parent", 6);
	pid = (pid_t)syscall(SYS_fork);
	if (pid == 0) {
		at_spool_after_fork();
		NEED(!at_spool_is_ours() && ring[0] == 0);
		ring[0] = 'x';
		char *own = at_spool_create(&config, RING);
		NEED(own == ring && own[0] == 0 && at_spool_is_ours());
		own[0] = 'y';
		at_spool_remove();
		_exit(0);
	}
	NEED(waitpid(pid, &status, 0) == pid && status == 0);
	NEED(memcmp(ring, "parent", 6) == 0);
	at_spool_remove();
}

static void test_fork(void **state)
{
	(void)state;
	configure(NULL);
	in_child(create_and_fork);
}

static void refused(void)
{
	struct at_spool_dir d;
	int error;
	at_log_set_level(AT_LOG_NONE);
	NEED(!at_spool_create(&config, RING));
	NEED(!at_spool_is_ours());
	if (at_spool_dir_open(&d, dir, &error))
		NEED(d.count == 0);
}

static void test_refused_directories(void **state)
{
	char link[80];
	(void)state;
	configure(NULL);
	chmod(dir, 0777);
	in_child(refused);
	chmod(dir, 0720);
	in_child(refused);
	chmod(dir, 0700);
	config.spool_dir = AT_STR("relative");
	in_child(refused);
	config.spool_dir = AT_STR("/proc/self/nothing/at/all");
	in_child(refused);
	config.spool_dir = AT_STR("/dev/null");
	in_child(refused);
	snprintf(link, sizeof(link), "%s-link", dir);
	assert_int_equal(symlink(dir, link), 0);
	config.spool_dir = at_str_c(link);
	in_child(refused);
	unlink(link);
	if (geteuid() == 0) {
		config.spool_dir = at_str_c(dir);
		assert_int_equal(chown(dir, 12345, 12345), 0);
		in_child(refused);
		assert_int_equal(chown(dir, 0, 0), 0);
	}
}

static void with_a_limit(void)
{
	struct rlimit limit = {4096, RLIM_INFINITY};
	setrlimit(RLIMIT_FSIZE, &limit);
	refused();
}

/* A limit on files is no signal to the program. */
static void test_file_size_limit(void **state)
{
	(void)state;
	configure(NULL);
	in_child(with_a_limit);
}

static void test_sticky_is_good(void **state)
{
	(void)state;
	configure(NULL);
	chmod(dir, 01777);
	in_child(create_and_look);
}

static void test_foreign_files(void **state)
{
	struct at_spool_dir d;
	struct stat st;
	char path[256], other[256];
	int error;
	(void)state;
	snprintf(path, sizeof(path), "%s/a.spool", dir);
	snprintf(other, sizeof(other), "%s/b.spool", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_true(at_spool_dir_open(&d, dir, &error));
	assert_int_equal(d.count, 0);
	assert_true(at_spool_dir_claim(&d, "a.spool", &st) < 0);
	assert_int_equal(at_spool_dir_claim(&d, "b.spool", &st), -EPERM);
	unlink(path);
	unlink(other);
	/* A second name could be somebody else's way to it. */
	close(open(path, O_CREAT | O_RDWR, 0600));
	assert_int_equal(link(path, other), 0);
	assert_int_equal(at_spool_dir_claim(&d, "a.spool", &st), -EPERM);
	unlink(other);
	int fd = at_spool_dir_claim(&d, "a.spool", &st);
	assert_true(fd >= 0);
	at_spool_dir_release(fd);
	at_spool_dir_close(&d);
}

/* What the processors go by comes back as it was. */
static void test_settings(void **state)
{
	static const char *const env[] = {"OTEL_SERVICE_NAME=shop",
					  "AUTOTRACE_REDACT_QUERY_ADD=secret,pin",
					  "AUTOTRACE_ROUTES=/a/{b};/c",
					  "AUTOTRACE_ROUTE_HEURISTIC=false",
					  "OTEL_RESOURCE_ATTRIBUTES=x=1,y=2",
					  "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=77",
					  "OTEL_EXPORTER_OTLP_HEADERS=api-key=hidden",
					  NULL};
	static struct at_config back;
	static char room[AT_CONFIG_ARENA];
	char text[8192];
	size_t n;
	(void)state;
	configure(env);
	config.command = AT_STR("shopd");
	assert_true(at_spool_settings_write(&config, text, sizeof(text), &n));
	assert_null(memmem(text, n, "hidden", 6));
	at_spool_settings_load(at_str(text, n), &back, room, sizeof(room));
	assert_true(at_str_eq(back.service_name, AT_STR("shop")));
	assert_true(at_str_eq(back.redact_add, AT_STR("secret,pin")));
	assert_true(at_str_eq(back.routes, AT_STR("/a/{b};/c")));
	assert_true(at_str_eq(back.resource_attributes, AT_STR("x=1,y=2")));
	assert_true(at_str_eq(back.command, AT_STR("shopd")));
	assert_int_equal(back.attr_value_limit, 77);
	assert_false(back.route_heuristic);
	for (size_t room_n = 0; room_n < n; room_n++) {
		size_t part;
		if (at_spool_settings_write(&config, text, room_n, &part))
			assert_true(room_n >= n - 64); /* the executable's path may be left out */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_in_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_left_behind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fork, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused_directories, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_file_size_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sticky_is_good, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_foreign_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_settings, set_up, tear_down),
	};
	at_libc_resolve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
