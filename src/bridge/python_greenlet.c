/*
 * Greenlets: many strands of work on one thread, which change places unseen. Fed by gevent and
 * eventlet with what is read and spawned; feeds marks into contexts (python_mark.h).
 *
 * Each greenlet has a context of its own (greenlet 1.0, and 0.4.17), which changes places with it.
 * A greenlet works for the request that it has read last: a server has one for each connection,
 * which reads, works and answers. So when its read has returned, its context gets the mark. One
 * that is spawned works for the same as its maker; neither gevent nor eventlet hands contexts on,
 * so it is given one that has nothing but the mark in it.
 *
 *   accept -> greenlet, no context -> reads X -> {X} -> spawns another -> {X}
 *                                     reads Y -> {Y}
 */
#include "bridge/python_greenlet.h"

#include "bridge/python_mark.h"
#include "bridge/python_peek.h"
#include "bridge/python_pool.h"
#include "flow/bridge.h"

static struct at_py *context_name; /* "gr_context" */
static struct at_py *self_name;    /* "__self__" */

/* ---- what is read ---- */

/* A read of the program's has returned `r`; what was read before it is over, whoever read it. */
static struct at_py *has_read(struct at_py *r)
{
	struct at_py *here = at_python_peek_context();
	uint64_t token = r ? at_bridge_event(NULL) : 0;
	at_bridge_event_over();
	if (token && at_python_mark_of(here).token != token)
		at_python_mark_set(here, (struct at_python_mark){.token = token});
	return r;
}

/* ---- what is spawned ---- */

/* One that has not begun, and has no context from the program. */
static bool is_fresh(struct at_py *greenlet)
{
	struct at_py *context = at_py.PyObject_GetAttr(greenlet, context_name);
	bool fresh =
		context && !at_python_is_context(context) && at_py.PyObject_IsTrue(greenlet) == 0;
	at_py.PyErr_Clear();
	at_py.Py_DecRef(context);
	return fresh;
}

static void hand_on(struct at_py *greenlet)
{
	uint64_t token = at_bridge_current();
	if (!token || !is_fresh(greenlet))
		return;
	at_python_pool(); /* or a pool's thread would work for its first job's request for ever */
	struct at_py *context = at_py.PyContext_New();
	if (context) {
		at_python_mark_set(context, (struct at_python_mark){.token = token});
		at_py.PyObject_SetAttr(greenlet, context_name, context);
	}
	at_py.PyErr_Clear();
	at_py.Py_DecRef(context);
}

/* ---- gevent ---- */

#define READING(name, patch)                                                                 \
	static struct at_py *name(struct at_py *self, struct at_py *const *args, long count, \
				  struct at_py *keywords)                                    \
	{                                                                                    \
		return has_read(at_python_patched(patch, self, args, count, keywords));      \
	}
#define STARTING(name, patch)                                                                \
	static struct at_py *name(struct at_py *self, struct at_py *const *args, long count, \
				  struct at_py *keywords)                                    \
	{                                                                                    \
		hand_on(self);                                                               \
		return at_python_patched(patch, self, args, count, keywords);                \
	}
#define METHOD(name, function, doc)                                           \
	{                                                                     \
		{#name, function, AT_PY_FASTCALL, #name doc "\n--\n\n"}, NULL \
	}

enum { START, START_LATER, STARTS };
static struct at_python_patch greenlets[STARTS];
STARTING(start, &greenlets[START])
STARTING(start_later, &greenlets[START_LATER])
static struct at_python_patch greenlets[STARTS] = {
	[START] = METHOD(start, start, "($self)"),
	[START_LATER] = METHOD(start_later, start_later, "($self, seconds)"),
};

enum { RECV, RECV_INTO, READS };
static struct at_python_patch sockets[READS];
READING(read_some, &sockets[RECV])
READING(read_into, &sockets[RECV_INTO])
static struct at_python_patch sockets[READS] = {
	[RECV] = METHOD(recv, read_some, "($self, /, *args)"),
	[RECV_INTO] = METHOD(recv_into, read_into, "($self, /, *args)"),
};

/* ---- eventlet ---- */

static struct at_python_patch green_sockets[READS];
READING(green_read, &green_sockets[RECV])
READING(green_read_into, &green_sockets[RECV_INTO])
static struct at_python_patch green_sockets[READS] = {
	[RECV] = METHOD(recv, green_read, "($self, bufsize, flags=0)"),
	[RECV_INTO] = METHOD(recv_into, green_read_into, "($self, buffer, nbytes=0, flags=0)"),
};

/* A call that the hub is to make: a greenlet begins by its switch(). */
static void scheduled(struct at_py *const *args, long count)
{
	if (count < 2 || !at_bridge_current())
		return;
	struct at_py *greenlet = at_py.PyObject_GetAttr(args[1], self_name);
	if (greenlet)
		hand_on(greenlet);
	at_py.PyErr_Clear();
	at_py.Py_DecRef(greenlet);
}

#define SCHEDULING(name, patch)                                                              \
	static struct at_py *name(struct at_py *self, struct at_py *const *args, long count, \
				  struct at_py *keywords)                                    \
	{                                                                                    \
		scheduled(args, count);                                                      \
		return at_python_patched(patch, self, args, count, keywords);                \
	}

enum { GLOBAL, LOCAL, SCHEDULES };
static struct at_python_patch hubs[SCHEDULES];
SCHEDULING(schedule_global, &hubs[GLOBAL])
SCHEDULING(schedule_local, &hubs[LOCAL])
static struct at_python_patch hubs[SCHEDULES] = {
	[GLOBAL] = METHOD(schedule_call_global, schedule_global,
			  "($self, seconds, cb, /, *args, **kw)"),
	[LOCAL] =
		METHOD(schedule_call_local, schedule_local, "($self, seconds, cb, /, *args, **kw)"),
};

/* ---- parts ---- */

bool at_python_has_greenlets(void)
{
	if (!at_bridge_is_blurred()) {
		struct at_py *type = at_python_find("greenlet", "greenlet");
		if (type)
			at_bridge_blur();
		at_py.Py_DecRef(type);
	}
	return at_bridge_is_blurred();
}

enum at_python_part at_python_greenlets(void)
{
	return at_python_has_greenlets() ? AT_PYTHON_DONE : AT_PYTHON_ABSENT;
}

/* Older ones leave the context to the thread: all greenlets share it. */
static bool have_contexts(void)
{
	struct at_py *flag = at_python_find("greenlet", "GREENLET_USE_CONTEXT_VARS");
	bool have = flag && at_py.PyObject_IsTrue(flag) > 0;
	at_py.PyErr_Clear();
	at_py.Py_DecRef(flag);
	context_name = at_py.PyUnicode_InternFromString("gr_context");
	self_name = at_py.PyUnicode_InternFromString("__self__");
	return have && context_name && self_name;
}

enum at_python_part at_python_gevent(void)
{
	struct at_py *spawned = at_python_find("gevent.greenlet", "Greenlet");
	struct at_py *socket = at_python_find("gevent._socket3", "socket");
	enum at_python_part part = AT_PYTHON_ABSENT;
	if (spawned && socket && have_contexts())
		part = at_python_patch(socket, sockets, READS) &&
				       at_python_patch_extension(spawned, greenlets, STARTS)
			       ? AT_PYTHON_DONE
			       : AT_PYTHON_FOREIGN;
	at_py.Py_DecRef(spawned);
	at_py.Py_DecRef(socket);
	return part;
}

enum at_python_part at_python_eventlet(void)
{
	struct at_py *hub = at_python_find("eventlet.hubs.hub", "BaseHub");
	struct at_py *socket = at_python_find("eventlet.greenio.base", "GreenSocket");
	enum at_python_part part = AT_PYTHON_ABSENT;
	if (hub && socket && have_contexts())
		part = at_python_patch(socket, green_sockets, READS) &&
				       at_python_patch(hub, hubs, SCHEDULES)
			       ? AT_PYTHON_DONE
			       : AT_PYTHON_FOREIGN;
	at_py.Py_DecRef(hub);
	at_py.Py_DecRef(socket);
	return part;
}
