/*
 * HTTP -> bodies -> intake -> answers. libmicrohttpd runs the connections, driven by the program's
 * loop, so that there is one thread and no lock. Owns the daemon and the requests on their way.
 *
 *	headers --> refused? --Expect: 100-continue--> answer
 *	   |            \--> swallow the body --> answer
 *	   \--> collect the body --> intake --> [delay] --> answer
 */
#include "view/receiver.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <strings.h>

#define CONNECTION_MEMORY  (256u << 10) /* bytes: a batch of 512 spans in one or two pieces */
#define CONNECTION_TIMEOUT 120u         /* seconds without traffic */
#define RESERVE_MAX        (1u << 20)   /* bytes of memory taken on the word of Content-Length */
#define TRACES_PATH        "/v1/traces"

/* One request on its way, from its headers to the end of its answer. */
struct request {
	struct MHD_Connection *connection;
	enum at_format format;            /* of body and answer */
	bool gzip;                        /* the body is packed */
	bool drop;                        /* ends without an answer */
	const struct at_refusal *refusal; /* decided before the body was there; NULL: none */
	struct at_body body;              /* as it comes */
	uint64_t bytes;                   /* of the body, swallowed ones included */
	unsigned int status;              /* of the answer, 0: not made yet */
	const char *retry_after;          /* of the answer; NULL: none */
	struct at_body answer;
	uint64_t due;         /* when a delayed answer goes: milliseconds, monotonic */
	struct request *next; /* delayed after this one */
};

struct at_receiver {
	struct at_receiver_config config;
	struct MHD_Daemon *daemon;
	int fd;                /* the daemon's epoll descriptor; borrowed */
	uint64_t now;          /* milliseconds, monotonic, as told */
	struct request *first; /* of the delayed ones, in order of `due` */
	struct request *last;
};

static const char *header(struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* The media type without its parameters. */
static bool type_is(const char *type, const char *wanted)
{
	size_t n = strlen(wanted);

	return type && strncasecmp(type, wanted, n) == 0 && (!type[n] || strchr("; \t", type[n]));
}

static enum at_format format_of(const char *type)
{
	if (type_is(type, "application/x-protobuf"))
		return AT_FORMAT_PROTOBUF;
	return type_is(type, "application/json") ? AT_FORMAT_JSON : AT_FORMAT_TEXT;
}

/* What can be said about a request by its headers; NULL: nothing against it. */
static const struct at_refusal *judge(const struct at_receiver *receiver, struct request *request,
				      const char *path, const char *method)
{
	const char *encoding = header(request, "Content-Encoding");
	const char *length = header(request, "Content-Length");

	request->gzip = encoding && strcasecmp(encoding, "gzip") == 0;
	if (strcmp(path, TRACES_PATH) != 0)
		return &at_refusals[AT_REFUSAL_PATH];
	if (strcmp(method, "POST") != 0)
		return &at_refusals[AT_REFUSAL_METHOD];
	if (request->format == AT_FORMAT_TEXT)
		return &at_refusals[AT_REFUSAL_TYPE];
	if (encoding && !request->gzip && strcasecmp(encoding, "identity") != 0)
		return &at_refusals[AT_REFUSAL_ENCODING];
	if (length && strtoull(length, NULL, 10) > receiver->config.intake->max_body)
		return &at_refusals[AT_REFUSAL_TOO_BIG];
	return NULL;
}

static void refuse(struct request *request, const struct at_refusal *why, struct at_str message)
{
	request->answer.n = 0;
	request->status = at_answer_refuse(&request->answer, request->format, why->code, message)
				  ? why->status
				  : MHD_HTTP_INTERNAL_SERVER_ERROR;
	if (why == &at_refusals[AT_REFUSAL_BUSY])
		request->retry_after = "1";
}

static void serve(struct at_intake *intake, struct request *request)
{
	struct at_outcome outcome;

	at_intake_serve(intake, at_body_str(&request->body), request->format, request->gzip,
			&outcome);
	if (outcome.refusal)
		refuse(request, outcome.refusal, outcome.message);
	else
		request->status =
			at_answer_accept(&request->answer, request->format, &outcome.batch)
				? MHD_HTTP_OK
				: MHD_HTTP_INTERNAL_SERVER_ERROR;
	at_intake_done(intake);
}

/* Makes the answer to a request that has come in whole. */
static void conclude(struct at_receiver *receiver, struct request *request)
{
	struct at_trouble *asked = receiver->config.trouble;
	unsigned int trouble = request->refusal ? 0 : at_trouble_next(asked);
	struct at_tally *tally = receiver->config.intake->tally;

	if (trouble) {
		refuse(request, &at_refusals[AT_REFUSAL_TROUBLE],
		       at_refusals[AT_REFUSAL_TROUBLE].message);
		request->status = trouble;
		request->drop = trouble == AT_TROUBLE_DROP;
		if (asked->retry_after[0])
			request->retry_after = asked->retry_after;
	} else if (request->refusal) {
		refuse(request, request->refusal, request->refusal->message);
	} else {
		serve(receiver->config.intake, request);
	}
	tally->requests++;
	tally->bytes += request->bytes;
	tally->refused += request->status != MHD_HTTP_OK;
}

/* The body has done its work, or is not wanted any more. */
static void release_body(struct at_receiver *receiver, struct request *request)
{
	at_intake_release(receiver->config.intake, &request->body);
}

static void collect(struct at_receiver *receiver, struct request *request, struct at_str piece)
{
	request->bytes += piece.n;
	if (request->refusal)
		return;
	request->refusal = at_intake_collect(receiver->config.intake, &request->body, piece);
	if (request->refusal)
		release_body(receiver, request);
}

static enum MHD_Result send_answer(struct request *request)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	if (request->drop)
		return MHD_NO;
	response = MHD_create_response_from_buffer(request->answer.n, request->answer.p,
						   MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", at_answer_type(request->format));
	if (request->retry_after)
		MHD_add_response_header(response, "Retry-After", request->retry_after);
	if (request->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "POST");
	if (request->refusal == &at_refusals[AT_REFUSAL_ENCODING])
		MHD_add_response_header(response, "Accept-Encoding", "gzip");
	result = MHD_queue_response(request->connection, request->status, response);
	MHD_destroy_response(response);
	return result;
}

static void delay(struct at_receiver *receiver, struct request *request)
{
	request->due = receiver->now + receiver->config.trouble->delay;
	*(receiver->last ? &receiver->last->next : &receiver->first) = request;
	receiver->last = request;
	MHD_suspend_connection(request->connection);
}

static struct request *begin(struct at_receiver *receiver, struct MHD_Connection *connection,
			     const char *path, const char *method)
{
	struct request *request = calloc(1, sizeof(*request));
	const char *length;

	if (!request)
		return NULL;
	request->connection = connection;
	request->format = format_of(header(request, "Content-Type"));
	request->refusal = judge(receiver, request, path, method);
	length = header(request, "Content-Length");
	if (!request->refusal && length) {
		size_t n = strtoull(length, NULL, 10);

		at_body_reserve(&request->body, n < RESERVE_MAX ? n : RESERVE_MAX);
	}
	return request;
}

/* libmicrohttpd's access handler: once for the headers, once for each piece of the body, once
 * (after a delay: twice) at its end. */
static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *path,
			      const char *method, const char *version, const char *piece,
			      size_t *piece_size, void **mine)
{
	struct at_receiver *receiver = data;
	struct request *request = *mine;

	(void)version;
	if (!request) {
		*mine = request = begin(receiver, connection, path, method);
		if (!request)
			return MHD_NO;
		if (!request->refusal || !header(request, "Expect"))
			return MHD_YES;
		conclude(receiver, request);
		return send_answer(request);
	}
	if (*piece_size) {
		collect(receiver, request, at_str(piece, *piece_size));
		*piece_size = 0;
		return MHD_YES;
	}
	if (!request->status) {
		conclude(receiver, request);
		release_body(receiver, request);
		if (receiver->config.trouble->delay) {
			delay(receiver, request);
			return MHD_YES;
		}
	}
	return send_answer(request);
}

static void completed(void *data, struct MHD_Connection *connection, void **mine,
		      enum MHD_RequestTerminationCode why)
{
	struct request *request = *mine;

	(void)connection;
	(void)why;
	if (!request)
		return;
	release_body(data, request);
	at_body_free(&request->answer);
	free(request);
	*mine = NULL;
}

struct at_receiver *at_receiver_start(const struct at_receiver_config *config)
{
	struct at_receiver *receiver = calloc(1, sizeof(*receiver));
	const union MHD_DaemonInfo *info;

	if (!receiver)
		return NULL;
	receiver->config = *config;
	receiver->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0, NULL, NULL, handle,
		receiver, MHD_OPTION_LISTEN_SOCKET, config->fd, MHD_OPTION_CONNECTION_LIMIT,
		config->max_connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT,
		MHD_OPTION_NOTIFY_COMPLETED, completed, receiver, MHD_OPTION_END);
	if (!receiver->daemon) {
		free(receiver);
		return NULL;
	}
	info = MHD_get_daemon_info(receiver->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	receiver->fd = info ? info->epoll_fd : -1;
	return receiver;
}

int at_receiver_fd(const struct at_receiver *receiver)
{
	return receiver->fd;
}

static void resume_due(struct at_receiver *receiver)
{
	while (receiver->first && receiver->first->due <= receiver->now) {
		struct request *request = receiver->first;

		receiver->first = request->next;
		if (!receiver->first)
			receiver->last = NULL;
		MHD_resume_connection(request->connection);
	}
}

int64_t at_receiver_run(struct at_receiver *receiver, uint64_t now)
{
	MHD_UNSIGNED_LONG_LONG wait;
	int64_t until = -1;

	receiver->now = now;
	resume_due(receiver);
	MHD_run(receiver->daemon);
	if (MHD_get_timeout(receiver->daemon, &wait) == MHD_YES)
		until = wait < INT32_MAX ? (int64_t)wait : INT32_MAX;
	if (receiver->first) {
		int64_t due = (int64_t)(receiver->first->due - now);

		until = until < 0 || due < until ? due : until;
	}
	return until;
}

void at_receiver_hurry(struct at_receiver *receiver)
{
	receiver->config.trouble->delay = 0;
	for (struct request *request = receiver->first; request; request = request->next)
		request->due = 0;
}

void at_receiver_stop(struct at_receiver *receiver)
{
	at_receiver_hurry(receiver);
	resume_due(receiver);
	MHD_stop_daemon(receiver->daemon);
	free(receiver);
}
