/*
 * A server whose requests are read by one thread (for each connection) and worked on by another, of
 * a pool: handed UPSTREAM_PORT THREADS. "/N/NAME" makes N calls to UPSTREAM/NAME and then answers;
 * "/after/NAME" answers and then calls; "/exit" ends it. Prints its port.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/plain.h"

/* A request on its way to the pool, and back. */
struct job {
	int fd;
	char path[200];
	int done;
	struct job *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t come = PTHREAD_COND_INITIALIZER, gone = PTHREAD_COND_INITIALIZER;
static struct job *first, **last = &first;
static struct sockaddr_in upstream = {.sin_family = AF_INET};

/* Waits a little for the next request on the connection, as servers do before they give it back. */
static void linger(int fd)
{
	struct timeval moment = {0, 1000};
	fd_set set;
	FD_ZERO(&set);
	FD_SET(fd, &set);
	select(fd + 1, &set, NULL, NULL, &moment);
}

static void serve(struct job *j)
{
	char answer[300];
	const char *name = strchr(j->path + 1, '/');
	for (int n = atoi(j->path + 1); n > 0 && name; n--)
		call(&upstream, name);
	int n = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(j->path), j->path);
	if (write(j->fd, answer, (size_t)n) != n)
		return;
	if (strncmp(j->path, "/after/", 7) == 0)
		call(&upstream, name);
	if (strcmp(j->path, "/exit") == 0)
		exit(0);
	linger(j->fd);
}

static void *work(void *unused)
{
	(void)unused;
	for (;;) {
		pthread_mutex_lock(&lock);
		while (!first)
			pthread_cond_wait(&come, &lock);
		struct job *j = first;
		first = j->next;
		if (!first)
			last = &first;
		pthread_mutex_unlock(&lock);
		serve(j);
		pthread_mutex_lock(&lock);
		j->done = 1;
		pthread_cond_broadcast(&gone);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void *read_on(void *arg)
{
	char head[4000];
	struct job j = {.fd = (int)(long)arg};
	while (read_head(j.fd, head, sizeof(head)) == 0 && sscanf(head, "GET %199s", j.path) == 1) {
		j.done = 0;
		j.next = NULL;
		pthread_mutex_lock(&lock);
		*last = &j;
		last = &j.next;
		pthread_cond_signal(&come);
		while (!j.done)
			pthread_cond_wait(&gone, &lock);
		pthread_mutex_unlock(&lock);
	}
	close(j.fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	pthread_t id;
	int listener = socket(AF_INET, SOCK_STREAM, 0), threads = argc > 2 ? atoi(argv[2]) : 1;
	signal(SIGPIPE, SIG_IGN);
	at.sin_addr.s_addr = upstream.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	upstream.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 0));
	if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 100) != 0)
		return 1;
	while (threads-- > 0)
		pthread_create(&id, NULL, work, NULL);
	getsockname(listener, (struct sockaddr *)&at, &len);
	printf("listening on %d\n", ntohs(at.sin_port));
	fflush(stdout);
	for (;;) {
		long fd = accept(listener, NULL, NULL);
		if (fd >= 0 && pthread_create(&id, NULL, read_on, (void *)fd) == 0)
			pthread_detach(id);
	}
}
