#include "json/json_impl.h"

#include "num/num.h"

static struct slice text_of(struct json_span s)
{
	return (struct slice){s.p, s.len};
}

int json_cmp(struct json_span a, struct json_span b)
{
	if (a.type != b.type)
		return a.type < b.type ? -1 : 1;
	switch (a.type) {
	case JSON_NUMBER:
		return num_cmp(text_of(a), text_of(b));
	case JSON_STRING:
		return json_cmp_strings(a, b);
	case JSON_ARRAY:
	case JSON_OBJECT:
		return slice_cmp(text_of(a), text_of(b));
	default:
		return 0;
	}
}
