/*
 * Programs that treat descriptors roughly while they speak HTTP. Each scenario prints "ok" when its
 * own bytes are all where they belong.
 *
 *   hooks_guest SCENARIO DIRECTORY [old]        old: a kernel without close_range
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *directory;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(9);
}

/* A system call that no library sees. */
static long raw(long nr, long a, long b, long c)
{
	long ret;
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

static int data_file(const char *name)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_TRUNC, 0644);
	must(fd >= 0, path);
	return fd;
}

/* ---- a little HTTP ---- */

static struct sockaddr_in here;

static int listening(void)
{
	socklen_t len = sizeof(here);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	here = (struct sockaddr_in){.sin_family = AF_INET};
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(bind(fd, (struct sockaddr *)&here, len) == 0 && listen(fd, 64) == 0, "listen");
	getsockname(fd, (struct sockaddr *)&here, &len);
	return fd;
}

static int calling(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(fd, (struct sockaddr *)&here, sizeof(here)) == 0, "connect");
	return fd;
}

static const char request[] = "GET /guest HTTP/1.1\r\nHost: guest.example\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void ask(int fd)
{
	must(write(fd, request, sizeof(request) - 1) == sizeof(request) - 1, "ask");
}

/* Reads a request and answers it; the request is as it was sent, but for one header line. */
static void serve(int fd)
{
	char buf[1000];
	size_t n = 0;
	while (n < 4 || memcmp(buf + n - 4, "\r\n\r\n", 4) != 0) {
		ssize_t rc = read(fd, buf + n, sizeof(buf) - 1 - n);
		must(rc > 0, "serve");
		n += (size_t)rc;
	}
	buf[n] = '\0';
	size_t lines = sizeof(request) - 3;
	must(memcmp(buf, request, lines) == 0, "the request");
	must(strncmp(buf + lines, "traceparent: ", 13) == 0 || buf[lines] == '\r', "the line");
	must(write(fd, response, sizeof(response) - 1) == sizeof(response) - 1, "answer");
}

static void hear(int fd)
{
	char buf[100];
	must(read(fd, buf, sizeof(buf)) == sizeof(response) - 1, "hear");
	must(memcmp(buf, response, sizeof(response) - 1) == 0, "the answer");
}

/* One call to ourselves. */
static void exchange(int listener)
{
	int client = calling(), server = accept(listener, NULL, NULL);
	ask(client);
	serve(server);
	hear(client);
	close(client);
	close(server);
}

static void is_empty(int fd, const char *what)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || st.st_size == 0)
		return;
	printf("%s: %ld bytes that are not ours\n", what, (long)st.st_size);
	exit(8);
}

/* ---- scenarios ---- */

static void calls_only(void)
{
	int listener = listening();
	for (int i = 0; i < 5; i++)
		exchange(listener);
}

/* A data file on every number there is, stderr's too; then calls, whose spans go somewhere else. */
static void dup2_everywhere(void)
{
	int listener = listening(), kept = dup(1);
	exchange(listener);
	usleep(100000);
	int data = data_file("data");
	for (int fd = 2; fd < 1024; fd++)
		if (fd != data && fd != listener && fd != kept)
			must(dup2(data, fd) == fd, "dup2");
	for (int fd = 900; fd < 1024; fd++)
		close(fd);
	for (int i = 0; i < 5; i++)
		exchange(listener);
	usleep(200000);
	is_empty(data, "data");
}

/* What was open is closed behind the library's back, and files are opened until there is no room.
 */
static void files_everywhere(void)
{
	static int files[1100];
	int n = 0, listener = listening();
	exchange(listener);
	usleep(100000);
	for (int fd = 2; fd < 1024; fd++)
		if (fd != listener)
			raw(SYS_close, fd, 0, 0);
	while (n < 1010) {
		char name[30];
		snprintf(name, sizeof(name), "data%d", n);
		files[n++] = data_file(name);
	}
	for (int i = 0; i < 5; i++)
		exchange(listener);
	usleep(200000);
	for (int i = 0; i < n; i++)
		is_empty(files[i], "file");
	for (int i = 0; i < n; i++)
		must(write(files[i], "mine", 4) == 4, "write");
}

/* The same by the ways that are seen: ours stay open, unseen by us. */
static void closed_everywhere(void)
{
	int listener = listening(), open_ones = 0;
	exchange(listener);
	usleep(100000);
	for (int round = 0; round < 3; round++) {
		for (int fd = 3; fd < 1024; fd++)
			if (fd != listener) {
				int rc = round ? (int)syscall(SYS_close, fd) : close(fd);
				must(rc == 0 || errno == EBADF, "close");
			}
		close_range((unsigned)listener + 1, ~0u, 0);
		exchange(listener);
	}
	for (int fd = 3; fd < 1024; fd++) {
		char byte;
		if (fd == listener)
			continue;
		open_ones += fcntl(fd, F_GETFD) >= 0 || dup(fd) >= 0 || read(fd, &byte, 1) >= 0 ||
			     write(fd, "", 0) >= 0 || errno != EBADF;
	}
	must(open_ones == 0, "something is open");
	usleep(200000);
	exchange(listener);
}

/* Every number a program of old closes, in the way of old; the listener is on 0. */
static void closed_to_65535(void)
{
	int listener = listening();
	must(dup2(listener, 0) == 0 && close(listener) == 0, "dup2");
	for (int round = 0; round < 3; round++) {
		exchange(0);
		usleep(100000);
		for (int fd = 3; fd <= 65535; fd++)
			close(fd);
	}
	exchange(0);
}

/* close_range(3, ~0) with each of its flags. */
static void closed_ranges(void)
{
	static const int flags[] = {0, CLOSE_RANGE_CLOEXEC, CLOSE_RANGE_UNSHARE,
				    CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC, 0};
	int listener = listening();
	must(dup2(listener, 0) == 0 && close(listener) == 0, "dup2");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		int data = data_file("ranged"), high = fcntl(data, F_DUPFD, 500);
		bool closes = !(flags[i] & CLOSE_RANGE_CLOEXEC);
		exchange(0);
		usleep(100000);
		int rc = close_range(3, ~0u, flags[i]);
		must(rc == 0 || errno == ENOSYS, "close_range");
		if (rc != 0)
			closefrom(3);
		int mode = fcntl(data, F_GETFD), far = fcntl(high, F_GETFD);
		if (closes || rc != 0)
			must(mode == -1 && far == -1, "they are closed");
		else
			must(mode == FD_CLOEXEC && far == FD_CLOEXEC, "they are marked");
		exchange(0);
		usleep(100000);
		is_empty(data, "ranged");
		close(data);
		close(high);
	}
}

/* The table is full, and stays so for a while; a connection from before works on. */
static void full_table(void)
{
	static int mine[2000];
	int listener = listening(), n = 0;
	struct rlimit limit = {1200, 1200};
	must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
	int client = calling(), server = accept(listener, NULL, NULL), data = data_file("full");
	ask(client);
	serve(server);
	hear(client);
	usleep(100000);
	while ((mine[n] = dup(data)) >= 0)
		n++;
	must(errno == EMFILE, "full");
	for (int i = 0; i < 4; i++) {
		ask(client);
		serve(server);
		hear(client);
		usleep(50000);
	}
	for (int i = 0; i < n; i++)
		must(write(mine[i], "m", 1) == 1, "they are mine");
	struct stat st;
	must(fstat(data, &st) == 0 && st.st_size == n, "every byte is mine");
	fprintf(stdout, "%d of them\n", n);
	for (int i = 0; i < n; i++)
		close(mine[i]);
	exchange(listener);
}

/* Number 2 is taken by what opens next: a file, a connection, a pipe; then there is none. */
static void other_things_on_2(void)
{
	int listener = listening(), way[2];
	char byte;
	close(2);
	int data = data_file("two");
	must(data == 2, "open gives 2");
	exchange(listener);
	usleep(100000);
	is_empty(data, "two");
	close(2);
	int client = calling(), server = accept(listener, NULL, NULL);
	must(client == 2, "socket gives 2");
	ask(client);
	serve(server);
	usleep(100000);
	hear(client);
	must(recv(server, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN, "nothing but ours");
	close(2);
	close(server);
	must(pipe(way) == 0 && (way[0] == 2 || way[1] == 2), "pipe gives 2");
	exchange(listener);
	usleep(100000);
	close(way[1]);
	must(read(way[0], &byte, 1) == 0, "nothing in the pipe");
	close(way[0]);
	exchange(listener);
}

/* Everything that opens, until there are no more numbers; the library's are never among them. */
static void all_numbers(void)
{
	int listener = listening(), n = 0, top = 0;
	struct rlimit limit = {256, 256};
	exchange(listener);
	must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
	for (int fd; (fd = dup(listener)) >= 0; n++)
		top = fd > top ? fd : top;
	must(errno == EMFILE && n > 230 && top < 256, "numbers");
	for (int fd = listener + 1; fd <= top; fd++)
		close(fd);
	exchange(listener);
}

/* A connection is closed behind our back and its number becomes a file, a pipe, another socket. */
static void reused_numbers(void)
{
	int listener = listening(), ends[2];
	char buf[1000];
	for (int round = 0; round < 3; round++) {
		int client = calling(), server = accept(listener, NULL, NULL), fd;
		ask(client);
		serve(server);
		hear(client);
		raw(SYS_close, round == 2 ? server : client, 0, 0);
		if (round == 0) {
			fd = data_file("reused");
			ask(fd);
			must(pread(fd, buf, sizeof(buf), 0) == sizeof(request) - 1, "file");
		} else {
			must(raw(SYS_pipe2, (long)ends, 0, 0) == 0, "pipe");
			int in = ends[1];
			ask(in);
			must(read(ends[0], buf, sizeof(buf)) == sizeof(request) - 1, "pipe");
			close(ends[0]);
			close(ends[1]);
		}
		must(memcmp(buf, request, sizeof(request) - 1) == 0, "bytes");
		close(round == 2 ? client : server);
	}
	exchange(listener);
}

static void pass(int over, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {(char *)"!", 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = room,
			     .msg_controllen = sizeof(room)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	must(sendmsg(over, &msg, 0) == 1, "pass");
}

static int catch (int over)
{
	char room[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = room,
			     .msg_controllen = sizeof(room)};
	int fd;
	must(recvmsg(over, &msg, 0) == 1, "catch");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

/* One process accepts, another one serves. */
static void passed_connections(void)
{
	int listener = listening(), way[2], status;
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, way) == 0, "socketpair");
	pid_t worker = fork();
	if (worker == 0) {
		for (int i = 0; i < 3; i++) {
			int fd = catch (way[1]);
			serve(fd);
			close(fd);
		}
		exit(0);
	}
	for (int i = 0; i < 3; i++) {
		int client = calling(), server = accept(listener, NULL, NULL);
		pass(way[0], server);
		close(server);
		ask(client);
		hear(client);
		close(client);
	}
	must(waitpid(worker, &status, 0) == worker && status == 0, "worker");
}

/* Numbers beyond those of a small table. */
static void high_numbers(void)
{
	static const int numbers[] = {1023,  1024,  4095,    4096,   65535,
				      65536, 65600, 1048575, 1048576};
	struct rlimit limit = {1048600, 1048600};
	int listener = listening();
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(int); i++) {
		if ((rlim_t)numbers[i] >= limit.rlim_cur) {
			printf("no descriptor %d: the limit is %lu\n", numbers[i],
			       (unsigned long)limit.rlim_cur);
			continue;
		}
		int client = calling(), server = accept(listener, NULL, NULL);
		must(dup2(client, numbers[i]) == numbers[i], "dup2");
		close(client);
		ask(numbers[i]);
		serve(server);
		hear(numbers[i]);
		printf("at %d\n", numbers[i]);
		close(numbers[i]);
		close(server);
	}
}

/* Children of the kind that closes everything; the parent goes on. */
static void many_children(void)
{
	int listener = listening();
	for (int i = 0; i < 20; i++) {
		pid_t child = i % 2 ? fork() : vfork();
		if (child == 0) {
			close_range(3, ~0u, 0);
			for (int fd = 3; fd < 1024; fd++)
				close(fd);
			execl("/bin/true", "true", (char *)NULL);
			_exit(1);
		}
		int status;
		must(waitpid(child, &status, 0) == child && status == 0, "child");
		exchange(listener);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{"calls_only", calls_only},
	{"dup2_everywhere", dup2_everywhere},
	{"files_everywhere", files_everywhere},
	{"closed_everywhere", closed_everywhere},
	{"closed_to_65535", closed_to_65535},
	{"closed_ranges", closed_ranges},
	{"full_table", full_table},
	{"other_things_on_2", other_things_on_2},
	{"all_numbers", all_numbers},
	{"reused_numbers", reused_numbers},
	{"passed_connections", passed_connections},
	{"high_numbers", high_numbers},
	{"many_children", many_children},
};

/* Starts the program anew where close_range is a call that the kernel does not know; returns there.
 * The filter must be there before the program is: one that sets its own is not traced further. */
static void be_on_an_old_kernel(char **argv)
{
	if (raw(SYS_close_range, 5000, 5000, 0) == -ENOSYS)
		return;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		     prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0,
	     "seccomp");
	must(raw(SYS_close_range, 5000, 5000, 0) == -ENOSYS, "no close_range");
	must(execv("/proc/self/exe", argv) == 0, "exec");
}

int main(int argc, char **argv)
{
	if (argc != 3 && !(argc == 4 && strcmp(argv[3], "old") == 0))
		return 2;
	if (argc == 4)
		be_on_an_old_kernel(argv);
	directory = argv[2];
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(argv[1], scenarios[i].name) == 0) {
			scenarios[i].run();
			printf("ok\n");
			return 0;
		}
	return 2;
}
