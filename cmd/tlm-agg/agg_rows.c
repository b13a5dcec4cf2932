/* What becomes of a row between the engine and the output: --having, --top, the form, the sink; and the rows of several
 * lanes, which are put in order. */
#include "agg_impl.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

enum { SPILL_BYTES = 1 << 20 }; /* output beyond this goes to the sink while a window is written */

/* What was made so far leaves, so that a window of any number of groups is written in constant memory. */
static int spill(struct agg *g, struct err *err)
{
	if (sink_write_bytes(g->frame.sink, buf_slice(g->out), err))
		return -1;
	g->frame.ledger->bytes_out += g->out->len;
	buf_reset(g->out);
	return 0;
}

static int write_row(struct agg *g, const struct engine_row *row, struct err *err)
{
	size_t start;

	g->n_rows++;
	if (g->latest && (row->is_final || row->has_rev))
		latest_add(g->latest, row);
	if (g->frame.rotate)
		return rotate_add(g->frame.rotate, g->rows, row, &g->frame.ledger->bytes_out, err);
	start = g->out->len;
	rows_add(g->rows, row, g->out);
	if (g->opts.is_partial && g->out->len - start > BATCH_LINE_MAX_BYTES)
		return err_set(err, ERR_DATA,
			"a partial row of %zu bytes is longer than --merge can read: take shorter windows or more "
			"groups",
			g->out->len - start);
	return g->out->len < SPILL_BYTES ? 0 : spill(g, err);
}

/* The rows of --latest have one more column. */
static int check_updated(const struct agg *g, struct err *err)
{
	static const char name[] = "last_updated";
	bool is_there = false;

	for (size_t i = 0; i < g->list.n_calls; i++)
		is_there |= strcmp(g->list.calls[i].name, name) == 0;
	for (size_t i = 0; i < g->n_groups; i++) {
		const struct rows_field *f = &g->groups[i];

		is_there |= f->name ? strcmp(f->name, name) == 0 : slice_eq(f->path.steps[0].key, slice_str(name));
	}
	return is_there ? err_set(err, ERR_PROGRAM, "--latest: two columns have the name %s: say as NAME", name) : 0;
}

int agg_plan_choice(struct agg *g, struct err *err)
{
	if (g->opts.having) {
		g->having = condition_open("--having", g->opts.having, err);
		if (!g->having)
			return -1;
		g->having_scan = json_scan_open(condition_paths(g->having), JSON_DEPTH_MAX);
	}
	if (g->opts.latest && (latest_form(g->opts.latest, &g->latest_form, err) || check_updated(g, err)))
		return -1;
	if (g->opts.top) {
		g->top = top_open(g->opts.top, &g->list, err);
		if (!g->top)
			return -1;
	}
	return 0;
}

/* The program sees the row as a line of ndjson. */
static enum condition_answer judge(struct agg *g, const struct engine_row *row, struct slice *message)
{
	struct json_record record;

	buf_reset(&g->row_text);
	rows_add(g->having_rows, row, &g->row_text);
	buf_reserve(&g->row_text, JSON_PAD_BYTES);
	json_scan_batch(g->having_scan, g->row_text.p, g->row_text.len);
	json_scan_next(g->having_scan, &record);
	if (record.status == JSON_OK)
		return condition_ask(g->having, &record, message);
	*message = slice_str(record.message); /* a value of the deepest kind, in an array */
	return CONDITION_ERROR;
}

/* A row that the program cannot judge is not written, but told at the end. */
static bool is_wanted(struct agg *g, const struct engine_row *row)
{
	struct slice message;

	switch (judge(g, row, &message)) {
	case CONDITION_YES:
		return true;
	case CONDITION_NO:
		return false;
	case CONDITION_ERROR:
	case CONDITION_LIMIT:
		break;
	}
	if (!g->n_unjudged++)
		buf_add_slice(&g->unjudged, message);
	return false;
}

static int write_top(struct agg *g, struct err *err)
{
	size_t n = top_end(g->top);
	int result = 0;

	for (size_t i = 0; i < n && result == 0; i++) {
		struct engine_row row = *top_row(g->top, i);

		row.is_first_of_window = i == 0;
		row.is_last_of_window = i + 1 == n;
		result = write_row(g, &row, err);
	}
	top_reset(g->top);
	return result;
}

static int take_row(struct agg *g, const struct engine_row *row, struct err *err)
{
	struct engine_row copy = *row;

	if (g->having && !is_wanted(g, row)) {
		g->is_first_pending |= row->is_first_of_window;
		return g->top && row->is_last_of_window ? write_top(g, err) : 0;
	}
	if (!g->top) {
		/* the first that is written is the first of its window for those who write it */
		copy.is_first_of_window |= g->is_first_pending;
		g->is_first_pending = false;
		return write_row(g, &copy, err);
	}
	top_add(g->top, row);
	return row->is_last_of_window ? write_top(g, err) : 0;
}

/* Sessions, trips and count windows close in any order of their starts: a file is kept for those that are open, and
 * for those that could still begin in its time. Only the row of the oldest one can change that. */
static int pass_runs(struct agg *g, const struct engine_row *row, struct err *err)
{
	int64_t from_us = g->clock.watermark_us;

	if (from_us != WINDOW_NEVER && from_us != WINDOW_FOREVER)
		from_us -= g->opts.grace_us + g->window.session_us;
	if ((g->oldest_us != WINDOW_FOREVER && row->start_us > g->oldest_us) ||
		!rotate_can_pass(g->frame.rotate, from_us))
		return 0;
	g->oldest_us = engine_oldest_start(g->workers[0].engine);
	if (g->oldest_us >= from_us)
		g->oldest_us = WINDOW_FOREVER;
	else
		from_us = g->oldest_us;
	return rotate_pass(g->frame.rotate, from_us, err);
}

/* Time windows close in the order of their starts: k is next. Those between, which had no records, count for names that
 * come again, such as %H. */
static int pass_windows(struct agg *g, int64_t k, struct err *err)
{
	int64_t us = window_start(&g->window, k);

	for (int64_t i = g->next_k; i < k && !rotate_can_pass(g->frame.rotate, us); i++)
		us = window_start(&g->window, i + 1);
	g->next_k = k;
	return rotate_pass(g->frame.rotate, us, err);
}

int agg_take_row(void *context, const struct engine_row *row, struct err *err)
{
	struct agg *g = context;
	const struct window_spec *w = &g->window;

	if (g->is_replaying)
		return 0;
	if (!g->frame.rotate || w->is_all)
		return take_row(g, row, err);
	if (w->session_us || w->every_n || w->has_start || w->has_end)
		return take_row(g, row, err) ? -1 : pass_runs(g, row, err);
	if (row->is_first_of_window && pass_windows(g, window_pane_at(w, row->start_us).last, err))
		return -1;
	if (take_row(g, row, err))
		return -1;
	return row->is_last_of_window ? pass_windows(g, window_pane_at(w, row->start_us).last + 1, err) : 0;
}

/* ---- several lanes ---- */

uint64_t agg_withheld(const struct agg *g)
{
	uint64_t n = g->rows ? rows_withheld(g->rows) : 0;

	for (unsigned k = 0; k < g->n_lanes; k++)
		n += g->workers[k].rows ? rows_withheld(g->workers[k].rows) : 0;
	return n;
}

/* The first line of the round with this W or more: with one lane the row would have left there. */
static uint64_t find_seq(const struct agg *g, int64_t closes_us)
{
	size_t low = 0, high = g->n_watermarks;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (g->watermarks[middle] < closes_us)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Rows that leave at one W follow each other. */
static uint64_t seq_of(struct agg_worker *w, const struct engine_row *row)
{
	if (row->closes_us == WINDOW_NEVER)
		return w->seq;
	if (row->closes_us != w->found_us) {
		w->found_us = row->closes_us;
		w->found_seq = find_seq(w->agg, row->closes_us);
	}
	return w->found_seq;
}

int agg_keep_row(void *worker, const struct engine_row *row, struct err *err)
{
	struct agg_worker *w = worker;
	struct agg_row *made;

	(void)err;
	if (w->agg->is_replaying)
		return 0;
	if (w->n_made == w->cap_made) {
		w->cap_made = w->cap_made ? 2 * w->cap_made : 256;
		w->made = mem_resize(w->made, w->cap_made, sizeof *w->made);
	}
	made = &w->made[w->n_made++];
	*made = (struct agg_row){.seq = seq_of(w, row),
		.end_us = row->end_us,
		.start_us = row->start_us,
		.key_at = w->keys.len,
		.key_bytes = (uint32_t)row->key.len,
		.text_at = w->texts.len};
	buf_add_slice(&w->keys, row->key);
	rows_add(w->rows, row, &w->texts);
	made->text_bytes = w->texts.len - made->text_at;
	return 0;
}

/* The order of rows; those of one group and one time stay as the lane made them. */
static int compare(
	const struct agg_worker *v, const struct agg_row *a, const struct agg_worker *w, const struct agg_row *b)
{
	int order;

	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	if (a->end_us != b->end_us)
		return a->end_us < b->end_us ? -1 : 1;
	if (a->start_us != b->start_us)
		return a->start_us < b->start_us ? -1 : 1;
	order = slice_cmp((struct slice){v->keys.p + a->key_at, a->key_bytes},
		(struct slice){w->keys.p + b->key_at, b->key_bytes});
	return order ? order : (a->key_at > b->key_at) - (a->key_at < b->key_at);
}

static int compare_in_lane(const void *a, const void *b, void *worker)
{
	return compare(worker, a, worker, b);
}

/* A lane comes to several W at once, so what left at different ones may be mixed. Mostly it is not. */
static void sort_made(struct agg_worker *w)
{
	for (size_t i = 1; i < w->n_made; i++) {
		if (compare(w, &w->made[i - 1], w, &w->made[i]) > 0) {
			qsort_r(w->made, w->n_made, sizeof *w->made, compare_in_lane, w);
			return;
		}
	}
}

static int write_made(struct agg *g, const struct agg_worker *w, const struct agg_row *row, struct err *err)
{
	g->n_rows++;
	if (!row->text_bytes)
		return 0;
	if (!g->has_header && g->opts.format != ROWS_NDJSON)
		rows_add_header(g->rows, g->out);
	g->has_header = true;
	buf_add(g->out, w->texts.p + row->text_at, row->text_bytes);
	return g->out->len < SPILL_BYTES ? 0 : spill(g, err);
}

/* The lane whose next row is the first of all; NULL: there are none left. */
static struct agg_worker *first_lane(struct agg *g, const size_t *next)
{
	struct agg_worker *first = NULL;

	for (unsigned k = 0; k < g->n_lanes; k++) {
		struct agg_worker *w = &g->workers[k];

		if (next[k] < w->n_made &&
			(!first || compare(w, &w->made[next[k]], first, &first->made[next[first->lane]]) < 0))
			first = w;
	}
	return first;
}

int agg_write_kept(struct agg *g, struct err *err)
{
	size_t next[JOBS_MAX] = {0};
	struct agg_worker *w;
	int result = 0;

	if (g->n_lanes == 1)
		return 0;
	for (unsigned k = 0; k < g->n_lanes; k++)
		sort_made(&g->workers[k]);
	while (result == 0 && (w = first_lane(g, next)))
		result = write_made(g, w, &w->made[next[w->lane]++], err);
	for (unsigned k = 0; k < g->n_lanes; k++) {
		g->workers[k].n_made = 0;
		buf_reset(&g->workers[k].keys);
		buf_reset(&g->workers[k].texts);
	}
	return result;
}
