#include "mark/mark.h"

#include "etime/etime.h"
#include "num/num.h"
#include "reject/reject.h"

static int refuse(const char **why, const char *what)
{
	*why = what;
	return -1;
}

/* A member twice: the last one wins, as everywhere. */
static int read_members(struct json_span inner, int64_t *time_us, const char **why)
{
	struct json_span key, value, time = {.type = JSON_ABSENT}, source = time;
	struct json_iter it;

	json_iter_init(&it, inner);
	while (json_iter_next(&it, &key, &value)) {
		if (json_string_eq(key, SLICE_LIT("time_us")))
			time = value;
		else if (json_string_eq(key, SLICE_LIT("source")))
			source = value;
	}
	if (time.type != JSON_NUMBER || !num_to_i64(time.p, time.len, time_us))
		return refuse(why, "the mark has no time_us that is an integer");
	if (*time_us < ETIME_MIN_US || *time_us > ETIME_MAX_US)
		return refuse(why, "time_us of the mark is outside the years 1 to 9999");
	if (source.type != JSON_STRING && source.type != JSON_ABSENT)
		return refuse(why, "source of the mark is not a text");
	return 0;
}

int mark_read(struct json_span value, int64_t *time_us, const char **why)
{
	struct json_span key, inner = {.type = JSON_ABSENT};
	struct json_iter it;

	json_iter_init(&it, value);
	while (json_iter_next(&it, &key, &inner)) {
		if (!json_string_eq(key, SLICE_LIT("_tlm")))
			return refuse(why, "the mark has a field beside _tlm: is it a record?");
		if (inner.type != JSON_OBJECT)
			return refuse(why, "_tlm of the mark is not an object");
	}
	return read_members(inner, time_us, why);
}

void mark_add(struct buf *out, int64_t time_us, const char *source)
{
	buf_addf(out, MARK_START "{\"time_us\":%lld,\"source\":", (long long)time_us);
	reject_add_text(out, source);
	buf_add_str(out, "}}\n");
}
