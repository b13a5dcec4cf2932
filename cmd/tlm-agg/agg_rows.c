/* What becomes of a row between the engine and the output: --having, --top, the form, the sink. */
#include "agg_impl.h"

#include <string.h>

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
	g->n_rows++;
	rows_add(g->rows, row, g->out);
	if (g->latest && row->is_final)
		latest_add(g->latest, row);
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

int agg_take_row(void *context, const struct engine_row *row, struct err *err)
{
	struct agg *g = context;
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
