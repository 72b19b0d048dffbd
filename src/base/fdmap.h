/*
 * What we know of each descriptor number: one word, found by two loads. Pages are mapped when first
 * needed and never given back. Any thread, any context.
 */
#ifndef AT_BASE_FDMAP_H
#define AT_BASE_FDMAP_H

#include <stdbool.h>
#include <stdint.h>

/* A word is one of these or a pointer to the descriptor's object (64-byte aligned). */
#define AT_FD_UNKNOWN  0u  /* never looked at: inherited, received, or new by an unseen call */
#define AT_FD_BORING   1u  /* nothing to observe: no stream socket, or its protocol is not ours */
#define AT_FD_LISTENER 2u  /* a listening socket */
#define AT_FD_OWN      3u  /* ours: the program must neither see nor close it */
#define AT_FD_FRESH    4u  /* a stream socket, not yet connected */
#define AT_FD_WATCHED  32u /* added to boring or fresh: a loop waits for it, and for others */
#define AT_FD_SPEAKS   16u /* added to boring and watched: a connection of another protocol */
#define AT_FD_TAGS     64u /* words from here on are pointers */

/* Boring and watched: there is nothing to observe but that something came. */
#define AT_FD_EVENTS (AT_FD_BORING | AT_FD_WATCHED)

/* Whether there is nothing to observe, watched or not. */
static inline bool at_fdmap_is_boring(uintptr_t word)
{
	return (word & ~(uintptr_t)(AT_FD_WATCHED | AT_FD_SPEAKS)) == AT_FD_BORING;
}

static inline bool at_fdmap_is_events(uintptr_t word)
{
	return (word & ~(uintptr_t)AT_FD_SPEAKS) == AT_FD_EVENTS;
}

#define AT_FDMAP_PAGE  4096u
#define AT_FDMAP_PAGES 256u /* 1,048,576 descriptors; beyond: boring */

extern uintptr_t *at_fdmap_pages[AT_FDMAP_PAGES];

/* The word of a descriptor. */
static inline uintptr_t at_fdmap_get(int fd)
{
	unsigned n = (unsigned)fd;
	if (n >= AT_FDMAP_PAGE * AT_FDMAP_PAGES)
		return AT_FD_BORING;
	uintptr_t *page = __atomic_load_n(&at_fdmap_pages[n / AT_FDMAP_PAGE], __ATOMIC_ACQUIRE);
	return page ? __atomic_load_n(&page[n % AT_FDMAP_PAGE], __ATOMIC_ACQUIRE) : AT_FD_UNKNOWN;
}

/* Replaces the word and returns the one before. Words of numbers beyond the map stay boring; when a
 * page cannot be mapped the word stays unknown. */
uintptr_t at_fdmap_swap(int fd, uintptr_t word);

/* Replaces the word if it still is *expected; otherwise *expected is updated and false returned. */
bool at_fdmap_cas(int fd, uintptr_t *expected, uintptr_t word);

/* Calls fn for each word of [first, last] that is not unknown (close_range, closefrom). */
void at_fdmap_each(unsigned first, unsigned last, void (*fn)(int fd, uintptr_t word, void *arg),
		   void *arg);

/* Marks a descriptor as ours (and remembers which file it is), or no longer. */
void at_fdmap_own(int fd);
void at_fdmap_disown(int fd);

/* Whether fd is still the file that was marked as ours. One that changed hands by a call nobody saw
 * is disowned: it is the program's. Ask before each use of a descriptor of ours. */
bool at_fdmap_is_own(int fd);

/* The lowest descriptor of ours in [first, last], or -1. */
int at_fdmap_own_in(unsigned first, unsigned last);

/* Moves a descriptor of ours out of the way of the program: a close-on-exec duplicate with a high
 * number, marked as ours; the low one is closed. Returns the new one, or the old one (marked as
 * ours) when the table has no high place left. */
int at_fdmap_move_high(int fd);

/* Makes the kernel's table long enough for our high numbers. Only while the process has one thread:
 * it costs a microsecond then, and some ten milliseconds of waiting afterwards. */
void at_fdmap_make_room(void);

/* Gives the calling thread, one of ours, a table of descriptors of its own that holds nothing of
 * the program's but stderr: what it opens never takes a number of the program's, is inherited by no
 * child, and needs no hiding (owning and moving do nothing on this thread from here on). False
 * where the system cannot (Linux before 5.9, or forbidden): the program's table goes on being used.
 */
bool at_fdmap_part(void);

#endif
