/*
 * A small HTTP client that ends in a way of one's choice: fetch HOW PORT [CODE]
 *
 * It asks 127.0.0.1:PORT for /fetch, reads the answer to its end, and ends by return, exit, _exit,
 * _Exit, quick_exit, thread (exit on another thread), raise (SIGTERM to itself), or waits for a
 * signal (pause), with exit code CODE. Needs nothing but libc, so that it runs where nothing else
 * is.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int code;

static int ask(int port)
{
	static const char request[] = "GET /fetch HTTP/1.1\r\nHost: fetch.example\r\n"
				      "Connection: close\r\n\r\n";
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
	char answer[4096];
	ssize_t n;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		perror("fetch");
		return 1;
	}
	if (write(fd, request, sizeof(request) - 1) != (ssize_t)(sizeof(request) - 1))
		return 1;
	while ((n = read(fd, answer, sizeof(answer))) > 0)
		;
	close(fd);
	return n < 0;
}

static void *leave(void *unused)
{
	exit(code);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 3 || ask(atoi(argv[2])) != 0)
		return 99;
	code = argc > 3 ? atoi(argv[3]) : 0;
	if (strcmp(argv[1], "exit") == 0)
		exit(code);
	if (strcmp(argv[1], "_exit") == 0)
		_exit(code);
	if (strcmp(argv[1], "_Exit") == 0)
		_Exit(code);
	if (strcmp(argv[1], "quick_exit") == 0)
		quick_exit(code);
	if (strcmp(argv[1], "raise") == 0)
		raise(SIGTERM);
	if (strcmp(argv[1], "pause") == 0) {
		puts("waiting");
		fflush(stdout);
		pause();
	}
	if (strcmp(argv[1], "thread") == 0) {
		pthread_create(&thread, NULL, leave, NULL);
		pthread_join(thread, NULL);
	}
	return code;
}
