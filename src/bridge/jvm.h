/*
 * The bridge to Java's virtual machine: a job that an executor runs works for the request under
 * which it was submitted. It tells flow/bridge.h.
 */
#ifndef AT_BRIDGE_JVM_H
#define AT_BRIDGE_JVM_H

/* For the hook of listen, when that is over: sets the bridge up when the thread that calls runs
 * Java, once in a process. `caller` is where the hook returns to: what the machine itself calls is
 * left alone, since it may not be asked anything there. Runs Java and allocates: not in signal
 * handlers. Keeps errno. */
void at_jvm_look(const void *caller);

#endif
