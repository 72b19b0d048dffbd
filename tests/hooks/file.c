/*
 * Bodies that nobody looks at: sendfile and splice.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/harness.h"

typedef ssize_t file_fn(int out, int in, off_t *offset, size_t n);

/* A file of digits. */
static int digits(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	for (int i = 0; i < 200; i++)
		must(write(fd, "0123456789", 10) == 10, "digits");
	must(lseek(fd, 0, SEEK_SET) == 0, "lseek");
	return fd;
}

/* The head before the body; n is how long the body will be. */
static size_t head(struct ends *e)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
	static const char post[] = "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n";
	const char *text = e->role == SERVER ? answer : post;
	if (e->role == SERVER)
		ready_to_speak(e);
	if (e->talk == HTTP)
		IS((long)strlen(text), write(e->fd, text, strlen(text)));
	return e->talk == HTTP ? strlen(text) : 0;
}

/* The call until it fails, and how it does; the offset is then as it was. */
static void in_the_end(file_fn *fn, int fd, int file, int error)
{
	off_t at;
	ssize_t rc;
	do {
		errno = UNTOUCHED;
		at = 7;
		rc = fn(fd, file, &at, 1900);
	} while (rc > 0);
	check_call("in the end", rc, -1, error, __FILE__, __LINE__);
	CHECK(at == 7);
}

static void play_file(struct ends *e, void *arg)
{
	file_fn *fn = *(file_fn **)arg;
	int file = digits(), tube[2], only_write = open("/dev/null", O_WRONLY);
	off_t at = 100, bad = -5, far = 1 << 20;
	must(pipe(tube) == 0, "pipe");
	size_t n = head(e);
	IS(60, fn(e->fd, file, &at, 60));
	CHECK(at == 160 && lseek(file, 0, SEEK_CUR) == 0);
	IS(0, fn(e->fd, file, &at, 0));
	IS(40, fn(e->fd, file, NULL, 40));
	CHECK(lseek(file, 0, SEEK_CUR) == 40);
	peer_take(e, n + 100, NULL);
	IS(0, fn(e->fd, file, &far, 10));
	ERR(EBADF, fn(e->fd, -1, NULL, 10));
	ERR(EBADF, fn(-1, file, NULL, 10));
	ERR(EBADF, fn(e->fd, only_write, NULL, 10));
	TELL(fn(e->fd, e->peer, NULL, 10));
	ERR(EINVAL, fn(e->fd, file, &bad, 10));
	ERR(EFAULT, fn(e->fd, file, nowhere, 10));
	TELL(fn(file, e->fd, NULL, 10));
	TELL(fn(e->fd, tube[0], &at, 10));
	IS(10, fn(tube[1], file, NULL, 10));
	small_buffers(e);
	nonblocking(e->fd, true);
	in_the_end(fn, e->fd, file, EAGAIN);
	nonblocking(e->fd, false);
	interrupt_soon();
	in_the_end(fn, e->fd, file, EINTR);
	calm();
	count_pipes();
	IS(0, shutdown(e->fd, SHUT_WR));
	ERR(EPIPE, fn(e->fd, file, NULL, 10));
	TELL(pipes);
	close(file);
	close(only_write);
	close(tube[0]);
	close(tube[1]);
}

void test_hook_sendfile(void)
{
	file_fn *fn = sendfile;
	each_scene(play_file, &fn);
}

void test_hook_sendfile64(void)
{
	file_fn *fn = (file_fn *)sendfile64;
	each_scene(play_file, &fn);
}

static void splice_errors(struct ends *e, const int tube[2])
{
	loff_t at = 0;
	ERR(EINVAL, splice(e->fd, NULL, e->fd, NULL, 10, 0));
	TELL(splice(e->fd, &at, tube[1], NULL, 10, 0));
	TELL(splice(tube[0], NULL, e->fd, &at, 10, 0));
	TELL(splice(tube[0], nowhere, e->fd, NULL, 10, 0));
	ERR(EBADF, splice(-1, NULL, e->fd, NULL, 10, 0));
	ERR(EBADF, splice(e->fd, NULL, -1, NULL, 10, 0));
	ERR(EBADF, splice(tube[0], NULL, -1, NULL, 10, 0));
	ERR(EINVAL, splice(tube[0], NULL, e->fd, NULL, 10, 0x1000));
	IS(0, splice(tube[0], NULL, e->fd, NULL, 0, 0));
	IS(0, splice(e->fd, NULL, tube[1], NULL, 0, 0));
	nonblocking(e->fd, true);
	ERR(EAGAIN, splice(e->fd, NULL, tube[1], NULL, 10, 0));
	nonblocking(e->fd, false);
	interrupt_soon();
	ERR(EINTR, splice(e->fd, NULL, tube[1], NULL, 10, 0));
	calm();
}

static void play_splice(struct ends *e, void *arg)
{
	int tube[2], file = digits();
	loff_t at = 30;
	char buf[200];
	size_t n = strlen(heard(e));
	(void)arg;
	must(pipe(tube) == 0, "pipe");
	ready_to_hear(e);
	splice_errors(e, tube);
	peer_say(e, heard(e));
	IS((long)n, splice(e->fd, NULL, tube[1], NULL, 1000, 0));
	IS((long)n, read(tube[0], buf, sizeof(buf)));
	say_bytes("the tube gave", buf, n);
	IS(100, splice(file, &at, tube[1], NULL, 100, 0));
	CHECK(at == 130);
	if (e->role == SERVER && e->talk == HTTP)
		IS(40, write(e->fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 40));
	IS(60, splice(tube[0], NULL, e->fd, NULL, 60, SPLICE_F_MORE));
	IS(40, splice(tube[0], NULL, e->fd, NULL, 1000, SPLICE_F_MOVE));
	peer_take(e, 100 + (e->role == SERVER && e->talk == HTTP ? 40 : 0), NULL);
	count_pipes();
	IS(0, shutdown(e->fd, SHUT_WR));
	must(write(tube[1], "0123456789", 10) == 10, "write");
	ERR(EPIPE, splice(tube[0], NULL, e->fd, NULL, 10, 0));
	TELL(pipes);
	RAW(SYS_shutdown, e->peer, SHUT_WR);
	IS(0, splice(e->fd, NULL, tube[1], NULL, 10, 0));
	close(file);
	close(tube[0]);
	close(tube[1]);
}

void test_hook_splice(void)
{
	each_scene(play_splice, NULL);
}
