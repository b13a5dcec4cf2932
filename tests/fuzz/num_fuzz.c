/*
 * num: any text is judged and read; what is a JSON number is read as the C library reads it, prints and reads back,
 * and compares as it reads.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "num/num.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of exactly its length, so that a read behind it is found. */
static char *copy_of(const void *p, size_t len)
{
	char *copy = malloc(len ? len : 1);

	if (copy && len)
		memcpy(copy, p, len);
	return copy;
}

static void check_printing(double value)
{
	char out[NUM_DOUBLE_BYTES];
	size_t len = num_print_double(out, value);
	double back;

	assert(len > 0 && len <= NUM_DOUBLE_BYTES);
	assert(num_is_json(out, len));
	back = num_to_double(out, len);
	assert(memcmp(&back, &value, sizeof back) == 0);
	for (int digits = 1; digits <= 17; digits++)
		assert(num_is_json(out, num_print_digits(out, value, digits)));
	/* 17 digits are enough for any double */
	back = num_to_double(out, num_print_digits(out, value, 17));
	assert(memcmp(&back, &value, sizeof back) == 0);
}

static void check_integers(const char *p, size_t len, double value)
{
	char out[NUM_DOUBLE_BYTES];
	int64_t whole, scaled;

	if (num_to_i64(p, len, &whole)) {
		size_t n = num_print_i64(out, whole);

		assert((double)whole == value);
		assert(num_cmp((struct slice){p, len}, (struct slice){out, n}) == 0);
		assert(num_to_scaled(p, len, 0, &scaled) && scaled == whole);
	}
	if (num_to_scaled(p, len, 0, &scaled)) {
		assert(num_cmp((struct slice){p, len}, (struct slice){out, num_print_i64(out, scaled)}) >= 0);
		if (scaled < INT64_MAX)
			assert(num_cmp((struct slice){p, len}, (struct slice){out, num_print_i64(out, scaled + 1)}) <
				0);
	}
	num_to_scaled(p, len, 6, &scaled);
	num_to_scaled(p, len, -3, &scaled);
}

static void check_number(const char *p, size_t len)
{
	char *text = malloc(len + 1);
	double value = num_to_double(p, len), want;

	if (!text)
		return;
	memcpy(text, p, len);
	text[len] = '\0';
	want = strtod(text, NULL);
	assert(memcmp(&value, &want, sizeof value) == 0);
	free(text);
	check_integers(p, len, value);
	if (isfinite(value))
		check_printing(value);
}

static void check_options(struct slice text)
{
	char out[NUM_DOUBLE_BYTES];
	struct err err = ERR_INIT;
	uint64_t bytes;
	int64_t us, back;

	if (!num_parse_duration(text, &us, &err)) {
		assert(us >= 0);
		assert(!num_parse_duration((struct slice){out, num_print_duration(out, us)}, &back, &err));
		assert(back == us);
	}
	err_reset(&err);
	if (num_parse_size(text, &bytes, &err))
		assert(err.code == ERR_USAGE);
	err_reset(&err);
	if (!num_parse_int(text, -1000, 1000, &us, &err))
		assert(us >= -1000 && us <= 1000);
}

/* Two texts with a blank between them are compared both ways. */
static void check_order(const char *p, size_t len)
{
	const char *blank = len ? memchr(p, ' ', len) : NULL;
	struct slice a = {p, blank ? (size_t)(blank - p) : 0}, b;
	double x, y;
	int order;

	if (!blank)
		return;
	b = (struct slice){blank + 1, len - a.len - 1};
	if (!num_is_json(a.p, a.len) || !num_is_json(b.p, b.len))
		return;
	order = num_cmp(a, b);
	assert((order > 0) == (num_cmp(b, a) < 0) && (order == 0) == (num_cmp(b, a) == 0));
	x = num_to_double(a.p, a.len);
	y = num_to_double(b.p, b.len);
	assert(order <= 0 || x >= y);
	assert(order >= 0 || x <= y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = copy_of(data, size);
	double value;

	if (!text)
		return 0;
	if (num_is_json(text, size))
		check_number(text, size);
	check_options((struct slice){text, size});
	check_order(text, size);
	free(text);
	if (size >= sizeof value) {
		memcpy(&value, data, sizeof value);
		if (isfinite(value))
			check_printing(value);
	}
	return 0;
}
