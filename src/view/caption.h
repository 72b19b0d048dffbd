/*
 * The words beside a span's bar. Texts are returned in the caller's buffer or borrowed from the
 * span; foreign bytes in them are as they came. Pure; one thread.
 */
#ifndef AT_VIEW_CAPTION_H
#define AT_VIEW_CAPTION_H

#include "view/store.h"

#define AT_CAPTION_DURATION 24
#define AT_CAPTION_NOTE     640
#define AT_CAPTION_SERVICE  256

/* A duration of nanoseconds for people, NUL-terminated: "950 ns", "12.35 ms", "2 m 03 s". */
void at_caption_duration(char text[AT_CAPTION_DURATION], uint64_t ns, bool ascii);

/* The outcome: "200", "500 error", "error: connection refused", "ok", or nothing. The message, else
 * error.type, tells why, unless it only repeats the status code. */
struct at_str at_caption_note(char text[AT_CAPTION_NOTE], const struct at_stored_span *span);

/* service.name or "(none)", with its process id: "cart[4711]". */
struct at_str at_caption_service(char text[AT_CAPTION_SERVICE], const struct at_stored_span *span,
				 bool with_pid);

#endif
