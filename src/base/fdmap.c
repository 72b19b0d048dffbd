/*
 * The sparse table behind fdmap.h. Owns its pages and the short list of descriptors of our own.
 */
#include "base/fdmap.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "libc/sys.h"

uintptr_t *at_fdmap_pages[AT_FDMAP_PAGES];

/* Our own descriptors are few; this makes "any of ours in this range" cheap. */
#define OWN_MAX 16
static struct {
	int taken;      /* descriptor + 1; 0: free place, -1: being filled (atomic) */
	uint64_t id[2]; /* device and inode it had */
} own[OWN_MAX];

static uintptr_t *word_of(int fd)
{
	unsigned n = (unsigned)fd;
	if (n >= AT_FDMAP_PAGE * AT_FDMAP_PAGES)
		return NULL;
	uintptr_t **place = &at_fdmap_pages[n / AT_FDMAP_PAGE];
	uintptr_t *page = __atomic_load_n(place, __ATOMIC_ACQUIRE);
	if (!page) {
		size_t bytes = AT_FDMAP_PAGE * sizeof(uintptr_t);
		uintptr_t *fresh = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (fresh == MAP_FAILED)
			return NULL;
		if (__atomic_compare_exchange_n(place, &page, fresh, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			page = fresh;
		else
			munmap(fresh, bytes);
	}
	return &page[n % AT_FDMAP_PAGE];
}

uintptr_t at_fdmap_swap(int fd, uintptr_t word)
{
	if (word == AT_FD_UNKNOWN && at_fdmap_get(fd) == AT_FD_UNKNOWN)
		return AT_FD_UNKNOWN;
	uintptr_t *w = word_of(fd);
	return w ? __atomic_exchange_n(w, word, __ATOMIC_ACQ_REL) : AT_FD_BORING;
}

bool at_fdmap_cas(int fd, uintptr_t *expected, uintptr_t word)
{
	uintptr_t *w = word_of(fd);
	if (!w) {
		*expected = AT_FD_BORING;
		return false;
	}
	return __atomic_compare_exchange_n(w, expected, word, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

void at_fdmap_each(unsigned first, unsigned last, void (*fn)(int fd, uintptr_t word, void *arg),
		   void *arg)
{
	unsigned end = AT_FDMAP_PAGE * AT_FDMAP_PAGES - 1;
	if (last > end)
		last = end;
	for (unsigned n = first; n <= last && n <= end; n++) {
		uintptr_t *page =
			__atomic_load_n(&at_fdmap_pages[n / AT_FDMAP_PAGE], __ATOMIC_ACQUIRE);
		if (!page) {
			n |= AT_FDMAP_PAGE - 1;
			continue;
		}
		uintptr_t word = __atomic_load_n(&page[n % AT_FDMAP_PAGE], __ATOMIC_ACQUIRE);
		if (word != AT_FD_UNKNOWN)
			fn((int)n, word, arg);
	}
}

/* Set on a thread of ours with a table of its own. */
static __thread bool apart __attribute__((tls_model("initial-exec")));

bool at_fdmap_part(void)
{
	long fd;
	apart = at_sys(SYS_close_range, 3, ~0u, 2 /* CLOSE_RANGE_UNSHARE */) == 0;
	if (!apart)
		return false;
	at_sys(SYS_close, 0, 0, 0);
	at_sys(SYS_close, 1, 0, 0);
	/* Something harmless takes the numbers that libraries may write to. */
	do
		fd = at_sys(SYS_eventfd2, 0, O_CLOEXEC, 0);
	while (fd >= 0 && fd < 2);
	if (fd > 2)
		at_sys(SYS_close, fd, 0, 0);
	return true;
}

static void identify(int fd, uint64_t id[2])
{
	struct stat st;
	bool ok = at_sys(SYS_fstat, fd, (long)&st, 0) == 0;
	id[0] = ok ? st.st_dev : 0;
	id[1] = ok ? st.st_ino : 0;
}

void at_fdmap_own(int fd)
{
	if (apart)
		return;
	for (int i = 0; i < OWN_MAX; i++) {
		int none = 0;
		if (!__atomic_compare_exchange_n(&own[i].taken, &none, -1, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			continue;
		identify(fd, own[i].id);
		__atomic_store_n(&own[i].taken, fd + 1, __ATOMIC_RELEASE);
		at_fdmap_swap(fd, AT_FD_OWN);
		return;
	}
}

bool at_fdmap_is_own(int fd)
{
	uint64_t id[2];
	for (int i = 0; i < OWN_MAX; i++) {
		if (__atomic_load_n(&own[i].taken, __ATOMIC_ACQUIRE) != fd + 1)
			continue;
		identify(fd, id);
		if (id[1] && id[0] == own[i].id[0] && id[1] == own[i].id[1])
			return true;
		at_fdmap_disown(fd);
	}
	return false;
}

void at_fdmap_disown(int fd)
{
	uintptr_t word = AT_FD_OWN;
	if (apart)
		return;
	at_fdmap_cas(fd, &word, AT_FD_UNKNOWN);
	for (int i = 0; i < OWN_MAX; i++) {
		int mine = fd + 1;
		__atomic_compare_exchange_n(&own[i].taken, &mine, 0, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED);
	}
}

int at_fdmap_own_in(unsigned first, unsigned last)
{
	int lowest = -1;
	for (int i = 0; i < OWN_MAX; i++) {
		int fd = __atomic_load_n(&own[i].taken, __ATOMIC_RELAXED) - 1;
		if (fd >= 0 && (unsigned)fd >= first && (unsigned)fd <= last &&
		    (lowest < 0 || fd < lowest))
			lowest = fd;
	}
	return lowest;
}

/* High enough to be in nobody's way, and no higher: fork copies the table of descriptors up to the
 * highest one (0.4 ms more for one at 20,000, nothing for one below 1,024). */
#define TOP 1024

/* Where our descriptors begin, or -1 when the limit cannot be read. */
static long high_place(void)
{
	struct rlimit64 limit;
	if (at_sys6(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0) != 0)
		return -1;
	unsigned long top = limit.rlim_cur < TOP ? limit.rlim_cur : TOP;
	unsigned long room = top / 4 < 64 ? top / 4 : 64;
	return (long)(top - room);
}

int at_fdmap_move_high(int fd)
{
	if (apart)
		return fd;
	long place = high_place();
	long high = place < 0 ? -1 : at_sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, place);
	if (high < 0) {
		at_fdmap_own(fd);
		return fd;
	}
	at_sys(SYS_close, fd, 0, 0);
	at_fdmap_own((int)high);
	return (int)high;
}

void at_fdmap_make_room(void)
{
	long place = high_place();
	for (int fd = 0; fd < 3 && place >= 0; fd++) {
		long high = at_sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, place);
		if (high < 0)
			continue;
		at_sys(SYS_close, high, 0, 0);
		return;
	}
}
