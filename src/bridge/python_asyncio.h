/*
 * asyncio: what a loop runs works for the request that caused it to be scheduled.
 */
#ifndef AT_BRIDGE_PYTHON_ASYNCIO_H
#define AT_BRIDGE_PYTHON_ASYNCIO_H

#include "bridge/python_patch.h"

/* Looks whether the program has loaded it, and if so, sees to it. GIL held. */
enum at_python_part at_python_asyncio(void);

/* Something is scheduled to run in `context` (GIL held): gives it the request of the present event,
 * of the connection just accepted, or, where it is a copy of the present context (`copied`), of the
 * calling thread, if it is entitled to it. */
void at_python_scheduled(struct at_py *context, bool copied);

/* Whether at_python_scheduled has anything to do now. */
bool at_python_schedules(void);

/* A loop's run_forever(), called through `patch`: all that it runs works for what the bridge knows,
 * or for nobody. */
struct at_py *at_python_run_loop(const struct at_python_patch *patch, struct at_py *self,
				 struct at_py *const *args, long count, struct at_py *keywords);

#endif
