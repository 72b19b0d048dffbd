/*
 * A client that locks itself up: one request in freedom, then a filter that kills whatever is not
 * read, write, close or exit (as sshd and apt's methods have one), then a request over a descriptor
 * it was born with. Knows nothing of us.
 *
 *   confined prctl|syscall|all-threads|probe PORT FD      exit code 0: both requests were answered
 *
 * probe only asks, as libseccomp does, which filters there are: nothing is locked.
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALLOW(call)                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static struct sock_filter rules[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	ALLOW(read),
	ALLOW(write),
	ALLOW(close),
	ALLOW(futex),
	ALLOW(exit_group),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static struct sock_fprog filter = {sizeof(rules) / sizeof(rules[0]), rules};

static int lock_up(const char *how)
{
	if (strcmp(how, "probe") == 0)
		return syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) != -1 ||
		       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) != -1 ||
		       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) != -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return 1;
	if (strcmp(how, "prctl") == 0)
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		       strcmp(how, "syscall") == 0 ? 0 : SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0;
}

static int ask(int fd)
{
	static const char request[] = "GET /x HTTP/1.1\r\nHost: there\r\n\r\n";
	char answer[4096];
	size_t have = 0;
	ssize_t n;
	if (write(fd, request, sizeof(request) - 1) != (ssize_t)(sizeof(request) - 1))
		return 1;
	while (have < sizeof(answer) && (n = read(fd, answer + have, sizeof(answer) - have)) > 0) {
		have += (size_t)n;
		if (have > 4 && memcmp(answer + have - 4, "done", 4) == 0)
			return memcmp(answer, "HTTP/1.1 200 ", 13) != 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_in there = {.sin_family = AF_INET};
	if (argc != 4)
		return 2;
	there.sin_port = htons((uint16_t)atoi(argv[2]));
	there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&there, sizeof(there)) != 0 || ask(fd) != 0)
		return 3;
	close(fd);
	if (lock_up(argv[1]) != 0)
		return 4;
	fd = atoi(argv[3]);
	if (ask(fd) != 0)
		return 5;
	close(fd);
	return 0;
}
