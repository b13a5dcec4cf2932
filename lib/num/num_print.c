#include "num/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* value = 0.DDDD * 10^point */
struct shortest {
	char digits[20];
	int n;
	int point;
};

/* Digits and exponent out of "%.*e", whatever the locale's point is. */
static void split_digits(struct shortest *s, double magnitude, int n)
{
	char text[64];
	char *exponent;

	snprintf(text, sizeof text, "%.*e", n - 1, magnitude);
	exponent = strchr(text, 'e');
	s->n = 0;
	for (char *p = text; p < exponent; p++)
		if (*p >= '0' && *p <= '9')
			s->digits[s->n++] = *p;
	while (s->n > 1 && s->digits[s->n - 1] == '0')
		s->n--;
	s->point = atoi(exponent + 1) + 1;
}

/* The layout of jq: plain while no more than 15 zeros have to be added behind and 3 in front. */
static size_t lay_out(char *out, const struct shortest *s, bool is_negative)
{
	char *start = out;

	if (is_negative)
		*out++ = '-';
	if (s->point <= -4 || s->point > s->n + 15) {
		int exponent = s->point - 1;

		*out++ = s->digits[0];
		if (s->n > 1) {
			*out++ = '.';
			memcpy(out, s->digits + 1, (size_t)s->n - 1);
			out += s->n - 1;
		}
		*out++ = 'e';
		*out++ = exponent < 0 ? '-' : '+';
		exponent = abs(exponent);
		if (exponent >= 100)
			*out++ = (char)('0' + exponent / 100);
		*out++ = (char)('0' + exponent / 10 % 10);
		*out++ = (char)('0' + exponent % 10);
	} else if (s->point <= 0) {
		memcpy(out, "0.000", 5);
		out += 2 - s->point;
		memcpy(out, s->digits, (size_t)s->n);
		out += s->n;
	} else if (s->point < s->n) {
		memcpy(out, s->digits, (size_t)s->point);
		out += s->point;
		*out++ = '.';
		memcpy(out, s->digits + s->point, (size_t)(s->n - s->point));
		out += s->n - s->point;
	} else {
		memcpy(out, s->digits, (size_t)s->n);
		memset(out + s->n, '0', (size_t)(s->point - s->n));
		out += s->point;
	}
	return (size_t)(out - start);
}

static size_t print_zero(char *out, bool is_negative)
{
	memcpy(out, "-0", 2);
	if (is_negative)
		return 2;
	*out = '0';
	return 1;
}

size_t num_print_double(char out[NUM_DOUBLE_BYTES], double value)
{
	struct shortest s;
	double magnitude = __builtin_fabs(value);
	size_t len;

	if (magnitude <= 0)
		return print_zero(out, __builtin_signbit(value));
	for (int n = 1; n <= 17; n++) {
		split_digits(&s, magnitude, n);
		len = lay_out(out, &s, false);
		if (num_to_double(out, len) == magnitude)
			break;
	}
	return lay_out(out, &s, value < 0);
}

size_t num_print_digits(char out[NUM_DOUBLE_BYTES], double value, int digits)
{
	struct shortest s;

	if (__builtin_fabs(value) <= 0)
		return print_zero(out, __builtin_signbit(value));
	split_digits(&s, __builtin_fabs(value), digits);
	return lay_out(out, &s, value < 0);
}
