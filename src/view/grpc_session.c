/*
 * See grpc_session.h. Fed by grpc_receiver with bytes, feeds grpc_call. Owns nghttp2's session and
 * the calls on their way. nghttp2 holds the protocol's limits: frames, HPACK, floods of SETTINGS,
 * PING and RST_STREAM.
 */
#include "view/grpc_session.h"
#include "view/grpc_call.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#define STREAMS           100u        /* calls at the same time */
#define STREAM_WINDOW     (1u << 20)  /* bytes of a call that may be on their way */
#define CONNECTION_WINDOW (4u << 20)  /* of all of them */
#define HEAD_LIST         (16u << 10) /* bytes of a header, as told to the other side */

struct at_grpc_session {
	nghttp2_session *h2;
	struct at_intake *intake;
	struct at_trouble *trouble;
	struct at_grpc_call *calls; /* on their way, in no order */
	uint64_t now;               /* milliseconds, monotonic, as told */
	bool ended;                 /* nothing more is read */
};

static void discard(struct at_grpc_session *s, struct at_grpc_call *call)
{
	struct at_grpc_call **link = &s->calls;

	while (*link != call)
		link = &(*link)->next;
	*link = call->next;
	at_grpc_call_free(call);
}

/* ---- answers ---- */

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			    strlen(value), NGHTTP2_NV_FLAG_NONE};
}

/* The message, and behind it the status as a trailer. */
static ssize_t give(nghttp2_session *h2, int32_t stream, uint8_t *dst, size_t room, uint32_t *flags,
		    nghttp2_data_source *source, void *data)
{
	struct at_grpc_call *call = source->ptr;
	size_t n = call->answer.n - call->given;
	nghttp2_nv trailer = field("grpc-status", "0");

	(void)data;
	n = n < room ? n : room;
	if (n)
		memcpy(dst, call->answer.p + call->given, n);
	call->given += n;
	if (call->given == call->answer.n) {
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(h2, stream, &trailer, 1);
	}
	return (ssize_t)n;
}

static int submit(struct at_grpc_session *s, struct at_grpc_call *call)
{
	nghttp2_data_provider message = {.source.ptr = call, .read_callback = give};
	nghttp2_nv fields[4];
	char status[16], code[16];
	size_t n = 0;

	snprintf(status, sizeof(status), "%u", call->status);
	snprintf(code, sizeof(code), "%d", call->code);
	fields[n++] = field(":status", status);
	if (call->status != 200) {
		if (call->retry_after)
			fields[n++] = field("retry-after", call->retry_after);
		return nghttp2_submit_response(s->h2, call->stream, fields, n, NULL);
	}
	fields[n++] = field("content-type", "application/grpc");
	if (call->answer.n)
		return nghttp2_submit_response(s->h2, call->stream, fields, n, &message);
	fields[n++] = field("grpc-status", code);
	fields[n++] = field("grpc-message", call->message);
	return nghttp2_submit_response(s->h2, call->stream, fields, n, NULL);
}

/* stop: the rest of the request is not wanted. */
static void answer(struct at_grpc_session *s, struct at_grpc_call *call, bool stop)
{
	call->sent = true;
	call->stop = stop;
	if (call->drop)
		s->ended = true;
	else if (submit(s, call) != 0)
		nghttp2_submit_rst_stream(s->h2, NGHTTP2_FLAG_NONE, call->stream,
					  NGHTTP2_INTERNAL_ERROR);
}

/* Before its answer is out a stream must not be reset: the answer would be gone. */
static int on_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *data)
{
	struct at_grpc_call *call;

	(void)data;
	if (frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
	if (call && call->stop)
		nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_NO_ERROR);
	return 0;
}

/* ---- what comes ---- */

static int on_begin(nghttp2_session *h2, const nghttp2_frame *frame, void *data)
{
	struct at_grpc_session *s = data;
	struct at_grpc_call *call;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	call = calloc(1, sizeof(*call));
	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	call->intake = s->intake;
	call->stream = frame->hd.stream_id;
	call->packing = true;
	call->next = s->calls;
	s->calls = call;
	nghttp2_session_set_stream_user_data(h2, call->stream, call);
	return 0;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *data)
{
	struct at_grpc_call *call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);

	(void)flags;
	(void)data;
	if (call && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		at_grpc_call_field(call, at_str((const char *)name, name_n),
				   at_str((const char *)value, value_n));
	return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t stream, const uint8_t *bytes,
		   size_t n, void *data)
{
	struct at_grpc_call *call = nghttp2_session_get_stream_user_data(h2, stream);

	(void)flags;
	if (call && !call->decided && !at_grpc_call_take(call, at_str((const char *)bytes, n)))
		answer(data, call, true);
	return 0;
}

static void conclude(struct at_grpc_session *s, struct at_grpc_call *call)
{
	at_grpc_call_end(call, s->trouble);
	call->due = s->now + s->trouble->delay;
	if (!s->trouble->delay)
		answer(s, call, false);
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *data)
{
	bool head = frame->hd.type == NGHTTP2_HEADERS;
	bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	struct at_grpc_call *call;

	if (!head && frame->hd.type != NGHTTP2_DATA)
		return 0;
	call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
	if (!call || call->decided)
		return 0;
	if (head && frame->headers.cat == NGHTTP2_HCAT_REQUEST && !at_grpc_call_begin(call))
		answer(data, call, !end);
	else if (end)
		conclude(data, call);
	return 0;
}

static int on_close(nghttp2_session *h2, int32_t stream, uint32_t code, void *data)
{
	struct at_grpc_call *call = nghttp2_session_get_stream_user_data(h2, stream);

	(void)code;
	if (call)
		discard(data, call);
	return 0;
}

/* ---- its life ---- */

static int make(struct at_grpc_session *s)
{
	nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEAD_LIST},
	};
	nghttp2_session_callbacks *on;
	int bad = nghttp2_session_callbacks_new(&on);

	if (bad)
		return bad;
	nghttp2_session_callbacks_set_on_begin_headers_callback(on, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(on, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(on, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(on, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(on, on_close);
	bad = nghttp2_session_server_new(&s->h2, on, s);
	nghttp2_session_callbacks_del(on);
	if (bad)
		return bad;
	bad = nghttp2_submit_settings(s->h2, NGHTTP2_FLAG_NONE, settings,
				      sizeof(settings) / sizeof(settings[0]));
	return bad ? bad
		   : nghttp2_session_set_local_window_size(s->h2, NGHTTP2_FLAG_NONE, 0,
							   CONNECTION_WINDOW);
}

struct at_grpc_session *at_grpc_session_open(struct at_intake *intake, struct at_trouble *trouble)
{
	struct at_grpc_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->intake = intake;
	s->trouble = trouble;
	if (make(s) == 0)
		return s;
	at_grpc_session_free(s);
	return NULL;
}

void at_grpc_session_free(struct at_grpc_session *s)
{
	while (s->calls)
		discard(s, s->calls);
	if (s->h2)
		nghttp2_session_del(s->h2);
	free(s);
}

bool at_grpc_session_feed(struct at_grpc_session *s, struct at_str bytes, uint64_t now)
{
	s->now = now;
	if (!s->ended && nghttp2_session_mem_recv(s->h2, (const uint8_t *)bytes.p, bytes.n) < 0)
		s->ended = true;
	return !s->ended;
}

struct at_str at_grpc_session_output(struct at_grpc_session *s)
{
	const uint8_t *p = NULL;
	ssize_t n = nghttp2_session_mem_send(s->h2, &p);

	if (n < 0)
		s->ended = true;
	return n > 0 ? at_str((const char *)p, (size_t)n) : AT_STR_NONE;
}

int64_t at_grpc_session_run(struct at_grpc_session *s, uint64_t now)
{
	int64_t next = -1;

	s->now = now;
	for (struct at_grpc_call *call = s->calls; call; call = call->next) {
		if (!call->decided || call->sent)
			continue;
		if (call->due <= now || !s->trouble->delay)
			answer(s, call, false);
		else if (next < 0 || (int64_t)(call->due - now) < next)
			next = (int64_t)(call->due - now);
	}
	return next;
}

bool at_grpc_session_over(const struct at_grpc_session *s)
{
	return s->ended ||
	       (!nghttp2_session_want_read(s->h2) && !nghttp2_session_want_write(s->h2));
}

bool at_grpc_session_busy(const struct at_grpc_session *s)
{
	return s->calls != NULL;
}
