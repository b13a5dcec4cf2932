#include "rebuild/rebuild.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

/*
 * The low water for a time s is the first record that is not older than s. Records come one behind the other, so of two
 * the later one can only be it if it is newer: the points are those where the largest time so far rose, and those below
 * the oldest window that is open go. Where there are too many, some join their neighbours.
 */
enum { POINTS_MAX = 1024 };

#define WHAT_TO_DO "begin without open windows (set the offsets, --accept-new-config) or take another group"

void rebuild_init(struct rebuild *r, uint64_t options)
{
	*r = (struct rebuild){.options = options, .next = -1, .low = -1, .position = -1, .state = -1};
}

void rebuild_release(struct rebuild *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->points[i].votes);
	free(r->points);
	*r = (struct rebuild){0};
}

uint64_t rebuild_hash(uint64_t hash, struct slice bytes)
{
	hash ^= 0xcbf29ce484222325u ^ bytes.len;
	for (size_t i = 0; i < bytes.len; i++)
		hash = (hash ^ (unsigned char)bytes.p[i]) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

struct slice rebuild_vote_value(uint64_t hash, char bytes[8])
{
	memcpy(bytes, &hash, 8);
	return (struct slice){bytes, 8};
}

int64_t rebuild_oldest_start(const struct window_spec *window, int64_t watermark_us, int64_t grace_us)
{
	if (watermark_us == WINDOW_NEVER)
		return WINDOW_NEVER;
	return window_start(window, window_first_behind(window, watermark_us - grace_us));
}

/* ---- the points ---- */

static void copy_clock(struct rebuild_point *p, const struct window_clock *clock)
{
	const struct window_input *in = &clock->inputs[0];

	p->stream_us = in->stream_us;
	p->n_votes = clock->quorum ? in->n_votes : 0;
	p->votes = p->n_votes ? mem_alloc(p->n_votes, sizeof *p->votes) : NULL;
	for (uint32_t i = 0; i < p->n_votes; i++) {
		p->votes[i].us = in->votes[i].us;
		memcpy(&p->votes[i].value, in->votes[i].value.p, sizeof p->votes[i].value);
	}
}

static void drop_points(struct rebuild *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(r->points[i].votes);
	r->n -= n;
	if (r->n)
		memmove(r->points, r->points + n, r->n * sizeof *r->points);
}

/* The point goes whose neighbours are nearest to each other: what it stood for is then found from the one before it. So
 * the points stay spread evenly over the records. */
static void thin(struct rebuild *r)
{
	size_t at = 1;

	for (size_t i = 2; i + 1 < r->n; i++) {
		if (r->points[i + 1].offset - r->points[i - 1].offset <
			r->points[at + 1].offset - r->points[at - 1].offset)
			at = i;
	}
	r->points[at - 1].newest_us = r->points[at].newest_us;
	free(r->points[at].votes);
	r->n--;
	memmove(r->points + at, r->points + at + 1, (r->n - at) * sizeof *r->points);
}

/* The point of the batch that begins stands at the end, and goes again if the batch has nothing newer. */
void rebuild_begin(struct rebuild *r, int64_t offset, const struct window_clock *clock)
{
	if (r->n == POINTS_MAX)
		thin(r);
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 16;
		r->points = mem_resize(r->points, r->cap, sizeof *r->points);
	}
	r->points[r->n] = (struct rebuild_point){.offset = offset, .newest_us = WINDOW_NEVER};
	copy_clock(&r->points[r->n++], clock);
}

void rebuild_end(struct rebuild *r, int64_t last_offset, int64_t newest_us)
{
	struct rebuild_point *p = &r->points[r->n - 1];

	r->next = last_offset + 1;
	p->newest_us = newest_us;
	if (newest_us == WINDOW_NEVER || (r->n > 1 && newest_us <= p[-1].newest_us)) {
		free(p->votes);
		r->n--;
	}
}

/* ---- replay ---- */

int64_t rebuild_bound(const struct rebuild *r, int64_t offset)
{
	int64_t bound = INT64_MAX;

	if (!r->is_replaying)
		return bound;
	if (r->position > offset)
		bound = r->position;
	for (uint32_t i = r->at_push; i < r->n_pushes; i++) {
		if (r->pushes[i].offset > offset && r->pushes[i].offset < bound)
			bound = r->pushes[i].offset;
	}
	return bound;
}

bool rebuild_next_push(struct rebuild *r, int64_t offset, int64_t *us)
{
	if (!r->is_replaying || r->at_push == r->n_pushes || r->pushes[r->at_push].offset > offset)
		return false;
	*us = r->pushes[r->at_push++].us;
	return true;
}

bool rebuild_is_there(const struct rebuild *r, int64_t offset)
{
	return r->is_replaying && (offset >= r->position || r->next >= r->position || r->low == r->position);
}

int rebuild_check(
	struct rebuild *r, const struct window_clock *clock, uint64_t groups, uint64_t digest, struct err *err)
{
	bool is_same = clock->inputs[0].stream_us == r->position_us && groups == r->groups && digest == r->digest;

	r->is_replaying = false;
	if (r->next < r->position)
		r->next = r->position;
	if (is_same || r->is_unchecked)
		return 0;
	if (r->state >= 0)
		return err_set(err, ERR_REFUSED,
			"what the state topic holds is not what was open at offset %lld: " WHAT_TO_DO,
			(long long)r->position);
	return err_set(err, ERR_REFUSED,
		"the windows open at offset %lld cannot be rebuilt, records from %lld on have changed: " WHAT_TO_DO,
		(long long)r->position, (long long)r->low);
}

/* The last one, if T was raised before the same record. */
static struct rebuild_push *push_here(struct rebuild_push *pushes, uint32_t n, int64_t offset)
{
	return n && pushes[n - 1].offset == offset ? &pushes[n - 1] : NULL;
}

bool rebuild_can_push(const struct rebuild *r)
{
	return r->n_pushes < REBUILD_PUSHES_MAX || r->pushes[r->n_pushes - 1].offset == r->next;
}

bool rebuild_push(struct rebuild *r, int64_t us)
{
	struct rebuild_push *last = push_here(r->pushes, r->n_pushes, r->next);

	if (last) {
		last->us = us;
		return true;
	}
	if (!rebuild_can_push(r))
		return false;
	r->pushes[r->n_pushes++] = (struct rebuild_push){r->next, us};
	r->at_push = r->n_pushes;
	return true;
}

/* ---- the metadata: "tlm1 NAME=VALUE ...", times in microseconds, hashes in hexadecimal ---- */

static void add_time(struct buf *out, const char *name, int64_t us)
{
	if (us == WINDOW_NEVER)
		buf_addf(out, " %s=-", name);
	else
		buf_addf(out, " %s=%lld", name, (long long)us);
}

static void encode(const struct rebuild *r, const struct rebuild_point *low, const struct window_clock *clock,
	uint64_t groups, uint64_t digest, struct buf *out)
{
	buf_addf(out, "tlm1 o=%llx p=%lld n=%llu d=%llx", (unsigned long long)r->options, (long long)r->next,
		(unsigned long long)groups, (unsigned long long)digest);
	add_time(out, "t", clock->inputs[0].stream_us);
	add_time(out, "l", low->stream_us);
	if (r->state >= 0)
		buf_addf(out, " s=%d", (int)r->state);
	for (uint32_t i = 0; i < low->n_votes; i++)
		buf_addf(out, "%s%lld:%llx", i ? "," : " q=", (long long)low->votes[i].us,
			(unsigned long long)low->votes[i].value);
	for (uint32_t i = 0; i < r->n_pushes; i++)
		buf_addf(out, "%s%lld:%lld", i ? "," : " f=", (long long)r->pushes[i].offset,
			(long long)r->pushes[i].us);
}

/* The text of a value in "tlm1 a=1 b=2", NULL when it is not there. */
static const char *find(const char *text, char name)
{
	char what[] = {' ', name, '=', '\0'};
	const char *at = strstr(text, what);

	return at ? at + 3 : NULL;
}

static bool take_int(const char *text, char name, int64_t *value)
{
	const char *at = find(text, name);
	long long v;

	if (at && *at == '-' && (at[1] == ' ' || !at[1])) {
		*value = WINDOW_NEVER;
		return true;
	}
	if (!at || sscanf(at, "%lld", &v) != 1)
		return false;
	*value = v;
	return true;
}

static bool take_hex(const char *text, char name, uint64_t *value)
{
	const char *at = find(text, name);
	unsigned long long v;

	if (!at || sscanf(at, "%llx", &v) != 1)
		return false;
	*value = v;
	return true;
}

static bool take_pushes(struct rebuild *r, const char *at)
{
	long long offset, us;
	int n = 0;

	for (; at && sscanf(at, "%lld:%lld%n", &offset, &us, &n) == 2; at += n + 1) {
		if (r->n_pushes == REBUILD_PUSHES_MAX)
			return false;
		r->pushes[r->n_pushes++] = (struct rebuild_push){offset, us};
		if (at[n] != ',')
			return true;
	}
	return !at;
}

static bool take_votes(const char *at, struct window_clock *clock)
{
	struct window_input *in = &clock->inputs[0];
	unsigned long long value;
	char bytes[8];
	long long us;
	int n = 0;

	for (; at && sscanf(at, "%lld:%llx%n", &us, &value, &n) == 2; at += n + 1) {
		struct window_vote *vote;

		if (in->n_votes == clock->quorum)
			return false;
		vote = &in->votes[in->n_votes++];
		vote->us = us;
		buf_reset(&vote->value);
		buf_add_slice(&vote->value, rebuild_vote_value(value, bytes));
		if (at[n] != ',')
			return true;
	}
	return !at;
}

static bool decode(struct rebuild *r, const char *text, int64_t *low_us)
{
	int64_t groups, state = -1;

	if (!take_int(text, 'p', &r->position) || !take_int(text, 'n', &groups) || !take_hex(text, 'd', &r->digest) ||
		!take_int(text, 't', &r->position_us) || !take_int(text, 'l', low_us) ||
		!take_pushes(r, find(text, 'f')))
		return false;
	if (find(text, 's') && (!take_int(text, 's', &state) || state < 0 || state > INT32_MAX))
		return false;
	r->groups = (uint64_t)groups;
	r->state = (int32_t)state;
	return r->position >= 0 && groups >= 0;
}

static int take_foreign(struct rebuild *r, int64_t offset, bool is_accepted, struct err *err)
{
	r->next = offset;
	r->state = -1;
	if (is_accepted)
		return 0;
	return err_set(err, ERR_REFUSED,
		"offset %lld was committed without what was open there: begin there with no open windows "
		"(--accept-new-config), or take another group",
		(long long)offset);
}

/* As a string, if it is metadata of ours. */
static bool take_text(struct slice metadata, char text[REBUILD_METADATA_MAX + 1])
{
	if (metadata.len < 5 || metadata.len > REBUILD_METADATA_MAX || memcmp(metadata.p, "tlm1 ", 5) != 0)
		return false;
	memcpy(text, metadata.p, metadata.len);
	text[metadata.len] = '\0';
	return true;
}

int64_t rebuild_read_up_to(int64_t offset, struct slice metadata)
{
	char text[REBUILD_METADATA_MAX + 1];
	int64_t position;

	return take_text(metadata, text) && take_int(text, 'p', &position) && position > offset ? position : offset;
}

int rebuild_take(struct rebuild *r, int64_t offset, struct slice metadata, bool is_accepted, struct window_clock *clock,
	struct err *err)
{
	char text[REBUILD_METADATA_MAX + 1];
	int64_t low_us;
	uint64_t options;

	if (!take_text(metadata, text))
		return take_foreign(r, offset, is_accepted, err);
	if (!take_hex(text, 'o', &options) || !decode(r, text, &low_us))
		return err_set(err, ERR_REFUSED, "the metadata of the commit are damaged: " WHAT_TO_DO);
	if (options != r->options && !is_accepted)
		return err_set(err, ERR_REFUSED,
			"the group has run with other windows, aggregates or groups: go on with those, take another "
			"group, or make what is open anew (--accept-new-config)");
	if (r->position < offset || (r->state >= 0 && r->position != offset))
		return take_foreign(r, offset, is_accepted, err);
	r->is_replaying = true;
	r->is_unchecked = options != r->options;
	r->low = offset;
	if (clock->quorum && !take_votes(find(text, 'q'), clock) && !r->is_unchecked)
		return err_set(err, ERR_REFUSED, "the metadata of the commit are damaged: " WHAT_TO_DO);
	if (low_us != WINDOW_NEVER)
		window_clock_raise(clock, 0, low_us);
	return 0;
}

/* ---- commit ---- */

/* The first point whose records may be needed; those before it go. Where there is none, the position. */
static const struct rebuild_point *find_low(
	struct rebuild *r, int64_t need_us, const struct window_clock *clock, struct rebuild_point *here)
{
	size_t n = 0;

	while (n < r->n && r->points[n].newest_us < need_us)
		n++;
	drop_points(r, n);
	if (r->n)
		return &r->points[0];
	here->offset = r->next;
	copy_clock(here, clock);
	return here;
}

/* What T was raised to at or before the low water is in T there. */
static void forget_pushes(struct rebuild *r, int64_t low)
{
	uint32_t n = 0;

	while (n < r->n_pushes && r->pushes[n].offset <= low)
		n++;
	r->n_pushes -= n;
	r->at_push = r->n_pushes;
	memmove(r->pushes, r->pushes + n, r->n_pushes * sizeof *r->pushes);
}

bool rebuild_commit(struct rebuild *r, int64_t need_us, const struct window_clock *clock, uint64_t groups,
	uint64_t digest, int64_t *offset, struct buf *metadata)
{
	struct rebuild_point here = {0};
	const struct rebuild_point *low;

	if (r->is_replaying || r->next < 0)
		return false;
	low = find_low(r, r->state < 0 ? need_us : WINDOW_FOREVER, clock, &here);
	forget_pushes(r, low->offset);
	encode(r, low, clock, groups, digest, metadata);
	*offset = low->offset;
	free(here.votes);
	return true;
}
