/*
 * Tests of cli/script.c: #! lines as Linux reads them, and what env(1) makes of its argument.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "cli/script.h"

static void lines(void **state)
{
	static const struct {
		const char *text;        /* beginning of the file */
		const char *interpreter; /* NULL: no script */
		const char *argument;    /* "" if none */
	} cases[] = {
		{"#!/bin/sh\n", "/bin/sh", ""},
		{"#!/bin/sh", "/bin/sh", ""},
		{"#! /bin/sh -e -u \nrest", "/bin/sh", "-e -u"},
		{"#!\t/usr/bin/env\tpython3\n", "/usr/bin/env", "python3"},
		{"#!/bin/sh\r\n", "/bin/sh\r", ""},
		{"#!relative\n", "relative", ""},
		{"#!\n/bin/sh\n", NULL, NULL},
		{"#!   \n", NULL, NULL},
		{"#!", NULL, NULL},
		{"#", NULL, NULL},
		{"", NULL, NULL},
		{"# !/bin/sh\n", NULL, NULL},
		{"echo\n", NULL, NULL},
	};
	struct at_script script;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool is = at_script_parse(cases[i].text, strlen(cases[i].text), &script);

		assert_int_equal(is, cases[i].interpreter != NULL);
		if (!is)
			continue;
		assert_string_equal(script.interpreter, cases[i].interpreter);
		assert_string_equal(script.argument, cases[i].argument);
	}
}

static void a_line_longer_than_the_kernel_reads(void **state)
{
	char text[4 * AT_SCRIPT_LINE_MAX];
	struct at_script script;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "#!/", 3);
	assert_true(at_script_parse(text, sizeof(text), &script));
	assert_int_equal(strlen(script.interpreter), AT_SCRIPT_LINE_MAX - 2);
	text[5] = ' ';
	assert_true(at_script_parse(text, sizeof(text), &script));
	assert_string_equal(script.interpreter, "/xx");
	assert_int_equal(strlen(script.argument), AT_SCRIPT_LINE_MAX - 6);
}

static void env_commands(void **state)
{
	static const struct {
		const char *text;    /* first line */
		const char *command; /* NULL: none */
	} cases[] = {
		{"#!/usr/bin/env python3\n", "python3"},
		{"#!/usr/bin/env -S python3 -u\n", "python3"},
		{"#!/usr/bin/env -Spython3 -u\n", "python3"},
		{"#!/usr/bin/env -S A=1 B=2 python3 -u\n", "python3"},
		{"#!/usr/bin/env -S -i -u HOME node\n", "node"},
		{"#!/usr/bin/env -S --unset HOME -- node\n", "node"},
		{"#!/usr/bin/env\n", NULL},
		{"#!/usr/bin/env -S A=1\n", NULL},
		{"#!/usr/bin/python3 env\n", NULL},
		{"#!/usr/bin/environ python3\n", NULL},
	};
	char command[AT_SCRIPT_LINE_MAX];
	struct at_script script;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool found;

		assert_true(at_script_parse(cases[i].text, strlen(cases[i].text), &script));
		found = at_script_env_command(&script, command);
		assert_int_equal(found, cases[i].command != NULL);
		if (found)
			assert_string_equal(command, cases[i].command);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(a_line_longer_than_the_kernel_reads),
		cmocka_unit_test(env_commands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
