/*
 * Growing bytes. Fed by the receiver, gunzip and jsonl, on the program's one thread. Not its job:
 * limits, which are the caller's to check before it appends.
 */
#include "view/body.h"

#include <stdlib.h>

#define ROOM_MIN 4096u

bool at_body_reserve(struct at_body *body, size_t more)
{
	size_t room = body->room ? body->room : ROOM_MIN;
	char *p;

	if (body->room - body->n >= more)
		return true;
	if (more > SIZE_MAX / 4 - body->n)
		return false;
	while (room - body->n < more)
		room *= 2;
	p = realloc(body->p, room);
	if (!p)
		return false;
	body->p = p;
	body->room = room;
	return true;
}

bool at_body_add(struct at_body *body, struct at_str bytes)
{
	if (!at_body_reserve(body, bytes.n))
		return false;
	if (bytes.n)
		memcpy(body->p + body->n, bytes.p, bytes.n);
	body->n += bytes.n;
	return true;
}

void at_body_clear(struct at_body *body, size_t keep)
{
	body->n = 0;
	if (body->room > keep)
		at_body_free(body);
}

void at_body_free(struct at_body *body)
{
	free(body->p);
	*body = (struct at_body){0};
}
