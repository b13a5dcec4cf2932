/*
 * num_decimal: the exact decimal behind the text of a JSON number. Private to lib/num.
 *
 * value = 0.DDDD * 10^point, where DDDD are n_digits digits between first and last (a '.' may stand among them),
 * without zeros at either end; zero has no digits. Exponents of any length are cut to a point that no digits can
 * reach, so nothing ever loops over an exponent.
 */
#ifndef TLM_NUM_DECIMAL_H
#define TLM_NUM_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decimal {
	bool is_negative;
	const char *first;
	const char *last; /* one behind the last digit */
	size_t n_digits;
	int64_t point;
};

/* Reads the text of a valid JSON number. */
void decimal_read(struct decimal *d, const char *p, size_t len);

/* The nearest double, for any number of digits. Slow: the last resort of num_to_double(). */
double decimal_to_double(const struct decimal *d);

/* A magnitude and a sign as an int64_t; false when it does not fit. */
static inline bool num_from_magnitude(uint64_t magnitude, bool is_negative, int64_t *value)
{
	if (magnitude > (uint64_t)INT64_MAX + is_negative)
		return false;
	*value = is_negative ? (int64_t)-magnitude : (int64_t)magnitude;
	return true;
}

#endif
