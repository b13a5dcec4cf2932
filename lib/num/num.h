/*
 * num: numbers as text: durations, sizes, JSON numbers in and out.
 *
 * Reading a decimal is correctly rounded (Clinger's fast path, then Eisel and Lemire, "Number Parsing
 * at a Gigabyte per Second", 2021, then strtod); printing gives the shortest text that reads back to
 * the same double (Giulietti, "The Schubfach way to render doubles", 2020). Both share one table of
 * 128-bit powers of ten. No allocation; thread safe; independent of the locale.
 */
#ifndef TLM_NUM_H
#define TLM_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf/buf.h"
#include "err/err.h"

__extension__ typedef __int128 num_i128;

enum {
	NUM_DOUBLE_BYTES = 40, /* room that num_print_double() and num_print_i64() may use */
	NUM_I128_BYTES = 48    /* the same for num_print_i128() */
};

/*
 * "250ms" "10s" "5m" "1h" "2d" "90us", a decimal before the unit ("1.5h"), or a bare "0"; no sign,
 * exact to the microsecond. Returns 0, or -1 with ERR_USAGE: no unit ("10"), unknown unit ("5y"),
 * more than 100,000 days, a part below a microsecond.
 */
int num_parse_duration(struct slice text, int64_t *us, struct err *err);

/*
 * "64K" "16M" "1G" "2T" (powers of 1024; "KiB" forms too), "10MB" (powers of 1000), "512" and "512B"
 * (bytes). Returns 0, or -1 with ERR_USAGE: "1X", "-1", above 2^63 - 1.
 */
int num_parse_size(struct slice text, uint64_t *bytes, struct err *err);

/* A decimal integer with an optional sign. Returns 0, or -1 with ERR_USAGE: "", "1x", outside min..max. */
int num_parse_int(struct slice text, int64_t min, int64_t max, int64_t *value, struct err *err);

/* Whether the text is one JSON number by RFC 8259 and nothing else: "1" "-0.5e3"; not "01" "+1" ".5" "1." " 1". */
bool num_is_json(const char *p, size_t len);

/*
 * The nearest double (ties to even) of a JSON number that is known to be valid; beyond the range
 * +-infinity. p[len] need not be readable.
 */
double num_to_double(const char *p, size_t len);

/*
 * The value of a valid JSON number if it is an integer that fits: "7", "-12", "1.0", "25e2".
 * Returns false otherwise ("1.5", "1e30").
 */
bool num_to_i64(const char *p, size_t len, int64_t *value);

/*
 * A decimal as a scaled integer: value = *digits / 10^decimals ("1597602602.25" with decimals 6 gives
 * 1597602602250000); digits behind `decimals` are rounded toward minus infinity.
 * Returns false if the result does not fit 64 bits.
 */
bool num_to_scaled(const char *p, size_t len, int decimals, int64_t *digits);

/* Order of the exact decimal values of two valid JSON numbers (no rounding): negative, 0, positive. */
int num_cmp(struct slice a, struct slice b);

/*
 * Shortest round-trip text of a finite double into out, no NUL, laid out as jq does: plain ("83", "0.0001",
 * "123456789012345680", "-0" for minus zero) while at most 15 zeros must be added behind the digits and 3 between the
 * point and them, else "1e+17" "1.5e-05" "5e-324". Returns the length.
 */
size_t num_print_double(char out[NUM_DOUBLE_BYTES], double value);

/* At most `digits` (1..17) significant digits, trailing zeros cut, otherwise as num_print_double(). */
size_t num_print_digits(char out[NUM_DOUBLE_BYTES], double value, int digits);

size_t num_print_i64(char out[NUM_DOUBLE_BYTES], int64_t value);
size_t num_print_i128(char out[NUM_I128_BYTES], num_i128 value);

/* "1.5h", "250ms", "0s": the shortest form with one unit that num_parse_duration() reads back. */
size_t num_print_duration(char out[NUM_DOUBLE_BYTES], int64_t us);

/*
 * For people: as num_print_duration() where that has at most five characters, else three digits of the largest unit
 * that us reaches, rounded up (to a duration that is long enough): "1.79d" for 153845s. us is not negative.
 */
size_t num_print_rough_duration(char out[NUM_DOUBLE_BYTES], int64_t us);

#endif
