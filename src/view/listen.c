/*
 * ADDRESS:PORT -> socket. Fed by main at start. Hands the socket to the receiver.
 */
#include "view/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 512

/* "ADDRESS:PORT" taken apart. */
struct place {
	char host[128]; /* empty: every address */
	char port[8];
};

static bool take_apart(struct place *to, const char *where)
{
	const char *colon = strrchr(where, ':');
	const char *host = where;
	size_t n = colon ? (size_t)(colon - where) : 0;

	if (!colon || !colon[1] || strlen(colon + 1) > 5 ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1) || atoi(colon + 1) > 65535)
		return false;
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	} else if (memchr(host, ':', n)) {
		return false;
	}
	if (n >= sizeof(to->host))
		return false;
	snprintf(to->host, sizeof(to->host), "%.*s", (int)n, host);
	snprintf(to->port, sizeof(to->port), "%s", colon + 1);
	return true;
}

bool at_listen_valid(const char *where)
{
	struct place place;

	return take_apart(&place, where);
}

static bool try_address(struct at_listen *to, const struct addrinfo *at)
{
	const int yes = 1;
	int kept;

	to->fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (to->fd < 0)
		return false;
	setsockopt(to->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(to->fd, at->ai_addr, at->ai_addrlen) == 0 && listen(to->fd, BACKLOG) == 0)
		return true;
	kept = errno;
	close(to->fd);
	errno = kept;
	return false;
}

static bool describe(struct at_listen *to)
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);
	struct place place;
	bool six;

	if (getsockname(to->fd, (struct sockaddr *)&address, &size) != 0 ||
	    getnameinfo((struct sockaddr *)&address, size, place.host, sizeof(place.host),
			place.port, sizeof(place.port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return false;
	six = address.ss_family == AF_INET6;
	to->port = (unsigned int)atoi(place.port);
	snprintf(to->url, sizeof(to->url), "http://%s%.64s%s:%u", six ? "[" : "", place.host,
		 six ? "]" : "", to->port);
	return true;
}

bool at_listen_open(struct at_listen *to, const char *where)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found = NULL, *at;
	struct place place;
	int error;

	if (!take_apart(&place, where)) {
		snprintf(to->why, sizeof(to->why), "'%.64s' is not ADDRESS:PORT", where);
		return false;
	}
	error = getaddrinfo(place.host[0] ? place.host : NULL, place.port, &hints, &found);
	for (at = found; at && !error; at = at->ai_next) {
		if (try_address(to, at))
			break;
	}
	if (error || !at) {
		snprintf(to->why, sizeof(to->why), "cannot listen on %.64s: %s", where,
			 error ? gai_strerror(error) : strerror(errno));
	} else if (!describe(to)) {
		snprintf(to->why, sizeof(to->why), "cannot tell the address of %.64s", where);
		close(to->fd);
		at = NULL;
	}
	if (found)
		freeaddrinfo(found);
	return !error && at;
}
