/*
 * Usual records, read and folded one by one, without an item of a block.
 *
 * They have a time, groups and values, go where the last one went, and nothing is due before them. What is not so ends
 * the run, has changed nothing and goes by a block, as the records behind it do: agg_read.c, agg_round.c. One thread
 * judges them too and folds them into the engine; one of many into the run of a block, see agg_run.c.
 *
 * Few groups come again and again: a small table remembers, by the bytes of the key, where the states of a group are.
 */
#include "agg_impl.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

enum {
	PLACES = 256, /* by one byte */
	GROUPS = 2,   /* that are remembered */
	TEXT_WORDS = 4,
	TEXT_BYTES = 8 * TEXT_WORDS
};

/* The first bytes of a text, zeros behind it. */
struct text {
	uint64_t words[TEXT_WORDS];
};

/* A group that was seen in this run, as its values were written. */
struct place {
	uint64_t run; /* of another one: it is free */
	uint64_t hash;
	uint64_t lane;
	void *states;
	struct text texts[GROUPS];
};

struct agg_usual {
	struct agg_worker *w;
	struct agg_run *run; /* NULL: groups are in the engine of the worker */
	struct place places[PLACES];
	uint64_t number;           /* of the run, from 1 */
	int64_t start_us, end_us;  /* of its records, as due_us is */
	int64_t due_us;            /* with a clock */
	int64_t min_us, max_us;    /* of those that were taken */
	struct agg_tally *tallies; /* by lane */
	struct agg_tally tally;    /* of the only lane */
	struct buf key;
	struct agg_value *values;
	uint8_t masks[2 * TEXT_BYTES]; /* so many bytes that count, then so many that do not */
};

struct agg_usual *agg_usual_open(struct agg_worker *w)
{
	struct agg_usual *u = mem_alloc_apart(1, sizeof *u);

	u->w = w;
	u->values = mem_alloc_apart(w->list->n_fields + 1, sizeof *u->values);
	memset(u->masks, 0xff, TEXT_BYTES);
	return u;
}

void agg_usual_close(struct agg_usual *u)
{
	if (!u)
		return;
	buf_release(&u->key);
	free(u->values);
	free(u);
}

/* Always the same words, so that no branch depends on the length; JSON_PAD_BYTES are readable behind the text. */
static inline struct text text_of(const struct agg_usual *u, const struct json_span *span)
{
	struct text text;
	uint64_t mask;

	for (size_t i = 0; i < TEXT_WORDS; i++) {
		memcpy(&text.words[i], span->p + i * 8, 8);
		memcpy(&mask, u->masks + TEXT_BYTES - span->len + i * 8, 8);
		text.words[i] &= mask;
	}
	return text;
}

static inline uint64_t mix(uint64_t mixed, const struct text *text)
{
	const uint64_t *w = text->words;

	return mixed * UINT64_C(0x9e3779b97f4a7c15) +
	       ((w[0] * UINT64_C(0xbf58476d1ce4e5b9)) ^ (w[1] * UINT64_C(0x94d049bb133111eb)) ^
		       (w[2] * UINT64_C(0xd6e8feb86659fd93)) ^ (w[3] * UINT64_C(0xa0761d6478bd642f)));
}

static inline bool is_same(const struct text *a, const struct text *b)
{
	uint64_t differs = 0;

	for (size_t i = 0; i < TEXT_WORDS; i++)
		differs |= a->words[i] ^ b->words[i];
	return !differs;
}

enum groups { NO_GROUP, ANY_GROUP, SHORT_GROUP };

/* What the values are: none of a group; any; or so short that they may be remembered. */
static inline enum groups look_at_groups(const struct agg *g, const struct json_span *spans)
{
	bool is_short = g->n_groups <= GROUPS;

	for (size_t i = 0; i < g->n_groups; i++) {
		const struct json_span *span = &spans[g->group_slots[i]];

		if (__builtin_expect(span->type >= JSON_ARRAY, 0))
			return NO_GROUP;
		is_short &= span->len - 1 < TEXT_BYTES;
	}
	return is_short ? SHORT_GROUP : ANY_GROUP;
}

/* The states of a group. In the table of a run they move as those of the engine do. */
static void *find_states(struct agg_usual *u, struct slice key, uint64_t hash, bool *is_new)
{
	if (!u->run)
		return engine_run_states(u->w->engine, key, hash, is_new);
	return group_table_get(&u->run->groups, key, hash, is_new)->state;
}

/* Finds the group by its key; where it is new, all others may have moved. */
static __attribute__((noinline)) void find_group(
	struct agg_usual *u, const struct json_span *spans, struct place *place)
{
	const struct agg *g = u->w->agg;
	bool is_new;

	buf_reset(&u->key);
	for (size_t i = 0; i < g->n_groups; i++)
		group_key_add(&u->key, spans[g->group_slots[i]], &u->w->tmp);
	place->hash = group_hash(buf_slice(&u->key));
	place->lane = agg_lane_of(g, place->hash);
	place->states = find_states(u, buf_slice(&u->key), place->hash, &is_new);
	u->number += is_new;
	place->run = u->number;
}

static inline __attribute__((always_inline)) void fold(
	struct agg_usual *u, const struct json_span *spans, bool is_short, const struct agg_place *at)
{
	const struct agg *g = u->w->agg;
	struct text texts[GROUPS];
	struct place other, *place = &other;
	struct agg_tally *tally;
	uint64_t mixed = 0;
	bool is_known = is_short;

	for (size_t i = 0; is_short && i < g->n_groups; i++) {
		texts[i] = text_of(u, &spans[g->group_slots[i]]);
		mixed = mix(mixed, &texts[i]);
	}
	if (is_short) {
		place = &u->places[mixed >> 56];
		is_known = place->run == u->number;
	}
	for (size_t i = 0; is_known && i < g->n_groups; i++)
		is_known = is_same(&texts[i], &place->texts[i]);
	if (__builtin_expect(!is_known, 0)) {
		find_group(u, spans, place);
		memcpy(place->texts, texts, is_short ? g->n_groups * sizeof *texts : 0);
	}
	tally = &u->tallies[place->lane];
	tally->n++;
	tally->digest += place->hash;
	agg_states_add(u->w->list, place->states, u->values, at);
}

/* The clock is NULL where others judge. False: it is no usual record of the run, and nothing has changed but what it
 * would change once more. */
static inline __attribute__((always_inline)) bool take(
	struct agg_usual *u, const struct agg_block *block, struct window_clock *clock)
{
	struct agg_worker *w = u->w;
	const struct agg *g = w->agg;
	const struct json_record *record = &w->ahead;
	const struct json_span *spans = record->spans;
	struct agg_place at = {.line = block->first_line + record->line, .input = block->in->input};
	enum groups groups;
	const char *why;

	if (record->status != JSON_OK || record->type != JSON_OBJECT ||
		timefield_get(&g->time, spans[g->time_slot], &w->tmp, &at.time_us, &why) || at.time_us < u->start_us ||
		at.time_us >= u->end_us || !(groups = look_at_groups(g, spans)))
		return false;
	for (size_t i = 0; i < w->list->n_fields; i++) {
		if (agg_read(w->list, i, spans[g->field_slots[i]], &u->values[i]))
			return false;
	}
	/* the clock that has seen a time may see it again */
	if (clock && (!window_clock_see(clock, at.input, at.time_us) || clock->watermark_us >= u->due_us))
		return false;
	fold(u, spans, groups == SHORT_GROUP, &at);
	if (at.time_us > u->max_us)
		u->max_us = at.time_us;
	if (at.time_us < u->min_us)
		u->min_us = at.time_us;
	return true;
}

static void start(struct agg_usual *u, struct agg_run *run, const struct engine_run *bounds)
{
	u->run = run;
	u->number++;
	u->start_us = bounds->start_us;
	u->end_us = bounds->end_us;
	u->due_us = bounds->due_us;
	u->min_us = WINDOW_FOREVER;
	u->max_us = WINDOW_NEVER;
	u->tally = (struct agg_tally){0};
	u->tallies = run ? run->tallies : &u->tally;
}

bool agg_usual_fits(const struct agg *g)
{
	return g->n_lanes == 1 && g->workers[0].is_usual && !g->lateness && !engine_is_large(g->workers[0].engine);
}

bool agg_usual_fold(struct agg *g, const struct agg_block *block)
{
	struct agg_worker *w = &g->workers[0];
	struct agg_usual *u = w->usual;
	struct engine_run bounds;
	bool is_more;

	if (!engine_run_start(w->engine, &bounds))
		return true;
	start(u, NULL, &bounds);
	while ((is_more = json_scan_next(w->scan, &w->ahead)) && take(u, block, &g->clock))
		;
	w->is_ahead = is_more;
	agg_note_newest(g, u->max_us);
	engine_run_end(w->engine, u->tally.n, u->tally.digest);
	g->frame.ledger->read += u->tally.n;
	return is_more;
}

bool agg_usual_gather(struct agg_worker *w, const struct agg_block *block, struct agg_run *run)
{
	struct agg_usual *u = w->usual;
	struct engine_run bounds = {.start_us = run->pane.start_us, .end_us = run->pane.end_us};
	bool is_more = true, is_taken = true;

	start(u, run, &bounds);
	while (!agg_run_is_sparse(run) && (is_more = json_scan_next(w->scan, &w->ahead)) &&
		(is_taken = take(u, block, NULL)))
		run->n++;
	w->is_ahead = !is_taken;
	run->min_us = u->min_us;
	run->max_us = u->max_us;
	return is_more;
}
