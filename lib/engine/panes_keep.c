/* The pieces of time windows: groups in panes, what groups carry over, how many rows were told, and the rest. */
#include <string.h>

#include "engine/panes_impl.h"

enum { HEAD_KIND = 'h', FILL_KIND = 'f' };

/* ---- save ---- */

struct writer {
	struct panes *w;
	const struct pane *p;
};

/* "window": the pane is a whole window that hops, which a merge has made of it; "changed": since the last border. */
static void write_group(void *writer, const struct group_entry *e, struct buf *out)
{
	const struct writer *to = writer;
	const struct agg_list *list = to->w->opts->list;

	keep_add_int(out, "n", (int64_t)e->state[list->state_bytes / sizeof(uint64_t)]);
	keep_add_bool(
		out, "window", to->p->at.end_us != window_pane_at(&to->w->opts->window, to->p->at.start_us).end_us);
	keep_add_bool(out, "changed", e->spare & EARLY_CHANGED);
	keep_add_states(out, list, e->state);
}

static void write_told(void *writer, const struct group_entry *e, struct buf *out)
{
	(void)writer;
	keep_add_int(out, "n", (int64_t)e->state[0]);
}

static void write_carried(void *writer, const struct group_entry *e, struct buf *out)
{
	json_add_key(out, "carried");
	agg_carried_write(((const struct writer *)writer)->w->opts->list, e->state, out);
}

static void write_known(void *writer, const struct group_entry *e, struct buf *out)
{
	(void)writer;
	(void)e;
	(void)out;
}

static void save_head(const struct panes *w, engine_piece_fn *save, void *context)
{
	struct buf value = BUF_INIT;

	buf_add_char(&value, '{');
	keep_add_int(&value, "open", (int64_t)(w->counts->taken - w->counts->kept));
	if (w->first_us != WINDOW_FOREVER) {
		keep_add_int(&value, "first", w->first_us);
		keep_add_int(&value, "last", w->last_us);
	}
	if (w->fill.known.n) {
		keep_add_int(&value, "next", w->fill.next_k);
		keep_add_int(&value, "silent", w->fill.n_silent);
	}
	buf_add_char(&value, '}');
	save(context, &(struct engine_piece){.kind = HEAD_KIND, .value = buf_slice(&value)});
	buf_release(&value);
}

void panes_save(struct engine_windows *windows, engine_piece_fn *save, void *context)
{
	struct panes *w = (struct panes *)windows;
	struct writer writer = {w, NULL};

	keep_save_gone(&w->keep, save, context);
	for (size_t i = 0; i < w->n_panes; i++) {
		writer.p = w->panes[i];
		if (w->panes[i]->is_touched)
			keep_save_table(PANES_KIND, writer.p->at.start_us, &w->panes[i]->groups, write_group, &writer,
				save, context);
		w->panes[i]->is_touched = false;
	}
	for (size_t i = 0; i < w->early.told.n; i++)
		keep_save_table(TOLD_KIND, w->early.told.windows[i].k, &w->early.told.windows[i].rows, write_told,
			&writer, save, context);
	keep_save_table(CARRY_KIND, 0, &w->carry.groups, write_carried, &writer, save, context);
	keep_save_table(FILL_KIND, 0, &w->fill.known, write_known, &writer, save, context);
	save_head(w, save, context);
}

/* ---- load ---- */

static int load_group(struct panes *w, const struct engine_piece *piece, struct json_span value, struct err *err)
{
	const struct window_spec *spec = &w->opts->window;
	struct window_pane where = window_pane_at(spec, piece->id);
	struct group_entry *e;
	struct pane *p;
	int64_t n;

	if (!keep_int(value, "n", &n) || n < 1 || (where.start_us != piece->id && !spec->is_all))
		return keep_misfit(piece, err);
	if (keep_has(value, "window")) {
		where.first = where.last;
		where.end_us = window_end(spec, where.last);
	}
	p = panes_get(w, &where, WINDOW_NEVER);
	if (!p)
		return err_set(err, ERR_DATA, "more groups are open than --max-keys and --max-mem allow");
	e = keep_load_entry(&p->groups, piece);
	if (*panes_count_of(w, e))
		return keep_misfit(piece, err);
	if (keep_read_states(value, w->opts->list, e->state, err))
		return -1;
	*panes_count_of(w, e) = (uint64_t)n;
	if (keep_has(value, "changed"))
		e->spare |= EARLY_CHANGED;
	p->n_records += (uint64_t)n;
	p->digest += group_hash(piece->key) * (uint64_t)n;
	w->counts->taken += (uint64_t)n;
	panes_count_group(w, p);
	panes_charge(w, p, e, 0, true);
	return 0;
}

static int load_head(struct panes *w, const struct engine_piece *piece, struct json_span value, struct err *err)
{
	int64_t n;

	if (!keep_int(value, "open", &n) || n < 0)
		return keep_misfit(piece, err);
	w->n_unreported = (uint64_t)n;
	if (keep_int(value, "first", &w->first_us) && !keep_int(value, "last", &w->last_us))
		return keep_misfit(piece, err);
	keep_int(value, "next", &w->fill.next_k);
	if (keep_int(value, "silent", &n) && (n < 0 || n > FILL_MAX))
		return keep_misfit(piece, err);
	w->fill.n_silent = keep_int(value, "silent", &n) ? n : 0;
	return 0;
}

int panes_load(
	struct engine_windows *windows, const struct engine_piece *piece, struct json_span value, struct err *err)
{
	struct panes *w = (struct panes *)windows;
	int64_t n;

	switch (piece->kind) {
	case PANES_KIND:
		return load_group(w, piece, value, err);
	case HEAD_KIND:
		return load_head(w, piece, value, err);
	case TOLD_KIND:
		if (!keep_int(value, "n", &n) || n < 0)
			return keep_misfit(piece, err);
		told_entry(&w->early.told, piece->id, piece->key)->spare |= KEEP_THERE;
		told_entry(&w->early.told, piece->id, piece->key)->state[0] = (uint64_t)n;
		return 0;
	case CARRY_KIND:
		if (!w->opts->list->carried_bytes || !agg_carried_read(w->opts->list, keep_member(value, "carried"),
							     keep_load_entry(&w->carry.groups, piece)->state))
			return keep_misfit(piece, err);
		return 0;
	case FILL_KIND:
		keep_load_entry(&w->fill.known, piece);
		return 0;
	default:
		return keep_misfit(piece, err);
	}
}

/*
 * Panes with a window that has closed were in a row of it: they are ready. What is open beyond the records of the
 * others is in no final row yet.
 */
void panes_loaded(struct engine_windows *windows, int64_t watermark_us)
{
	struct panes *w = (struct panes *)windows;
	uint64_t n_others = 0;
	int64_t k;

	if (watermark_us > w->closed_us)
		w->closed_us = watermark_us;
	if (w->n_panes || fill_goes_on(&w->fill)) {
		k = panes_next_window(w);
		w->next_close_us = panes_closing_of(w, k);
		for (size_t i = 0; i < w->n_panes; i++) {
			struct pane *p = w->panes[i];

			if (p->at.first >= k) {
				n_others += p->n_records;
				continue;
			}
			p->is_ready = true;
			w->n_ready++;
			if (w->roll)
				roll_take(w->roll, p);
		}
	}
	w->counts->taken = w->n_unreported;
	w->n_unreported = n_others < w->n_unreported ? w->n_unreported - n_others : 0;
	early_loaded(w, watermark_us);
}
