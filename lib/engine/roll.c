#include "engine/roll.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

enum { ONE_BLOCK = 16 }; /* a front of so many panes has a state for each */

/* Where a group stands in a pane. */
struct cell {
	struct pane *pane;
	uint32_t offset; /* of the entry, in words of the table */
};

/* A group: cells first .. split - 1 are the front, split .. n - 1 the back. */
struct lane {
	struct lane *next; /* of the same bucket */
	uint64_t hash;
	struct cell *cells; /* by pane */
	uint32_t first, split, n, cap;
	uint32_t block; /* the front was made of the cells from 0 on, in blocks of so many; 0: there is none */
	bool is_void;   /* the front must be made anew, of all cells */
	uint32_t key_bytes;
	char *suffixes;  /* one state per cell of the block: it and all cells of the front behind it */
	char *marks;     /* one state per block: it and all blocks of the front behind it */
	uint64_t back[]; /* a state, then the key */
};

struct roll {
	struct agg_list *list;
	size_t state_bytes;
	struct lane **buckets;
	size_t n_buckets, n_lanes;
	struct lane **order; /* by key, but the last n_fresh; those without cells are gone with the next rows */
	size_t n_order, n_fresh, cap_order;
	struct lane **spare; /* room for cap_order */
	struct roll_row *rows;
	size_t n_rows, cap_rows;
	char *merged; /* states of rows */
	size_t n_merged, cap_merged;
	size_t bytes; /* of lanes, cells and fronts */
	bool is_counted;
	size_t owned;  /* by the states in these, if it is counted */
	void *touched; /* one that was given away and is not in it for now */
};

struct roll *roll_open(struct agg_list *list, bool is_counted)
{
	struct roll *r = mem_alloc(1, sizeof *r);

	r->list = list;
	r->state_bytes = list->state_bytes;
	r->is_counted = is_counted && list->has_memory;
	r->n_buckets = 16;
	r->buckets = mem_alloc(r->n_buckets, sizeof *r->buckets);
	return r;
}

/* ---- states ---- */

static void *state_of(const struct cell *c)
{
	struct group_entry *e = (struct group_entry *)(void *)(c->pane->groups.words + c->offset);

	return e->state;
}

static size_t owned_by(const struct roll *r, const void *states)
{
	return r->is_counted ? agg_states_owned(r->list, states) : 0;
}

/* Whoever was given a state has added to it by now. */
static void count_touched(struct roll *r)
{
	if (r->touched)
		r->owned += owned_by(r, r->touched);
	r->touched = NULL;
}

static void merge_counted(struct roll *r, void *into, const void *from)
{
	r->owned -= owned_by(r, into);
	agg_states_merge_bounded(r->list, into, from);
	r->owned += owned_by(r, into);
}

static void release_states(struct roll *r, char *states, size_t n)
{
	for (size_t i = 0; states && r->list->has_memory && i < n; i++) {
		r->owned -= owned_by(r, states + i * r->state_bytes);
		agg_states_release(r->list, states + i * r->state_bytes);
	}
}

static void empty_back(struct roll *r, struct lane *l)
{
	release_states(r, (char *)l->back, 1);
	memset(l->back, 0, r->state_bytes);
}

/* ---- the front ---- */

static uint32_t count_blocks(const struct lane *l)
{
	return (l->split + l->block - 1) / l->block;
}

static void release_front(struct roll *r, struct lane *l)
{
	size_t n_blocks;

	if (!l->block)
		return;
	n_blocks = count_blocks(l);
	release_states(r, l->suffixes, l->block);
	release_states(r, l->marks, n_blocks);
	r->bytes -= (l->block + n_blocks) * r->state_bytes;
	free(l->suffixes);
	free(l->marks);
	l->suffixes = l->marks = NULL;
	l->block = 0;
}

/* The suffixes of the block that begins with the first cell. */
static void enter_block(struct roll *r, struct lane *l)
{
	size_t size = r->state_bytes, n = l->split - l->first < l->block ? l->split - l->first : l->block;
	const char *behind;

	release_states(r, l->suffixes, l->block);
	memset(l->suffixes, 0, l->block * size);
	behind = l->first + n < l->split ? l->marks + (l->first / l->block + 1) * size : NULL;
	for (size_t i = n; i-- > 0; behind = l->suffixes + i * size) {
		merge_counted(r, l->suffixes + i * size, state_of(&l->cells[l->first + i]));
		if (behind)
			merge_counted(r, l->suffixes + i * size, behind);
	}
}

/* All cells become the front. */
static void turn(struct roll *r, struct lane *l)
{
	size_t size = r->state_bytes, n_blocks;
	uint32_t n = l->n - l->first;

	release_front(r, l);
	empty_back(r, l);
	memmove(l->cells, l->cells + l->first, n * sizeof *l->cells);
	l->first = 0;
	l->split = l->n = n;
	l->is_void = false;
	l->block = n <= ONE_BLOCK ? n : (uint32_t)ceil(sqrt(n));
	n_blocks = count_blocks(l);
	l->suffixes = mem_alloc(l->block, size);
	l->marks = mem_alloc(n_blocks, size);
	r->bytes += (l->block + n_blocks) * size;
	for (size_t b = n_blocks; b-- > 1;) {
		char *mark = l->marks + b * size;
		size_t end = (b + 1) * l->block < n ? (b + 1) * l->block : n;

		if (b + 1 < n_blocks)
			merge_counted(r, mark, mark + size);
		for (size_t i = b * l->block; i < end; i++)
			merge_counted(r, mark, state_of(&l->cells[i]));
	}
	enter_block(r, l);
}

/* ---- lanes ---- */

static struct slice key_of(const struct roll *r, const struct lane *l)
{
	return (struct slice){(const char *)l->back + r->state_bytes, l->key_bytes};
}

static struct lane **find(const struct roll *r, struct slice key, uint64_t hash)
{
	struct lane **at = &r->buckets[hash & (r->n_buckets - 1)];

	while (*at && ((*at)->hash != hash || !slice_eq(key_of(r, *at), key)))
		at = &(*at)->next;
	return at;
}

static void grow_buckets(struct roll *r)
{
	size_t n = 2 * r->n_buckets;
	struct lane **buckets = mem_alloc(n, sizeof *buckets);

	for (size_t i = 0; i < r->n_buckets; i++) {
		for (struct lane *l = r->buckets[i], *next; l; l = next) {
			next = l->next;
			l->next = buckets[l->hash & (n - 1)];
			buckets[l->hash & (n - 1)] = l;
		}
	}
	free(r->buckets);
	r->buckets = buckets;
	r->n_buckets = n;
}

static size_t lane_bytes(const struct roll *r, size_t key_bytes)
{
	return sizeof(struct lane) + r->state_bytes + key_bytes;
}

static struct lane *make_lane(struct roll *r, struct slice key, uint64_t hash)
{
	struct lane *l = mem_alloc(1, lane_bytes(r, key.len)), **at;

	if (r->n_lanes++ == r->n_buckets)
		grow_buckets(r);
	at = &r->buckets[hash & (r->n_buckets - 1)];
	l->next = *at;
	*at = l;
	l->hash = hash;
	l->key_bytes = (uint32_t)key.len;
	if (key.len)
		memcpy((char *)l->back + r->state_bytes, key.p, key.len);
	if (r->n_order == r->cap_order) {
		r->cap_order = r->cap_order ? 2 * r->cap_order : 16;
		r->order = mem_resize(r->order, r->cap_order, sizeof(struct lane *));
		r->spare = mem_resize(r->spare, r->cap_order, sizeof(struct lane *));
	}
	r->order[r->n_order++] = l;
	r->n_fresh++;
	r->bytes += lane_bytes(r, key.len);
	return l;
}

static struct lane *get_lane(struct roll *r, struct slice key, uint64_t hash)
{
	struct lane *l = *find(r, key, hash);

	return l ? l : make_lane(r, key, hash);
}

static void free_lane(struct roll *r, struct lane *l)
{
	struct lane **at = &r->buckets[l->hash & (r->n_buckets - 1)];

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	r->n_lanes--;
	release_front(r, l);
	release_states(r, (char *)l->back, 1);
	r->bytes -= lane_bytes(r, l->key_bytes) + l->cap * sizeof *l->cells;
	free(l->cells);
	free(l);
}

static void insert_cell(struct roll *r, struct lane *l, uint32_t at, struct pane *p, const struct group_entry *entry)
{
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? 2 * l->cap : 2;

		l->cells = mem_resize(l->cells, cap, sizeof *l->cells);
		r->bytes += (cap - l->cap) * sizeof *l->cells;
		l->cap = cap;
	}
	memmove(l->cells + at + 1, l->cells + at, (l->n - at) * sizeof *l->cells);
	l->cells[at] = (struct cell){p, (uint32_t)((const uint64_t *)(const void *)entry - p->groups.words)};
	l->n++;
}

/* It stays until the next rows: its group may come again. */
static void empty_lane(struct roll *r, struct lane *l)
{
	release_front(r, l);
	empty_back(r, l);
	l->first = l->split = l->n = 0;
	l->is_void = false;
}

/* ---- panes come and go ---- */

void roll_take(struct roll *r, struct pane *p)
{
	struct group_entry *e;

	count_touched(r);
	for (size_t offset = 0; (e = group_table_next(&p->groups, &offset));) {
		struct slice key = group_entry_key(&p->groups, e);
		struct lane *l = get_lane(r, key, group_hash(key));

		insert_cell(r, l, l->n, p, e);
		merge_counted(r, l->back, e->state);
	}
}

void roll_drop(struct roll *r, struct pane *p)
{
	struct group_entry *e;

	count_touched(r);
	for (size_t offset = 0; (e = group_table_next(&p->groups, &offset));) {
		struct slice key = group_entry_key(&p->groups, e);
		struct lane *l = *find(r, key, group_hash(key));

		assert(l && l->cells[l->first].pane == p);
		l->first++;
		if (l->first == l->n)
			empty_lane(r, l);
		else if (l->is_void)
			continue;
		else if (l->first > l->split)
			turn(r, l); /* the back has lost its oldest pane */
		else if (l->first == l->split)
			release_front(r, l);
		else if (l->first % l->block == 0)
			enter_block(r, l);
	}
}

/* The first cell of the pane or a newer one. */
static uint32_t find_cell(const struct lane *l, const struct pane *p)
{
	uint32_t low = l->first, high = l->n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (l->cells[middle].pane->at.start_us < p->at.start_us)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *roll_touch(struct roll *r, struct pane *p, struct slice key, uint64_t hash, const struct group_entry *entry)
{
	struct lane *l = get_lane(r, key, hash);
	uint32_t at = find_cell(l, p);
	bool is_new = at == l->n || l->cells[at].pane != p;
	bool is_front = at < l->split;

	count_touched(r);
	if (is_front && !l->is_void) {
		/* its cells do not stay where the blocks have them */
		release_front(r, l);
		l->is_void = true;
	}
	if (is_new)
		insert_cell(r, l, at, p, entry);
	l->split += is_new && is_front;
	if (is_front)
		return NULL;
	r->owned -= owned_by(r, l->back);
	r->touched = l->back;
	return l->back;
}

/* ---- rows ---- */

static int compare_lanes(const void *a, const void *b, void *context)
{
	const struct roll *r = context;

	return slice_cmp(key_of(r, *(struct lane *const *)a), key_of(r, *(struct lane *const *)b));
}

/* Lanes by key again: the new ones go between the others, those without cells go. */
static void put_in_order(struct roll *r)
{
	size_t n_old = r->n_order - r->n_fresh, n = 0, i = 0, k = n_old;
	struct lane **swap = r->order;

	if (r->n_fresh > 1)
		qsort_r(r->order + n_old, r->n_fresh, sizeof(struct lane *), compare_lanes, r);
	while (i < n_old || k < r->n_order) {
		bool is_old =
			k == r->n_order || (i < n_old && (r->order[i]->first == r->order[i]->n ||
								 compare_lanes(&r->order[i], &r->order[k], r) < 0));
		struct lane *l = r->order[is_old ? i++ : k++];

		if (l->first == l->n)
			free_lane(r, l);
		else
			r->spare[n++] = l;
	}
	r->order = r->spare;
	r->spare = swap;
	r->n_order = n;
	r->n_fresh = 0;
}

static void *front_of(const struct roll *r, const struct lane *l)
{
	return l->block && l->first < l->split ? l->suffixes + (l->first % l->block) * r->state_bytes : NULL;
}

/* The merge of all cells of a lane; *place is where it may be made. */
static void *merge_lane(struct roll *r, struct lane *l, char *place)
{
	void *front;

	if (l->is_void)
		turn(r, l);
	if (l->n - l->first == 1)
		return state_of(&l->cells[l->first]);
	front = front_of(r, l);
	if (!r->list->has_samples && (!front || l->split == l->n))
		return front ? front : l->back;
	if (front)
		agg_states_merge_bounded(r->list, place, front);
	agg_states_merge_bounded(r->list, place, l->back);
	for (uint32_t i = l->first; r->list->has_samples && i < l->n; i++)
		agg_states_merge_samples(r->list, place, state_of(&l->cells[i]));
	return place;
}

size_t roll_rows(struct roll *r, const struct roll_row **rows)
{
	count_touched(r);
	put_in_order(r);
	if (r->n_order > r->cap_rows) {
		r->cap_rows = r->n_order + r->n_order / 2;
		r->rows = mem_resize(r->rows, r->cap_rows, sizeof *r->rows);
		free(r->merged);
		r->merged = mem_alloc(r->cap_rows, r->state_bytes);
	}
	r->n_merged = 0;
	for (size_t i = 0; i < r->n_order; i++) {
		struct lane *l = r->order[i];
		char *place = r->merged + r->n_merged * r->state_bytes;

		r->rows[i] = (struct roll_row){key_of(r, l), merge_lane(r, l, place)};
		r->n_merged += r->rows[i].states == place;
	}
	r->n_rows = r->n_order;
	*rows = r->rows;
	return r->n_rows;
}

void roll_release_rows(struct roll *r)
{
	for (size_t i = 0; r->list->has_memory && i < r->n_merged; i++)
		agg_states_release(r->list, r->merged + i * r->state_bytes);
	if (r->n_merged)
		memset(r->merged, 0, r->n_merged * r->state_bytes);
	r->n_merged = 0;
}

size_t roll_bytes(struct roll *r)
{
	count_touched(r);
	return r->bytes + r->owned + r->cap_rows * (sizeof *r->rows + r->state_bytes) +
	       r->n_buckets * sizeof(struct lane *) + 2 * r->cap_order * sizeof(struct lane *);
}

void roll_close(struct roll *r)
{
	if (!r)
		return;
	count_touched(r);
	roll_release_rows(r);
	for (size_t i = 0; i < r->n_order; i++)
		free_lane(r, r->order[i]);
	assert(r->owned == 0);
	free(r->buckets);
	free(r->order);
	free(r->spare);
	free(r->rows);
	free(r->merged);
	free(r);
}
