/*
 * Which spans are well-formed. Fed by both decoders, so that the rules hold for both encodings.
 * Owns nothing.
 */
#include "view/verdict.h"

#include <stdio.h>

#define COMPLAINT_MAX 1024

static const char *const words[AT_FAULTS] = {
	[AT_FAULT_NONE] = "",
#define AT_FAULT(id, text) [AT_FAULT_##id] = text,
#include "view/fault.def"
#undef AT_FAULT
};

const char *at_verdict_words(enum at_fault fault)
{
	return words[fault];
}

static bool zero(struct at_str id)
{
	static const char none[16];

	return memcmp(id.p, none, id.n) == 0;
}

static bool link_is_valid(const struct at_view_link *link)
{
	return link->trace_id.n == 16 && link->span_id.n == 8 && !zero(link->trace_id) &&
	       !zero(link->span_id);
}

static enum at_fault id_fault(const struct at_view_span *span)
{
	if (span->trace_id.n != 16)
		return AT_FAULT_TRACE_ID_LENGTH;
	if (zero(span->trace_id))
		return AT_FAULT_TRACE_ID_ZERO;
	if (span->span_id.n != 8)
		return AT_FAULT_SPAN_ID_LENGTH;
	if (zero(span->span_id))
		return AT_FAULT_SPAN_ID_ZERO;
	if (span->parent_id.n == 0)
		return AT_FAULT_NONE;
	if (span->parent_id.n != 8)
		return AT_FAULT_PARENT_ID_LENGTH;
	if (zero(span->parent_id))
		return AT_FAULT_PARENT_ID_ZERO;
	return at_str_eq(span->parent_id, span->span_id) ? AT_FAULT_OWN_PARENT : AT_FAULT_NONE;
}

enum at_fault at_verdict_fault(const struct at_view_span *span)
{
	enum at_fault fault = id_fault(span);

	if (fault != AT_FAULT_NONE)
		return fault;
	if (span->name.n == 0)
		return AT_FAULT_NAME;
	if (span->start == 0)
		return AT_FAULT_START;
	if (span->end < span->start)
		return AT_FAULT_END;
	if (span->end > INT64_MAX)
		return AT_FAULT_TOO_LATE;
	for (size_t i = 0; i < span->n_links; i++) {
		if (!link_is_valid(&span->links[i]))
			return AT_FAULT_LINK_ID;
	}
	return AT_FAULT_NONE;
}

static struct at_str complain(const size_t *counts, struct at_region *region)
{
	char text[COMPLAINT_MAX];
	size_t n = 0;

	for (int i = AT_FAULT_NONE + 1; i < AT_FAULTS; i++) {
		if (counts[i] && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s (%zu)",
					      n ? ", " : "rejected spans: ", words[i], counts[i]);
	}
	return at_region_copy(region, at_str(text, n < sizeof(text) ? n : sizeof(text) - 1));
}

void at_verdict_pass(struct at_view_batch *batch, struct at_region *region)
{
	size_t counts[AT_FAULTS] = {0};
	size_t good = 0;

	for (size_t i = 0; i < batch->n; i++) {
		enum at_fault fault = at_verdict_fault(&batch->spans[i]);

		counts[fault]++;
		if (fault != AT_FAULT_NONE)
			continue;
		if (good != i)
			batch->spans[good] = batch->spans[i];
		good++;
	}
	batch->rejected = batch->n - good;
	batch->n = good;
	batch->complaint = batch->rejected ? complain(counts, region) : AT_STR_NONE;
}
