/*
 * See sched.h. A state is the world's bytes: shared memory, stores on their way, and of each stack
 * what is in use. It is copied before a step and put back for the next one; stacks keep their
 * addresses, so a thread goes on wherever it was.
 */
#include "model/sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST 4000
#define SLOTS   (1u << 22) /* of the table of known states; a power of two */

enum kind { STEP, ARRIVE, JUMP, KINDS };

/* One thing that happened, for people. */
struct event {
	uint8_t kind;
	uint8_t thread;
	uint32_t line;
};

static struct model *model;
static size_t world_size;
static const struct model_plan *plan;
static void *scheduler; /* its stack pointer while a thread runs */
static struct event trace[DEEPEST];
static unsigned depth;
static uint64_t *known;
static uint64_t states, states_most;
static void (*end_check)(void);

/* ---- switching ---- */

void model_switch(void **from, void *to);
__asm__(".text\n"
	"model_switch:\n"
	"	push %rbx\n	push %rbp\n	push %r12\n"
	"	push %r13\n	push %r14\n	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n	pop %r14\n	pop %r13\n"
	"	pop %r12\n	pop %rbp\n	pop %rbx\n"
	"	ret\n");

static struct model_thread *self(void)
{
	return &model->thread[model->now];
}

static void back(void)
{
	void *to = scheduler;
	model_switch(&self()->sp, to);
}

static void begin(void)
{
	plan[model->now].run(model->now);
	self()->ended = true;
	back();
	abort();
}

static void begin_torn(void)
{
	plan[model->now].torn(model->now);
	self()->ended = true;
	back();
	abort();
}

static void place_at(uint32_t i, void (*start)(void))
{
	char *top = model->stack[i] + MODEL_STACK;
	void **frame = (void **)top - 8;
	memset(model->stack[i], 0, MODEL_STACK);
	frame[6] = (void *)start; /* behind six registers; then the stack is as behind a call */
	model->thread[i].sp = frame;
}

/* ---- what the code under test calls ---- */

void model_step(uint32_t line)
{
	self()->line = line;
	back();
}

void model_settle(void)
{
	struct model_thread *t = self();
	for (uint32_t i = 0; i < t->stores; i++)
		memcpy(t->store[i].at, &t->store[i].value, t->store[i].size);
	memset(t->store, 0, sizeof(t->store));
	t->stores = 0;
}

uint64_t model_load(const void *at, uint32_t size)
{
	const struct model_thread *t = self();
	uint64_t value = 0;
	memcpy(&value, at, size);
	for (uint32_t i = 0; i < t->stores; i++) {
		const char *from = t->store[i].at;
		if (from == at)
			value = t->store[i].value;
		else if (from < (const char *)at + size &&
			 (const char *)at < from + t->store[i].size) /* a part of it */
			memcpy((char *)&value + (from - (const char *)at), &t->store[i].value,
			       t->store[i].size);
	}
	return size == 4 ? (uint32_t)value : value;
}

void model_write(void *at, uint64_t value, uint32_t size, uint32_t line)
{
	struct model_thread *t = self();
	if (!model->buffers) {
		memcpy(at, &value, size);
		return;
	}
	if (t->stores == MODEL_STORES)
		model_fail("MODEL_STORES is too small");
	t->store[t->stores++] = (struct model_store){at, value, size, line};
}

void model_enter(void)
{
	self()->working = true;
}

void model_leave(void)
{
	self()->working = false;
}

void model_fail(const char *what)
{
	static const char *const name[] = {"", " (a store arrives)", " (torn out)"};
	printf("must not be: %s\nhow it comes about, thread:line of ring.c\n", what);
	for (unsigned i = 0; i < depth; i++)
		printf(" %u:%u%s", trace[i].thread, trace[i].line, name[trace[i].kind]);
	printf("\n");
	exit(1);
}

/* ---- exploring ---- */

static uint64_t hash(void)
{
	uint64_t h = 0x9e3779b97f4a7c15u;
	const uint64_t *p = (const uint64_t *)model;
	size_t head = offsetof(struct model, stack) / 8;
	for (size_t i = 0; i < head; i++)
		h = (h ^ p[i]) * 0xff51afd7ed558ccdu, h ^= h >> 32;
	for (uint32_t t = 0; t < model->threads; t++) {
		const uint64_t *top = (const uint64_t *)(model->stack[t] + MODEL_STACK);
		for (const uint64_t *s = model->thread[t].sp; s && s < top; s++)
			h = (h ^ *s) * 0xff51afd7ed558ccdu, h ^= h >> 32;
	}
	for (size_t i = sizeof(struct model) / 8; i < world_size / 8; i++)
		h = (h ^ p[i]) * 0xff51afd7ed558ccdu, h ^= h >> 32;
	return h ? h : 1;
}

static bool is_new(void)
{
	uint64_t h = hash();
	for (uint64_t i = h & (SLOTS - 1);; i = (i + 1) & (SLOTS - 1)) {
		if (known[i] == h)
			return false;
		if (known[i] == 0) {
			known[i] = h;
			break;
		}
	}
	if (++states > states_most)
		model_fail("too many states for the time there is");
	return true;
}

/* A copy of the world: its head and tail, and the stacks as far as they are used. */
static void copy(char *to, const char *from, const struct model *sizes)
{
	size_t head = offsetof(struct model, stack);
	memcpy(to, from, head);
	for (uint32_t t = 0; t < sizes->threads; t++) {
		size_t at = offsetof(struct model, stack) + t * MODEL_STACK;
		const char *sp = sizes->thread[t].sp;
		size_t used = sp ? (size_t)(model->stack[t] + MODEL_STACK - sp) : 0;
		memcpy(to + at + MODEL_STACK - used, from + at + MODEL_STACK - used, used);
	}
	memcpy(to + sizeof(struct model), from + sizeof(struct model),
	       world_size - sizeof(struct model));
}

static bool can(enum kind kind, const struct model_thread *t)
{
	if (kind == STEP)
		return t->sp != NULL;
	if (kind == ARRIVE)
		return t->stores > 0;
	return t->sp && t->jumps && t->working;
}

static void arrive(struct model_thread *t)
{
	memcpy(t->store[0].at, &t->store[0].value, t->store[0].size);
	memmove(t->store, t->store + 1, sizeof(t->store) - sizeof(t->store[0]));
	memset(&t->store[--t->stores], 0, sizeof(t->store[0]));
}

static void happen(enum kind kind, uint32_t i)
{
	struct model_thread *t = &model->thread[i];
	trace[depth++] = (struct event){(uint8_t)kind, (uint8_t)i,
					kind == ARRIVE ? t->store[0].line : t->line};
	if (depth == DEEPEST)
		model_fail("too deep");
	if (kind == ARRIVE) {
		arrive(t);
		return;
	}
	if (kind == JUMP) {
		t->jumps--;
		t->working = false;
		place_at(i, begin_torn);
		return;
	}
	model->now = i;
	model_switch(&scheduler, t->sp);
	if (t->ended)
		t->sp = NULL;
}

static void explore(void)
{
	bool ended = true;
	static char *kept[DEEPEST]; /* one for each depth */
	if (!kept[depth])
		kept[depth] = malloc(world_size);
	char *before = kept[depth];
	copy(before, (char *)model, model);
	const struct model *was = (const struct model *)before;
	for (uint32_t i = 0; i < was->threads; i++)
		for (enum kind kind = STEP; kind < KINDS; kind++) {
			if (!can(kind, &was->thread[i]))
				continue;
			ended = false;
			happen(kind, i);
			model->now = 0;
			if (is_new())
				explore();
			depth--;
			copy((char *)model, before, was);
		}
	if (ended)
		end_check();
}

uint64_t model_explore(struct model *m, size_t size, const struct model_plan *plans, uint32_t count,
		       void (*at_end)(void), uint64_t most)
{
	model = m;
	world_size = size;
	plan = plans;
	end_check = at_end;
	states = depth = 0;
	states_most = most < SLOTS / 2 ? most : SLOTS / 2;
	if (!known)
		known = malloc(SLOTS * sizeof(*known));
	memset(known, 0, SLOTS * sizeof(*known));
	m->threads = count;
	for (uint32_t i = 0; i < count; i++) {
		m->thread[i] = (struct model_thread){.jumps = plans[i].jumps};
		place_at(i, begin);
	}
	explore();
	return states;
}
