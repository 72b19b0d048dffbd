/*
 * Spans -> lines. Fed by the program's loop with a trace that has become quiet. Owns the rows for
 * the time of the call. Not its job: the order of the spans (tree.c), foreign bytes (glyph.c).
 */
#include "view/waterfall.h"
#include "view/caption.h"
#include "view/tree.h"
#include "view/glyph.h"

#include <stdlib.h>
#include <time.h>

#define DEPTH_SHOWN \
	16 /* levels drawn with lines of their own; deeper ones stay in the last column */
#define SERVICE_MAX 24
#define NOTE_MAX    32
#define RULE_MAX    12
#define BAR_MIN     10
#define DURATION    9
#define MARGIN      2

enum colour { PLAIN, DIM, BOLD, RED, HUES };

static const char *const colours[] = {"\033[0m", "\033[2m", "\033[1m", "\033[1;31m"};
static const char *const hues[] = {"\033[36m", "\033[32m", "\033[33m",
				   "\033[35m", "\033[34m", "\033[96m"};

/* The signs, in UTF-8 and in ASCII; each one column but for the tree's. */
static const struct signs {
	const char *kinds[6]; /* by OTLP's number */
	const char *branch;   /* three columns each */
	const char *corner;
	const char *line;
	const char *deeper; /* before a span below the levels that are drawn */
	const char *full;
	const char *parts[8]; /* eighths of a column, 1 to 7 */
	const char *link;
} signs[] = {
	{{"·", "·", "←", "→", "⇢", "⇠"},
	 "├─ ",
	 "└─ ",
	 "│  ",
	 "┄┄ ",
	 "█",
	 {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"},
	 "link → "},
	{{".", ".", "<", ">", "}", "{"},
	 "|- ",
	 "`- ",
	 "|  ",
	 ".. ",
	 "=",
	 {"", "|", "|", "|", "=", "=", "=", "="},
	 "link > "},
};

/* One drawing. */
struct drawing {
	FILE *out;
	const struct at_trace *trace;
	const struct at_screen *screen;
	const struct at_waterfall_config *config;
	const struct signs *signs;
	struct at_tree_row *rows; /* n of them; owned */
	size_t n;
	size_t shown;           /* rows that get a line */
	uint64_t start;         /* of the trace, nanoseconds since 1970 */
	uint64_t length;        /* of the trace, nanoseconds, at least 1 */
	size_t service;         /* columns of the service's name */
	size_t label;           /* columns of tree, arrow and name */
	size_t bar;             /* columns of the bar, 0: none */
	size_t rule;            /* columns of the parent's rule, 0: none */
	size_t note;            /* columns of the status */
	bool open[DEPTH_SHOWN]; /* levels at which a sibling is still to come */
};

static void colour(const struct drawing *d, enum colour which, struct at_str service)
{
	uint32_t hash = 0;

	if (!d->screen->colour)
		return;
	if (which != HUES) {
		fputs(colours[which], d->out);
		return;
	}
	for (size_t i = 0; i < service.n; i++)
		hash = hash * 31 + (unsigned char)service.p[i];
	fputs(hues[hash % (sizeof(hues) / sizeof(hues[0]))], d->out);
}

static void pad(const struct drawing *d, size_t used, size_t columns)
{
	for (; used < columns; used++)
		putc(' ', d->out);
}

/* Prints own or foreign text, at most `columns` wide; returns its width. */
static size_t print(const struct drawing *d, struct at_str text, size_t columns)
{
	return at_glyph_print(d->out, text, d->screen->ascii, columns);
}

static size_t width(const struct drawing *d, struct at_str text)
{
	return at_glyph_columns(text, d->screen->ascii, d->screen->columns);
}

static size_t indent(size_t depth)
{
	return 3 * (depth < DEPTH_SHOWN ? depth : DEPTH_SHOWN);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Widths of the columns: as much as the texts need, as little as the bars can spare. */
static void lay_out(struct drawing *d)
{
	char service[AT_CAPTION_SERVICE], note[AT_CAPTION_NOTE];
	size_t part = d->screen->columns / (d->config->rules ? 6 : 5);
	size_t fixed, free_columns;

	for (size_t i = 0; i < d->shown; i++) {
		const struct at_stored_span *span = d->rows[i].span;
		size_t label = indent(d->rows[i].depth) + (d->rows[i].orphan ? 2 : 0) + 2 +
			       width(d, span->name);

		d->label = larger(d->label, label);
		d->service = larger(d->service,
				    width(d, at_caption_service(service, span, d->config->pid)));
		d->note = larger(d->note, width(d, at_caption_note(note, span)));
		if (d->config->rules)
			d->rule = larger(d->rule, width(d, span->rule));
	}
	d->service = smaller(d->service, smaller(SERVICE_MAX, part));
	d->note = smaller(d->note, smaller(NOTE_MAX, part));
	d->rule = smaller(d->rule, smaller(RULE_MAX, part));
	fixed = MARGIN + d->service + 2 + 2 + DURATION + (d->note ? 2 + d->note : 0) +
		(d->rule ? 2 + d->rule : 0);
	free_columns = d->screen->columns > fixed ? d->screen->columns - fixed : 1;
	if (free_columns < 2 * BAR_MIN) {
		d->label = smaller(d->label, free_columns);
		return;
	}
	d->label = smaller(d->label, free_columns - 2 - smaller(free_columns / 2, 40));
	d->bar = free_columns - 2 - d->label;
}

static bool begin(struct drawing *d)
{
	uint64_t end = 0;

	d->rows = calloc(d->trace->n + 1, sizeof(*d->rows));
	d->n = d->rows ? at_tree_order(d->trace, d->rows) : 0;
	if (d->n == 0) {
		free(d->rows);
		return false;
	}
	d->start = UINT64_MAX;
	for (size_t i = 0; i < d->n; i++) {
		const struct at_stored_span *span = d->rows[i].span;

		d->start = span->start < d->start ? span->start : d->start;
		end = span->end > end ? span->end : end;
	}
	d->length = end > d->start ? end - d->start : 1;
	d->shown = smaller(d->n, d->config->max_lines);
	lay_out(d);
	return true;
}

static int by_service(const void *a, const void *b)
{
	const struct at_str *x = a, *y = b;
	int order = memcmp(x->p ? x->p : "", y->p ? y->p : "", smaller(x->n, y->n));

	return order ? order : (x->n > y->n) - (x->n < y->n);
}

static size_t count_services(const struct drawing *d)
{
	struct at_str *names = calloc(d->n, sizeof(*names));
	size_t n = 0;

	if (!names)
		return 0;
	for (size_t i = 0; i < d->n; i++)
		names[i] = d->rows[i].span->service;
	qsort(names, d->n, sizeof(*names), by_service);
	for (size_t i = 0; i < d->n; i++)
		n += i == 0 || !at_str_eq(names[i], names[i - 1]);
	free(names);
	return n;
}

static void fact(const struct drawing *d, size_t n, const char *singular, const char *plural)
{
	if (n)
		fprintf(d->out, "  %zu %s", n, n == 1 ? singular : plural);
}

static void draw_head(const struct drawing *d)
{
	time_t seconds = (time_t)(d->start / 1000000000u);
	size_t errors = 0, orphans = 0;
	char id[32], when[32] = "", length[AT_CAPTION_DURATION];
	struct tm utc;

	for (size_t i = 0; i < d->n; i++) {
		errors += d->rows[i].span->status == 2;
		orphans += d->rows[i].orphan;
	}
	at_hex_encode(id, d->trace->id, sizeof(d->trace->id));
	if (gmtime_r(&seconds, &utc))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &utc);
	at_caption_duration(length, d->length, d->screen->ascii);
	colour(d, BOLD, AT_STR_NONE);
	fprintf(d->out, "trace %.*s", (int)sizeof(id), id);
	colour(d, PLAIN, AT_STR_NONE);
	fprintf(d->out, "  %s.%03uZ", when, (unsigned int)(d->start / 1000000u % 1000));
	fact(d, d->n, "span", "spans");
	fact(d, count_services(d), "service", "services");
	fprintf(d->out, "  %s", length);
	fact(d, errors, "error", "errors");
	fact(d, orphans, "without its parent (?)", "without their parents (?)");
	fact(d, d->trace->drawn, "drawn before", "drawn before");
	fact(d, d->trace->n - d->n, "came twice", "came twice");
	fact(d, d->trace->dropped, "had no room", "had no room");
	putc('\n', d->out);
}

/* The tree's lines left of a row, or of the rows below it that belong to it. */
static size_t draw_lines(struct drawing *d, const struct at_tree_row *row, bool below,
			 size_t columns)
{
	size_t levels = smaller(row->depth, DEPTH_SHOWN);
	size_t used = 0;

	for (size_t level = 1; level <= levels && used + 3 < columns; level++) {
		bool own = level == levels && !below;

		if (own && row->depth > DEPTH_SHOWN)
			fputs(d->signs->deeper, d->out);
		else if (own)
			fputs(row->last ? d->signs->corner : d->signs->branch, d->out);
		else
			fputs(d->open[level - 1] ? d->signs->line : "   ", d->out);
		used += 3;
	}
	return used;
}

static void draw_label(struct drawing *d, const struct at_tree_row *row)
{
	int kind = row->span->kind >= 0 && row->span->kind < 6 ? row->span->kind : 0;
	size_t used;

	if (row->depth && row->depth <= DEPTH_SHOWN)
		d->open[row->depth - 1] = !row->last;
	colour(d, DIM, AT_STR_NONE);
	used = draw_lines(d, row, false, d->label);
	colour(d, PLAIN, AT_STR_NONE);
	if (row->orphan)
		used += print(d, AT_STR("? "), d->label - used);
	used += print(d, at_str_c(d->signs->kinds[kind]), d->label - used);
	used += print(d, AT_STR(" "), d->label - used);
	used += print(d, row->span->name, d->label - used);
	pad(d, used, d->label);
}

static void draw_bar(const struct drawing *d, const struct at_stored_span *span)
{
	double scale = (double)d->bar / (double)d->length;
	/* There is no sign for a column filled from the right: a bar starts with a whole column. */
	size_t start = (size_t)((double)(span->start - d->start) * scale + 0.5);
	size_t from = smaller(start, d->bar - 1);
	size_t eighths = (size_t)((double)(span->end - span->start) * scale * 8 + 0.5);
	size_t i;

	eighths = smaller(larger(eighths, 1), (d->bar - from) * 8);
	pad(d, 0, from);
	if (span->status == 2)
		colour(d, RED, AT_STR_NONE);
	else
		colour(d, HUES, span->service);
	for (i = 0; i < eighths / 8; i++)
		fputs(d->signs->full, d->out);
	fputs(d->signs->parts[eighths % 8], d->out);
	colour(d, PLAIN, AT_STR_NONE);
	pad(d, from + (eighths + 7) / 8, d->bar);
}

static void draw_row(struct drawing *d, const struct at_tree_row *row)
{
	char service[AT_CAPTION_SERVICE], duration[AT_CAPTION_DURATION], text[AT_CAPTION_NOTE];
	struct at_str note = at_caption_note(text, row->span);

	pad(d, 0, MARGIN);
	colour(d, HUES, row->span->service);
	pad(d, print(d, at_caption_service(service, row->span, d->config->pid), d->service),
	    d->service + 2);
	colour(d, PLAIN, AT_STR_NONE);
	draw_label(d, row);
	if (d->bar) {
		pad(d, 0, 2);
		draw_bar(d, row->span);
	}
	pad(d, 0, 2);
	at_caption_duration(duration, row->span->end - row->span->start, d->screen->ascii);
	pad(d, width(d, at_str_c(duration)), DURATION);
	fputs(duration, d->out);
	if (d->rule && (row->span->rule.n || note.n)) {
		pad(d, 0, 2);
		colour(d, DIM, AT_STR_NONE);
		size_t used = print(d, row->span->rule, d->rule);
		colour(d, PLAIN, AT_STR_NONE);
		if (note.n)
			pad(d, used, d->rule);
	}
	if (note.n && d->note) {
		pad(d, 0, 2);
		colour(d, row->span->status == 2 ? RED : PLAIN, AT_STR_NONE);
		print(d, note, d->note);
		colour(d, PLAIN, AT_STR_NONE);
	}
	putc('\n', d->out);
}

static size_t left(const struct drawing *d, size_t used)
{
	return d->screen->columns > used ? d->screen->columns - used : 0;
}

/* "key = value" below a row, cut at the screen's edge. */
static void draw_pair(struct drawing *d, const struct at_tree_row *row, const char *sign,
		      const struct at_stored_pair *pair)
{
	size_t used = MARGIN + d->service + 2;

	colour(d, DIM, AT_STR_NONE);
	pad(d, 0, used);
	used += draw_lines(d, row, true, d->label);
	pad(d, 0, 4);
	used += 4;
	if (*sign)
		used += print(d, at_str_c(sign), left(d, used));
	used += print(d, pair->key, left(d, used));
	if (!*sign || pair->value.n) {
		used += print(d, *sign ? AT_STR(" ") : AT_STR(" = "), left(d, used));
		print(d, pair->value, left(d, used));
	}
	colour(d, PLAIN, AT_STR_NONE);
	putc('\n', d->out);
}

void at_waterfall_draw(FILE *out, const struct at_trace *trace, const struct at_screen *screen,
		       const struct at_waterfall_config *config)
{
	struct drawing d = {.out = out,
			    .trace = trace,
			    .screen = screen,
			    .config = config,
			    .signs = &signs[screen->ascii]};

	if (!begin(&d))
		return;
	draw_head(&d);
	for (size_t i = 0; i < d.shown; i++) {
		const struct at_stored_span *span = d.rows[i].span;

		draw_row(&d, &d.rows[i]);
		for (size_t j = 0; j < span->n_attributes; j++)
			draw_pair(&d, &d.rows[i], "", &span->attributes[j]);
		for (size_t j = 0; j < span->n_links; j++)
			draw_pair(&d, &d.rows[i], d.signs->link, &span->links[j]);
	}
	if (d.shown < d.n)
		fprintf(out, "  ... and %zu more spans\n", d.n - d.shown);
	putc('\n', out);
	free(d.rows);
}
