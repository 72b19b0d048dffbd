/*
 * From bodies to spans, whatever brought them: limits, decompression, decoding, and the sink. Both
 * receivers share one, since the memory that bodies may take is the program's. One thread.
 */
#ifndef AT_VIEW_INTAKE_H
#define AT_VIEW_INTAKE_H

#include "view/answer.h"
#include "view/region.h"
#include "view/tally.h"

enum at_refusal_id {
#define AT_REFUSAL(id, status, code, message) AT_REFUSAL_##id,
#include "view/refusal.def"
#undef AT_REFUSAL
	AT_REFUSALS
};

struct at_refusal {
	unsigned int status; /* HTTP */
	int code;            /* google.rpc.Code, which is gRPC's */
	struct at_str message;
};

extern const struct at_refusal at_refusals[AT_REFUSALS];

struct at_intake {
	size_t max_body;        /* bytes of a body, before and after decompression */
	size_t max_bodies;      /* bytes of all bodies being received */
	size_t max_decoded;     /* bytes that decoding one body may take */
	struct at_tally *tally; /* malformed spans are counted here */
	/* Gets the accepted spans of each request; they are gone when it returns. */
	void (*sink)(const struct at_view_batch *batch, void *data);
	void *sink_data;

	size_t in_flight;        /* bytes of the bodies being received */
	struct at_region region; /* of the request being decoded */
	struct at_body plain;    /* its unpacked body */
};

/* What became of a body; text is valid until at_intake_done. */
struct at_outcome {
	const struct at_refusal *refusal; /* NULL: accepted */
	struct at_str message;            /* why it was refused; valid UTF-8 */
	struct at_view_batch batch;       /* accepted: rejected and complaint count */
};

/* Makes an intake whose first six members are set ready. */
void at_intake_open(struct at_intake *intake);
void at_intake_free(struct at_intake *intake);

/* Appends a piece to a body on its way. NULL, or why there is no room for it: then nothing was
 * appended. */
const struct at_refusal *at_intake_collect(struct at_intake *intake, struct at_body *body,
					   struct at_str piece);

/* Frees a body that was collected. */
void at_intake_release(struct at_intake *intake, struct at_body *body);

/* Decodes a whole body (gzip: it is packed) and passes its spans on. PROTOBUF or JSON. */
void at_intake_serve(struct at_intake *intake, struct at_str body, enum at_format format, bool gzip,
		     struct at_outcome *ret);

/* After the answer to what was served has been made. */
void at_intake_done(struct at_intake *intake);

#endif
