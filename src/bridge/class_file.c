/*
 * Fed by jvm.c with class files as the JVM has them; writes changed copies. Owns nothing. A call is
 * four bytes (aload_N, invokestatic), so that switches keep their alignment; what tells places in
 * the code is moved by four: exception handlers, line numbers, variables, stack maps.
 *
 * Every length in the input is doubted: `bad` sticks, what is read behind it is 0.
 */
#include "bridge/class_file.h"

#include <string.h>

#define MAGIC     0xcafebabeu
#define ADDED     4u  /* bytes of code */
#define VERSION   50u /* Java 6: no stack maps asked for */
#define PUBLIC    0x0001u
#define FINAL     0x0010u
#define SUPER     0x0020u
#define STATIC    0x0008u
#define NATIVE    0x0100u
#define ALOAD_0   0x2au
#define INVOKE    0xb8u /* invokestatic */
#define RETURN    0xb1u
#define TARGET    3u            /* entries of the constant pool for what is called */
#define CALL_SIZE (2u * TARGET) /* at the beginning and at the end */

enum tag { UTF8 = 1, CLASS = 7, METHOD = 10, NAME_AND_TYPE = 12 };

/* Names that a class file is searched for, once: places in its constant pool, 0: not there. */
enum known { CODE, MAPS, LINES, VARIABLES, TYPES, KNOWN };

static const char *const known_names[KNOWN] = {
	[CODE] = "Code",
	[MAPS] = "StackMapTable",
	[LINES] = "LineNumberTable",
	[VARIABLES] = "LocalVariableTable",
	[TYPES] = "LocalVariableTypeTable",
};

struct work {
	const uint8_t *in;                 /* the input */
	size_t n, at;                      /* its size; how far it is read */
	uint8_t *out;                      /* the output */
	size_t room, made;                 /* its size; how much is written */
	bool bad;                          /* malformed, or no room */
	uint16_t known[KNOWN];             /* places of known_names */
	uint16_t name[AT_CLASS_CALLS];     /* places of the methods' names */
	uint16_t type[AT_CLASS_CALLS];     /* and descriptors */
	uint16_t target[AT_CLASS_CALLS];   /* places of what is called */
	uint16_t at_end[AT_CLASS_CALLS];   /* and at the end */
	const struct at_class_call *calls; /* what to add */
	size_t count;                      /* how many they are */
	size_t done;                       /* methods that have their call */
};

/* ---- bytes ---- */

static uint32_t take(struct work *w, unsigned bytes)
{
	uint32_t value = 0;
	if (w->bad || w->n - w->at < bytes) {
		w->bad = true;
		return 0;
	}
	while (bytes--)
		value = value << 8 | w->in[w->at++];
	return value;
}

static void put_at(struct work *w, size_t where, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		w->out[where + i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static void put(struct work *w, uint32_t value, unsigned bytes)
{
	w->bad = w->bad || w->room - w->made < bytes;
	if (w->bad)
		return;
	put_at(w, w->made, value, bytes);
	w->made += bytes;
}

static uint32_t copy(struct work *w, unsigned bytes)
{
	uint32_t value = take(w, bytes);
	put(w, value, bytes);
	return value;
}

static void copy_many(struct work *w, uint32_t bytes)
{
	w->bad = w->bad || w->n - w->at < bytes || w->room - w->made < bytes;
	if (w->bad)
		return;
	memcpy(w->out + w->made, w->in + w->at, bytes);
	w->made += bytes;
	w->at += bytes;
}

static void put_utf8(struct work *w, const char *text)
{
	size_t n = strlen(text);
	put(w, UTF8, 1);
	put(w, (uint32_t)n, 2);
	for (size_t i = 0; i < n; i++)
		put(w, (uint8_t)text[i], 1);
}

static void put_pair(struct work *w, enum tag tag, uint32_t first, uint32_t second)
{
	put(w, tag, 1);
	put(w, first, 2);
	put(w, second, 2);
}

static void put_class(struct work *w, uint32_t name)
{
	put(w, CLASS, 1);
	put(w, name, 2);
}

/* ---- the constant pool ---- */

static bool is(const uint8_t *text, uint32_t n, const char *wanted)
{
	return n == strlen(wanted) && memcmp(text, wanted, n) == 0;
}

static void look_at(struct work *w, uint16_t place, const uint8_t *text, uint32_t n)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (is(text, n, known_names[i]))
			w->known[i] = place;
	for (size_t i = 0; i < w->count; i++) {
		if (is(text, n, w->calls[i].method))
			w->name[i] = place;
		if (is(text, n, w->calls[i].descriptor))
			w->type[i] = place;
	}
}

/* Bytes behind the tag of an entry that is no text (4.4); 0: there is no such tag. */
static uint32_t size_of(uint32_t tag)
{
	static const uint8_t sizes[] = {0, 0, 0, 4, 4, 8, 8, 2, 2, 4, 4,
					4, 4, 0, 0, 3, 2, 4, 4, 2, 2};
	return tag < sizeof(sizes) ? sizes[tag] : 0;
}

/* Copies an entry; how many places it takes. */
static unsigned copy_entry(struct work *w, uint16_t place)
{
	uint32_t tag = copy(w, 1);
	uint32_t n = tag == UTF8 ? copy(w, 2) : size_of(tag);
	w->bad = w->bad || (tag != UTF8 && n == 0);
	size_t began = w->at;
	copy_many(w, n);
	if (tag == UTF8 && !w->bad)
		look_at(w, place, w->in + began, n);
	return tag == 5 || tag == 6 ? 2 : 1;
}

/* What is called, at that place; the helper's class and descriptor are behind `old`. */
static uint16_t put_target(struct work *w, const char *name, uint32_t old, uint32_t place)
{
	put_utf8(w, name);
	put_pair(w, NAME_AND_TYPE, place, old + 2);
	put_pair(w, METHOD, old + 1, place + 1);
	return (uint16_t)(place + 2);
}

static void copy_constants(struct work *w, const char *helper)
{
	uint32_t count = take(w, 2);
	uint32_t end = count + 3 + CALL_SIZE * (uint32_t)w->count;
	w->bad = w->bad || !count || end > UINT16_MAX;
	put(w, end, 2);
	for (uint32_t i = 1; i < count && !w->bad;)
		i += copy_entry(w, (uint16_t)i);
	put_utf8(w, helper);
	put_class(w, count);
	put_utf8(w, AT_CLASS_DESCRIPTOR);
	for (uint32_t i = 0; i < w->count; i++) {
		uint32_t place = count + 3 + CALL_SIZE * i;
		const struct at_class_call *c = &w->calls[i];
		w->target[i] = put_target(w, c->target, count, place);
		w->at_end[i] =
			put_target(w, c->at_end ? c->at_end : c->target, count, place + TARGET);
	}
}

/* ---- what lies behind a method's code ---- */

/* A row of a table: where in the code, then so many bytes. */
static void move_rows(struct work *w, unsigned rest)
{
	uint32_t rows = copy(w, 2);
	for (uint32_t i = 0; i < rows && !w->bad; i++) {
		put(w, take(w, 2) + ADDED, 2);
		copy_many(w, rest);
	}
}

/* Types of a stack map; an object that is not made yet is told by the place of its `new`. */
static void move_types(struct work *w, uint32_t count)
{
	enum { OBJECT = 7, UNINITIALIZED = 8 };
	for (uint32_t i = 0; i < count && !w->bad; i++) {
		uint32_t tag = copy(w, 1);
		if (tag == OBJECT)
			copy(w, 2);
		else if (tag == UNINITIALIZED)
			put(w, take(w, 2) + ADDED, 2);
	}
}

/* A frame (4.7.4). The first tells its place from the beginning, the others from the one before. */
static void move_frame(struct work *w, uint32_t by)
{
	enum { ONE = 64, RESERVED = 128, ONE_WIDE = 247, SAME_WIDE = 251, FULL = 255 };
	uint32_t type = take(w, 1);
	bool narrow = type < RESERVED;
	w->bad = w->bad || (!narrow && type < ONE_WIDE);
	uint32_t offset = (narrow ? type % ONE : take(w, 2)) + by;
	if (narrow && offset >= ONE)
		type = type < ONE ? SAME_WIDE : ONE_WIDE;
	if (type < RESERVED) {
		put(w, type - type % ONE + offset, 1);
	} else {
		put(w, type, 1);
		put(w, offset, 2);
	}
	if (type == FULL) {
		move_types(w, copy(w, 2));
		move_types(w, copy(w, 2));
	} else if (type > SAME_WIDE) {
		move_types(w, type - SAME_WIDE);
	} else if (type == ONE_WIDE || (type >= ONE && type < RESERVED)) {
		move_types(w, 1);
	}
}

static void move_frames(struct work *w)
{
	uint32_t frames = copy(w, 2);
	for (uint32_t i = 0; i < frames && !w->bad; i++)
		move_frame(w, i == 0 ? ADDED : 0);
}

static void move_attribute(struct work *w)
{
	uint32_t name = copy(w, 2);
	uint32_t size = take(w, 4);
	size_t began = w->at, length = w->made;
	put(w, size, 4);
	if (name && name == w->known[MAPS])
		move_frames(w);
	else if (name && name == w->known[LINES])
		move_rows(w, 2);
	else if (name && (name == w->known[VARIABLES] || name == w->known[TYPES]))
		move_rows(w, 8);
	else
		copy_many(w, size);
	w->bad = w->bad || w->at - began != size;
	if (!w->bad)
		put_at(w, length, (uint32_t)(w->made - length - 4), 4);
}

static void move_handlers(struct work *w)
{
	uint32_t handlers = copy(w, 2);
	for (uint32_t i = 0; i < handlers && !w->bad; i++) {
		for (int place = 0; place < 3; place++)
			put(w, take(w, 2) + ADDED, 2);
		copy(w, 2);
	}
}

static uint32_t number_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Bytes of the two instructions that are tables; 0: malformed. `at` is the opcode's place. */
static uint64_t size_of_switch(const uint8_t *code, uint32_t n, uint32_t at)
{
	enum { TABLE = 0xaa };
	uint32_t body = (at + 4) & ~3u;
	if (n < body + 12)
		return 0;
	uint64_t pairs = number_at(code + body + 4);
	uint64_t low = pairs, high = number_at(code + body + 8);
	uint64_t rest =
		code[at] == TABLE ? 12 + 4 * ((uint32_t)(high - low) + 1ull) : 8 + 8 * pairs;
	return body - at + rest;
}

/* Bytes of an instruction (6.5); 0: there is none. */
static uint64_t size_of_instruction(const uint8_t *code, uint32_t n, uint32_t at)
{
	enum { IINC = 0x84, SWITCH = 0xaa, SWITCH_LAST = 0xab, WIDE = 0xc4, LAST = 0xc9 };
	static const struct {
		uint8_t from, to, size;
	} longer[] = {
		{0x10, 0x10, 2}, {0x11, 0x11, 3}, {0x12, 0x12, 2}, {0x13, 0x14, 3}, {0x15, 0x19, 2},
		{0x36, 0x3a, 2}, {0x84, 0x84, 3}, {0x99, 0xa8, 3}, {0xa9, 0xa9, 2}, {0xb2, 0xb8, 3},
		{0xb9, 0xba, 5}, {0xbb, 0xbb, 3}, {0xbc, 0xbc, 2}, {0xbd, 0xbd, 3}, {0xc0, 0xc1, 3},
		{0xc5, 0xc5, 4}, {0xc6, 0xc7, 3}, {0xc8, 0xc9, 5},
	};
	uint8_t op = code[at];
	if (op == SWITCH || op == SWITCH_LAST)
		return size_of_switch(code, n, at);
	if (op == WIDE)
		return at + 1 < n && code[at + 1] == IINC ? 6 : 4;
	for (size_t i = 0; i < sizeof(longer) / sizeof(longer[0]); i++)
		if (op >= longer[i].from && op <= longer[i].to)
			return longer[i].size;
	return op > LAST ? 0 : 1;
}

/* Whether nothing of this code returns but its last instruction, and that nothing. */
static bool returns_last(const uint8_t *code, uint32_t n)
{
	enum { FIRST_RETURN = 0xac };
	for (uint32_t at = 0; at < n;) {
		uint64_t size = size_of_instruction(code, n, at);
		if (!size || size > n - at)
			return false;
		if (code[at] >= FIRST_RETURN && code[at] <= RETURN)
			return at == n - 1 && code[at] == RETURN;
		at += (uint32_t)size;
	}
	return false;
}

static void put_call(struct work *w, uint8_t local, uint16_t target)
{
	put(w, ALOAD_0 + local, 1);
	put(w, INVOKE, 1);
	put(w, target, 2);
}

/* The instructions, with the calls. What ends in `return` goes there by it, so that its place is
 * the second call's. */
static void copy_code(struct work *w, size_t call)
{
	const struct at_class_call *c = &w->calls[call];
	size_t length = w->made;
	uint32_t n = copy(w, 4);
	bool end = c->at_end;
	w->bad = w->bad || !n || n > w->n - w->at || n + 2 * ADDED > UINT16_MAX ||
		 (end && !returns_last(w->in + w->at, n));
	put_call(w, c->local, w->target[call]);
	copy_many(w, end ? n - 1 : n);
	if (end) {
		put_call(w, c->local, w->at_end[call]);
		copy(w, 1);
	}
	if (!w->bad)
		put_at(w, length, (uint32_t)(w->made - length - 4), 4);
}

/* The attribute Code (4.7.3), behind its name. */
static void add_call(struct work *w, size_t call)
{
	uint32_t size = take(w, 4);
	size_t began = w->at, length = w->made;
	put(w, size, 4);
	uint32_t stack = take(w, 2);
	put(w, stack ? stack : 1, 2);
	copy(w, 2);
	copy_code(w, call);
	move_handlers(w);
	uint32_t attributes = copy(w, 2);
	for (uint32_t i = 0; i < attributes && !w->bad; i++)
		move_attribute(w);
	w->bad = w->bad || w->at - began != size;
	if (w->bad)
		return;
	put_at(w, length, (uint32_t)(w->made - length - 4), 4);
	w->done++;
}

/* ---- fields and methods ---- */

/* The call that this method gets, or `count`. */
static size_t call_for(const struct work *w, uint32_t name, uint32_t type)
{
	size_t i = 0;
	while (i < w->count && (!name || name != w->name[i] || type != w->type[i]))
		i++;
	return i;
}

static void copy_members(struct work *w, bool methods)
{
	uint32_t members = copy(w, 2);
	for (uint32_t i = 0; i < members && !w->bad; i++) {
		copy(w, 2);
		uint32_t name = copy(w, 2);
		size_t call = call_for(w, name, copy(w, 2));
		uint32_t attributes = copy(w, 2);
		for (uint32_t j = 0; j < attributes && !w->bad; j++) {
			uint32_t kind = copy(w, 2);
			if (methods && call < w->count && kind && kind == w->known[CODE])
				add_call(w, call);
			else
				copy_many(w, copy(w, 4));
		}
	}
}

static void copy_attributes(struct work *w)
{
	uint32_t attributes = copy(w, 2);
	for (uint32_t i = 0; i < attributes && !w->bad; i++) {
		copy(w, 2);
		copy_many(w, copy(w, 4));
	}
}

size_t at_class_with_calls(const uint8_t *in, size_t n, const char *helper,
			   const struct at_class_call *calls, size_t count, uint8_t *out,
			   size_t room)
{
	struct work w = {
		.in = in, .n = n, .out = out, .room = room, .calls = calls, .count = count};
	w.bad = count > AT_CLASS_CALLS || copy(&w, 4) != MAGIC;
	copy(&w, 4);
	if (!w.bad)
		copy_constants(&w, helper);
	copy_many(&w, 6);
	copy_many(&w, 2 * copy(&w, 2));
	copy_members(&w, false);
	copy_members(&w, true);
	copy_attributes(&w);
	return w.bad || w.at != n || w.done != count ? 0 : w.made;
}

size_t at_class_of_natives(const char *name, const char *const *methods, size_t count, uint8_t *out,
			   size_t room)
{
	enum { NAME = 1, THIS, OBJECT_NAME, OBJECT, DESCRIPTOR, FIRST };
	struct work w = {.out = out, .room = room};
	put(&w, MAGIC, 4);
	put(&w, VERSION, 4);
	put(&w, FIRST + (uint32_t)count, 2);
	put_utf8(&w, name);
	put_class(&w, NAME);
	put_utf8(&w, "java/lang/Object");
	put_class(&w, OBJECT_NAME);
	put_utf8(&w, AT_CLASS_DESCRIPTOR);
	for (size_t i = 0; i < count; i++)
		put_utf8(&w, methods[i]);
	put(&w, PUBLIC | FINAL | SUPER, 2);
	put(&w, THIS, 2);
	put(&w, OBJECT, 2);
	put(&w, 0, 4); /* interfaces, fields */
	put(&w, (uint32_t)count, 2);
	for (size_t i = 0; i < count; i++) {
		put(&w, PUBLIC | STATIC | NATIVE, 2);
		put(&w, FIRST + (uint32_t)i, 2);
		put(&w, DESCRIPTOR, 2);
		put(&w, 0, 2);
	}
	put(&w, 0, 2);
	return w.bad ? 0 : w.made;
}
