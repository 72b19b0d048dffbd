/*
 * The bridge's beginning. Fed by hooks that a Python calls when it makes a loop or a pool; starts
 * the parts (asyncio, thread pools, uvloop, gevent) as the program loads what they are for, and
 * lets the flow ask. Nothing is imported, no file and no variable of the environment is touched.
 *
 *   UNKNOWN --a Python that we know--> LEARNT --its contexts can be read--> WORKING
 *      \--another one-> AWAY                \--they cannot, or a part is foreign--> AWAY (one line)
 *
 * All work inside of Python is done as python_gil.c has it: with the GIL, and without a line of the
 * program's code being run.
 */
#include "bridge/python.h"

#include <errno.h>

#include "base/log.h"
#include "bridge/python_asyncio.h"
#include "bridge/python_gil.h"
#include "bridge/python_greenlet.h"
#include "bridge/python_mark.h"
#include "bridge/python_peek.h"
#include "bridge/python_pool.h"
#include "bridge/python_uvloop.h"
#include "flow/boot.h"
#include "flow/bridge.h"

enum state { UNKNOWN, LEARNT, WORKING, AWAY };

static uint32_t state; /* enum state (atomic) */
static uint32_t looks; /* so far, while unknown (atomic) */

static const struct {
	const char *name;
	enum at_python_part (*start)(void);
} parts[] = {
	{"asyncio", at_python_asyncio}, {"concurrent.futures", at_python_pool},
	{"uvloop", at_python_uvloop},   {"greenlet", at_python_greenlets},
	{"gevent", at_python_gevent},   {"eventlet", at_python_eventlet},
};

enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

static bool has_started[PARTS]; /* under the GIL; read without */

static uint64_t token_here(void)
{
	return at_python_mark_of(at_python_peek_context()).token;
}

static uintptr_t place_here(void)
{
	return (uintptr_t)at_python_peek_context();
}

static const struct at_bridge_answers answers = {token_here, place_here};

static void set_state(enum state s)
{
	__atomic_store_n(&state, s, __ATOMIC_RELEASE);
}

static bool start_part(size_t i)
{
	enum at_python_part part = has_started[i] ? AT_PYTHON_ABSENT : parts[i].start();
	if (part == AT_PYTHON_FOREIGN) {
		at_log(AT_LOG_WARN, "%s is not as expected: its requests are linked by other rules",
		       parts[i].name);
		set_state(AWAY);
		return false;
	}
	if (part == AT_PYTHON_DONE)
		has_started[i] = true;
	return true;
}

/* With the GIL. */
static void install(void)
{
	struct at_py *type, *value, *traceback;
	at_py.PyErr_Fetch(&type, &value, &traceback);
	if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) == LEARNT) {
		if (at_python_mark_start()) {
			at_bridge_ask(&answers);
			set_state(WORKING);
		} else {
			at_log(AT_LOG_WARN, "this Python's contexts cannot be read: its requests "
					    "are linked by other rules");
			set_state(AWAY);
		}
	}
	for (size_t i = 0; i < PARTS; i++)
		if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) != WORKING || !start_part(i))
			break;
	at_py.PyErr_Restore(type, value, traceback);
}

/* Whether there is a Python that we know; programs that make many threads are asked ever more
 * rarely. */
static bool learn(void)
{
	uint32_t n = __atomic_add_fetch(&looks, 1, __ATOMIC_RELAXED);
	if ((n & (n - 1)) || !at_python_api_load() || !at_py.Py_IsInitialized())
		return false;
	set_state(at_python_api_version() ? LEARNT : AWAY);
	return at_python_api_version() != 0;
}

static bool is_complete(void)
{
	for (size_t i = 0; i < PARTS; i++)
		if (!__atomic_load_n(&has_started[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

void at_python_look(void)
{
	uint32_t now = __atomic_load_n(&state, __ATOMIC_ACQUIRE);
	int saved = errno;
	if (now == AWAY || !(at_boot.config.bridges & AT_BRIDGE_PYTHON))
		return;
	if (now == UNKNOWN ? learn() : !is_complete() && at_py.Py_IsInitialized())
		at_python_gil_do(install);
	errno = saved;
}

void at_python_glance(void)
{
	if (!at_python_gil_owes())
		return;
	int saved = errno;
	if (at_py.Py_IsInitialized())
		at_python_gil_late();
	errno = saved;
}
