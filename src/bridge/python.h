/*
 * The Python bridge: CPython 3.8 to 3.13 says which request its tasks, jobs and callbacks work for.
 */
#ifndef AT_BRIDGE_PYTHON_H
#define AT_BRIDGE_PYTHON_H

/* The program does something that programs with event loops and pools do (a pair of sockets, a
 * listening socket, a new thread): looks whether it is a Python, and whether there is more to see
 * to than the last time. Cheap when not. Outside of our own work, errno is kept. */
void at_python_look(void);

#endif
