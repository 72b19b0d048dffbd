/*
 * Greenlets, and the two that run servers on them: gevent and eventlet.
 */
#ifndef AT_BRIDGE_PYTHON_GREENLET_H
#define AT_BRIDGE_PYTHON_GREENLET_H

#include "bridge/python_patch.h"

/* Look whether the program has loaded it, and if so, see to it. GIL held. */
enum at_python_part at_python_greenlets(void);
enum at_python_part at_python_gevent(void);
enum at_python_part at_python_eventlet(void);

/* Whether the program has greenlets, which change places in the middle of whatever they do. GIL
 * held. */
bool at_python_has_greenlets(void);

#endif
