#include "lateness.h"

#include <stdlib.h>
#include <string.h>

#include "group/group.h"
#include "mem/mem.h"
#include "num/num.h"

enum { MS = 1000, SECOND = 1000000, MINUTE = 60 * SECOND, STEPS_MAX = 24, PERMILLE = 1000, SHARE_DIGITS = 6 };

static const int64_t fixed_steps[] = {0, MS, 2 * MS, 5 * MS, 10 * MS, 20 * MS, 50 * MS, 100 * MS, 200 * MS, 500 * MS,
	SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE,
	30 * MINUTE, INT64_C(60) * MINUTE};

/* Records by the largest step that loses them. */
struct tally {
	uint64_t n;
	uint64_t lost[STEPS_MAX];
	int64_t most_us; /* the longest delay that loses a record, -1: none does */
};

struct lateness {
	const struct window_spec *spec;
	bool is_session;
	int64_t keep_us; /* behind the end of a window, or behind the record: grace, and the gap of sessions */
	int64_t steps[STEPS_MAX];
	size_t n_steps;
	struct tally all;
	struct group_table groups;
	uint64_t n_untold; /* records of groups beyond LATENESS_GROUPS_MAX */
};

static void plan_steps(struct lateness *l, int64_t delay_us)
{
	size_t n = sizeof fixed_steps / sizeof *fixed_steps, at = 0;

	for (size_t i = 0; i < n; i++) {
		if (delay_us > fixed_steps[i])
			at = i + 1;
		if (delay_us == fixed_steps[i])
			delay_us = -1;
	}
	for (size_t i = 0; i <= n; i++) {
		if (i == at && delay_us >= 0)
			l->steps[l->n_steps++] = delay_us;
		if (i < n)
			l->steps[l->n_steps++] = fixed_steps[i];
	}
}

struct lateness *lateness_open(const struct window_spec *spec, int64_t grace_us, int64_t delay_us)
{
	struct lateness *l = mem_alloc(1, sizeof *l);

	l->spec = spec;
	l->is_session = spec->session_us && !spec->has_start && !spec->has_end && !spec->every_n;
	l->keep_us = grace_us + (l->is_session ? spec->session_us : 0);
	plan_steps(l, delay_us);
	l->all.most_us = -1;
	group_table_init(&l->groups, sizeof(struct tally));
	return l;
}

void lateness_close(struct lateness *l)
{
	if (!l)
		return;
	group_table_release(&l->groups);
	free(l);
}

/* The longest delay that loses a record, negative where none does. */
static int64_t longest(const struct lateness *l, int64_t time_us, int64_t watermark_us)
{
	const struct window_spec *s = l->spec;

	if (watermark_us == WINDOW_NEVER || watermark_us == WINDOW_FOREVER)
		return -1;
	if (s->calendar || s->size_us)
		return watermark_us - window_end(s, window_pane_at(s, time_us).last) - l->keep_us;
	return watermark_us - time_us - l->keep_us - 1;
}

static void count(const struct lateness *l, struct tally *t, int64_t us)
{
	size_t step = l->n_steps;

	t->n++;
	if (us < 0)
		return;
	while (l->steps[--step] > us)
		;
	t->lost[step]++;
	if (us > t->most_us)
		t->most_us = us;
}

void lateness_add(struct lateness *l, int64_t time_us, struct slice key, int64_t watermark_us)
{
	int64_t us = longest(l, time_us, watermark_us);
	struct group_entry *entry;
	struct tally *t;
	bool is_new;

	count(l, &l->all, us);
	if (!key.len)
		return;
	if (l->groups.n >= LATENESS_GROUPS_MAX) {
		entry = group_table_find(&l->groups, key, group_hash(key));
		if (!entry) {
			l->n_untold++;
			return;
		}
		is_new = false;
	} else {
		entry = group_table_get(&l->groups, key, group_hash(key), &is_new);
	}
	t = (struct tally *)(void *)entry->state;
	if (is_new)
		t->most_us = -1;
	count(l, t, us);
}

/* ---- the report ---- */

static uint64_t lost_at(const struct lateness *l, const struct tally *t, size_t step)
{
	uint64_t n = 0;

	for (size_t i = step; i < l->n_steps; i++)
		n += t->lost[i];
	return n;
}

/* The first step that loses less than a thousandth, or n_steps. */
static size_t permille_step(const struct lateness *l, const struct tally *t)
{
	size_t step = 0;

	while (step < l->n_steps && lost_at(l, t, step) && lost_at(l, t, step) * PERMILLE >= t->n)
		step++;
	return step;
}

static int compare_entries(const void *a, const void *b)
{
	const struct group_entry *x = *(struct group_entry *const *)a, *y = *(struct group_entry *const *)b;
	const struct tally *s = (const struct tally *)(const void *)x->state;
	const struct tally *t = (const struct tally *)(const void *)y->state;

	if (s->most_us != t->most_us)
		return s->most_us > t->most_us ? -1 : 1;
	return x < y ? -1 : x > y; /* as they stand in the table: by their first record */
}

/* The worst groups first; *n of them. free() the result. */
static struct group_entry **worst_groups(struct lateness *l, size_t *n)
{
	struct group_entry **all = mem_alloc(l->groups.n, sizeof *all), *entry;

	*n = 0;
	for (size_t offset = 0; (entry = group_table_next(&l->groups, &offset));)
		all[(*n)++] = entry;
	if (*n)
		qsort(all, *n, sizeof(struct group_entry *), compare_entries);
	if (*n > LATENESS_WORST)
		*n = LATENESS_WORST;
	return all;
}

/* ---- as rows ---- */

static void add_values(struct buf *out, struct slice key)
{
	struct buf tmp = BUF_INIT;
	struct group_value v;

	buf_add_str(out, "\"group\":[");
	for (bool is_first = true; key.len; is_first = false) {
		group_key_next(&key, &v, &tmp);
		if (!is_first)
			buf_add_char(out, ',');
		if (v.type == JSON_STRING)
			json_add_string(out, v.bytes);
		else if (v.type == JSON_NUMBER)
			buf_add_slice(out, v.bytes);
		else
			buf_add_str(out, v.type == JSON_TRUE ? "true" : v.type == JSON_FALSE ? "false" : "null");
	}
	buf_add_str(out, "],");
	buf_release(&tmp);
}

static void add_share(struct buf *out, uint64_t lost, uint64_t n)
{
	double share = n ? (double)lost / (double)n : 0;

	out->len += num_print_digits(buf_reserve(out, NUM_DOUBLE_BYTES), share, SHARE_DIGITS);
}

static uint64_t write_rows(const struct lateness *l, const struct tally *t, struct slice key, struct buf *out)
{
	size_t step = permille_step(l, t);

	for (size_t i = 0; i < l->n_steps; i++) {
		buf_add_char(out, '{');
		if (key.len)
			add_values(out, key);
		buf_addf(out, "\"delay_us\":%lld,\"records\":%llu,\"lost\":%llu,\"share\":", (long long)l->steps[i],
			(unsigned long long)t->n, (unsigned long long)lost_at(l, t, i));
		add_share(out, lost_at(l, t, i), t->n);
		buf_add_str(out, "}\n");
	}
	buf_add_char(out, '{');
	if (key.len)
		add_values(out, key);
	buf_addf(out, "\"records\":%llu,\"lossless_delay_us\":%lld,\"permille_delay_us\":", (unsigned long long)t->n,
		(long long)t->most_us + 1);
	if (step < l->n_steps)
		buf_addf(out, "%lld}\n", (long long)l->steps[step]);
	else
		buf_add_str(out, "null}\n");
	return l->n_steps + 1;
}

/* ---- for people ---- */

static const char *duration(char text[NUM_DOUBLE_BYTES + 1], int64_t us)
{
	text[num_print_rough_duration(text, us)] = '\0';
	return text;
}

static double percent(uint64_t lost, uint64_t n)
{
	return n ? 100.0 * (double)lost / (double)n : 0;
}

static void write_steps(const struct lateness *l, struct buf *out)
{
	char text[NUM_DOUBLE_BYTES + 1];

	buf_addf(out, "%8s  %12s  %10s\n", "--delay", "lost", "of 100");
	for (size_t i = 0; i < l->n_steps; i++) {
		uint64_t lost = lost_at(l, &l->all, i);

		buf_addf(out, "%8s  %12llu  %10.4f\n", duration(text, l->steps[i]), (unsigned long long)lost,
			percent(lost, l->all.n));
		if (!lost)
			break;
	}
}

/* The value of a group in one line: what would leave the line is a blank. */
static void add_name(struct buf *out, struct slice key)
{
	struct buf tmp = BUF_INIT;
	struct group_value v;

	for (bool is_first = true; key.len; is_first = false) {
		size_t from;

		group_key_next(&key, &v, &tmp);
		buf_add_str(out, is_first ? "" : ", ");
		from = out->len;
		if (v.type == JSON_STRING || v.type == JSON_NUMBER)
			buf_add_slice(out, v.bytes);
		else
			buf_add_str(out, v.type == JSON_TRUE    ? "true"
					 : v.type == JSON_FALSE ? "false"
					 : v.type == JSON_NULL  ? "null"
								: "(absent)");
		for (; from < out->len; from++) {
			if ((uint8_t)out->p[from] < 0x20 || out->p[from] == 0x7f)
				out->p[from] = ' ';
		}
	}
	buf_release(&tmp);
}

static void write_groups(struct lateness *l, const struct rows_field *fields, size_t n_fields, struct buf *out)
{
	static const int64_t shown_us[] = {0, SECOND, 10 * SECOND, MINUTE, 10 * MINUTE};
	enum { SHOWN = sizeof shown_us / sizeof *shown_us };
	char text[NUM_DOUBLE_BYTES + 1];
	struct group_entry **worst;
	size_t n;

	buf_addf(out, "\nof 100 records of a group, those lost at:\n%12s", "records");
	for (size_t i = 0; i < SHOWN; i++)
		buf_addf(out, "  %8s", duration(text, shown_us[i]));
	buf_addf(out, "  %9s  ", "lossless");
	for (size_t i = 0; i < n_fields; i++)
		buf_addf(out, "%s%s", i ? ", " : "", fields[i].name ? fields[i].name : fields[i].path.text);
	buf_add_char(out, '\n');
	worst = worst_groups(l, &n);
	for (size_t i = 0; i < n; i++) {
		const struct tally *t = (const struct tally *)(const void *)worst[i]->state;

		buf_addf(out, "%12llu", (unsigned long long)t->n);
		for (size_t k = 0, step = 0; k < SHOWN; k++) {
			while (l->steps[step] != shown_us[k])
				step++;
			buf_addf(out, "  %8.3f", percent(lost_at(l, t, step), t->n));
		}
		buf_addf(out, "  %9s  ", duration(text, t->most_us + 1));
		add_name(out, group_entry_key(&l->groups, worst[i]));
		buf_add_char(out, '\n');
	}
	if (l->groups.n > n)
		buf_addf(out, "and %llu groups that need no longer delay\n", (unsigned long long)(l->groups.n - n));
	if (l->n_untold)
		buf_addf(out, "records of groups beyond the first %d, in the whole only: %llu\n",
			(int)LATENESS_GROUPS_MAX, (unsigned long long)l->n_untold);
	free(worst);
}

static void write_suggestion(const struct lateness *l, struct buf *out)
{
	char text[NUM_DOUBLE_BYTES + 1];
	size_t step = permille_step(l, &l->all);

	buf_addf(out, "\n%llu records", (unsigned long long)l->all.n);
	if (l->is_session)
		buf_add_str(out, ", less those that an open session saves");
	buf_addf(out, ": --delay %s loses none of them\n", duration(text, l->all.most_us + 1));
	if (step < l->n_steps && lost_at(l, &l->all, step))
		buf_addf(out, "--delay %s loses less than one of 1000\n", duration(text, l->steps[step]));
}

uint64_t lateness_write(
	struct lateness *l, enum rows_format format, const struct rows_field *fields, size_t n_fields, struct buf *out)
{
	uint64_t n_rows = 0;

	if (format == ROWS_NDJSON) {
		size_t n;
		struct group_entry **worst = worst_groups(l, &n);

		n_rows = write_rows(l, &l->all, (struct slice){NULL, 0}, out);
		for (size_t i = 0; i < n; i++)
			n_rows += write_rows(l, (const struct tally *)(const void *)worst[i]->state,
				group_entry_key(&l->groups, worst[i]), out);
		free(worst);
		return n_rows;
	}
	write_steps(l, out);
	if (n_fields)
		write_groups(l, fields, n_fields, out);
	write_suggestion(l, out);
	return n_rows;
}
