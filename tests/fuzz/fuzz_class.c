/*
 * Calls added to methods of any bytes that claim to be a class file. The input is copied to a block
 * of its exact size, so that a read past its end is seen, and so is the output.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/class_file.h"

#define MORE 512

static const struct at_class_call calls[] = {
	{"execute", "(Ljava/lang/Runnable;)V", 1, "began", NULL},
	{"beforeExecute", "(Ljava/lang/Thread;Ljava/lang/Runnable;)V", 2, "began", NULL},
	{"handle", "(Ljava/lang/Object;)V", 1, "began", "ended"},
	{"value", "(Ljava/lang/Object;)I", 0, "began", NULL},
};

static void add(const uint8_t *data, size_t size, const struct at_class_call *some, size_t count)
{
	uint8_t *in = malloc(size + 1);
	uint8_t *out = malloc(size + MORE);
	memcpy(in + 1, data, size);
	size_t made = at_class_with_calls(in + 1, size, "Helper", some, count, out, size + MORE);
	if (made > size + MORE)
		abort();
	if (made && at_class_with_calls(in + 1, size, "Helper", some, count, out, made - 1))
		abort();
	free(in);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		add(data, size, &calls[i], 1);
	add(data, size, calls, sizeof(calls) / sizeof(calls[0]));
	return 0;
}
