/*
 * The queue's birth: whoever finishes the first spans, and whatever befalls him, nobody is refused.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "export/queue.h"
#include "libc/libc.h"
#include "support/in_child.h"

#define THREADS 8
#define SLOW_US 50000

static const struct at_config config = {.bsp_max_queue_size = 100};
static const struct at_record_head head = {.kind = AT_SPAN_SERVER};
static pthread_barrier_t ready;
static void (*in_the_middle)(void); /* what happens while the ring's memory is mapped */

/* ThreadSanitizer calls it before it can watch anything. */
__attribute__((no_sanitize_thread)) void *mmap(void *addr, size_t n, int prot, int flags, int fd,
					       off_t offset)
{
	if (in_the_middle)
		in_the_middle();
	return (void *)syscall(SYS_mmap, addr, n, prot, flags, fd, offset);
}

static bool put(void)
{
	return at_queue_put(&head, NULL, NULL, NULL, NULL, &config) == AT_QUEUE_OK;
}

static void take_long(void)
{
	usleep(SLOW_US);
}

static void *put_at_once(void *ret_ok)
{
	pthread_barrier_wait(&ready);
	*(bool *)ret_ok = put();
	return NULL;
}

static void many_at_once(void)
{
	pthread_t id[THREADS];
	bool ok[THREADS] = {false};
	int refused = 0;
	pthread_barrier_init(&ready, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&id[i], NULL, put_at_once, &ok[i]) != 0)
			_exit(99);
	in_the_middle = take_long;
	pthread_barrier_wait(&ready);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(id[i], NULL);
		refused += !ok[i];
	}
	in_the_middle = NULL;
	_exit(refused);
}

static void nobody_is_refused_while_it_is_made(void **state)
{
	(void)state;
	in_child(many_at_once);
}

static sigjmp_buf out;

static void leave(int unused)
{
	(void)unused;
	siglongjmp(out, 1);
}

static void get_signal(void)
{
	in_the_middle = NULL;
	raise(SIGUSR1);
}

static void jump_while_it_is_made(void)
{
	signal(SIGUSR1, leave);
	in_the_middle = get_signal;
	if (sigsetjmp(out, 1) == 0) {
		put();
		_exit(98);
	}
	_exit(!put());
}

static void nobody_jumps_out_while_it_is_made(void **state)
{
	(void)state;
	in_child(jump_while_it_is_made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_refused_while_it_is_made),
		cmocka_unit_test(nobody_jumps_out_while_it_is_made),
	};
	at_libc_resolve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
