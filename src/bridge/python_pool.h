/*
 * concurrent.futures: a job of a thread pool works for the request under which it was submitted.
 */
#ifndef AT_BRIDGE_PYTHON_POOL_H
#define AT_BRIDGE_PYTHON_POOL_H

#include "bridge/python_patch.h"

/* Looks whether the program has loaded it, and if so, sees to it, once. GIL held. */
enum at_python_part at_python_pool(void);

#endif
