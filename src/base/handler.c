/*
 * See handler.h. Owns nothing.
 *
 * The kernel calls a handler with a frame on the stack whose first word is the address of the code
 * that ends it, the handler's sa_restorer, which the kernel tells on request:
 *
 *   lower addresses   ... our frames, the handler's frames | restorer | context: registers, the
 *   higher addresses  mask as it was | ... what was interrupted
 *
 * A frame whose handler has returned may still lie in memory that nobody has written since. While a
 * handler runs its own signal is blocked, so the mask differs from the one in the frame; only
 * handlers with SA_NODEFER can do without.
 */
#include "base/handler.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "base/memcheck.h"
#include "base/memory.h"
#include "libc/sys.h"

#define REACH      (256u << 10)
#define PAGE       4096u
#define SIGNALS    64
#define RESTORERS  4
#define MASK_BYTES 8
/* From the restorer's word to the mask as it was: the context's flags, link and stack, then the
 * registers. */
#define TO_MASK            (8 + 8 + 8 + 24 + 256)
#define TO_SEGMENTS        (8 + 8 + 8 + 24 + 18 * 8) /* the code segment's lowest */
#define USER_CODE          0x33
#define SA_KERNEL_RESTORER 0x04000000u
/* The stack is read across everybody's frames. */
#define UNWATCHED __attribute__((no_sanitize("address", "thread")))

/* What the kernel takes and gives, x86-64. */
struct kernel_action {
	void (*handler)(int);
	unsigned long flags;
	uintptr_t restorer;
	uint64_t mask;
};

struct handlers {
	uintptr_t restorer[RESTORERS]; /* of the handlers there are */
	unsigned count;                /* of restorers */
	bool nodefer;                  /* some handler does not block its own signal */
};

static void add(struct handlers *h, uintptr_t restorer)
{
	for (unsigned i = 0; i < h->count; i++)
		if (h->restorer[i] == restorer)
			return;
	if (h->count < RESTORERS)
		h->restorer[h->count++] = restorer;
}

static void find_handlers(struct handlers *h)
{
	struct kernel_action a;
	for (long i = 1; i <= SIGNALS; i++) {
		if (at_sys6(SYS_rt_sigaction, i, 0, (long)&a, MASK_BYTES, 0, 0) != 0 ||
		    a.handler == SIG_DFL || a.handler == SIG_IGN || !(a.flags & SA_KERNEL_RESTORER))
			continue;
		h->nodefer = h->nodefer || (a.flags & SA_NODEFER);
		add(h, a.restorer);
	}
}

static bool is_restorer(const struct handlers *h, uintptr_t word)
{
	for (unsigned i = 0; i < h->count; i++)
		if (word == h->restorer[i])
			return true;
	return false;
}

/* Whether the frame at p, with all of it readable, is of a handler that still runs. */
UNWATCHED static bool runs(const struct handlers *h, const uintptr_t *p, uint64_t mask)
{
	uint64_t before = p[TO_MASK / sizeof(*p)];
	if ((p[TO_SEGMENTS / sizeof(*p)] & 0xffff) != USER_CODE)
		return false;
	return h->nodefer || (before != mask && !(before & ~mask));
}

UNWATCHED static bool look(const struct handlers *h, const uintptr_t *p)
{
	uint64_t mask = 0;
	uintptr_t known = 0;
	const uintptr_t *end = p + REACH / sizeof(*p);
	at_sys6(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&mask, MASK_BYTES, 0, 0);
	for (; p < end; p++) {
		if (((uintptr_t)p % PAGE == 0 || !known) &&
		    !at_memory_readable(p, sizeof(*p), &known))
			return false;
		if (is_restorer(h, *p) && at_memory_readable(p, TO_MASK + MASK_BYTES, NULL) &&
		    runs(h, p, mask))
			return true;
	}
	return false;
}

bool at_handler_runs(void)
{
	struct handlers h = {.count = 0};
	find_handlers(&h);
	if (!h.count)
		return false;
	at_memcheck_quiet(1);
	bool found = look(&h, __builtin_frame_address(0));
	at_memcheck_quiet(-1);
	return found;
}
