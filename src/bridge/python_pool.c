/*
 * Thread pools. Fed by concurrent.futures.thread with jobs that are made, on the thread that
 * submits them, and run, on the pool's; the request's token travels as an attribute of the job.
 */
#include "bridge/python_pool.h"

#include "flow/bridge.h"

static struct at_py *token_name; /* the attribute */

static struct at_py *make(struct at_py *self, struct at_py *const *args, long count,
			  struct at_py *keywords);
static struct at_py *run(struct at_py *self, struct at_py *const *args, long count,
			 struct at_py *keywords);

enum { MAKE, RUN };

static struct at_python_patch job[] = {
	[MAKE] = {{"__init__", make, AT_PY_FASTCALL,
		   "__init__($self, future, fn, args, kwargs)\n--\n\n"},
		  NULL},
	[RUN] = {{"run", run, AT_PY_FASTCALL, "run($self)\n--\n\n"}, NULL},
};

static struct at_py *make(struct at_py *self, struct at_py *const *args, long count,
			  struct at_py *keywords)
{
	struct at_py *r = at_python_patched(&job[MAKE], self, args, count, keywords);
	if (!r)
		return NULL;
	struct at_py *token = at_py.PyLong_FromUnsignedLongLong(at_bridge_current());
	if (!token || at_py.PyObject_SetAttr(self, token_name, token) != 0)
		at_py.PyErr_Clear();
	at_py.Py_DecRef(token);
	return r;
}

/* The request that the job was submitted under. One that was made before we came is the first of
 * the pool's first thread, which was made for it. */
static uint64_t token_of(struct at_py *self)
{
	struct at_py *token = at_py.PyObject_GetAttr(self, token_name);
	uint64_t value = token ? at_py.PyLong_AsUnsignedLongLong(token) : at_bridge_inherited();
	at_py.PyErr_Clear();
	at_py.Py_DecRef(token);
	return value;
}

/* Greenlets change places in the middle of a job, and what is said of a thread would be said of all
 * of them. */
static bool have_greenlets(void)
{
	if (!at_bridge_is_blurred()) {
		struct at_py *type = at_python_find("greenlet", "greenlet");
		at_py.PyErr_Clear();
		if (type)
			at_bridge_blur();
		at_py.Py_DecRef(type);
	}
	return at_bridge_is_blurred();
}

enum at_python_part at_python_greenlets(void)
{
	return have_greenlets() ? AT_PYTHON_DONE : AT_PYTHON_ABSENT;
}

static struct at_py *run(struct at_py *self, struct at_py *const *args, long count,
			 struct at_py *keywords)
{
	struct at_bridge_frame frame;
	if (have_greenlets())
		return at_python_patched(&job[RUN], self, args, count, keywords);
	at_bridge_enter_job(token_of(self), &frame);
	struct at_py *r = at_python_patched(&job[RUN], self, args, count, keywords);
	at_bridge_leave(&frame);
	return r;
}

enum at_python_part at_python_pool(void)
{
	struct at_py *items = at_python_find("concurrent.futures.thread", "_WorkItem");
	enum at_python_part part = AT_PYTHON_ABSENT;
	if (items) {
		token_name = at_py.PyUnicode_InternFromString("_autotrace_request");
		part = token_name && at_python_patch(items, job, 2) ? AT_PYTHON_DONE
								    : AT_PYTHON_FOREIGN;
	}
	at_py.PyErr_Clear();
	at_py.Py_DecRef(items);
	return part;
}
