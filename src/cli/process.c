/*
 * Reading /proc/PID; see process.h. Feeds subject.c. Owns its copies. A process can end at any
 * time: what is gone by then is an error of that part. Not its job: to judge.
 */
#include "cli/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* Most bytes read of one file of /proc; the maps of a large JVM have about 1 MiB. */
#define READ_MAX (64u << 20)

/* What the kernel appends to the path of a file that has no name any more. */
#define DELETED " (deleted)"

/* Appends the whole file /proc/PID/name to text. 0 or errno. */
static int read_part(pid_t pid, const char *name, struct at_text *text)
{
	char path[64], chunk[16384];
	ssize_t size;
	int fd, error;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	while ((size = read(fd, chunk, sizeof(chunk))) > 0 && text->size < READ_MAX)
		at_text_add(text, chunk, (size_t)size);
	error = size < 0 ? errno : 0;
	close(fd);
	return error;
}

/* The text behind "name:" in /proc/PID/status, "" if there is none. */
static const char *field(const char *status, const char *name)
{
	size_t size = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, size) == 0 && line[size] == ':')
			return line + size + 1 + strspn(line + size + 1, " \t");
	}
	return "";
}

static int read_status(struct at_process *process)
{
	struct at_text status = {0};
	int error = read_part(process->pid, "status", &status);
	const char *text = at_text_get(&status);
	unsigned real = 0, effective = 0;

	if (error == 0) {
		process->state = *field(text, "State");
		if (sscanf(field(text, "Uid"), "%u %u", &real, &effective) == 2)
			process->user = effective;
		process->seccomp = atoi(field(text, "Seccomp"));
		process->no_new_privileges = atoi(field(text, "NoNewPrivs")) == 1;
	}
	at_text_free(&status);
	return error;
}

static int read_program(struct at_process *process)
{
	char path[64], target[PATH_MAX];
	size_t tail = strlen(DELETED);
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)process->pid);
	size = readlink(path, target, sizeof(target) - 1);
	if (size < 0)
		return errno == ENOENT ? 0 : errno;
	target[size] = '\0';
	if ((size_t)size > tail && strcmp(target + size - tail, DELETED) == 0) {
		target[(size_t)size - tail] = '\0';
		process->replaced = true;
	}
	process->program = at_text_copy(target);
	return 0;
}

/* Keeps the path of each line of maps that is executable and a file; neighbours repeat it. */
static int read_mapped(struct at_process *process)
{
	struct at_text maps = {0};
	int error = read_part(process->pid, "maps", &maps);
	const char *previous = "";
	char *line, *rest = maps.data;

	while (rest && (line = strsep(&rest, "\n"))) {
		char *path = strchr(line, '/');
		char *mode = strchr(line, ' ');

		if (!path || !mode || strlen(mode) < 5 || mode[3] != 'x')
			continue;
		if (strcmp(path, previous) == 0)
			continue;
		at_text_add(&process->mapped, path, strlen(path) + 1);
		previous = path;
	}
	at_text_free(&maps);
	return error;
}

static void note_error(struct at_process *process, int error)
{
	if (process->error == 0)
		process->error = error;
}

int at_process_open(struct at_process *process, pid_t pid)
{
	int error;

	memset(process, 0, sizeof(*process));
	process->pid = pid;
	error = read_status(process);
	if (error != 0)
		return error == ENOENT ? ESRCH : error;
	note_error(process, read_part(pid, "cmdline", &process->arguments));
	note_error(process, read_program(process));
	note_error(process, read_part(pid, "environ", &process->variables));
	note_error(process, read_mapped(process));
	note_error(process, read_part(pid, "auxv", &process->auxiliary));
	return 0;
}

void at_process_close(struct at_process *process)
{
	free(process->program);
	at_text_free(&process->arguments);
	at_text_free(&process->variables);
	at_text_free(&process->mapped);
	at_text_free(&process->auxiliary);
	memset(process, 0, sizeof(*process));
}

bool at_process_secure(const struct at_process *process, bool wide)
{
	const char *data = at_text_get(&process->auxiliary);
	size_t width = wide ? sizeof(uint64_t) : sizeof(uint32_t);

	for (size_t at = 0; at + 2 * width <= process->auxiliary.size; at += 2 * width) {
		uint64_t type = 0, value = 0;

		if (wide) {
			memcpy(&type, data + at, width);
			memcpy(&value, data + at + width, width);
		} else {
			uint32_t half[2];

			memcpy(half, data + at, sizeof(half));
			type = half[0];
			value = half[1];
		}
		if (type == AT_SECURE)
			return value != 0;
	}
	return false;
}

pid_t at_process_id(const char *word)
{
	char *end;
	long number;

	if (word[strspn(word, "0123456789")] != '\0')
		return 0;
	errno = 0;
	number = strtol(word, &end, 10);
	if (errno != 0 || *end != '\0' || number > INT_MAX)
		return INT_MAX;
	return (pid_t)number;
}

void at_process_threads(pid_t pid, struct at_text *names)
{
	char path[64];
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		snprintf(path, sizeof(path), "task/%.20s/comm", entry->d_name);
		if (entry->d_name[0] != '.')
			read_part(pid, path, names);
	}
	if (tasks)
		closedir(tasks);
}

const char *at_process_next(const struct at_text *list, const char *from)
{
	const char *next = from ? from + strlen(from) + 1 : list->data;

	return next && next < list->data + list->size ? next : NULL;
}
