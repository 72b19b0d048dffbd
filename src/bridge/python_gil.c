/*
 * The GIL. Fed by python.c, on any thread of the program, in hooks.
 *
 * A thread that has the GIL works at once. It must keep it: where a collection of garbage ran, so
 * would the program's finalizers, and they let go of it. So collections are off meanwhile, and a
 * Python where that cannot be said (before 3.10) is left a call. All others leave the main thread a
 * call that Python makes between two instructions (Py_AddPendingCall). A main thread that waits for
 * ever never makes it; then the next call of the program's that comes by with the GIL does the work
 * (Python sets a socket's options without letting it go).
 *
 * Python 3.8 must not be left a call once its exit functions run: it prints an exception, or
 * crashes. Whether they do is seen by the main thread's outermost frame.
 */
#include "bridge/python_gil.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bridge/python_api.h"
#include "libc/sys.h"

/* ---- the outermost frame, as it lies in memory in Python 3.8 ---- */

struct text {
	long head[6];
	char ascii[];
};

struct code {
	long head[2];
	int counts[8];
	const void *objects[8];
	const struct text *name;
};

struct frame {
	long head[3];
	const struct frame *back;
	const struct code *code;
};

struct thread {
	const void *links[3];
	const struct frame *frame;
};

/* Whether the calling thread is in the program's main module: a file, -c, or what -m and archives
 * begin with. Exit functions are called by nobody. */
static bool is_in_main(const struct thread *mine)
{
	const struct frame *f = mine->frame;
	while (f && f->back)
		f = f->back;
	const char *name = f ? f->code->name->ascii : "";
	return !strcmp(name, "<module>") || !strcmp(name, "_run_module_as_main");
}

/* ---- who does the work ---- */

static void (*wanted)(void); /* set once, before it is owed */
static uint32_t owed;        /* it is still to be done (atomic) */
static uint32_t left;        /* a call is left for the main thread (atomic) */
static bool is_busy;         /* under the GIL */

static bool can_be_quiet(void)
{
	return at_py.PyGC_Disable && at_py.PyGC_Enable;
}

static void work(void)
{
	if (is_busy)
		return;
	is_busy = true;
	__atomic_store_n(&owed, 0, __ATOMIC_RELEASE);
	bool collects = can_be_quiet() && at_py.PyGC_Disable();
	wanted();
	if (collects)
		at_py.PyGC_Enable();
	is_busy = false;
}

static int between_instructions(void *unused)
{
	(void)unused;
	__atomic_store_n(&left, 0, __ATOMIC_RELEASE);
	work();
	return 0;
}

/* Sub-interpreters are left alone. */
static bool has_gil(const void *mine)
{
	return at_py.PyThreadState_GetUnchecked() == mine && at_py.PyInterpreterState_Get &&
	       at_py.PyInterpreterState_Get() == at_py.PyInterpreterState_Main();
}

static bool can_be_left_a_call(const void *mine)
{
	if (at_python_api_version() != 0x0308)
		return true;
	return at_sys(SYS_gettid, 0, 0, 0) == at_sys(SYS_getpid, 0, 0, 0) && is_in_main(mine);
}

void at_python_gil_do(void (*wanted_work)(void))
{
	const void *mine = at_py.PyGILState_GetThisThreadState();
	if (!mine)
		return;
	wanted = wanted_work;
	__atomic_store_n(&owed, 1, __ATOMIC_RELEASE);
	if (can_be_quiet() && has_gil(mine))
		work();
	else if (can_be_left_a_call(mine) && !__atomic_exchange_n(&left, 1, __ATOMIC_ACQUIRE) &&
		 at_py.Py_AddPendingCall(between_instructions, NULL) != 0)
		__atomic_store_n(&left, 0, __ATOMIC_RELEASE);
}

void at_python_gil_late(void)
{
	const void *mine = at_py.PyGILState_GetThisThreadState();
	if (mine && can_be_quiet() && has_gil(mine))
		work();
}

bool at_python_gil_owes(void)
{
	return __atomic_load_n(&owed, __ATOMIC_ACQUIRE);
}
