/*
 * The way into Java's virtual machine (HotSpot). Fed by the hook of listen with the moment at which
 * a server begins; feeds jvm_job.c with what Java does from then on.
 *
 *   UNKNOWN --a thread of Java's listens--> TRYING --the methods have their calls--> WORKING
 *                                              \--anything else--> AWAY (nothing is said)
 *
 * A few methods get a call at their beginning, of a class that is made for it: it has native
 * methods and nothing else. No field is added, no object wrapped, no file, agent or variable
 * needed. Classes that a version lacks, or has otherwise, are left as they are.
 */
#include "bridge/jvm.h"

#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

#include "bridge/class_file.h"
#include "bridge/jvm_api.h"
#include "bridge/jvm_job.h"
#include "flow/boot.h"
#include "libc/floor.h"

#define HELPER         "java/util/concurrent/Autotrace"
#define NAME_MAX_BYTES 100

enum state { UNKNOWN, TRYING, WORKING, AWAY };

static uint32_t state; /* enum state (atomic) */

/* ---- what is changed ---- */

static const struct at_class_call pool[] = {
	{"execute", "(Ljava/lang/Runnable;)V", 1, "submitted", NULL},
	{"beforeExecute", "(Ljava/lang/Thread;Ljava/lang/Runnable;)V", 2, "begins", NULL},
};
static const struct at_class_call timers[] = {
	{"delayedExecute", "(Ljava/util/concurrent/RunnableScheduledFuture;)V", 1, "submitted",
	 NULL},
};
static const struct at_class_call client[] = {
	{"handleEvent", "(Ljdk/internal/net/http/AsyncEvent;Ljava/io/IOException;)V", 1, "happens",
	 "happened"},
};
static const struct at_class_call strands[] = {
	{"runContinuation", "()V", 0, "goesOn", NULL},
	{"afterYield", "()V", 0, "yields", NULL},
	{"start", "(Ljdk/internal/vm/ThreadContainer;)V", 0, "yields", NULL},
};

static struct changed {
	const char *name;                  /* of the class */
	const struct at_class_call *calls; /* what its methods get */
	size_t count;                      /* how many */
	bool done;                         /* it has them */
} classes[] = {
	{"java/util/concurrent/ThreadPoolExecutor", pool, 2, false},
	{"java/util/concurrent/ScheduledThreadPoolExecutor", timers, 1, false},
	{"jdk/internal/net/http/HttpClientImpl$SelectorManager", client, 1, false},
	{"java/lang/VirtualThread", strands, 3, false},
};
enum { CLASSES = sizeof(classes) / sizeof(classes[0]) };

static void change(const struct at_jvmti *jvmti, const struct at_jni *jni, void *old, void *loader,
		   const char *name, void *domain, int32_t n, const uint8_t *bytes, int32_t *ret_n,
		   uint8_t **ret_bytes)
{
	enum { MORE = 512 };
	struct changed *c = classes;
	uint8_t *made;
	(void)jni;
	(void)loader;
	(void)domain;
	while (c < classes + CLASSES && (!name || strcmp(name, c->name) != 0))
		c++;
	if (c == classes + CLASSES || !old || n < 0 ||
	    jvmti->f->allocate(jvmti, (int64_t)n + MORE, &made) != 0)
		return;
	size_t size = at_class_with_calls(bytes, (size_t)n, HELPER, c->calls, c->count, made,
					  (size_t)n + MORE);
	if (size) {
		*ret_n = (int32_t)size;
		*ret_bytes = made;
		c->done = true;
	} else {
		jvmti->f->deallocate(jvmti, made);
	}
}

/* ---- in a frame of local references ---- */

static bool was_fine(const struct at_jni *jni)
{
	bool fine = !jni->f->exception_check(jni);
	if (!fine)
		jni->f->exception_clear(jni);
	return fine;
}

/* The class of that name, not initialised: its initialiser may read what the program has yet to
 * set. NULL: there is none. */
static void *find(const struct at_jni *jni, const char *name)
{
	char dotted[NAME_MAX_BYTES];
	size_t n = 0;
	for (; name[n] && n + 1 < sizeof(dotted); n++)
		dotted[n] = name[n] == '/' ? '.' : name[n];
	dotted[n] = '\0';
	void *loaders = jni->f->find_class(jni, "java/lang/ClassLoader");
	void *class = was_fine(jni) ? jni->f->find_class(jni, "java/lang/Class") : NULL;
	void *platform = was_fine(jni) && class ? jni->f->static_method(jni, loaders,
									"getPlatformClassLoader",
									"()Ljava/lang/ClassLoader;")
						: NULL;
	void *for_name =
		was_fine(jni) && platform
			? jni->f->static_method(jni, class, "forName",
						"(Ljava/lang/String;ZLjava/lang/ClassLoader;)"
						"Ljava/lang/Class;")
			: NULL;
	void *text = was_fine(jni) && for_name ? jni->f->new_string(jni, dotted) : NULL;
	void *loader = was_fine(jni) && text ? jni->f->call_static(jni, loaders, platform) : NULL;
	void *found = was_fine(jni) && loader
			      ? jni->f->call_static(jni, class, for_name, text, 0, loader)
			      : NULL;
	return was_fine(jni) ? found : NULL;
}

static bool is_known(const struct at_jvmti *jvmti)
{
	char *name = NULL;
	bool known = jvmti->f->get_property(jvmti, "java.vm.name", &name) == 0 && name &&
		     (strstr(name, "OpenJDK") || strstr(name, "HotSpot"));
	if (name)
		jvmti->f->deallocate(jvmti, (uint8_t *)name);
	return known;
}

static bool make_helper(const struct at_jni *jni)
{
	const char *names[AT_JVM_NATIVES];
	uint8_t bytes[512];
	for (size_t i = 0; i < AT_JVM_NATIVES; i++)
		names[i] = at_jvm_natives[i].name;
	size_t n = at_class_of_natives(HELPER, names, AT_JVM_NATIVES, bytes, sizeof(bytes));
	void *class = n ? jni->f->define_class(jni, HELPER, NULL, bytes, (int32_t)n) : NULL;
	return was_fine(jni) && class &&
	       jni->f->register_natives(jni, class, at_jvm_natives, AT_JVM_NATIVES) == 0;
}

/* One by one, so that one that cannot be changed leaves the others alone. Pools are the least. */
static bool change_classes(const struct at_jvmti *jvmti, const struct at_jni *jni)
{
	const struct at_jvmti_callbacks callbacks = {.class_hook = change};
	if (jvmti->f->set_callbacks(jvmti, &callbacks, sizeof(callbacks)) != 0)
		return false;
	for (size_t i = 0; i < CLASSES; i++) {
		void *class = find(jni, classes[i].name);
		if (!class ||
		    jvmti->f->set_event(jvmti, AT_JVMTI_ENABLE, AT_JVMTI_CLASS_HOOK, NULL) != 0)
			continue;
		if (jvmti->f->retransform(jvmti, 1, &class) != 0)
			classes[i].done = false;
		jvmti->f->set_event(jvmti, AT_JVMTI_DISABLE, AT_JVMTI_CLASS_HOOK, NULL);
	}
	return classes[0].done;
}

static bool set_up(const struct at_jvm *vm, const struct at_jni *jni)
{
	const struct at_jvmti_abilities wanted = {{AT_JVMTI_TAG_OBJECTS | AT_JVMTI_RETRANSFORM, 0}};
	const struct at_jvmti *jvmti = NULL;
	if (vm->f->get_env(vm, (void **)&jvmti, AT_JVMTI_1_2) != 0)
		return false;
	bool on = is_known(jvmti) && jvmti->f->add_abilities(jvmti, &wanted) == 0 &&
		  make_helper(jni) && change_classes(jvmti, jni);
	if (on)
		at_jvm_job_start(jvmti);
	else
		jvmti->f->dispose(jvmti);
	return on;
}

static void try(const struct at_jvm *vm)
{
	enum { FRAME = 64 };
	const struct at_jni *jni = NULL;
	uint32_t expected = UNKNOWN;
	if (vm->f->get_env(vm, (void **)&jni, AT_JNI_1_6) != 0 || jni->f->exception_check(jni))
		return;
	if (!__atomic_compare_exchange_n(&state, &expected, TRYING, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return;
	bool on = jni->f->push_frame(jni, FRAME) == 0;
	if (on) {
		on = set_up(vm, jni);
		was_fine(jni);
		jni->f->pop_frame(jni, NULL);
	}
	was_fine(jni);
	__atomic_store_n(&state, on ? WORKING : AWAY, __ATOMIC_RELEASE);
}

/* ---- who calls ---- */

/* An address, and whether it is in the machine itself. */
struct place {
	uintptr_t address;
	bool machine_s;
};

static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct place *place = arg;
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + p->p_vaddr;
		if (p->p_type != PT_LOAD || place->address < from ||
		    place->address - from >= p->p_memsz)
			continue;
		place->machine_s = info->dlpi_name && strstr(info->dlpi_name, "/libjvm.so");
		return 1;
	}
	return 0;
}

/* The machine's own threads listen too (jcmd's socket), in states in which nothing may be asked. */
static bool is_machine_s(const void *caller)
{
	struct place place = {.address = (uintptr_t)caller};
	dl_iterate_phdr(look_at, &place);
	return place.machine_s;
}

typedef int32_t created_fn(const struct at_jvm **ret, int32_t room, int32_t *ret_count);

static const struct at_jvm *find_machine(void)
{
	const char *name = "JNI_GetCreatedJavaVMs";
	const struct at_jvm *vm = NULL;
	int32_t count = 0;
	created_fn *created = (created_fn *)at_floor_walk_first(name);
	if (!created)
		created = (created_fn *)at_floor_dlsym_next(name);
	return created && created(&vm, 1, &count) == 0 && count == 1 ? vm : NULL;
}

void at_jvm_look(const void *caller)
{
	int saved = errno;
	if (__atomic_load_n(&state, __ATOMIC_RELAXED) != UNKNOWN ||
	    !(at_boot.config.bridges & AT_BRIDGE_JVM))
		return;
	const struct at_jvm *vm = find_machine();
	if (vm && !is_machine_s(caller))
		try(vm);
	errno = saved;
}
