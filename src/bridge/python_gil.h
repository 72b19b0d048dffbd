/*
 * How the bridge comes to work inside of Python. Nobody waits for the GIL in a hook: who calls may
 * hold a lock of the program's that the GIL's holder waits for.
 */
#ifndef AT_BRIDGE_PYTHON_GIL_H
#define AT_BRIDGE_PYTHON_GIL_H

#include <stdbool.h>

/* Has `work` done with the GIL: now, when this thread has it and nothing of the program's can run
 * meanwhile; else by the main thread, between two instructions of Python's, or in a later
 * at_python_gil_late, whichever comes first. The same `work` always. Any thread, outside of our own
 * work; takes no lock but, for a moment, that of Python's list of pending calls. */
void at_python_gil_do(void (*work)(void));

/* Does what is still to be done, if this thread may. */
void at_python_gil_late(void);

/* Whether something is still to be done. Any thread. */
bool at_python_gil_owes(void);

#endif
