/*
 * The words beside a span's bar. Fed by waterfall, on the program's one thread. Owns nothing.
 */
#include "view/caption.h"
#include "view/glyph.h"

#include <inttypes.h>
#include <stdio.h>

#define CODE_MAX       20  /* bytes of a status code or a process id */
#define WHY_MAX        512 /* bytes of a status message */
#define NAME_MAX_BYTES 200 /* bytes of a service's name before its process id */

enum { STATUS_OK = 1, STATUS_ERROR = 2 }; /* OTLP's numbers */

void at_caption_duration(char text[AT_CAPTION_DURATION], uint64_t ns, bool ascii)
{
	double s = (double)ns / 1e9;

	if (ns < 1000)
		snprintf(text, AT_CAPTION_DURATION, "%" PRIu64 " ns", ns);
	else if (ns < 1000000)
		snprintf(text, AT_CAPTION_DURATION, "%.2f %s", s * 1e6, ascii ? "us" : "µs");
	else if (ns < 1000000000)
		snprintf(text, AT_CAPTION_DURATION, "%.2f ms", s * 1e3);
	else if (s < 60)
		snprintf(text, AT_CAPTION_DURATION, "%.2f s", s);
	else if (s < 3600 * 1000.0)
		snprintf(text, AT_CAPTION_DURATION, "%" PRIu64 " m %02" PRIu64 " s",
			 ns / 60000000000u, ns / 1000000000u % 60);
	else
		snprintf(text, AT_CAPTION_DURATION, "%.0f h", s / 3600);
}

struct at_str at_caption_note(char text[AT_CAPTION_NOTE], const struct at_stored_span *span)
{
	struct at_str code = at_str_head(span->http_status, CODE_MAX);
	struct at_str why =
		at_glyph_head(span->message.n ? span->message : span->error_type, WHY_MAX);
	const char *gap = code.n ? " " : "";
	int n = 0;

	if (at_str_eq(why, span->http_status))
		why = AT_STR_NONE;
	if (span->status == STATUS_ERROR)
		n = snprintf(text, AT_CAPTION_NOTE, "%.*s%serror%s%.*s", AT_STR_ARG(code), gap,
			     why.n ? ": " : "", AT_STR_ARG(why));
	else if (span->status == STATUS_OK)
		n = snprintf(text, AT_CAPTION_NOTE, "%.*s%sok", AT_STR_ARG(code), gap);
	else
		n = snprintf(text, AT_CAPTION_NOTE, "%.*s", AT_STR_ARG(code));
	return at_str(text, (size_t)n);
}

struct at_str at_caption_service(char text[AT_CAPTION_SERVICE], const struct at_stored_span *span,
				 bool with_pid)
{
	struct at_str name = span->service.n ? span->service : AT_STR("(none)");
	int n;

	if (!with_pid || !span->pid.n)
		return name;
	n = snprintf(text, AT_CAPTION_SERVICE, "%.*s[%.*s]",
		     AT_STR_ARG(at_glyph_head(name, NAME_MAX_BYTES)),
		     AT_STR_ARG(at_str_head(span->pid, CODE_MAX)));
	return at_str(text, (size_t)n);
}
