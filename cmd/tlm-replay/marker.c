#include "marker.h"

#include "etime/etime.h"
#include "mark/mark.h"

void marker_init(struct marker *m, int64_t every_us)
{
	*m = (struct marker){every_us, INT64_MIN, INT64_MIN, INT64_MIN};
}

static int64_t divide_floor(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Times that no record can have are not told: what is sent with one ends the run. */
static void tell(int64_t us, const char *source, struct buf *out)
{
	if (us >= ETIME_MIN_US && us <= ETIME_MAX_US)
		mark_add(out, us, source);
}

static bool is_due(const struct marker *m, int64_t us)
{
	return m->told_us == INT64_MIN || divide_floor(us, m->every_us) > divide_floor(m->told_us, m->every_us);
}

void marker_see(struct marker *m, int64_t us, const char *source, struct buf *out)
{
	if (!m->every_us || us <= m->time_us)
		return;
	m->time_us = us;
	if (!is_due(m, us))
		return;
	m->told_us = us;
	tell(us, source, out);
}

/* Not to be seen in the marks of records, which must stand where they would without it. */
int64_t marker_walk(struct marker *m, int64_t us, int64_t next_us, const char *source, struct buf *out)
{
	int64_t multiple;

	us = us < next_us ? us : next_us;
	multiple = divide_floor(us, m->every_us) * m->every_us;
	if (m->time_us != INT64_MIN && multiple > m->time_us && multiple > m->walked_us) {
		m->walked_us = multiple;
		tell(multiple, source, out);
	}
	multiple += m->every_us;
	return multiple < next_us ? multiple : next_us;
}
