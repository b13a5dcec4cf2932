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
