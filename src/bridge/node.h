/*
 * The bridge to Node: its JavaScript half (node.js) knows which request work belongs to, and tells
 * flow/bridge.h through this half.
 */
#ifndef AT_BRIDGE_NODE_H
#define AT_BRIDGE_NODE_H

#include <stdbool.h>

/* True in a traced process whose program exports what node.c needs. */
extern bool at_node_here;

/* Looks whether the program is Node. By the constructor, once, after at_boot_start. */
void at_node_prepare(void);

/* Has the bridge set up in the thread that calls, when it runs JavaScript and that was not done
 * yet, before its next event. Allocates memory of V8's: not in signal handlers. Keeps errno. */
void at_node_enter(void);

/* For hooks of what starts traffic: bind, listen, connect, and descriptors that are received. */
static inline void at_node_look(void)
{
	if (__builtin_expect(at_node_here, 0))
		at_node_enter();
}

#endif
