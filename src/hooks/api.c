/*
 * The public functions of include/autotrace.h.
 */
#include <errno.h>

#include "autotrace.h"
#include "flow/boot.h"

const char *autotrace_version(void)
{
	return AUTOTRACE_VERSION;
}

int autotrace_flush(unsigned timeout_ms)
{
	if (at_boot_flush(timeout_ms))
		return 0;
	errno = ETIMEDOUT;
	return -1;
}
