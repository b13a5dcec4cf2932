/* The pieces of sessions: the open ones of a group together, since they grow and merge. */
#include <stdlib.h>

#include "engine/early.h"
#include "engine/sessions_impl.h"
#include "mem/mem.h"

/* ---- save ---- */

static void write_told(const struct session *x, struct buf *out)
{
	json_add_key(out, "told");
	buf_add_char(out, '[');
	for (size_t i = 0; i < x->n_told; i++)
		buf_addf(out, "%s[%lld,%lld]", i ? "," : "", (long long)x->told[i].start_us,
			(long long)x->told[i].end_us);
	buf_add_char(out, ']');
}

static void write_session(const struct sessions *s, const struct session *x, struct buf *out)
{
	buf_add_char(out, '{');
	keep_add_int(out, "first", x->first_us);
	keep_add_int(out, "last", x->last_us);
	keep_add_int(out, "n", (int64_t)x->n_records);
	if (s->opts->emit != ENGINE_FINAL) {
		keep_add_int(out, "rev", x->rev);
		keep_add_bool(out, "changed", x->is_changed);
		write_told(x, out);
	}
	keep_add_states(out, s->opts->list, x->states);
	buf_add_char(out, '}');
}

void sessions_save(struct engine_windows *windows, engine_piece_fn *save, void *context)
{
	struct sessions *s = (struct sessions *)windows;
	struct buf value = BUF_INIT;

	keep_save_gone(&s->keep, save, context);
	for (struct owner *o = owners_next(&s->owners, NULL); o; o = owners_next(&s->owners, o)) {
		if (!o->is_touched)
			continue;
		buf_reset(&value);
		buf_add_str(&value, "{\"sessions\":[");
		for (size_t i = 0; i < o->n; i++) {
			if (i)
				buf_add_char(&value, ',');
			write_session(s, o->open[i], &value);
		}
		buf_add_str(&value, "]}");
		save(context, &(struct engine_piece){SESSIONS_KIND, 0, o->head.key, buf_slice(&value)});
		o->is_touched = false;
		o->is_there = true;
	}
	buf_release(&value);
}

/* ---- load ---- */

static bool read_told(struct json_span array, struct session *x)
{
	struct json_span key, pair, bound;
	struct json_iter it, in;

	if (array.type != JSON_ARRAY)
		return false;
	json_iter_init(&it, array);
	while (json_iter_next(&it, &key, &pair)) {
		struct engine_bounds *b;

		if (pair.type != JSON_ARRAY)
			return false;
		x->told = mem_resize(x->told, x->n_told + 1, sizeof *x->told);
		b = &x->told[x->n_told++];
		json_iter_init(&in, pair);
		if (!json_iter_next(&in, &key, &bound) || !num_to_i64(bound.p, bound.len, &b->start_us) ||
			!json_iter_next(&in, &key, &bound) || !num_to_i64(bound.p, bound.len, &b->end_us))
			return false;
	}
	return true;
}

/* They stand in the order of time. */
static int load_session(
	struct sessions *s, struct owner *o, const struct engine_piece *piece, struct json_span value, struct err *err)
{
	int64_t first_us, last_us, n, rev = 0;
	struct session *x;

	if (!keep_int(value, "first", &first_us) || !keep_int(value, "last", &last_us) || last_us < first_us ||
		!keep_int(value, "n", &n) || n < 1 || (o->n && o->open[o->n - 1]->last_us >= first_us))
		return keep_misfit(piece, err);
	x = sessions_insert(s, o, o->n, first_us);
	x->last_us = last_us;
	x->n_records = (uint64_t)n;
	s->counts->taken += x->n_records;
	if (keep_read_states(value, s->opts->list, x->states, err))
		return -1;
	sessions_charge(s, x);
	if (s->opts->emit == ENGINE_FINAL)
		return 0;
	if (!keep_int(value, "rev", &rev) || !read_told(keep_member(value, "told"), x))
		return keep_misfit(piece, err);
	x->rev = (uint32_t)rev;
	x->is_changed = keep_has(value, "changed");
	if (x->is_changed && s->opts->emit == ENGINE_UPDATE)
		sessions_ripen(s, x);
	return 0;
}

int sessions_load(
	struct engine_windows *windows, const struct engine_piece *piece, struct json_span value, struct err *err)
{
	struct sessions *s = (struct sessions *)windows;
	struct json_span list = keep_member(value, "sessions"), key, item;
	uint64_t hash = group_hash(piece->key);
	struct json_iter it;
	struct owner *o;

	if (piece->kind != SESSIONS_KIND || list.type != JSON_ARRAY || owners_find(&s->owners, piece->key, hash))
		return keep_misfit(piece, err);
	o = owners_add(&s->owners, piece->key, hash);
	o->is_there = true;
	json_iter_init(&it, list);
	while (json_iter_next(&it, &key, &item)) {
		if (load_session(s, o, piece, item, err))
			return -1;
	}
	return o->n ? 0 : keep_misfit(piece, err);
}

void sessions_loaded(struct engine_windows *windows, int64_t watermark_us)
{
	struct sessions *s = (struct sessions *)windows;

	if (s->opts->emit == ENGINE_EVERY && watermark_us != WINDOW_NEVER)
		s->next_border_us = early_next_border(watermark_us, s->opts->emit_every_us);
}
