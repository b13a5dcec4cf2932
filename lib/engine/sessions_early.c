/* Rows of sessions before the final one: --emit update and every. */
#include "engine/early.h"
#include "engine/sessions_impl.h"

static int emit_early(struct sessions *s, struct err *err)
{
	int result = 0;

	sessions_sort_aside(s);
	for (size_t i = 0; i < s->n_closing && result == 0; i++)
		result = sessions_emit(s, s->closing[i], false, err);
	return result;
}

/* W == last + gap: a record could still go on with it. */
static bool is_complete(const struct sessions *s, int64_t last_us, int64_t watermark_us)
{
	return watermark_us > window_add_us(last_us, s->gap_us);
}

void sessions_ripen(struct sessions *s, struct session *x)
{
	waiting_add(&s->ripening, &(struct agg_place){.time_us = x->last_us}, x);
	x->is_ripening = true;
	x->n_due++;
}

/* Those that W completes. An entry is a lower bound, as in the other heap. */
static int tell_complete(struct sessions *s, int64_t watermark_us, struct err *err)
{
	struct waiting *w = &s->ripening;

	s->n_closing = 0;
	while (w->n && is_complete(s, w->items[0].place.time_us, watermark_us)) {
		struct session *x = w->items[0].thing;
		bool is_behind = x->owner && x->last_us > w->items[0].place.time_us;

		waiting_pop(w);
		x->is_ripening = false;
		if (is_behind)
			sessions_ripen(s, x);
		else if (x->owner)
			sessions_set_aside(s, x);
		sessions_let_go(s, x);
	}
	return emit_early(s, err);
}

/* Those that have changed since the last border. */
static int tell_changed(struct sessions *s, struct err *err)
{
	s->n_closing = 0;
	for (struct owner *o = owners_next(&s->owners, NULL); o; o = owners_next(&s->owners, o)) {
		for (size_t k = 0; k < o->n; k++) {
			if (o->open[k]->is_changed)
				sessions_set_aside(s, o->open[k]);
		}
	}
	return emit_early(s, err);
}

int sessions_tell(struct sessions *s, int64_t watermark_us, struct err *err)
{
	if (s->opts->emit == ENGINE_FINAL || watermark_us == WINDOW_NEVER || watermark_us == WINDOW_FOREVER)
		return 0;
	if (s->opts->emit == ENGINE_UPDATE)
		return tell_complete(s, watermark_us, err);
	if (watermark_us < s->next_border_us)
		return 0;
	s->next_border_us = early_next_border(watermark_us, s->opts->emit_every_us);
	return tell_changed(s, err);
}

int sessions_note_taken(struct sessions *s, struct session *x, int64_t watermark_us, struct err *err)
{
	s->counts->taken++;
	x->is_changed = true;
	if (s->opts->emit != ENGINE_UPDATE)
		return 0;
	if (is_complete(s, x->last_us, watermark_us))
		return sessions_emit(s, x, false, err);
	if (!x->is_ripening)
		sessions_ripen(s, x);
	return 0;
}
