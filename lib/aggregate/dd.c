#include "aggregate/dd.h"

void dd_add_dd(struct dd *sum, struct dd x)
{
	struct dd s = dd_two_sum(sum->high, x.high), t = dd_two_sum(sum->low, x.low);

	s = dd_two_sum(s.high, s.low + t.high);
	*sum = dd_two_sum(s.high, s.low + t.low);
}

struct dd dd_divide(struct dd a, double b)
{
	double q = a.high / b;
	double rest = __builtin_fma(-q, b, a.high) + a.low;

	return dd_two_sum(q, rest / b);
}

#define I128_MAX ((num_i128)((((num_i128)1 << 126) - 1) * 2 + 1))

struct dd dd_from_i128(num_i128 v)
{
	struct dd d = {(double)v, 0};

	/* 2^127 itself is no integer of 128 bits */
	d.low = d.high < 0x1p127 ? (double)(v - (num_i128)d.high) : (double)(v - I128_MAX) - 1;
	return d;
}
