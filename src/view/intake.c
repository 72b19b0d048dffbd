/*
 * See intake.h. Fed by the receivers with bodies, feeds the sink with spans. Owns the region that
 * bodies are decoded into.
 */
#include "view/intake.h"
#include "view/decode.h"
#include "view/glyph.h"
#include "view/gunzip.h"

#define KEEP         (8u << 20) /* bytes of scratch memory kept between requests */
#define REGION_FIRST (64u << 10)

const struct at_refusal at_refusals[AT_REFUSALS] = {
#define AT_REFUSAL(id, status, code, message) {status, code, {message, sizeof(message) - 1}},
#include "view/refusal.def"
#undef AT_REFUSAL
};

void at_intake_open(struct at_intake *intake)
{
	intake->in_flight = 0;
	intake->plain = (struct at_body){0};
	at_region_init(&intake->region, REGION_FIRST, intake->max_decoded);
	at_decode_json_setup(intake->max_decoded);
}

void at_intake_free(struct at_intake *intake)
{
	at_region_free(&intake->region);
	at_body_free(&intake->plain);
}

const struct at_refusal *at_intake_collect(struct at_intake *intake, struct at_body *body,
					   struct at_str piece)
{
	if (piece.n > intake->max_body - body->n)
		return &at_refusals[AT_REFUSAL_TOO_BIG];
	if (piece.n > intake->max_bodies - intake->in_flight || !at_body_add(body, piece))
		return &at_refusals[AT_REFUSAL_BUSY];
	intake->in_flight += piece.n;
	return NULL;
}

void at_intake_release(struct at_intake *intake, struct at_body *body)
{
	intake->in_flight -= body->n;
	at_body_free(body);
}

static void refuse(struct at_outcome *ret, enum at_refusal_id id)
{
	ret->refusal = &at_refusals[id];
	ret->message = at_refusals[id].message;
}

static void decode(struct at_intake *intake, struct at_str body, enum at_format format,
		   struct at_outcome *ret)
{
	struct at_str why = at_refusals[AT_REFUSAL_GARBAGE].message;
	enum at_decode_result result;

	if (format == AT_FORMAT_PROTOBUF)
		result = at_decode_protobuf(body, &intake->region, &ret->batch, &why);
	else
		result = at_decode_json(body, &intake->region, &ret->batch, &why);
	if (result == AT_DECODE_TOO_BIG) {
		refuse(ret, AT_REFUSAL_TOO_BIG_INSIDE);
	} else if (result == AT_DECODE_GARBAGE) {
		refuse(ret, AT_REFUSAL_GARBAGE);
		ret->message = at_glyph_repair(&intake->region, why);
	} else {
		intake->tally->malformed += ret->batch.rejected;
		if (ret->batch.n)
			intake->sink(&ret->batch, intake->sink_data);
	}
}

void at_intake_serve(struct at_intake *intake, struct at_str body, enum at_format format, bool gzip,
		     struct at_outcome *ret)
{
	*ret = (struct at_outcome){0};
	if (!gzip) {
		decode(intake, body, format, ret);
		return;
	}
	switch (at_gunzip(body, &intake->plain, intake->max_body)) {
	case AT_GUNZIP_DONE:
		decode(intake, at_body_str(&intake->plain), format, ret);
		break;
	case AT_GUNZIP_TOO_BIG:
		refuse(ret, AT_REFUSAL_TOO_BIG);
		break;
	case AT_GUNZIP_NO_MEMORY:
		refuse(ret, AT_REFUSAL_BUSY);
		break;
	default:
		refuse(ret, AT_REFUSAL_GZIP);
		break;
	}
}

void at_intake_done(struct at_intake *intake)
{
	at_region_clear(&intake->region, KEEP);
	at_body_clear(&intake->plain, KEEP);
}
