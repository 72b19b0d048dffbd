/*
 * Jobs of Java's executors, virtual threads and the events of its HTTP client: native methods that
 * Java calls.
 */
#ifndef AT_BRIDGE_JVM_JOB_H
#define AT_BRIDGE_JVM_JOB_H

#include "bridge/jvm_api.h"

/* The natives, a table. */
extern const struct at_jni_native at_jvm_natives[];
enum { AT_JVM_NATIVES = 6 };

/* From here on the natives tell the flow; before they do nothing. Once. */
void at_jvm_job_start(const struct at_jvmti *jvmti);

#endif
