/*
 * The Python bridge: CPython 3.8 to 3.13 says which request its tasks, jobs and callbacks work for.
 */
#ifndef AT_BRIDGE_PYTHON_H
#define AT_BRIDGE_PYTHON_H

/* The program does something that programs with event loops and pools do (a pair of sockets, a
 * listening socket, a new thread): looks whether it is a Python, and whether there is more to see
 * to than the last time. Cheap when not. Outside of our own work, errno is kept. */
void at_python_look(void);

/* The program does something that Python does without letting the GIL go: what was seen to be done
 * before, and could not be, may be done now. One load when there is nothing. As above. */
void at_python_glance(void);

#endif
