/*
 * asyncio's own loop. Fed by asyncio with handles that are made and loops that run, on the threads
 * of the program with the GIL held; feeds marks into contexts (python_mark.h).
 *
 * A request is read in a handle of its connection: the event. What is scheduled while it is handled
 * (tasks, callbacks, wake-ups) works for it, if it is entitled to: a context that descends from the
 * connection, has no request that is still open, and is not a mere copy of one made for an earlier
 * request. So a server's task for each connection goes on with the next request, and a worker of
 * the whole program, woken by many, never takes one over. All else inherits by the contexts' own
 * rules.
 *
 *   accept -> {conn} -> event X -> {X, conn, home} -> X answered, event Y -> {Y, conn, home}
 *                                  \-> copies {X, conn}: X while it is open, then nobody
 */
#include "bridge/python_asyncio.h"

#include "bridge/python_mark.h"
#include "bridge/python_peek.h"
#include "flow/bridge.h"

static struct at_py *context_name; /* "_context" */
static struct at_py *running_loop; /* _get_running_loop() */

/* The place where a connection is read that was accepted unseen: descends from it from now on. */
static void settle(uint64_t conn)
{
	struct at_py *here = at_python_peek_context();
	struct at_python_mark mark = at_python_mark_of(here);
	if (here && !mark.conn && !mark.token)
		at_python_mark_set(here, (struct at_python_mark){.conn = conn});
}

static void adopt(struct at_py *context, uint64_t token, uint64_t conn)
{
	struct at_python_mark mark = at_python_mark_of(context);
	settle(conn);
	if (at_bridge_open(mark.token) || mark.conn != conn ||
	    (mark.token && mark.home != (uintptr_t)context))
		return;
	mark = (struct at_python_mark){.token = token, .conn = conn, .home = (uintptr_t)context};
	at_python_mark_set(context, mark);
}

bool at_python_schedules(void)
{
	return at_bridge_event(NULL) || at_bridge_accepted() ||
	       (!at_bridge_reads() && at_bridge_current());
}

void at_python_scheduled(struct at_py *context, bool copied)
{
	uintptr_t conn;
	uint64_t token = at_bridge_event(&conn);
	if (at_bridge_reads() && token) {
		adopt(context, token, conn);
		return;
	}
	conn = at_bridge_reads() ? at_bridge_accepted() : 0;
	token = !at_bridge_reads() && copied ? at_bridge_current() : 0;
	if (conn && !at_python_mark_of(context).conn) {
		at_bridge_accepted_over();
		at_python_mark_set(context, (struct at_python_mark){.conn = conn});
	} else if (token && !at_bridge_open(at_python_mark_of(context).token)) {
		at_python_mark_set(context, (struct at_python_mark){.token = token});
	}
}

static struct at_py *make_handle(struct at_py *self, struct at_py *const *args, long count,
				 struct at_py *keywords);
static struct at_py *run_forever(struct at_py *self, struct at_py *const *args, long count,
				 struct at_py *keywords);

static struct at_python_patch handle[] = {
	{{"__init__", make_handle, AT_PY_FASTCALL,
	  "__init__($self, callback, args, loop, context=None)\n--\n\n"},
	 NULL},
};

static struct at_python_patch loop[] = {
	{{"run_forever", run_forever, AT_PY_FASTCALL,
	  "run_forever($self)\n--\n\nRun until stop() is called."},
	 NULL},
};

/* Whether Handle(callback, args, loop, context=None) copies the present context. */
static bool copies(struct at_py *context, long count, struct at_py *const *args,
		   struct at_py *keywords)
{
	long named = keywords ? at_py.PyTuple_Size(keywords) : 0;
	for (long i = 3; i < count + named; i++)
		if (args[i] == context)
			return false;
	return true;
}

/* A thread whose loop ran already when we came is a loop's from its next handle on. */
static void find_loop(void)
{
	struct at_py *none = at_py.PyTuple_New(0);
	struct at_py *found = none ? at_py.PyObject_Call(running_loop, none, NULL) : NULL;
	if (found && at_py.PyObject_IsTrue(found) > 0)
		at_bridge_go_on_reading();
	at_py.PyErr_Clear();
	at_py.Py_DecRef(found);
	at_py.Py_DecRef(none);
}

static struct at_py *make_handle(struct at_py *self, struct at_py *const *args, long count,
				 struct at_py *keywords)
{
	struct at_py *r = at_python_patched(&handle[0], self, args, count, keywords);
	if (r && !at_bridge_reads())
		find_loop();
	if (!r || !at_python_schedules())
		return r;
	struct at_py *context = at_py.PyObject_GetAttr(self, context_name);
	if (context)
		at_python_scheduled(context, copies(context, count, args, keywords));
	at_py.PyErr_Clear();
	at_py.Py_DecRef(context);
	return r;
}

/* A loop that is run inside of a request (asyncio.run in a thread that serves it) works for that.
 * One that runs in a thread which was merely created meanwhile does not. */
struct at_py *at_python_run_loop(const struct at_python_patch *patch, struct at_py *self,
				 struct at_py *const *args, long count, struct at_py *keywords)
{
	struct at_bridge_frame frame;
	at_bridge_enter(at_bridge_served(), true, &frame);
	struct at_py *r = at_python_patched(patch, self, args, count, keywords);
	at_bridge_leave(&frame);
	return r;
}

static struct at_py *run_forever(struct at_py *self, struct at_py *const *args, long count,
				 struct at_py *keywords)
{
	return at_python_run_loop(&loop[0], self, args, count, keywords);
}

static bool has_context(struct at_py *handles)
{
	struct at_py *slot = NULL;
	if (at_python_is_class(handles))
		slot = at_py.PyObject_GetAttrString(handles, "_context");
	at_py.Py_DecRef(slot);
	return slot;
}

enum at_python_part at_python_asyncio(void)
{
	struct at_py *handles = at_python_find("asyncio.events", "Handle");
	struct at_py *loops = at_python_find("asyncio.base_events", "BaseEventLoop");
	enum at_python_part part = AT_PYTHON_ABSENT;
	if (handles && loops) {
		context_name = at_py.PyUnicode_InternFromString("_context");
		running_loop = at_python_find("asyncio.events", "_get_running_loop");
		part = has_context(handles) && context_name && running_loop &&
				       at_python_patch(loops, loop, 1) &&
				       at_python_patch(handles, handle, 1)
			       ? AT_PYTHON_DONE
			       : AT_PYTHON_FOREIGN;
	}
	at_py.PyErr_Clear();
	at_py.Py_DecRef(handles);
	at_py.Py_DecRef(loops);
	return part;
}
