/*
 * uvloop's loop. Fed by it with what is scheduled, written and run; feeds marks into contexts like
 * python_asyncio.c, by other rules, since:
 *
 * - It reads outside of any handle and then runs its transport's callback in a context that all
 *   connections of a server share: an event lasts until the next handle is run (the call that
 *   enters a handle's context is replaced in uvloop's import table; from 0.23 on the transport's
 *   callback is entered by it too, as the first after the read).
 * - So a context does not say which connection it descends from. One that is made while a request
 *   is handled works for that. A connection's own task is one that the protocol makes in
 *   connection_made(), which is replaced in each class that is seen as a server's protocol: it gets
 *   the connection's requests. Others that were there before (a worker of the whole program) never
 *   get one.
 * - It writes at the end of a round, outside of any context: whose a request is, is said of the
 *   connection when the program hands the bytes over.
 */
#include "bridge/python_uvloop.h"

#include "base/bytes.h"
#include "bridge/import_table.h"
#include "bridge/python_asyncio.h"
#include "bridge/python_mark.h"
#include "bridge/python_peek.h"
#include "flow/bridge.h"

#define OBJECT "/uvloop/loop."

/* In the mark of a context that has not run yet: it may find its first request read already. */
#define FRESH UINT64_MAX

/* The connection whose protocol is in connection_made() on this thread, 0: none, and its number. */
static __thread uintptr_t made __attribute__((tls_model("initial-exec")));
static __thread int made_fd __attribute__((tls_model("initial-exec")));

static bool callbacks_enter; /* the transport's callbacks too are entered by `enter` */

/* ---- where events end ---- */

/* A connection's own task runs. What was read before it waited for that wakes nobody, the task
 * finds it: at its first run, and when it has others answer (aiohttp's makes a task for each
 * request, and goes on when that is done). One that answers itself may do more for the old request.
 */
static void run_own(struct at_py *context)
{
	struct at_python_mark mark = at_python_mark_of(context);
	if (!mark.fd || mark.home != (uintptr_t)context || at_bridge_open(mark.token))
		return;
	uint64_t token = at_bridge_asked_on((int)mark.fd, mark.conn, mark.token != FRESH);
	if (token == mark.token)
		return;
	mark.token = token;
	at_python_mark_set(context, mark);
}

/* The first loop runs already when we come: its thread is taken for a loop's from then on. */
static int enter(struct at_py *context)
{
	if (!at_bridge_reads())
		at_bridge_go_on_reading();
	if (!callbacks_enter || !at_bridge_event_enters())
		at_bridge_event_over();
	run_own(context);
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
	if (!known && made)
		mark = (struct at_python_mark){.conn = made, .fd = made_fd};
	else if (!known)
		mark.conn = token ? conn : 0;
	if (token && mark.conn != conn)
		return;
	mark.token = !known && made && !token ? FRESH : token;
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
			lent = at_python_mark_lend(
				(struct at_python_mark){.token = token, .conn = conn});
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

#define METHOD_BY(name, function, doc)                                        \
	{                                                                     \
		{#name, function, AT_PY_FASTCALL, #name doc "\n--\n\n"}, NULL \
	}
#define METHOD(name, doc) METHOD_BY(name, name, doc)
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
static struct at_py *protocol_name;           /* "get_protocol" */

/* The result of object.name(*args), or NULL without an exception. */
static struct at_py *ask(struct at_py *object, struct at_py *name, struct at_py *args)
{
	struct at_py *method = object ? at_py.PyObject_GetAttr(object, name) : NULL;
	struct at_py *r = method ? at_py.PyObject_Call(method, args, NULL) : NULL;
	at_py.PyErr_Clear();
	at_py.Py_DecRef(method);
	return r;
}

static int number_of(struct at_py *transport)
{
	struct at_py *socket = ask(transport, info_name, socket_args);
	struct at_py *number = ask(socket, fileno_name, no_args);
	long fd = number ? at_py.PyLong_AsLong(number) : -1;
	at_py.PyErr_Clear();
	at_py.Py_DecRef(number);
	at_py.Py_DecRef(socket);
	return (int)fd;
}

/* ---- protocols of servers ---- */

#define PROTOCOLS 8 /* classes */

static struct at_python_patch protocols[PROTOCOLS];
static struct at_py *classes[PROTOCOLS]; /* whose they are */
static size_t known;

/* protocol.connection_made(transport). A class may call its base's. */
static struct at_py *make(const struct at_python_patch *patch, struct at_py *self,
			  struct at_py *const *args, long count, struct at_py *keywords)
{
	uintptr_t outer = made;
	if (!made && count == 1) {
		made_fd = number_of(args[0]);
		made = at_bridge_accepted_as(made_fd);
	}
	struct at_py *r = at_python_patched(patch, self, args, count, keywords);
	made = outer;
	return r;
}

#define MAKE(i)                                                                                 \
	static struct at_py *make##i(struct at_py *self, struct at_py *const *args, long count, \
				     struct at_py *keywords)                                    \
	{                                                                                       \
		return make(&protocols[i], self, args, count, keywords);                        \
	}
#define MADE(i) METHOD_BY(connection_made, make##i, "($self, transport)")
MAKE(0)
MAKE(1)
MAKE(2)
MAKE(3)
MAKE(4)
MAKE(5)
MAKE(6)
MAKE(7)
static struct at_python_patch protocols[PROTOCOLS] = {MADE(0), MADE(1), MADE(2), MADE(3),
						      MADE(4), MADE(5), MADE(6), MADE(7)};

static bool is_known(const struct at_py *class)
{
	for (size_t i = 0; i < known; i++)
		if (classes[i] == class)
			return true;
	return false;
}

/* What a server's connection is written to by: its class is seen to from then on. */
static void learn_protocol(struct at_py *transport)
{
	struct at_py *protocol = known < PROTOCOLS ? ask(transport, protocol_name, no_args) : NULL;
	struct at_py *class = protocol ? at_py.PyObject_Type(protocol) : NULL;
	if (class && !is_known(class)) {
		classes[known] = class;
		at_py.Py_IncRef(class);
		if (!at_python_patch(class, &protocols[known], 1))
			protocols[known].original = NULL;
		known++;
	}
	at_py.PyErr_Clear();
	at_py.Py_DecRef(class);
	at_py.Py_DecRef(protocol);
}

/* An answer is written to a server's connection. */
static void answer(struct at_py *transport, int fd)
{
	const struct at_py *here = at_python_peek_context();
	struct at_python_mark mark = at_python_mark_of(here);
	if (mark.fd == fd && mark.conn)
		at_bridge_answered_by(fd, mark.conn, mark.home != (uintptr_t)here);
	learn_protocol(transport);
}

static void own(struct at_py *transport)
{
	int fd = number_of(transport);
	uint64_t token = at_bridge_current();
	if (fd >= 0 && !at_bridge_own(fd, token ? token : at_bridge_event_outside(NULL)))
		answer(transport, fd);
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
	protocol_name = at_py.PyUnicode_InternFromString("get_protocol");
	return socket && socket_args && no_args && info_name && fileno_name && protocol_name &&
	       at_py.PyTuple_SetItem(socket_args, 0, socket) == 0;
}

/* Whether it is 0.23 or later. */
static bool is_late(void)
{
	struct at_py *version = at_python_find("uvloop", "__version__");
	const char *text = version ? at_py.PyUnicode_AsUTF8(version) : NULL;
	struct at_str left = at_str_c(text ? text : "");
	uint64_t major, minor;
	bool known_form = at_str_u64(at_str_cut(&left, '.'), &major) &&
			  at_str_u64(at_str_cut(&left, '.'), &minor);
	at_py.PyErr_Clear();
	at_py.Py_DecRef(version);
	return known_form && (major || minor >= 23);
}

enum at_python_part at_python_uvloop(void)
{
	struct at_py *loops = at_python_find("uvloop", "Loop");
	struct at_py *streams = loops ? at_python_find("uvloop.loop", "UVStream") : NULL;
	enum at_python_part part = AT_PYTHON_ABSENT;
	callbacks_enter = loops && is_late();
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
