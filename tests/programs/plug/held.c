/*
 * A plug-in that does network and threads behind a lock of its own, as libraries do. Loaded by
 * tests/e2e/apps/held.py, which calls held_do from a thread that has let the interpreter's lock go,
 * and all else from threads that have not.
 */
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int held_do(const char *what);
void held_want(void);
int held_keep(const char *what);
void held_take(void);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int is_held, is_wanted; /* each set once for a round (atomic) */

static void wait_for(int *flag)
{
	while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE))
		usleep(100);
	__atomic_store_n(flag, 0, __ATOMIC_RELEASE);
}

static void *nothing(void *unused)
{
	return unused;
}

static int pair(void)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		return -1;
	close(fds[0]);
	return close(fds[1]);
}

static int listener(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;
	int rc = fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
		 listen(fd, 1);
	close(fd);
	return rc;
}

static int thread(void)
{
	pthread_t id;
	return pthread_create(&id, NULL, nothing, NULL) || pthread_join(id, NULL);
}

static int act(const char *what)
{
	return what[0] == 's' ? pair() : what[0] == 'l' ? listener() : thread();
}

/* "socketpair", "listen" or "pthread_create", with the lock held and, a moment later, wanted. */
int held_do(const char *what)
{
	pthread_mutex_lock(&lock);
	__atomic_store_n(&is_held, 1, __ATOMIC_RELEASE);
	wait_for(&is_wanted);
	usleep(20000);
	int rc = act(what);
	pthread_mutex_unlock(&lock);
	return rc;
}

/* The same, whether it is wanted or not. */
int held_keep(const char *what)
{
	pthread_mutex_lock(&lock);
	int rc = act(what);
	pthread_mutex_unlock(&lock);
	return rc;
}

void held_take(void)
{
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
}

/* Wants the lock that the other holds. */
void held_want(void)
{
	wait_for(&is_held);
	__atomic_store_n(&is_wanted, 1, __ATOMIC_RELEASE);
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
}
