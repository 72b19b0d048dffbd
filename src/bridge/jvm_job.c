/*
 * What Java calls at the beginning of the methods that jvm.c has changed, on Java's threads; feeds
 * flow/bridge.h. Owns the tags: which request an object (a job, a virtual thread) belongs to is in
 * the machine's own table, which goes by identity and keeps no object alive.
 *
 * A job may be submitted several times, by several requests, before it is begun. Then nobody can
 * tell whose turn it is, and it is nobody's until it has begun as often.
 */
#include "bridge/jvm_job.h"

#include <errno.h>
#include <stdbool.h>

#include "base/lock.h"
#include "bridge/class_file.h"
#include "flow/bridge.h"

/* Tags: the token of a request, or NOBODY and how often the job was submitted and not begun. */
#define NOBODY   (1ull << 62)
#define FOR_EVER (NOBODY + (1ull << 32))

static const struct at_jvmti *jvmti; /* NULL: not started (atomic) */
static struct at_lock tags;          /* between looking at a job's tag and changing it */

static const struct at_jvmti *started(void)
{
	return __atomic_load_n(&jvmti, __ATOMIC_ACQUIRE);
}

void at_jvm_job_start(const struct at_jvmti *face)
{
	__atomic_store_n(&jvmti, face, __ATOMIC_RELEASE);
}

static uint64_t tag_of(void *object)
{
	int64_t tag = 0;
	return jvmti->f->get_tag(jvmti, object, &tag) == 0 ? (uint64_t)tag : 0;
}

static void set_tag(void *object, uint64_t tag)
{
	jvmti->f->set_tag(jvmti, object, (int64_t)tag);
}

static uint64_t submitted_tag(uint64_t old, uint64_t token)
{
	if (!old)
		return token ? token : NOBODY + 1;
	return old & NOBODY ? old + 1 : NOBODY + 2;
}

static uint64_t begun_tag(uint64_t old)
{
	return old > NOBODY + 1 ? old - 1 : 0;
}

/* ThreadPoolExecutor.execute. Who cannot have the lock leaves the job to nobody, as long as it
 * lives. */
static void submitted(const struct at_jni *jni, void *class, void *job)
{
	int saved = errno;
	(void)jni;
	(void)class;
	if (!job || !started())
		return;
	uint64_t token = at_bridge_at_hand();
	bool locked = at_lock(&tags) != AT_LOCK_BUSY;
	set_tag(job, locked ? submitted_tag(tag_of(job), token) : FOR_EVER);
	if (locked)
		at_unlock(&tags);
	errno = saved;
}

/* ThreadPoolExecutor.beforeExecute. */
static void begins(const struct at_jni *jni, void *class, void *job)
{
	int saved = errno;
	uint64_t tag = 0;
	(void)jni;
	(void)class;
	if (!started())
		return;
	if (job && at_lock(&tags) != AT_LOCK_BUSY) {
		tag = tag_of(job);
		if (tag)
			set_tag(job, begun_tag(tag));
		at_unlock(&tags);
	}
	at_bridge_begin_job(tag & NOBODY ? 0 : tag);
	errno = saved;
}

/* HttpClient's selector takes up an event. */
static void happens(const struct at_jni *jni, void *class, void *event)
{
	(void)jni;
	(void)class;
	(void)event;
	if (started())
		at_bridge_begin_event();
}

/* And is ready with it: what the selector does next is for nobody that could be told. */
static void happened(const struct at_jni *jni, void *class, void *event)
{
	(void)jni;
	(void)class;
	(void)event;
	if (started())
		at_bridge_end_event();
}

/* VirtualThread.runContinuation: a thread goes on with it; nobody else does. */
static void goes_on(const struct at_jni *jni, void *class, void *strand)
{
	int saved = errno;
	(void)jni;
	(void)class;
	if (strand && started()) {
		at_bridge_begin_job(tag_of(strand));
		at_bridge_begin_event();
	}
	errno = saved;
}

/* VirtualThread.afterYield, and start: what it will go on with. */
static void yields(const struct at_jni *jni, void *class, void *strand)
{
	int saved = errno;
	(void)jni;
	(void)class;
	if (strand && started())
		set_tag(strand, at_bridge_at_hand());
	errno = saved;
}

const struct at_jni_native at_jvm_natives[AT_JVM_NATIVES] = {
	{"submitted", AT_CLASS_DESCRIPTOR, (void *)submitted},
	{"begins", AT_CLASS_DESCRIPTOR, (void *)begins},
	{"happens", AT_CLASS_DESCRIPTOR, (void *)happens},
	{"happened", AT_CLASS_DESCRIPTOR, (void *)happened},
	{"goesOn", AT_CLASS_DESCRIPTOR, (void *)goes_on},
	{"yields", AT_CLASS_DESCRIPTOR, (void *)yields},
};
