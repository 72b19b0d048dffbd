/*
 * An HTTP server that confirms what it has answered, in memory that outlives it:
 *
 *   confirm FILE [PROCESSES]
 *
 * FILE is mapped and shared. GET /ROUND/C/K is answered on the connection it came by; as soon as
 * the write of the whole answer has returned, cell C of FILE (32 bits each) becomes K + 1: from
 * there on the request's span is finished. A thread for each connection; with PROCESSES, that many
 * forked children accept as well. Says "listening on PORT".
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define CELLS 1024

static uint32_t *cell;
static int listener;

static void confirm(const char *request)
{
	unsigned round, c, k;
	if (sscanf(request, "GET /%u/%u/%u ", &round, &c, &k) == 3 && c < CELLS)
		__atomic_store_n(&cell[c], k + 1, __ATOMIC_RELEASE);
}

static void *serve(void *arg)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	int fd = (int)(intptr_t)arg;
	char request[4096];
	size_t n = 0;
	for (;;) {
		ssize_t got = read(fd, request + n, sizeof(request) - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
		request[n] = 0;
		if (!strstr(request, "\r\n\r\n"))
			continue;
		if (write(fd, answer, sizeof(answer) - 1) != (ssize_t)sizeof(answer) - 1)
			break;
		confirm(request);
		n = 0;
	}
	close(fd);
	return NULL;
}

static void accept_all(void)
{
	for (;;) {
		pthread_t id;
		int fd = accept(listener, NULL, NULL);
		if (fd >= 0 && pthread_create(&id, NULL, serve, (void *)(intptr_t)fd) == 0)
			pthread_detach(id);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a);
	int file = argc > 1 ? open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (file < 0 || ftruncate(file, CELLS * sizeof(*cell)) != 0)
		return 2;
	cell = mmap(NULL, CELLS * sizeof(*cell), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (cell == MAP_FAILED || bind(listener, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(listener, 128) != 0 || getsockname(listener, (struct sockaddr *)&a, &len) != 0)
		return 2;
	printf("listening on %d\n", ntohs(a.sin_port));
	fflush(stdout);
	for (int i = argc > 2 ? atoi(argv[2]) : 0; i > 0; i--)
		if (fork() == 0)
			break;
	accept_all();
}
