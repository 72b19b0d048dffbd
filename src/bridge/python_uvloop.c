/*
 * uvloop's loop. Fed by it with what is scheduled, written and run; feeds marks into contexts like
 * python_asyncio.c, by other rules, since:
 *
 * - It reads outside of any handle and then runs its transport's callback in a context that all
 *   connections of a server share: an event lasts until the next handle is run (the call that
 *   enters a handle's context is replaced in uvloop's import table).
 * - So a context does not say which connection it descends from. One that is made while a request
 * is handled works for that; one that was there before (a task for each connection, a worker of the
 *   whole program) cannot be told from others, and never gets a request.
 * - It writes at the end of a round, outside of any context: whose a request is, is said of the
 *   connection when the program hands the bytes over.
 */
#include "bridge/python_uvloop.h"

#include "bridge/import_table.h"
#include "bridge/python_asyncio.h"
#include "bridge/python_mark.h"
#include "bridge/python_peek.h"
#include "flow/bridge.h"

#define OBJECT "/uvloop/loop."

/* ---- where events end ---- */

/* The first loop runs already when we come: its thread is taken for a loop's from then on. */
static int enter(struct at_py *context)
{
	if (!at_bridge_reads())
		at_bridge_go_on_reading();
	at_bridge_event_over();
	return at_py.PyContext_Enter(context);
}

/* ---- what is scheduled ---- */

/* A context that was given: a task's own. */
static void schedule(struct at_py *context)
{
	uintptr_t conn;
	uint64_t token = at_bridge_event_outside(&conn);
	struct at_python_mark mark = at_python_mark_of(context);
	bool known = mark.home == (uintptr_t)context;
	if (at_bridge_open(mark.token) || (!known && mark.token) || (known && !token))
		return;
	if (!known)
		mark.conn = token ? conn : 0;
	if (token && mark.conn != conn)
		return;
	mark.token = token;
	mark.home = (uintptr_t)context;
	at_python_mark_set(context, mark);
}

/* The context that was given by keyword; NULL: none. *none stays with callers that give None. */
static struct at_py *given(struct at_py *const *args, long count, struct at_py *keywords)
{
	long named = keywords ? at_py.PyTuple_Size(keywords) : 0;
	for (long i = 0; i < named; i++)
		if (at_python_is_context(args[count + i]))
			return args[count + i];
	return NULL;
}

/* What the program's own method copies, when it copies, has the request in it. */
static struct at_py *call(struct at_python_patch *patch, struct at_py *self,
			  struct at_py *const *args, long count, struct at_py *keywords)
{
	struct at_py *context = given(args, count, keywords);
	struct at_py *lent = NULL;
	uintptr_t conn;
	uint64_t token = at_bridge_event_outside(&conn);
	if (context && at_bridge_reads()) {
		schedule(context);
	} else if (!context && !at_bridge_open(at_python_mark_of(at_python_peek_context()).token)) {
		if (!at_bridge_reads())
			token = at_bridge_current();
		if (token)
			lent = at_python_mark_lend((struct at_python_mark){token, conn, 0});
	}
	struct at_py *r = at_python_patched(patch, self, args, count, keywords);
	at_python_mark_take_back(lent);
	return r;
}

/* ---- uvloop.Loop ---- */

enum { SOON, THREADSAFE, LATER, AT, FOREVER, METHODS };
static struct at_python_patch loop[METHODS];

#define CALL(name, which)                                                                    \
	static struct at_py *name(struct at_py *self, struct at_py *const *args, long count, \
				  struct at_py *keywords)                                    \
	{                                                                                    \
		return call(&loop[which], self, args, count, keywords);                      \
	}
CALL(call_soon, SOON)
CALL(call_soon_threadsafe, THREADSAFE)
CALL(call_later, LATER)
CALL(call_at, AT)

static struct at_py *run_forever(struct at_py *self, struct at_py *const *args, long count,
				 struct at_py *keywords)
{
	return at_python_run_loop(&loop[FOREVER], self, args, count, keywords);
}

#define METHOD(name, doc)                                                 \
	{                                                                 \
		{#name, name, AT_PY_FASTCALL, #name doc "\n--\n\n"}, NULL \
	}
static struct at_python_patch loop[METHODS] = {
	[SOON] = METHOD(call_soon, "($self, callback, *args, context=None)"),
	[THREADSAFE] = METHOD(call_soon_threadsafe, "($self, callback, *args, context=None)"),
	[LATER] = METHOD(call_later, "($self, delay, callback, *args, context=None)"),
	[AT] = METHOD(call_at, "($self, when, callback, *args, context=None)"),
	[FOREVER] = METHOD(run_forever, "($self)"),
};

/* ---- uvloop.loop.UVStream ---- */

static struct at_py *socket_args, *no_args;   /* ("socket",) and () */
static struct at_py *info_name, *fileno_name; /* "get_extra_info", "fileno" */

/* The result of object.name(*args), or NULL without an exception. */
static struct at_py *ask(struct at_py *object, struct at_py *name, struct at_py *args)
{
	struct at_py *method = object ? at_py.PyObject_GetAttr(object, name) : NULL;
	struct at_py *r = method ? at_py.PyObject_Call(method, args, NULL) : NULL;
	at_py.PyErr_Clear();
	at_py.Py_DecRef(method);
	return r;
}

static void own(struct at_py *transport)
{
	struct at_py *socket = ask(transport, info_name, socket_args);
	struct at_py *number = ask(socket, fileno_name, no_args);
	long fd = number ? at_py.PyLong_AsLong(number) : -1;
	at_py.PyErr_Clear();
	at_py.Py_DecRef(number);
	at_py.Py_DecRef(socket);
	uint64_t token = at_bridge_current();
	if (fd >= 0)
		at_bridge_own((int)fd, token ? token : at_bridge_event_outside(NULL));
}

enum { WRITE, WRITELINES };
static struct at_python_patch stream[2];

static struct at_py *write(struct at_py *self, struct at_py *const *args, long count,
			   struct at_py *keywords)
{
	own(self);
	return at_python_patched(&stream[WRITE], self, args, count, keywords);
}

static struct at_py *writelines(struct at_py *self, struct at_py *const *args, long count,
				struct at_py *keywords)
{
	own(self);
	return at_python_patched(&stream[WRITELINES], self, args, count, keywords);
}

static struct at_python_patch stream[2] = {
	[WRITE] = METHOD(write, "($self, buf)"),
	[WRITELINES] = METHOD(writelines, "($self, bufs)"),
};

static bool prepare(void)
{
	struct at_py *socket = at_py.PyUnicode_InternFromString("socket");
	socket_args = at_py.PyTuple_New(1);
	no_args = at_py.PyTuple_New(0);
	info_name = at_py.PyUnicode_InternFromString("get_extra_info");
	fileno_name = at_py.PyUnicode_InternFromString("fileno");
	return socket && socket_args && no_args && info_name && fileno_name &&
	       at_py.PyTuple_SetItem(socket_args, 0, socket) == 0;
}

enum at_python_part at_python_uvloop(void)
{
	struct at_py *loops = at_python_find("uvloop", "Loop");
	struct at_py *streams = loops ? at_python_find("uvloop.loop", "UVStream") : NULL;
	enum at_python_part part = AT_PYTHON_ABSENT;
	if (loops)
		part = streams && prepare() &&
				       at_import_table_set(OBJECT, "PyContext_Enter", enter) &&
				       at_python_patch_extension(streams, stream, 2) &&
				       at_python_patch(loops, loop, METHODS)
			       ? AT_PYTHON_DONE
			       : AT_PYTHON_FOREIGN;
	at_py.PyErr_Clear();
	at_py.Py_DecRef(streams);
	at_py.Py_DecRef(loops);
	return part;
}
