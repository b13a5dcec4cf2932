/*
 * What telemetry needs and jq lacks: tlm::time, tlm::iso, tlm::haversine; and where the record stands. Native only: a
 * program that also needs libjq is refused.
 */
#include "jq/impl.h"

#include <math.h>

#include "etime/etime.h"
#include "geo/geo.h"

/* Text as RFC 3339 has it (`--time FIELD:iso`) to microseconds since the epoch. */
static int b_time(struct run *r, struct value in, const struct value *args, struct value *out)
{
	struct etime_format format;
	struct err err = ERR_INIT;
	struct slice text;
	char shown[15];
	int64_t us;

	(void)in;
	if (args[0].type == JSON_STRING && etime_format_parse("iso", &format, &err) == 0) {
		text = value_text(r, args[0]);
		if (etime_parse(&format, text.p, text.len, false, &us)) {
			*out = value_number((double)us);
			return 0;
		}
	}
	show_value(r, args[0], shown, sizeof shown);
	return raise_text(r, "tlm::time: %s (%s) is not a time of RFC 3339", value_kind(args[0]), shown);
}

/* Microseconds since the epoch to text. */
static int b_iso(struct run *r, struct value in, const struct value *args, struct value *out)
{
	char text[ETIME_ISO_BYTES], shown[15];
	double us = in.type == JSON_NUMBER ? value_double(in) : NAN;

	(void)args;
	if (!(fabs(us) < 9e15)) {
		show_value(r, in, shown, sizeof shown);
		return raise_text(r, "tlm::iso: %s (%s) is not a number of microseconds", value_kind(in), shown);
	}
	*out = value_string(r, text, etime_print_iso(text, (int64_t)floor(us)));
	return 0;
}

/* tlm::haversine(lat; lon; lat; lon): metres between two points in degrees. */
static int b_haversine(struct run *r, struct value in, const struct value *args, struct value *out)
{
	static const double limit[] = {90, 180, 90, 180};
	double at[4];
	char shown[15];

	(void)in;
	for (int i = 0; i < 4; i++) {
		at[i] = args[i].type == JSON_NUMBER ? value_double(args[i]) : NAN;
		if (!(fabs(at[i]) <= limit[i])) {
			show_value(r, args[i], shown, sizeof shown);
			return raise_text(r, "tlm::haversine: %s (%s) is not a %s in degrees", value_kind(args[i]),
				shown, i % 2 ? "longitude" : "latitude");
		}
	}
	*out = value_number(geo_distance_m(at[0], at[1], at[2], at[3]));
	return 0;
}

static int b_input_line_number(struct run *r, struct value in, const struct value *args, struct value *out)
{
	(void)in;
	(void)args;
	*out = value_number((double)(r->first_line + (r->record ? r->record->line : 0)));
	return 0;
}

static int b_input_filename(struct run *r, struct value in, const struct value *args, struct value *out)
{
	const char *name = r->input_name;

	(void)in;
	(void)args;
	*out = name && strcmp(name, "-") != 0 ? value_borrow(name, strlen(name)) : value_literal(JSON_NULL);
	return 0;
}

static const struct builtin rows[] = {{"tlm::haversine", 4, b_haversine}, {"tlm::time", 1, b_time},
	{"tlm::iso", 0, b_iso}, {"input_line_number", 0, b_input_line_number}, {"input_filename", 0, b_input_filename}};

const struct builtins builtins_tlm = {rows, sizeof rows / sizeof *rows};
