/*
 * What the tests of the hooks stand on. A test makes calls and says of each what must come of it;
 * every call becomes a line of a transcript on stdout, so that runs with and without the preload
 * can be compared. Peers use system calls that no library sees: what is observed and changed is the
 * end under test alone. Fed by main.c, which runs one test per process.
 */
#ifndef HOOKS_HARNESS_H
#define HOOKS_HARNESS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* ---- the transcript ---- */

/* A line of the transcript; nothing in it may depend on numbers the kernel chose. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line, and a failure of the program unless ok. */
bool check(bool ok, const char *what, const char *file, int line);
/* The call's result as it must be: rc, and errno `error` (0: untouched, UNTOUCHED before). */
long check_call(const char *what, long rc, long want, int error, const char *file, int line);
/* The call's result as it is, told to the transcript. */
long tell_call(const char *what, long rc);
/* The same without a number: whether it worked, for counts that a filling buffer makes. */
long tell_sign(const char *what, long rc);
/* A new descriptor: 0 or more, errno untouched; its number is nobody's business. */
int check_fd(const char *what, int fd, const char *file, int line);
/* Nothing works without it: ends the program. */
void must(bool ok, const char *what);
/* 0 when every check held. */
int failures(void);

#define UNTOUCHED 4242

#define CHECK(condition) check(condition, #condition, __FILE__, __LINE__)
#define IS(want, call) \
	(errno = UNTOUCHED, check_call(#call, (long)(call), want, 0, __FILE__, __LINE__))
#define ERR(error, call) \
	(errno = UNTOUCHED, check_call(#call, (long)(call), -1, error, __FILE__, __LINE__))
#define TELL(call) (errno = UNTOUCHED, tell_call(#call, (long)(call)))
#define SIGN(call) (errno = UNTOUCHED, tell_sign(#call, (long)(call)))
#define FD(call)   (errno = UNTOUCHED, check_fd(#call, call, __FILE__, __LINE__))

/* The bytes at p, printable. */
void say_bytes(const char *what, const void *p, size_t n);

/* ---- memory ---- */

extern void *volatile nowhere; /* an address that is nobody's */
extern void *volatile null;    /* NULL that the compiler's checks do not know */
extern volatile int minus_one;
/* A page that cannot be read. */
void *unreadable(void);
/* n bytes (at most 4096), zero, behind which nothing can be read or written. */
char *edge(size_t n);

/* ---- system calls that no library sees ---- */

long raw(long nr, long a, long b, long c, long d, long e, long f);
#define RAW(nr, ...) RAW_(nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define RAW_(nr, a, b, c, d, e, f, ...) \
	raw(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* ---- signals and time ---- */

/* SIGALRM, caught, every 3 ms until calm(): a call that waits fails with EINTR. */
void interrupt_soon(void);
void calm(void);
/* SIGPIPE, caught and counted. */
void count_pipes(void);
extern volatile int pipes;
/* Waits until poll's events are there, at most 5 s. */
void until(int fd, short events);
void pause_ms(int ms);
/* Runs fn in a child and tells its wait status; what it writes to stderr goes to /dev/null.
 * Returns its exit code; -1: a signal ended it. */
int in_child(const char *what, void (*fn)(void *arg), void *arg);

/* ---- connections ---- */

enum kind { TCP, TCP6, UNIX, PAIR, KINDS };
enum role { SERVER, CLIENT, ROLES };
enum talk { HTTP, STRANGE, TALKS };

extern const char *const kind_name[];
extern const char *const role_name[];
extern const char *const talk_name[];

/* A connection: the end under test and its peer. */
struct ends {
	int fd;         /* ours, made by the calls that are interposed; blocking */
	int peer;       /* the other end, of which no library knows; blocking */
	enum kind kind; /* of socket */
	enum role role; /* what fd's end is */
	enum talk talk; /* what is said */
	bool asked;     /* a client's request is out */
};

/* A scene for each kind, role and talk: prints its name, makes the connection, calls play and ends
 * it. */
void each_scene(void (*play)(struct ends *e, void *arg), void *arg);
struct ends join(enum kind kind, enum role role, enum talk talk);
void part(struct ends *e);
/* The address of a listening socket (hooked calls), and the socket. */
int listen_at(enum kind kind, struct sockaddr_storage *ret_at, socklen_t *ret_len);
/* An unseen client of that address. */
int raw_client(const struct sockaddr_storage *at, socklen_t len);
socklen_t name_of(enum kind kind, struct sockaddr_storage *ret_at);

void nonblocking(int fd, bool yes);
/* The peer sends all of it. */
void peer_put(struct ends *e, const void *p, size_t n);
void peer_say(struct ends *e, const char *text);
/* The peer takes n bytes of the application, waiting for them at most 2 s, and what else is there;
 * prints them without the header lines that were put in, which *ret_injected (may be NULL) counts.
 * Returns the application's bytes. */
size_t peer_take(struct ends *e, size_t n, int *ret_injected);
/* The same without a word: into buf. */
size_t peer_drain(struct ends *e, size_t n, char *buf, size_t room, int *ret_injected);
/* What is there now, as it is on the wire; and such bytes without lines of ours. */
size_t peer_some(struct ends *e, char *buf, size_t room);
size_t without_ours(char *buf, size_t n, int *ret_injected);
/* What is sent to the peer soon fills what there is room for. */
void small_buffers(struct ends *e);
/* The peer closes with a reset, and it has arrived. */
void peer_slam(struct ends *e);
/* What fd's end hears first, and says first, in this scene. */
const char *heard(const struct ends *e);
const char *said(const struct ends *e);
/* Brings the end to where it hears (a client has asked), or may speak (a server was asked). */
void ready_to_hear(struct ends *e);
void ready_to_speak(struct ends *e);
/* A server under test, TCP, in the middle of a request. */
struct ends in_the_middle(void);
/* The library is there and puts headers into what clients send. */
bool injects(void);
bool traced(void);

/* ---- the tests ---- */

#define AT_CALL(ret, name, params, args, raw) void test_hook_##name(void);
#define AT_TRAMPOLINE(name)                   void test_hook_##name(void);
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE

#endif
