/*
 * Fed by resolve.c, asks getaddrinfo. Owns the thread that waits for it and what it found.
 *
 * The thread lives as long as one look-up. Whoever asked may have lost patience by then; the result
 * waits for the next who asks.
 */
#include "export/lookup.h"

#include <string.h>
#include <sys/socket.h>

#include "base/thread.h"
#include "export/gate.h"
#include "export/queue.h"

/* Name service modules want more than the 256 KiB that would do otherwise. */
#define STACK (512u << 10)

static struct {
	uint32_t state; /* enum at_lookup; futex word (atomic) */
	char host[AT_LOOKUP_HOST_MAX];
	int rc;                /* of getaddrinfo; written before state is done */
	struct addrinfo *list; /* likewise */
} job;

static bool forbidden; /* for good: see at_lookup_after_fork */

enum at_lookup at_lookup_state(void)
{
	return (enum at_lookup)__atomic_load_n(&job.state, __ATOMIC_ACQUIRE);
}

static void set_state(enum at_lookup state)
{
	__atomic_store_n(&job.state, state, __ATOMIC_RELEASE);
	at_queue_wake_word(&job.state);
}

static void *run(void *unused)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	(void)unused;
	job.list = NULL;
	job.rc = getaddrinfo(job.host, NULL, &hints, &job.list);
	set_state(AT_LOOKUP_DONE);
	return NULL;
}

bool at_lookup_start(const char *host)
{
	if (forbidden)
		return false;
	strncpy(job.host, host, sizeof(job.host) - 1);
	set_state(AT_LOOKUP_BUSY);
	if (at_thread_start(run, NULL, STACK))
		return true;
	bool inside = at_gate_pause();
	run(NULL);
	at_gate_resume(inside);
	return true;
}

struct addrinfo *at_lookup_take(const char **ret_error)
{
	struct addrinfo *list = job.rc == 0 ? job.list : NULL;
	*ret_error = list ? NULL : job.rc ? gai_strerror(job.rc) : "no address";
	job.list = NULL;
	set_state(AT_LOOKUP_IDLE);
	return list;
}

void at_lookup_wait(uint64_t timeout_ns)
{
	bool inside = at_gate_pause();
	if (at_lookup_state() == AT_LOOKUP_BUSY)
		at_queue_wait_word(&job.state, AT_LOOKUP_BUSY, timeout_ns);
	at_gate_resume(inside);
}

void at_lookup_after_fork(void)
{
	if (at_lookup_state() == AT_LOOKUP_BUSY)
		forbidden = true;
	job.state = AT_LOOKUP_IDLE;
}
