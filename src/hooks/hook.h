/*
 * How an interposed call is written: AT_HOOK(name) declares it under its exported name from its row
 * in libc/calls.def, so that its type is the table's and libc's own declaration (attributes, inline
 * checks, variable arguments) stays out of the way. A hook is: guard, true call, one line to flow.
 */
#ifndef AT_HOOKS_HOOK_H
#define AT_HOOKS_HOOK_H

#include "flow/shore.h"
#include "libc/libc.h"

#define AT_CALL(ret, name, params, args, raw) \
	ret at_hook_##name params __asm__(#name) __attribute__((visibility("default")));
#define AT_TRAMPOLINE(name)
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE

#define AT_HOOK(name) at_hook_##name

#endif
