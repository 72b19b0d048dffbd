/*
 * Java's class files: one of our own is made, and methods of others get a call at their beginning.
 * Pure: no descriptor, clock, malloc or log.
 */
#ifndef AT_BRIDGE_CLASS_FILE_H
#define AT_BRIDGE_CLASS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls that one class gets at most. */
#define AT_CLASS_CALLS 4

/* What the calls' methods take: one object. */
#define AT_CLASS_DESCRIPTOR "(Ljava/lang/Object;)V"

/* A call at the beginning of a method, and maybe one at its end: then it must return nothing, and
 * at one place alone, its last. */
struct at_class_call {
	const char *method;     /* its name */
	const char *descriptor; /* and its parameters, as the JVM specification writes them (4.3) */
	uint8_t local;          /* the argument: this local variable, 0 to 3, an object */
	const char *target;     /* a static method of the helper's, see AT_CLASS_DESCRIPTOR */
	const char *at_end;     /* another one, NULL: none */
};

/* Writes a class without a body: public, final, `name` with slashes, with `count` static native
 * methods of AT_CLASS_DESCRIPTOR. Its size in bytes; 0: `room` is too small. */
size_t at_class_of_natives(const char *name, const char *const *methods, size_t count, uint8_t *out,
			   size_t room);

/* Copies the class file of `n` bytes to `out`, with these calls of the class `helper`. 0, and
 * nothing of `out` to be used, when it is malformed, lacks one of the methods, or has no room (512
 * bytes more are enough). Any thread; see the JVM specification, chapter 4. */
size_t at_class_with_calls(const uint8_t *in, size_t n, const char *helper,
			   const struct at_class_call *calls, size_t count, uint8_t *out,
			   size_t room);

#endif
