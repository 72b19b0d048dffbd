/*
 * What a small server needs: to read a request's head, and to make a call of its own.
 */
#ifndef AT_TESTS_PLAIN_H
#define AT_TESTS_PLAIN_H

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int read_head(int fd, char *buf, size_t room)
{
	size_t n = 0;
	do {
		ssize_t rc = read(fd, buf + n, room - 1 - n);
		if (rc <= 0)
			return -1;
		buf[n += (size_t)rc] = '\0';
	} while (!strstr(buf, "\r\n\r\n"));
	return 0;
}

static void call(const struct sockaddr_in *upstream, const char *path)
{
	char text[400];
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int n = snprintf(text, sizeof(text),
			 "GET %s HTTP/1.1\r\nHost: up\r\nConnection: close\r\n\r\n", path);
	if (connect(fd, (const struct sockaddr *)upstream, sizeof(*upstream)) == 0 &&
	    write(fd, text, (size_t)n) == n)
		while (read(fd, text, sizeof(text)) > 0)
			continue;
	close(fd);
}

#endif
