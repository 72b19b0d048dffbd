/*
 * The ring's own source under every interleaving of a few producers and the consumer: each atomic
 * operation is a step of its own, each store of a thread may arrive late. What must hold is asked
 * at every step (a record is whole, comes once and in its producer's order) and at the end (nothing
 * is left, nothing is lost but what was torn out, every byte is zero again).
 *
 *   ring [SCENARIO]        all of them, or one; exit code 1 and a trace when something does not
 * hold
 */
#include <stdio.h>
#include <string.h>

#include "base/counter.h"
#include "base/fault.h"
#include "base/ring.h"
#include "base/thread.h"
#include "model/sched.h"

/* ---- the ring's source, with steps in it ---- */

static struct at_thread *me(void);
static void zero(void *at, size_t n);
static void moment(uint32_t line);

#undef AT_RING_SUSPECTS
#define AT_RING_SUSPECTS         2 /* of those there are: enough here, and not so many steps */
#define at_thread_self           (*me())
#define memset(at, byte, n)      zero(at, n)
#define __builtin_prefetch(p, w) ((void)(p))
#define __atomic_load_n(p, order) \
	(model_step(__LINE__), (__typeof__(*(p)))model_load(p, sizeof(*(p))))
#define __atomic_store_n(p, v, order) \
	(model_step(__LINE__), model_write(p, (uint64_t)(v), sizeof(*(p)), __LINE__))
#define __atomic_sub_fetch(p, v, order) \
	(model_step(__LINE__), model_settle(), __atomic_sub_fetch(p, v, order))
#define __atomic_add_fetch(p, v, order) \
	(model_step(__LINE__), model_settle(), __atomic_add_fetch(p, v, order))
#define __atomic_compare_exchange_n(p, expected, v, weak, yes, no) \
	(model_step(__LINE__), model_settle(),                     \
	 __atomic_compare_exchange_n(p, expected, v, false, yes, no))

/* Its barriers for the compiler: a handler may come in there. */
#define __asm__
#define volatile(...) moment(__LINE__)

#ifndef RING_SOURCE
#define RING_SOURCE "base/ring.c"
#endif
#include RING_SOURCE

#undef memset
#undef __atomic_load_n
#undef __atomic_store_n
#undef __asm__
#undef volatile

/* ---- the world ---- */

#define PRODUCERS 3
#define CONSUMER  0 /* its thread; producers are 1, 2, … */
#define ROOM      256

struct world {
	struct model model;
	struct at_thread self[MODEL_THREADS];
	struct at_ring ring;
	char mem[ROOM] __attribute__((aligned(64)));
	uint64_t written[MODEL_THREADS]; /* records that a producer has committed */
	uint64_t begun[MODEL_THREADS];   /* records that it has set out to write */
	uint64_t last[MODEL_THREADS];    /* number of its record that came last, from 1 on */
	uint64_t came[MODEL_THREADS];    /* its records that came */
	uint64_t refused[MODEL_THREADS]; /* there was no room */
	uint64_t lost[MODEL_THREADS];    /* said at_ring_abandon of its record */
	uint64_t torn;                   /* times a producer was torn out */
	uint64_t busy;                   /* producers in the middle of a record */
	uint64_t left;                   /* producers that are not done */
};

static struct world world;

/* What is tried. */
struct scenario {
	const char *name;
	uint32_t producers;
	uint32_t records; /* of each */
	uint32_t payload; /* bytes, a multiple of 8; the second record of each has 8 more */
	uint32_t size;    /* of the ring */
	uint32_t max;     /* records at most */
	uint64_t start;   /* where in the endless stream it begins */
	uint32_t passes;  /* records that the consumer passes before it gives them back */
	bool late;        /* stores may arrive late */
	uint32_t jumps;   /* times the first producer is torn out of its work */
};

static const struct scenario *now;

static struct at_thread *me(void)
{
	return &world.self[world.model.now];
}

/* As memset, word by word. */
static void zero(void *at, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		if (i % 16 == 0)
			model_step(__LINE__);
		model_write((char *)at + i, 0, 8, __LINE__);
	}
}

static void moment(uint32_t line)
{
	if (now->jumps)
		model_step(line);
}

uint64_t at_counter_cells[AT_COUNTERS]; /* nobody looks */

void at_fault(enum at_fault fault)
{
	(void)fault;
	model_fail("the ring found itself corrupt");
}

/* ---- producers ---- */

static uint64_t word_of(uint32_t id, uint64_t number, uint32_t i)
{
	return (uint64_t)id << 32 | number << 8 | (i + 1);
}

static size_t size_of(uint64_t number)
{
	return now->payload + (number % 2 == 0 ? 8 : 0);
}

static void put(uint32_t id)
{
	uint64_t number = ++world.begun[id];
	size_t n = size_of(number);
	world.busy++;
	model_enter();
	me()->offering = true;
	uint64_t *place = at_ring_reserve(&world.ring, n);
	if (!place) {
		model_leave();
		me()->offering = false;
		world.refused[id]++;
		world.busy--;
		return;
	}
	MODEL_MUST(world.ring.count <= now->max);
	for (uint32_t i = 0; i < n / 8; i++) {
		model_step(__LINE__);
		MODEL_MUST(model_load(place + i, 8) == 0);
		model_write(place + i, word_of(id, number, i), 8, __LINE__);
	}
	if (now->passes > 1) {
		uint64_t at = at_ring_position(&world.ring, place);
		MODEL_MUST((at & (world.ring.size - 1)) ==
			   (uint64_t)((char *)place - world.mem) - sizeof(struct at_ring_header));
		at_ring_seal(place, at);
	}
	at_ring_commit(&world.ring, place);
	model_leave();
	world.written[id]++;
	world.busy--;
}

static void produce(uint32_t id)
{
	while (world.begun[id] < now->records)
		put(id);
	model_step(__LINE__);
	model_settle();
	world.left--;
}

/* As the thread's next hook does it. */
static void produce_torn(uint32_t id)
{
	world.torn++;
	world.lost[id] += at_ring_abandon();
	world.busy--;
	produce(id);
}

/* ---- the consumer ---- */

static void take(const uint64_t *record, size_t n)
{
	uint64_t first = model_load(record, 8);
	uint32_t id = (uint32_t)(first >> 32);
	uint64_t number = first >> 8 & 0xff;
	MODEL_MUST(id >= 1 && id <= now->producers);
	MODEL_MUST(number > world.last[id] && number <= world.begun[id]);
	MODEL_MUST(n == size_of(number));
	for (uint32_t i = 0; i < n / 8; i++)
		MODEL_MUST(model_load(record + i, 8) == word_of(id, number, i));
	world.last[id] = number;
	world.came[id]++;
}

static void give_back(uint64_t to, uint32_t passed)
{
	uint32_t count = at_ring_wipe(&world.ring, to);
	MODEL_MUST(count == passed);
	at_ring_give(&world.ring, to, count);
}

/* Nobody writes, and the oldest record is not there: its producer was torn out. */
static bool is_stuck(void)
{
	for (uint32_t id = 1; id <= now->producers; id++)
		if (world.model.thread[id].stores)
			return false;
	return !world.busy && world.ring.head != model_load(&world.ring.read, 8);
}

static uint64_t reads_at(void)
{
	return model_load(&world.ring.read, 8);
}

/* The oldest record, now that everybody is done. */
static bool is_there(void)
{
	return model_load(world.mem + (reads_at() & (world.ring.size - 1)), 4) != 0;
}

/* What is given back ends behind a record: pads and what is gone go with the next one. */
static void consume(uint32_t id)
{
	uint32_t passed = 0, gone = 0;
	uint64_t end = 0;
	(void)id;
	for (;;) {
		size_t n;
		bool last = world.left == 0;
		const uint64_t *record = at_ring_peek(&world.ring, &n);
		gone += world.ring.gone;
		world.ring.gone = 0;
		if (record) {
			take(record, n);
			at_ring_pass(&world.ring);
			end = reads_at();
			passed += gone + 1;
			gone = 0;
		} else {
			bool stuck = is_stuck();
			if (at_ring_suspects(&world.ring))
				at_ring_unstick(&world.ring, stuck);
			else
				model_step(__LINE__);
			if (last && model_load(&world.ring.head, 8) == reads_at())
				break;
			MODEL_MUST(!last || !stuck || is_there());
		}
		if (passed >= now->passes || (!record && passed)) {
			give_back(end, passed);
			passed = 0;
		}
	}
	if (reads_at() != model_load(&world.ring.tail, 8))
		give_back(reads_at(), passed + gone);
}

/* ---- what must be in the end ---- */

static void check_end(void)
{
	const struct at_ring *r = &world.ring;
	for (uint32_t id = 1; id <= now->producers; id++) {
		MODEL_MUST(world.came[id] >= world.written[id]);
		MODEL_MUST(world.begun[id] == world.came[id] + world.refused[id] + world.lost[id]);
	}
	MODEL_MUST(r->read == r->head && r->tail == r->head);
	MODEL_MUST(r->count <= world.torn); /* a place may be kept for good, one for each */
	for (uint32_t i = 0; i < r->size; i++)
		MODEL_MUST(world.mem[i] == 0);
}

static uint64_t run(const struct scenario *s)
{
	struct model_plan plans[MODEL_THREADS] = {{.run = consume}};
	now = s;
	memset(&world, 0, sizeof(world));
	at_ring_adopt(&world.ring, world.mem, s->size, s->max);
	world.ring.head = world.ring.tail = world.ring.read = s->start;
	world.model.buffers = s->late;
	world.left = s->producers;
	for (uint32_t i = 1; i <= s->producers; i++)
		plans[i] = (struct model_plan){produce, produce_torn, i == 1 ? s->jumps : 0};
	return model_explore(&world.model, sizeof(world), plans, s->producers + 1, check_end,
			     2u << 20);
}

#define SMALL .size = 256, .max = 8, .passes = 1

/* Records of 8 and of 16 bytes. */
#define ROOMY .payload = 8, .size = 256, .max = 8, .passes = 1
/* Of 16 and 24 bytes, where the ring ends. */
#define PADS .payload = 16, .size = 256, .max = 8, .passes = 1
/* As above, but hardly any room. */
#define FULL .size = 128, .max = 8, .passes = 1

static const struct scenario scenarios[] = {
	{"two", .producers = 2, .records = 2, ROOMY},
	{"three", .producers = 3, .records = 1, ROOMY},
	{"pads", .producers = 2, .records = 2, PADS, .start = 256 * 7 - 80},
	{"full", .producers = 2, .records = 2, .payload = 24, FULL},
	{"full-pads", .producers = 2, .records = 2, .payload = 16, FULL, .start = 32},
	{"few", .producers = 2, .records = 2, .payload = 8, .size = 256, .max = 1, .passes = 1},
	{"kept", .producers = 2, .records = 2, .payload = 8, .size = 256, .max = 8, .passes = 3},
	{"late", .producers = 2, .records = 2, ROOMY, .late = true},
	{"late-pads", .producers = 1, .records = 3, PADS, .start = 256 - 48, .late = true},
	{"torn", .producers = 2, .records = 2, ROOMY, .jumps = 1},
	{"torn-pads", .producers = 2, .records = 1, PADS, .start = 256 - 16, .jumps = 1},
	{"torn-twice", .producers = 1, .records = 3, PADS, .start = 256 - 80, .jumps = 2},
	{"torn-late", .producers = 2, .records = 1, ROOMY, .jumps = 1, .late = true},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (argc < 2 || strcmp(argv[1], scenarios[i].name) == 0)
			printf("%-12s %9lu states\n", scenarios[i].name,
			       (unsigned long)run(&scenarios[i]));
	return 0;
}
