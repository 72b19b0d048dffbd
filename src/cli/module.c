/*
 * Mapped files; see module.h. Feeds subject.c, needed.c and library.c. Owns its mappings and paths.
 */
#include "cli/module.h"

#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int at_module_open(struct at_module *module, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	void *data = NULL;
	int error = 0;

	memset(module, 0, sizeof(*module));
	if (fd < 0)
		return errno;
	if (fstat(fd, &module->status) != 0)
		error = errno;
	else if (S_ISDIR(module->status.st_mode))
		error = EISDIR;
	else if (!S_ISREG(module->status.st_mode))
		error = EINVAL;
	module->size = (size_t)module->status.st_size;
	if (error == 0 && module->size > 0) {
		data = mmap(NULL, module->size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED)
			error = errno;
	}
	close(fd);
	if (error != 0)
		return error;
	module->data = data;
	module->path = at_text_copy(path);
	module->result = at_elf_open(&module->elf, data, module->size);
	return 0;
}

void at_module_close(struct at_module *module)
{
	if (module->data)
		munmap((void *)module->data, module->size);
	free(module->path);
	memset(module, 0, sizeof(*module));
}

bool at_module_same(const struct at_module *a, const struct at_module *b)
{
	return a->status.st_dev == b->status.st_dev && a->status.st_ino == b->status.st_ino;
}

void at_module_list_add(struct at_module_list *list, struct at_module *module)
{
	bool known = list->count >= AT_MODULE_MAX;

	for (unsigned i = 0; i < list->count && !known; i++)
		known = at_module_same(&list->items[i], module);
	if (known) {
		at_module_close(module);
		return;
	}
	list->items = at_text_memory(list->items, (list->count + 1) * sizeof(*list->items));
	list->items[list->count++] = *module;
	memset(module, 0, sizeof(*module));
}

void at_module_list_close(struct at_module_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		at_module_close(&list->items[i]);
	free(list->items);
	memset(list, 0, sizeof(*list));
}

static void on_bus_error(int number)
{
	static const char line[] = "autotrace: a file became shorter while it was examined\n";

	(void)number;
	if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
		_exit(AT_EXIT_FAILED);
	_exit(AT_EXIT_FAILED);
}

void at_module_guard(void)
{
	struct sigaction action = {.sa_handler = on_bus_error};

	sigaction(SIGBUS, &action, NULL);
}
