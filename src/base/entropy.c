/*
 * Random numbers per thread (xoshiro256** by Blackman and Vigna, public domain algorithm). Owns
 * each thread's state; a fork generation makes parent and child part ways.
 */
#include "base/entropy.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "libc/sys.h"

static uint32_t fork_generation = 1;

static __thread struct {
	uint64_t s[4];       /* generator state */
	uint32_t generation; /* fork generation it was seeded in; 0: never */
} own;

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void seed(uint32_t generation)
{
	if (at_sys(SYS_getrandom, (long)own.s, sizeof(own.s), 1 /* GRND_NONBLOCK */) !=
	    (long)sizeof(own.s)) {
		uint64_t x = at_clock_now() ^ (uintptr_t)&own ^
			     (uint64_t)at_sys(SYS_gettid, 0, 0, 0) << 32;
		for (int i = 0; i < 4; i++)
			own.s[i] = splitmix(&x);
	}
	own.s[0] |= 1;
	own.generation = generation;
}

static inline uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

uint64_t at_entropy_u64(void)
{
	uint32_t generation = __atomic_load_n(&fork_generation, __ATOMIC_RELAXED);
	if (own.generation != generation)
		seed(generation);
	uint64_t *s = own.s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

void at_entropy_after_fork(void)
{
	__atomic_add_fetch(&fork_generation, 1, __ATOMIC_RELAXED);
}
