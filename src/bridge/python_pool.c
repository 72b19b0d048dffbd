/*
 * Thread pools. Fed by concurrent.futures.thread with jobs that are made, on the thread that
 * submits them, and run, on the pool's; the request's token travels as an attribute of the job.
 */
#include "bridge/python_pool.h"

#include "bridge/python_greenlet.h"
#include "bridge/python_mark.h"
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

/* The request that the job was submitted under; false: it was made before we came. */
static bool has_token(struct at_py *self, uint64_t *ret_token)
{
	struct at_py *token = at_py.PyObject_GetAttr(self, token_name);
	*ret_token = token ? at_py.PyLong_AsUnsignedLongLong(token) : 0;
	at_py.PyErr_Clear();
	at_py.Py_DecRef(token);
	return token;
}

/* A greenlet's job may change places with others in its middle: what it works for is said of its
 * context, and not of the thread. */
static struct at_py *run_in_greenlet(uint64_t token, struct at_py *self, struct at_py *const *args,
				     long count, struct at_py *keywords)
{
	struct at_py *lent = at_python_mark_lend((struct at_python_mark){.token = token});
	struct at_py *r = at_python_patched(&job[RUN], self, args, count, keywords);
	at_python_mark_take_back(lent);
	return r;
}

/* A job without a token is the first of the pool's first thread, which was made for it. */
static struct at_py *run(struct at_py *self, struct at_py *const *args, long count,
			 struct at_py *keywords)
{
	struct at_bridge_frame frame;
	uint64_t token;
	bool told = has_token(self, &token);
	if (told && at_python_has_greenlets())
		return run_in_greenlet(token, self, args, count, keywords);
	if (at_python_has_greenlets())
		return at_python_patched(&job[RUN], self, args, count, keywords);
	at_bridge_enter_job(told ? token : at_bridge_inherited(), &frame);
	struct at_py *r = at_python_patched(&job[RUN], self, args, count, keywords);
	at_bridge_leave(&frame);
	return r;
}

enum at_python_part at_python_pool(void)
{
	if (job[RUN].original)
		return AT_PYTHON_DONE;
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
