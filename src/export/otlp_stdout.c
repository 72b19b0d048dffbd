/*
 * The exporter `otlp/stdout`: OTLP JSON, an ExportTraceServiceRequest on each line (OpenTelemetry's
 * file format). Fed by its lane, feeds a sink.
 */
#include "export/otlp_json.h"
#include "export/print.h"

static void begin(void *self, struct at_batch *b)
{
	at_otlp_json_begin(&b->out, at_print_resource(self));
}

static void add(void *self, struct at_batch *b, const struct at_span *s)
{
	(void)self;
	at_otlp_json_add(&b->out, s, b->spans == 0);
}

static void close_line(void *self, struct at_batch *b)
{
	(void)self;
	at_otlp_json_close(&b->out);
	at_out_char(&b->out, '\n');
}

const struct at_exporter_ops at_otlp_stdout_ops = {
	.name = "otlp/stdout",
	.open = at_print_open,
	.begin = begin,
	.add = add,
	.close = close_line,
	.step = at_print_step,
	.next = at_print_next,
};
