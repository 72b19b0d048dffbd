/*
 * The public interface of libautotrace.so: what a program that knows of autotrace may call. No
 * program has to: the library works without a call. Both functions are found with
 * dlsym(RTLD_DEFAULT, …), or as weak references, so that a program also starts where the library is
 * not preloaded.
 */
#ifndef AUTOTRACE_H
#define AUTOTRACE_H

/* Version of this header, of the library and of the programs, "major.minor.patch". */
#define AUTOTRACE_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AUTOTRACE_PUBLIC __attribute__((visibility("default")))
#else
#define AUTOTRACE_PUBLIC
#endif

/*
 * The version of the loaded library, in the form of AUTOTRACE_VERSION. Static storage, never NULL;
 * any thread, async-signal-safe.
 */
AUTOTRACE_PUBLIC const char *autotrace_version(void);

/*
 * Asks the exporter inside this process to deliver every span finished so far and waits for it.
 * timeout_ms: the longest wait in milliseconds; 0 asks without waiting.
 * Returns 0 when all is out, -1 with errno ETIMEDOUT when something was still on its way by then;
 * spans that stay behind are delivered later as usual. Any thread; not async-signal-safe.
 */
AUTOTRACE_PUBLIC int autotrace_flush(unsigned timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
