/*
 * Usual records on one thread: read, judged and folded one by one, without an item of a block.
 *
 * They have a time, groups and values, go where the last one went, and nothing is due before them. What is not so ends
 * the run, has changed nothing and goes by a block, as the records behind it do: agg_read.c, agg_round.c.
 *
 * Few groups come again and again: a small table remembers, by the bytes of the key, where the states of a group are.
 */
#include "agg_impl.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

enum {
	PLACES = 256, /* by one byte */
	KEY_WORDS = 8
};

/* A group that was seen in this run. */
struct place {
	uint64_t run; /* of another one: it is free */
	uint64_t hash;
	void *states;
	size_t n_words;
	uint64_t key[KEY_WORDS]; /* filled up with zeros */
};

struct agg_usual {
	struct place places[PLACES];
	uint64_t number; /* of the run, from 1 */
	uint64_t n, digest;
	struct buf key;
	struct agg_value *values;
};

struct agg_usual *agg_usual_open(const struct agg_list *list)
{
	struct agg_usual *u = mem_alloc(1, sizeof *u);

	u->values = mem_alloc(list->n_fields + 1, sizeof *u->values);
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

/* The key of the groups in u->key, and zeros behind it up to a whole word. */
static inline bool read_key(struct agg_usual *u, const struct agg *g, const struct json_span *spans, struct buf *tmp)
{
	const uint64_t zero = 0;

	buf_reset(&u->key);
	for (size_t i = 0; i < g->n_groups; i++) {
		if (!group_key_add_padded(&u->key, spans[g->group_slots[i]], tmp))
			return false;
	}
	memcpy(buf_reserve(&u->key, sizeof zero), &zero, sizeof zero);
	return true;
}

static inline bool is_key_of(const struct place *place, const char *key, size_t n_words)
{
	uint64_t differs = place->n_words ^ n_words, word;

	for (size_t i = 0; i < n_words; i++) {
		memcpy(&word, key + i * 8, 8);
		differs |= place->key[i] ^ word;
	}
	return !differs;
}

/* The place that the key has, whoever is there. */
static inline struct place *place_of(struct agg_usual *u, const char *key, size_t n_words)
{
	uint64_t mixed = 0, word;

	for (size_t i = 0; i < n_words; i++) {
		memcpy(&word, key + i * 8, 8);
		mixed = (mixed ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	}
	return &u->places[mixed >> 56];
}

/* The states of a group; where one is new all others may have moved. */
static __attribute__((noinline)) void *find_states(struct agg_usual *u, struct engine *engine, struct place *place)
{
	struct slice key = buf_slice(&u->key);
	bool is_new;

	place->hash = group_hash(key);
	place->states = engine_run_states(engine, key, place->hash, &is_new);
	if (is_new)
		u->number++;
	place->run = u->number;
	place->n_words = (key.len + 7) / 8;
	memcpy(place->key, key.p, place->n_words * 8);
	return place->states;
}

static inline void *states_of(struct agg_usual *u, struct engine *engine)
{
	size_t n_words = (u->key.len + 7) / 8;
	struct place *place, other = {0};
	void *states;

	if (__builtin_expect(n_words > KEY_WORDS, 0)) {
		bool is_new;

		other.hash = group_hash(buf_slice(&u->key));
		states = engine_run_states(engine, buf_slice(&u->key), other.hash, &is_new);
		u->number += is_new;
		u->digest += other.hash;
		return states;
	}
	place = place_of(u, u->key.p, n_words);
	if (__builtin_expect(place->run == u->number && is_key_of(place, u->key.p, n_words), 1))
		states = place->states;
	else
		states = find_states(u, engine, place);
	u->digest += place->hash;
	return states;
}

/* False: it is no usual record of the run, and nothing has changed but what it would change once more. */
static inline bool take(struct agg_usual *u, struct agg *g, const struct agg_block *block, const struct engine_run *run)
{
	struct agg_worker *w = &g->workers[0];
	const struct json_record *record = &w->ahead;
	const struct json_span *spans = record->spans;
	struct agg_place at = {.line = block->first_line + record->line, .input = block->in->input};
	const char *why;

	if (record->status != JSON_OK || record->type != JSON_OBJECT ||
		timefield_get(&g->time, spans[g->time_slot], &w->tmp, &at.time_us, &why) ||
		at.time_us < run->start_us || at.time_us >= run->end_us || !read_key(u, g, spans, &w->tmp))
		return false;
	for (size_t i = 0; i < w->list->n_fields; i++) {
		if (agg_read(w->list, i, spans[g->field_slots[i]], &u->values[i]))
			return false;
	}
	/* the clock that has seen a time may see it again */
	if (!window_clock_see(&g->clock, at.input, at.time_us) || g->clock.watermark_us >= run->due_us)
		return false;
	agg_states_add(w->list, states_of(u, w->engine), u->values, &at);
	if (at.time_us > g->newest_us)
		g->newest_us = at.time_us;
	u->n++;
	return true;
}

bool agg_usual_fits(const struct agg *g)
{
	return g->n_lanes == 1 && g->workers[0].is_usual && !g->lateness && !engine_is_large(g->workers[0].engine);
}

bool agg_usual_fold(struct agg *g, const struct agg_block *block)
{
	struct agg_worker *w = &g->workers[0];
	struct agg_usual *u = g->usual;
	struct engine_run run;
	bool is_more;

	if (!engine_run_start(w->engine, &run))
		return true;
	u->number++;
	u->n = u->digest = 0;
	while ((is_more = json_scan_next(w->scan, &w->ahead)) && take(u, g, block, &run))
		;
	w->is_ahead = is_more;
	engine_run_end(w->engine, u->n, u->digest);
	g->frame.ledger->read += u->n;
	return is_more;
}
