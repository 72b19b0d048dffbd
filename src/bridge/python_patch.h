/*
 * A method of a class of Python's, replaced by one of ours that calls it. The class is the only
 * thing that changes; frames, names and signatures stay as they were.
 */
#ifndef AT_BRIDGE_PYTHON_PATCH_H
#define AT_BRIDGE_PYTHON_PATCH_H

#include "bridge/python_api.h"

/* How far a part of the bridge is. */
enum at_python_part {
	AT_PYTHON_ABSENT, /* the program has not loaded what it is for */
	AT_PYTHON_DONE,   /* it works */
	AT_PYTHON_FOREIGN /* that is not what the bridge knows: it stays away */
};

struct at_python_patch {
	struct at_py_method method; /* name, our function, signature */
	struct at_py *original;     /* the program's, once replaced */
};

/* Replaces the methods of `type` in these `count` patches: all of them, or none and false. GIL
 * held.
 */
bool at_python_patch(struct at_py *type, struct at_python_patch *patches, size_t count);

/* The same for a class whose attributes cannot be set: an extension's. */
bool at_python_patch_extension(struct at_py *type, struct at_python_patch *patches, size_t count);

/* Calls what was there before. */
static inline struct at_py *at_python_patched(const struct at_python_patch *patch,
					      struct at_py *self, struct at_py *const *args,
					      long count, struct at_py *keywords)
{
	return at_python_call(patch->original, self, args, count, keywords);
}

#endif
