/* The pieces of count windows and trips: the run of a group, and each record that waits. */
#include "engine/runs_impl.h"

/* ---- save ---- */

/* A run that goes on behind a border has no record yet: no "n". */
static void write_run(const struct runs *r, const struct owner *o, struct buf *out)
{
	buf_add_char(out, '{');
	keep_add_int(out, "last", o->last_us);
	if (o->open) {
		keep_add_int(out, "first", o->open->first_us);
		keep_add_int(out, "n", (int64_t)o->open->n_records);
		keep_add_bool(out, "cut", o->open->is_cut);
		keep_add_states(out, r->opts->list, o->open->states);
	}
	buf_add_char(out, '}');
}

static void save_run(const struct runs *r, struct owner *o, struct buf *value, engine_piece_fn *save, void *context)
{
	struct engine_piece piece = {.kind = RUNS_KIND, .key = o->head.key};

	buf_reset(value);
	if (o->is_going) {
		write_run(r, o, value);
		piece.value = buf_slice(value);
	}
	if (o->is_going || o->is_there)
		save(context, &piece);
	o->is_there = o->is_going;
	o->is_touched = false;
}

static void save_held(
	const struct runs *r, struct waiting_item *item, struct buf *value, engine_piece_fn *save, void *context)
{
	struct held *h = item->thing;

	buf_reset(value);
	buf_add_char(value, '{');
	keep_add_int(value, "time", item->place.time_us);
	keep_add_bool(value, "start", h->is_start);
	keep_add_bool(value, "end", h->is_end);
	keep_add_states(value, r->opts->list, h->states);
	buf_add_char(value, '}');
	save(context,
		&(struct engine_piece){HELD_KIND, (int64_t)item->place.line, h->owner->head.key, buf_slice(value)});
	h->is_there = true;
}

void runs_save(struct engine_windows *windows, engine_piece_fn *save, void *context)
{
	struct runs *r = (struct runs *)windows;
	struct buf value = BUF_INIT;

	keep_save_gone(&r->keep, save, context);
	for (struct owner *o = owners_next(&r->owners, NULL); o; o = owners_next(&r->owners, o)) {
		if (o->is_touched)
			save_run(r, o, &value, save, context);
	}
	for (size_t i = 0; i < r->held.n; i++) {
		if (!((struct held *)r->held.items[i].thing)->is_there)
			save_held(r, &r->held.items[i], &value, save, context);
	}
	buf_release(&value);
}

/* ---- load ---- */

static int load_open(struct runs *r, struct owner *o, const struct engine_piece *piece, struct json_span value,
	int64_t last_us, struct err *err)
{
	int64_t first_us, n;
	struct run *run;

	if (!keep_int(value, "n", &n) || n < 1 || !keep_int(value, "first", &first_us) || first_us > last_us ||
		(r->spec->every_n && (uint64_t)n >= r->spec->every_n))
		return keep_misfit(piece, err);
	run = runs_open_run(r, o, first_us);
	run->last_us = last_us;
	run->n_records = (uint64_t)n;
	run->is_cut = keep_has(value, "cut");
	r->counts->taken += run->n_records;
	if (keep_read_states(value, r->opts->list, run->states, err))
		return -1;
	runs_charge_run(r, run);
	return 0;
}

static int load_run(struct runs *r, const struct engine_piece *piece, struct json_span value, struct err *err)
{
	struct owner *o = runs_owner(r, piece->key, group_hash(piece->key));
	int64_t last_us;

	if (o->is_going || !keep_int(value, "last", &last_us))
		return keep_misfit(piece, err);
	if (keep_member(value, "state").type != JSON_ABSENT) {
		if (load_open(r, o, piece, value, last_us, err))
			return -1;
	} else if (!r->spec->session_max_us) {
		return keep_misfit(piece, err);
	}
	o->last_us = last_us;
	o->is_going = o->is_there = true;
	o->is_cut = !o->open;
	o->is_touched = false;
	runs_count_owner(r, o);
	return 0;
}

static int load_held(struct runs *r, const struct engine_piece *piece, struct json_span value, struct err *err)
{
	struct agg_place place = {.line = (uint64_t)piece->id};
	struct held *h;

	if (!r->opts->has_time || !keep_int(value, "time", &place.time_us))
		return keep_misfit(piece, err);
	h = runs_hold(r, piece->key, group_hash(piece->key), &place);
	h->is_there = true;
	h->is_start = keep_has(value, "start");
	h->is_end = keep_has(value, "end");
	if (keep_read_states(value, r->opts->list, h->states, err))
		return -1;
	runs_charge_held(r, h);
	return 0;
}

int runs_load(struct engine_windows *windows, const struct engine_piece *piece, struct json_span value, struct err *err)
{
	struct runs *r = (struct runs *)windows;

	if (piece->kind == RUNS_KIND)
		return load_run(r, piece, value, err);
	if (piece->kind == HELD_KIND)
		return load_held(r, piece, value, err);
	return keep_misfit(piece, err);
}

void runs_loaded(struct engine_windows *windows, int64_t watermark_us)
{
	struct runs *r = (struct runs *)windows;

	for (struct owner *o = owners_next(&r->owners, NULL); o && watermark_us != WINDOW_NEVER;
		o = owners_next(&r->owners, o))
		runs_push_due(r, o, watermark_us);
}

/* The sum, over runs and waiting records, of a hash of times, group and number. */
uint64_t runs_digest(const struct engine_windows *windows)
{
	const struct runs *r = (const struct runs *)windows;
	uint64_t sum = 0;

	for (const struct owner *o = owners_next(&r->owners, NULL); o; o = owners_next(&r->owners, o)) {
		if (o->open)
			sum += windows_mix((uint64_t)o->open->first_us * 3 + (uint64_t)o->last_us) * o->head.hash *
			       o->open->n_records;
		else if (o->is_going)
			sum += windows_mix((uint64_t)o->last_us) * o->head.hash;
	}
	for (size_t i = 0; i < r->held.n; i++) {
		const struct waiting_item *item = &r->held.items[i];

		sum += windows_mix((uint64_t)item->place.time_us * 5 + item->place.line) *
		       ((const struct held *)item->thing)->owner->head.hash;
	}
	return sum;
}
