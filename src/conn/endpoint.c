/*
 * Socket addresses as values and as text. Pure.
 */
#include <netinet/in.h>
#include <stddef.h>
#include <sys/un.h>

#include "conn/conn.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void set_unix(struct at_endpoint *e, const struct sockaddr_un *un, socklen_t len)
{
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t n = len > head ? len - head : 0;
	if (n > sizeof(e->path))
		n = sizeof(e->path);
	memcpy(e->path, un->sun_path, n);
	if (n && e->path[0] == '\0')
		e->path[0] = '@';
	else
		n = strnlen(e->path, n);
	e->path_len = (uint8_t)n;
}

void at_endpoint_set(struct at_endpoint *e, const struct sockaddr *addr, socklen_t len)
{
	*e = (struct at_endpoint){0};
	if (!addr || len < sizeof(addr->sa_family))
		return;
	if (addr->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		const struct sockaddr_in *in = (const void *)addr;
		memcpy(e->ip, &in->sin_addr, 4);
		e->port = ntohs(in->sin_port);
	} else if (addr->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		const struct sockaddr_in6 *in6 = (const void *)addr;
		memcpy(e->ip, &in6->sin6_addr, 16);
		e->port = ntohs(in6->sin6_port);
	} else if (addr->sa_family == AF_UNIX) {
		set_unix(e, (const void *)addr, len);
	} else {
		return;
	}
	e->family = (uint8_t)addr->sa_family;
}

static size_t text_v4(const uint8_t *ip, char *dst)
{
	size_t n = 0;
	for (int i = 0; i < 4; i++) {
		if (i)
			dst[n++] = '.';
		n += at_dec_encode(dst + n, ip[i]);
	}
	return n;
}

static size_t hex16(char *dst, unsigned v)
{
	static const char digit[] = "0123456789abcdef";
	size_t n = 0;
	for (int shift = 12; shift >= 0; shift -= 4)
		if (n || shift == 0 || v >> shift)
			dst[n++] = digit[v >> shift & 15];
	return n;
}

/* RFC 5952: the longest run of zero groups (two at least, the first of equals) becomes "::". */
static size_t text_v6(const uint8_t *ip, char *dst)
{
	unsigned group[8];
	int best = -1;
	int best_len = 1;
	size_t n = 0;
	for (int i = 0; i < 8; i++)
		group[i] = (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
	for (int i = 0; i < 8; i++) {
		int len = 0;
		while (i + len < 8 && group[i + len] == 0)
			len++;
		if (len > best_len) {
			best = i;
			best_len = len;
		}
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			dst[n++] = ':';
			dst[n++] = ':';
			i += best_len - 1;
			continue;
		}
		if (i && dst[n - 1] != ':')
			dst[n++] = ':';
		n += hex16(dst + n, group[i]);
	}
	return n;
}

bool at_endpoint_is_v6(const struct at_endpoint *e)
{
	return e->family == AF_INET6 && memcmp(e->ip, mapped_prefix, sizeof(mapped_prefix)) != 0;
}

size_t at_endpoint_text(const struct at_endpoint *e, char *dst)
{
	if (e->family == AF_INET)
		return text_v4(e->ip, dst);
	if (e->family == AF_INET6)
		return at_endpoint_is_v6(e) ? text_v6(e->ip, dst) : text_v4(e->ip + 12, dst);
	memcpy(dst, e->path, e->path_len);
	return e->path_len;
}
