/* --merge: a partial row on its way into the engine. */
#include "agg_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "etime/etime.h"
#include "mem/mem.h"
#include "num/num.h"

/* One line on its way. */
struct at {
	const struct agg_block *block;
	struct agg_item *item;
};

enum { STATE_DEPTH = 8 }; /* values of records lie so much deeper in a partial row */

/* ---- which windows go into which ---- */

/*
 * A part must lie in no window of ours in part, and all its records must count once: windows of time that do not hop
 * go into longer ones, sessions into those of a longer gap and, as the whole stream, into the whole stream. Windows
 * that hop hold a record several times: they go into the same windows alone.
 */
enum part_kind { PART_ALL, PART_TIME, PART_HOPPING, PART_CALENDAR, PART_SESSION };

struct part_windows {
	enum part_kind kind;
	int64_t size_us, offset_us; /* PART_TIME; size_us of PART_SESSION is the gap */
	struct slice zone;          /* PART_CALENDAR */
};

static struct slice next_word(struct slice *text)
{
	const char *blank = text->len ? memchr(text->p, ' ', text->len) : NULL;
	struct slice word = {text->p, blank ? (size_t)(blank - text->p) : text->len};

	text->p += word.len + (blank != NULL);
	text->len -= word.len + (blank != NULL);
	return word;
}

static bool read_duration(struct slice word, int64_t *us)
{
	struct err err = ERR_INIT;

	return num_parse_duration(word, us, &err) == 0 && *us > 0;
}

static bool is_calendar(struct slice word)
{
	return slice_eq(word, SLICE_LIT("day")) || slice_eq(word, SLICE_LIT("week")) ||
	       slice_eq(word, SLICE_LIT("month"));
}

/* The text of describe_windows() in agg_partial.c. */
static bool read_windows(struct slice text, struct part_windows *w)
{
	struct slice word = next_word(&text);

	*w = (struct part_windows){.kind = PART_ALL};
	if (slice_eq(word, SLICE_LIT("all")))
		return !text.len;
	if (is_calendar(word)) {
		w->kind = PART_CALENDAR;
		w->zone = text;
		return text.len;
	}
	if (slice_eq(word, SLICE_LIT("session"))) {
		w->kind = PART_SESSION;
		return read_duration(next_word(&text), &w->size_us);
	}
	w->kind = PART_TIME;
	if (!read_duration(word, &w->size_us))
		return false;
	while ((word = next_word(&text)).len) {
		if (slice_eq(word, SLICE_LIT("every")))
			w->kind = PART_HOPPING;
		else if (!slice_eq(word, SLICE_LIT("offset")))
			return false;
		if (!read_duration(next_word(&text), &w->offset_us))
			return false;
	}
	return true;
}

/* Borders here are at every multiple of advance, and a size behind it. */
static bool durations_fit(const struct part_windows *p, const struct window_spec *w)
{
	return w->advance_us % p->size_us == 0 && w->size_us % p->size_us == 0 &&
	       (w->offset_us - p->offset_us) % p->size_us == 0;
}

static bool calendars_fit(struct slice there, struct slice here)
{
	struct slice from = next_word(&there), to = next_word(&here);

	return slice_eq(there, here) && slice_eq(from, SLICE_LIT("day")) && !slice_eq(to, SLICE_LIT("day"));
}

/* Whether windows of the part, which are not those here, can lie in those here. */
static bool can_lie(const struct agg *g, struct slice there, const struct part_windows *p)
{
	const struct window_spec *w = &g->window;

	switch (p->kind) {
	case PART_ALL:
		return w->is_all;
	case PART_SESSION:
		return w->is_all || (w->session_us && p->size_us <= w->session_us);
	case PART_TIME:
		return w->calendar || (w->size_us && durations_fit(p, w));
	case PART_CALENDAR:
		return w->calendar ? calendars_fit(there, g->partial.head.window) : w->size_us > 0;
	case PART_HOPPING:
		break;
	}
	return false;
}

static void explain_misfit(struct agg *g, struct slice there, enum part_kind kind, struct buf *out)
{
	buf_addf(out, "its windows (%.*s) do not fit into those here (%.*s)", (int)there.len, there.p,
		(int)g->window_text.len, g->window_text.p);
	if (kind == PART_HOPPING)
		buf_add_str(out, ": windows that hop can be merged into the same ones alone");
	else if (g->window.is_all)
		buf_add_str(out, ": they do not tell when their first and last records were");
}

/* Looks at the windows of a part, if they are others than those of the part before; 0, or 1 where they do not fit. */
static int check_windows(struct agg *g, struct slice there)
{
	struct agg_merge *m = &g->merge;
	struct part_windows p;

	if (slice_eq(there, buf_slice(&m->there)))
		return m->misfit.len > 0;
	buf_reset(&m->there);
	buf_add_slice(&m->there, there);
	buf_reset(&m->misfit);
	if (!read_windows(there, &p)) {
		buf_add_str(&m->misfit, "window of _state is not one that tlm-agg writes");
		return 1;
	}
	m->is_session = p.kind == PART_SESSION;
	m->is_all = p.kind == PART_ALL;
	m->is_window = p.kind == PART_HOPPING;
	if (!slice_eq(there, g->partial.head.window) && !can_lie(g, there, &p))
		explain_misfit(g, there, p.kind, &m->misfit);
	return m->misfit.len > 0;
}

/* ---- a part ---- */

/* 1 when it was rejected, -1 with err. */
static int reject_part(struct agg *g, const struct at *at, const char *message, struct err *err)
{
	struct slice raw = agg_raw_of(at->block, at->item);

	return reject_add(g->frame.reject, REJECT_STATE, at->block->in, agg_line_of(at->block, at->item), 0, raw,
		       raw.len, err, "%s", message)
		       ? -1
		       : 1;
}

/* The group values into the key. */
static int read_group(struct agg *g, const struct at *at, struct err *err)
{
	struct slice raw = agg_raw_of(at->block, at->item);

	buf_reset(&g->merge.key);
	for (size_t i = 0; i < g->n_groups; i++) {
		if (group_key_add(&g->merge.key, at->block->spans[g->group_slots[i]], &g->workers[0].tmp))
			continue;
		return reject_add(g->frame.reject, REJECT_GROUP_VALUE, at->block->in, agg_line_of(at->block, at->item),
			       0, raw, raw.len, err, "%s is an array or an object and cannot be a group",
			       g->groups[i].path.text)
			       ? -1
			       : 1;
	}
	return 0;
}

static int read_head(struct agg *g, const struct at *at, struct agg_head *head, struct err *err)
{
	struct json_span state = at->block->spans[g->merge.state_slot];
	struct err inner = ERR_INIT;

	if (state.type == JSON_ABSENT)
		return reject_part(g, at, "there is no _state: this is no row of tlm-agg --partial", err);
	if (at->block->spans[g->merge.final_slot].type == JSON_FALSE)
		return reject_part(g, at, "its window was still open when its producer was stopped", err);
	if (agg_head_read(state, head, &inner))
		return reject_part(g, at, inner.msg, err);
	if (head->config != g->partial.head.config)
		return reject_part(g, at, "it is of other aggregates, groups or --exact than those given here", err);
	if (check_windows(g, head->window))
		return reject_part(g, at, buf_cstr(&g->merge.misfit), err);
	return 0;
}

/* Bounds are half-open, but those of sessions and of the whole stream name the last record. */
static int read_bounds(struct agg *g, const struct at *at, struct engine_part *part, struct err *err)
{
	const struct json_span *spans = at->block->spans;
	const size_t *slots = g->merge.is_session ? g->merge.session_slots : g->merge.window_slots;
	bool has_time = !g->merge.is_all || spans[slots[0]].type != JSON_ABSENT || spans[slots[1]].type != JSON_ABSENT;
	bool is_inclusive = g->merge.is_session || g->merge.is_all;

	if (g->has_begun && has_time != (g->time_from == TIME_WINDOW))
		return reject_part(g, at,
			has_time ? "it has times, and the rows before it have none"
				 : "it has no times, and the rows before it have some",
			err);
	if (has_time) {
		if (!agg_read_bound(spans[slots[0]], &g->workers[0].tmp, &part->start_us) ||
			!agg_read_bound(spans[slots[1]], &g->workers[0].tmp, &part->end_us))
			return reject_part(g, at, "the bounds of its window are no times", err);
		if (part->end_us < part->start_us + !is_inclusive)
			return reject_part(g, at, "its window ends before it begins", err);
		part->end_us += is_inclusive && !g->window.session_us;
	}
	if (g->has_begun)
		return 0;
	/* the first part: a whole stream has times, or none */
	g->time_from = has_time ? TIME_WINDOW : TIME_NONE;
	return agg_start_engine(g, err);
}

/*
 * What a producer has told when it sends a row: all rows to come end there or later. Windows of time: its last
 * microsecond, or where the stream ended in it. Sessions that come later may begin anywhere before, unless borders cut
 * them: then T is the border before its end, and else nothing is known before the end of the input; --delay says how
 * long sessions are.
 */
static bool find_time(const struct agg *g, const struct engine_part *part, int64_t known_us, int64_t *us)
{
	const struct window_spec *w = &g->window;
	const struct window_spec borders = {.calendar = WINDOW_MULTIPLE, .size_us = w->session_max_us, .zone = w->zone};

	*us = w->session_us ? part->end_us : part->end_us - 1;
	if (known_us < *us)
		*us = known_us;
	if (known_us == AGG_KNOWN_NONE)
		return false;
	if (!w->session_us || g->has_delay)
		return true;
	if (w->session_max_us)
		*us = window_pane_at(&borders, part->end_us).start_us;
	return w->session_max_us > 0;
}

/* Producers are numbered through, so that a merge can be merged. */
static int note_inputs(struct agg *g, uint32_t producer, uint32_t n_inputs, struct err *err)
{
	struct agg_merge *m = &g->merge;
	uint64_t sum = 0;

	if (n_inputs <= m->n_inputs[producer])
		return 0;
	m->n_inputs[producer] = n_inputs;
	for (uint32_t i = 0; i < g->frame.n_inputs; i++) {
		m->first_inputs[i] = (uint32_t)sum;
		sum += m->n_inputs[i];
	}
	if (sum > AGG_INPUTS_MAX && g->opts.is_partial)
		return err_set(
			err, ERR_USAGE, "--partial: the producers have more than %d inputs in all", AGG_INPUTS_MAX);
	g->partial.head.n_inputs = (uint32_t)(sum < AGG_INPUTS_MAX ? sum : AGG_INPUTS_MAX);
	return 0;
}

/* The states were read: 0, 1 when the part was rejected, -1 with err. */
static int merge_part(
	struct agg *g, const struct at *at, const struct engine_part *part, int64_t known_us, struct err *err)
{
	int64_t us;

	if (g->time_from != TIME_NONE && find_time(g, part, known_us, &us))
		window_clock_see(&g->clock, at->block->input, us);
	agg_note_newest(g, g->window.session_us ? part->end_us : part->end_us - 1);
	switch (engine_merge(g->workers[0].engine, part, g->clock.watermark_us, err)) {
	case ENGINE_TAKEN:
		return 0;
	case ENGINE_LATE:
		at->item->time_us = g->window.session_us ? part->end_us : part->end_us - 1;
		agg_keep_late(&g->workers[0], at->item);
		return 0;
	case ENGINE_FULL:
		return agg_refuse_full(g, at->block, at->item, err);
	case ENGINE_MISFIT:
		return reject_part(g, at, "a window here begins or ends within its window", err);
	case ENGINE_ERROR:
		break;
	}
	return -1;
}

int agg_take_part(struct agg *g, const struct agg_block *block, struct agg_item *item, struct err *err)
{
	const struct at here = {block, item}, *at = &here;
	struct agg_merge *m = &g->merge;
	struct engine_part part = {0};
	struct err inner = ERR_INIT;
	struct agg_head head;
	int64_t known_us;
	int bad = read_head(g, at, &head, err);

	if (!bad)
		bad = read_bounds(g, at, &part, err);
	if (!bad)
		bad = read_group(g, at, err);
	if (!bad && agg_states_read(&g->list, at->block->spans[m->state_slot], at->block->input, m->states, &inner))
		bad = reject_part(g, at, inner.msg, err);
	if (bad)
		return bad < 0 ? -1 : 0;
	part.key = buf_slice(&g->merge.key);
	part.states = m->states;
	part.is_window = m->is_window;
	known_us = head.known_us < part.end_us ? head.known_us : part.end_us;
	if (known_us > m->known_us)
		m->known_us = known_us;
	bad = note_inputs(g, at->block->input, head.n_inputs, err);
	if (!bad)
		bad = merge_part(g, at, &part, head.known_us, err);
	agg_states_release(&g->list, m->states);
	memset(m->states, 0, g->list.state_bytes);
	return bad < 0 ? -1 : 0;
}

/* ---- life ---- */

void agg_plan_merge(struct agg *g, struct json_paths *paths)
{
	struct agg_merge *m = &g->merge;

	m->state_slot = json_paths_add_key(paths, "_state");
	m->final_slot = json_paths_add_key(paths, "final");
	m->window_slots[0] = json_paths_add_key(paths, "window_start");
	m->window_slots[1] = json_paths_add_key(paths, "window_end");
	m->session_slots[0] = json_paths_add_key(paths, "session_start");
	m->session_slots[1] = json_paths_add_key(paths, "session_end");
	/* where groups stand in a row */
	g->group_slots = mem_alloc(g->n_groups, sizeof *g->group_slots);
	for (size_t i = 0; i < g->n_groups; i++) {
		const struct rows_field *f = &g->groups[i];

		g->group_slots[i] = f->name ? json_paths_add_key(paths, f->name) : json_paths_add(paths, &f->path);
	}
	g->frame.max_depth += STATE_DEPTH;
	if (g->frame.max_depth > JSON_DEPTH_MAX)
		g->frame.max_depth = JSON_DEPTH_MAX;
	m->states = mem_alloc(1, g->list.state_bytes);
	m->first_inputs = mem_alloc(g->frame.n_inputs, sizeof *m->first_inputs);
	m->n_inputs = mem_alloc(g->frame.n_inputs, sizeof *m->n_inputs);
	m->known_us = WINDOW_NEVER;
	g->partial.first_inputs = m->first_inputs;
}

void agg_merge_release(struct agg *g)
{
	struct agg_merge *m = &g->merge;

	free(m->states);
	free(m->first_inputs);
	free(m->n_inputs);
	buf_release(&m->there);
	buf_release(&m->key);
	buf_release(&m->misfit);
}
