/*
 * Fuzz target: any bytes as an export request (JSON when they begin with '{', else protobuf), and
 * what was decoded through the store, the tree, the waterfall and the JSON lines.
 */
#include "view/decode.h"
#include "view/jsonl.h"
#include "view/store.h"
#include "view/glyph.h"
#include "view/waterfall.h"

#include <fcntl.h>
#include <stdlib.h>

#define MEMORY (16u << 20)

static FILE *nowhere;
static int null_fd;

static void show(const struct at_view_batch *batch)
{
	const struct at_store_config limits = {.max_traces = 4,
					       .max_spans = 64,
					       .max_bytes = 1u << 20,
					       .keep_attributes = true,
					       .keep_links = true};
	const struct at_screen screen = {.columns = 80, .colour = true};
	const struct at_waterfall_config how = {.pid = true, .max_lines = 50};
	struct at_store store;
	struct at_trace *trace;
	struct at_jsonl lines;

	if (!at_store_init(&store, &limits))
		abort();
	for (size_t i = 0; i < batch->n; i++)
		at_store_add(&store, &batch->spans[i], i);
	while ((trace = at_store_next(&store))) {
		at_waterfall_draw(nowhere, trace, &screen, &how);
		at_store_mark_drawn(&store, trace);
	}
	at_store_free(&store);
	at_jsonl_init(&lines, null_fd);
	if (!at_jsonl_write(&lines, batch))
		abort();
	at_jsonl_free(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct at_str body = at_str((const char *)data, size);
	struct at_str why = AT_STR_NONE;
	struct at_view_batch batch;
	struct at_region region;
	enum at_decode_result result;

	if (!nowhere) {
		nowhere = fopen("/dev/null", "we");
		null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
		at_glyph_setup();
		at_decode_json_setup(MEMORY);
	}
	at_region_init(&region, 1024, MEMORY);
	if (size && data[0] == '{')
		result = at_decode_json(body, &region, &batch, &why);
	else
		result = at_decode_protobuf(body, &region, &batch, &why);
	if (result == AT_DECODE_DONE)
		show(&batch);
	else if (result == AT_DECODE_GARBAGE && !why.n)
		abort();
	at_region_free(&region);
	return 0;
}
