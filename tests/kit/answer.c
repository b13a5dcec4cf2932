/*
 * answer: the modules num, etime and fieldpath at the other end of a pipe, for tests that ask somebody else the same.
 * One question a line, its parts separated by tabs; one answer a line, "-" for a refusal.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf/buf.h"
#include "etime/etime.h"
#include "fieldpath/fieldpath.h"
#include "json/json.h"
#include "num/num.h"

enum { PARTS_MAX = 4 };

static struct buf out = BUF_INIT;

static void add_i64(int64_t value)
{
	char text[NUM_DOUBLE_BYTES];

	buf_add(&out, text, num_print_i64(text, value));
}

/* read FORMAT s|n TEXT: microseconds of a string or a number */
static void answer_read(char **part)
{
	struct err err = ERR_INIT;
	struct etime_format format;
	int64_t us;

	if (etime_format_parse(part[1], &format, &err) ||
		!etime_parse(&format, part[3], strlen(part[3]), *part[2] == 'n', &us))
		buf_add_char(&out, '-');
	else
		add_i64(us);
}

/* print ZONE US PATTERN: strftime; zone "" is none. The zone is kept for the next question. */
static void answer_print(char **part)
{
	static struct etime_zone *zone;
	static char name[64];
	struct err err = ERR_INIT;
	int64_t us = strtoll(part[2], NULL, 10);

	if (strcmp(name, part[1]) != 0) {
		etime_zone_close(zone);
		zone = *part[1] ? etime_zone_open(part[1], &err) : NULL;
		snprintf(name, sizeof name, "%s", part[1]);
	}
	if (err.code || etime_strftime(&out, slice_str(part[3]), zone, us, &err))
		buf_add_char(&out, '-');
}

/* iso US */
static void answer_iso(char **part)
{
	out.len += etime_print_iso(buf_reserve(&out, ETIME_ISO_BYTES), strtoll(part[1], NULL, 10));
}

/* double TEXT: the bits in hex */
static void answer_double(char **part)
{
	double value = num_to_double(part[1], strlen(part[1]));
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	buf_addf(&out, "%016" PRIx64, bits);
}

/* shortest BITS, digits BITS N */
static void answer_shortest(char **part)
{
	uint64_t bits = strtoull(part[1], NULL, 16);
	char *to = buf_reserve(&out, NUM_DOUBLE_BYTES);
	double value;

	memcpy(&value, &bits, sizeof value);
	if (*part[0] == 's')
		out.len += num_print_double(to, value);
	else
		out.len += num_print_digits(to, value, atoi(part[2]));
}

/* i64 TEXT, scaled TEXT DECIMALS */
static void answer_integer(char **part)
{
	int64_t value;
	bool fits = *part[0] == 'i' ? num_to_i64(part[1], strlen(part[1]), &value)
				    : num_to_scaled(part[1], strlen(part[1]), atoi(part[2]), &value);

	if (fits)
		add_i64(value);
	else
		buf_add_char(&out, '-');
}

/* cmp A B: -1, 0, 1 */
static void answer_cmp(char **part)
{
	int order = num_cmp(slice_str(part[1]), slice_str(part[2]));

	add_i64((order > 0) - (order < 0));
}

/* path TEXT: the steps as a JSON array, as jq's path() prints them */
static void answer_path(char **part)
{
	struct err err = ERR_INIT;
	struct fieldpath path;

	if (fieldpath_parse(&path, slice_str(part[1]), NULL, &err)) {
		buf_add_char(&out, '-');
		return;
	}
	buf_add_char(&out, '[');
	for (size_t i = 0; i < path.n_steps; i++) {
		if (i)
			buf_add_char(&out, ',');
		if (path.steps[i].is_index)
			add_i64(path.steps[i].index);
		else
			json_add_string(&out, path.steps[i].key);
	}
	buf_add_char(&out, ']');
	fieldpath_release(&path);
}

static void answer(char **part)
{
	static const struct {
		const char *name;
		void (*run)(char **part);
	} questions[] = {{"read", answer_read}, {"print", answer_print}, {"iso", answer_iso}, {"double", answer_double},
		{"shortest", answer_shortest}, {"digits", answer_shortest}, {"i64", answer_integer},
		{"scaled", answer_integer}, {"cmp", answer_cmp}, {"path", answer_path}};

	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		if (strcmp(questions[i].name, part[0]) == 0) {
			questions[i].run(part);
			return;
		}
	fprintf(stderr, "answer: unknown question '%s'\n", part[0]);
	exit(2);
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	while ((len = getline(&line, &size, stdin)) > 0) {
		char *part[PARTS_MAX + 1] = {line, line + len, line + len, line + len, line + len};
		int n = 1;

		line[--len] = '\0';
		for (char *p = line; (p = strchr(p, '\t')) && n < PARTS_MAX; part[n++] = p)
			*p++ = '\0';
		buf_reset(&out);
		answer(part);
		buf_add_char(&out, '\n');
		fwrite(out.p, 1, out.len, stdout);
	}
	free(line);
	buf_release(&out);
	return ferror(stdout) || fflush(stdout) ? 2 : 0;
}
