/*
 * The drawing, line by line.
 */
#include "unit/view/sample.h"

#include "view/caption.h"
#include "view/glyph.h"
#include "view/waterfall.h"

#include <stdio.h>
#include <stdlib.h>

static struct at_store store;
static char *drawing;

static int set_up(void **state)
{
	const struct at_store_config config = {.max_traces = 10,
					       .max_spans = 1000,
					       .max_bytes = 1u << 24,
					       .keep_attributes = true,
					       .keep_links = true};

	(void)state;
	at_glyph_setup();
	return at_store_init(&store, &config) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	free(drawing);
	drawing = NULL;
	at_store_free(&store);
	return 0;
}

static void add(struct at_view_span span)
{
	at_store_add(&store, &span, 1);
}

static bool rules; /* --rules */

static const char *draw(size_t columns, bool ascii, bool colour, bool pid, size_t max_lines)
{
	const struct at_screen screen = {.columns = columns, .ascii = ascii, .colour = colour};
	const struct at_waterfall_config config = {
		.pid = pid, .rules = rules, .max_lines = max_lines};
	size_t n;
	FILE *out = open_memstream(&drawing, &n);

	at_waterfall_draw(out, at_store_next(&store), &screen, &config);
	fclose(out);
	return drawing;
}

/* Two services, an error, an orphan. */
static void add_shop(void)
{
	static struct at_member code = {AT_STR("http.response.status_code"),
					{.type = AT_VALUE_INT, .integer = 500}};
	struct at_view_span failed = sample_span(2, 1, "edge", "GET", 3, 10, 90);

	failed.status = 2;
	failed.status_message = AT_STR("upstream broke");
	failed.attributes = (struct at_attributes){.at = &code, .n = 1};
	add(sample_span(3, 2, "shop", "GET /items/{id}", 2, 20, 60));
	add(failed);
	add(sample_span(1, 0, "edge", "GET /", 2, 0, 100));
	add(sample_span(4, 2, "shop", "work", 1, 62.5, 65));
	add(sample_span(5, 99, "lost", "POST /", 2, 99.5, 99.6));
}

static void the_rules_of_parents(void **state)
{
	static struct at_member said[2] = {
		{AT_STR("http.response.status_code"), {.type = AT_VALUE_INT, .integer = 200}},
		{AT_STR("autotrace.link.rule"),
		 {.type = AT_VALUE_STRING, .text = AT_STR("deferred")}},
	};
	struct at_view_span call = sample_span(2, 1, "edge", "GET", 3, 10, 90);

	(void)state;
	call.attributes = (struct at_attributes){.at = said, .n = 2};
	add(sample_span(1, 0, "edge", "GET /", 2, 0, 100));
	add(call);
	rules = true;
	const char *drawn = strchr(draw(60, true, false, false, 100), '\n') + 1;
	rules = false;
	assert_string_equal(drawn, "  edge  < GET /   ================  100.00 ms\n"
				   "  edge  `- > GET    =============    80.00 ms  deferred  200\n"
				   "               http.response.status_code = 200\n"
				   "               autotrace.link.rule = deferred\n\n");
}

static void a_trace_in_utf8(void **state)
{
	(void)state;
	add_shop();
	assert_string_equal(
		draw(90, false, false, false, 100),
		"trace 00000000000000000000000000000001  2024-05-01 12:00:00.123Z  5 spans  "
		"3 services  100.00 ms  1 error  1 without its parent (?)\n"
		"  edge  ← GET /                  ██████████████████████████  100.00 ms\n"
		"  edge  └─ → GET                    ████████████████████▊     80.00 ms  500 "
		"error: upstre…\n"
		"               http.response.status_code = 500\n"
		"  shop     ├─ ← GET /items/{id}       ██████████▍             40.00 ms\n"
		"  shop     └─ · work                             ▋             2.50 ms\n"
		"  lost  ? ← POST /                                        ▏  100.00 µs\n"
		"\n");
}

static void a_trace_in_ascii_with_pids(void **state)
{
	(void)state;
	add_shop();
	assert_string_equal(
		draw(90, true, false, true, 100),
		"trace 00000000000000000000000000000001  2024-05-01 12:00:00.123Z  5 spans  "
		"3 services  100.00 ms  1 error  1 without its parent (?)\n"
		"  edge[71]  < GET /                 =======================  100.00 ms\n"
		"  edge[72]  `- > GET                  ==================|     80.00 ms  500 "
		"error: upstre~\n"
		"                   http.response.status_code = 500\n"
		"  shop[73]     |- < GET /items/{i~       =========|           40.00 ms\n"
		"  shop[74]     `- . work                          =            2.50 ms\n"
		"  lost[75]  ? < POST /                                    |  100.00 us\n"
		"\n");
}

static void lines_are_bounded(void **state)
{
	(void)state;
	add_shop();
	assert_non_null(strstr(draw(90, true, false, false, 2), "\n  ... and 3 more spans\n"));
	assert_null(strstr(drawing, "work"));
}

static void foreign_escapes_do_not_reach_the_terminal(void **state)
{
	struct at_view_span span = sample_span(1, 0, "\033]0;owned\a",
					       "a\033[31m\nb\x9b\xc2\x9b\xe2\x80\xae", 2, 0, 1);

	(void)state;
	span.status = 2;
	span.status_message = AT_STR("\033[2J\r");
	add(span);
	draw(100, false, false, false, 100);
	assert_null(strchr(drawing, '\033'));
	assert_null(strchr(drawing, '\a'));
	assert_null(strchr(drawing, '\r'));
	assert_null(strstr(drawing, "\xc2\x9b"));
	assert_null(strstr(drawing, "\xe2\x80\xae"));
	assert_non_null(strstr(drawing, "a␛[31m␊b���"));
	assert_true(at_glyph_valid(at_str_c(drawing)));
	/* Head, one row, the empty line. */
	assert_int_equal(strlen(strchr(strchr(drawing, '\n') + 1, '\n')), 2);
}

static void colours_only_when_told(void **state)
{
	(void)state;
	add_shop();
	assert_non_null(strstr(draw(90, false, true, false, 100), "\033[1;31m"));
}

static void every_row_fits_every_width(void **state)
{
	static struct at_member rule = {
		AT_STR("autotrace.link.rule"),
		{.type = AT_VALUE_STRING, .text = AT_STR("a rule with a very long name")}};
	struct at_view_span span = sample_span(100, 1, "日本語のとても長いサービス名",
					       "とても長い名前のスパン/日本語", 2, 1, 2);

	(void)state;
	add_shop();
	for (unsigned char i = 10; i < 60; i++)
		add(sample_span(i, i == 10 ? 1 : i - 1, "deep", "a long name that has to be cut", 2,
				i, i + 1));
	span.status = 2;
	span.status_message = AT_STR("a message that is far too long to be shown beside the bar");
	span.attributes = (struct at_attributes){.at = &rule, .n = 1};
	add(span);
	for (size_t columns = 40; columns < 300; columns += 7) {
		rules = columns % 4 < 2;
		struct at_str rest = at_str_c(draw(columns, columns % 2, false, columns % 3, 100));

		at_str_cut(&rest, '\n');
		while (rest.n) {
			struct at_str line = at_str_cut(&rest, '\n');

			assert_true(at_glyph_valid(line));
			assert_in_range(at_glyph_columns(line, false, 1000), 0, columns);
		}
		free(drawing);
		drawing = NULL;
	}
	rules = false;
}

static void an_instant_has_a_bar_too(void **state)
{
	(void)state;
	add(sample_span(1, 0, "s", "n", 1, 5, 5));
	assert_string_equal(strchr(draw(60, true, false, false, 100), '\n') + 1,
			    "  s  . n  |                                             0 ns\n\n");
}

static void durations_for_people(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{0, "0 ns"},
		{999, "999 ns"},
		{1000, "1.00 us"},
		{12345678, "12.35 ms"},
		{1500000000, "1.50 s"},
		{123000000000, "2 m 03 s"},
		{INT64_MAX, "2562048 h"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[AT_CAPTION_DURATION];

		at_caption_duration(text, cases[i].ns, true);
		assert_string_equal(text, cases[i].text);
	}
}

static void outcomes(void **state)
{
	static const struct {
		int status;
		struct at_str http, message, type;
		const char *note;
	} cases[] = {
		{0, AT_STR(""), AT_STR(""), AT_STR(""), ""},
		{0, AT_STR("200"), AT_STR(""), AT_STR(""), "200"},
		{1, AT_STR("200"), AT_STR(""), AT_STR(""), "200 ok"},
		{2, AT_STR("500"), AT_STR(""), AT_STR("500"), "500 error"},
		{2, AT_STR("500"), AT_STR("why"), AT_STR("500"), "500 error: why"},
		{2, AT_STR(""), AT_STR(""), AT_STR("timeout"), "error: timeout"},
		{2, AT_STR(""), AT_STR(""), AT_STR(""), "error"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct at_stored_span span = {.status = cases[i].status,
						    .http_status = cases[i].http,
						    .message = cases[i].message,
						    .error_type = cases[i].type};
		char text[AT_CAPTION_NOTE];

		assert_true(at_str_eq(at_caption_note(text, &span), at_str_c(cases[i].note)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_trace_in_utf8),
		TEST(a_trace_in_ascii_with_pids),
		TEST(the_rules_of_parents),
		TEST(lines_are_bounded),
		TEST(foreign_escapes_do_not_reach_the_terminal),
		TEST(colours_only_when_told),
		TEST(every_row_fits_every_width),
		TEST(an_instant_has_a_bar_too),
		cmocka_unit_test(durations_for_people),
		cmocka_unit_test(outcomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
