/*
 * uvloop: an event loop for asyncio that is written in Cython on libuv.
 */
#ifndef AT_BRIDGE_PYTHON_UVLOOP_H
#define AT_BRIDGE_PYTHON_UVLOOP_H

#include "bridge/python_patch.h"

/* Looks whether the program has loaded it, and if so, sees to it. GIL held. */
enum at_python_part at_python_uvloop(void);

#endif
