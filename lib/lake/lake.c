#include "lake/lake_impl.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "mem/mem.h"

enum {
	SPARE_FILES = 64, /* beside one for each open directory */
	LOOK_US = 50000   /* how often outcomes of a store are looked for while there is nothing to read */
};

static void say(const struct lake *l, struct buf *text)
{
	l->opts.warn(l->opts.warn_ctx, buf_cstr(text));
	buf_release(text);
}

void lake_tell_early(struct lake *l)
{
	struct buf text = BUF_INIT;

	buf_addf(&text, "more than %zu directories at once: objects are closed early (--max-open)", l->opts.max_open);
	say(l, &text);
}

void lake_tell_notes(struct lake *l)
{
	struct buf notes = BUF_INIT;

	if (l->opts.store && l->opts.store->ops->take_notes(l->opts.store, &notes)) {
		for (char *p = notes.p, *end; p < notes.p + notes.len; p = end + 1) {
			end = memchr(p, '\n', (size_t)(notes.p + notes.len - p));
			*end = '\0';
			l->opts.warn(l->opts.warn_ctx, p);
		}
	}
	buf_release(&notes);
}

/* ---- as a sink ---- */

static int done(struct lake *l, int got, struct err *err)
{
	if ((got == 0 || err->code == ERR_DATA) && l->late.code != ERR_NONE) {
		*err = l->late;
		got = -1;
	}
	if (got < 0 && err->code != ERR_DATA)
		l->has_failed = true;
	return got;
}

static int write_batch(struct sink *k, const struct batch *b, struct err *err)
{
	struct lake *l = (struct lake *)k;

	l->now_us = ledger_now_us();
	return done(l, l->opts.group ? lake_group_write(l, b, err) : lake_take_batch(l, b, err), err);
}

/* Objects that are closed do not wait longer than for more input. Open segments leave by their own clock,
 * --sync-interval: the disk works on that beside the reading, and what is begun has ended before input is waited for.
 */
static int flush(struct sink *k, struct err *err)
{
	struct lake *l = (struct lake *)k;

	if (l->has_failed || l->opts.group)
		return 0;
	return done(l, lake_publish(l, err) < 0 ? -1 : lake_sync_wait(l, err), err);
}

/* Only a group asks: before it gives up partitions. */
static int sync_lake(struct sink *k, struct err *err)
{
	struct lake *l = (struct lake *)k;

	return l->has_failed || !l->opts.group ? 0 : done(l, lake_hand_over(l, err), err);
}

static int64_t sooner(int64_t a_us, int64_t b_us)
{
	if (a_us < 0 || b_us < 0)
		return a_us < 0 ? b_us : a_us;
	return a_us < b_us ? a_us : b_us;
}

static int64_t deadline(const struct sink *k)
{
	const struct lake *l = (const struct lake *)k;
	int64_t look_us = l->spool && spool_is_waiting(l->spool) ? l->next_look_us : -1;

	if (l->opts.group)
		look_us = sooner(look_us, lake_group_deadline(l));
	return sooner(sooner(l->next_sync_us, l->next_age_us), look_us);
}

static int tick_group(struct lake *l, struct err *err)
{
	if (l->next_age_us >= 0 && l->now_us >= l->next_age_us && lake_seal_aged_batches(l, err) < 0)
		return -1;
	return lake_advance(l, 0, err);
}

static int tick(struct sink *k, int64_t now_us, struct err *err)
{
	struct lake *l = (struct lake *)k;

	l->now_us = now_us;
	l->next_look_us = now_us + LOOK_US;
	lake_tell_notes(l);
	if (l->opts.group)
		return done(l, tick_group(l, err), err);
	if (l->spool && spool_is_waiting(l->spool) && lake_publish(l, err) < 0)
		return done(l, -1, err);
	if (l->next_age_us >= 0 && now_us >= l->next_age_us && lake_seal_aged(l, err) < 0)
		return done(l, -1, err);
	if (l->next_sync_us >= 0 && now_us >= l->next_sync_us && lake_sync_all(l, err) < 0)
		return done(l, -1, err);
	return 0;
}

static void tell_end(struct lake *l)
{
	struct buf text = BUF_INIT;

	if (l->n_early == 0)
		return;
	buf_addf(&text, "%llu objects were closed early", (unsigned long long)l->n_early);
	say(l, &text);
}

/* Objects that are closed stay. */
static int discard(struct lake *l, struct err *err)
{
	if (!l->spool)
		return 0;
	if (lake_publish(l, err) < 0 || lake_settle(l, err) < 0)
		return -1;
	return spool_discard(l->spool, err);
}

/* A run that leaves objects to the next one does not tell how many it has: there will be more. */
static int end(struct lake *l, struct err *err)
{
	if (lake_seal_all(l, err) < 0 || lake_settle(l, err) < 0)
		return -1;
	if (lake_seal_manifest(l, l->late.code == ERR_NONE, err) < 0 || lake_publish(l, err) < 0)
		return -1;
	return lake_settle(l, err);
}

/* The pipe will not give again what was read from it. A repeated run brings it again. */
static void keep_read(struct lake *l)
{
	struct err ignored = ERR_INIT;

	if (l->late.code == ERR_NONE || l->opts.run_id)
		return;
	lake_publish(l, &ignored);
	err_reset(&ignored);
	if (lake_sync_begin(l, &ignored) == 0)
		lake_sync_wait(l, &ignored);
}

static int finish(struct sink *k, bool is_good, struct err *err)
{
	struct lake *l = (struct lake *)k;

	if (l->has_failed) {
		if (!l->opts.group)
			keep_read(l);
		return 0;
	}
	l->now_us = ledger_now_us();
	tell_end(l);
	if (l->opts.group)
		return 0; /* lake_deliver() did it */
	if (l->opts.run_id && (!is_good || reject_has_stopped(l->opts.reject)))
		return done(l, discard(l, err), err);
	return done(l, end(l, err), err);
}

static uint64_t bytes_out(const struct sink *k)
{
	return ((const struct lake *)k)->opts.ledger->bytes_out;
}

static void close_lake(struct sink *k)
{
	struct lake *l = (struct lake *)k;
	struct err ignored = ERR_INIT;

	lake_tell_notes(l);
	lake_sync_wait(l, &ignored);
	err_reset(&ignored);
	lake_release_dirs(l);
	lake_close_manifest(l);
	lake_release_parts(l);
	if (l->opts.group && l->spool)
		spool_discard(l->spool, &ignored);
	spool_close(l->spool);
	if (!l->spool)
		store_close(l->opts.store);
	segment_lanes_close(l->lanes);
	codec_set_release(&l->codecs);
	json_scan_close(l->scan);
	template_close(l->template);
	json_paths_close(l->paths);
	timefield_release(&l->window_start);
	timefield_release(&l->window_end);
	timefield_release(&l->session_end);
	free(l->column_slots);
	buf_release(&l->name);
	buf_release(&l->row);
	buf_release(&l->tmp);
	buf_release(&l->lines);
	free(l);
}

/* ---- opening ---- */

/* The times of a dead run's records, for its manifest rows. */
static int see_lines(void *ctx, const char *p, size_t len, struct segment_sum *sum, struct err *err)
{
	struct lake *l = ctx;
	struct json_record r;

	(void)err;
	buf_reset(&l->lines);
	buf_add(&l->lines, p, len);
	buf_reserve(&l->lines, JSON_PAD_BYTES);
	json_scan_batch(l->scan, l->lines.p, len);
	while (json_scan_next(l->scan, &r)) {
		enum lake_clock clock = l->clock;
		const char *field, *why;
		int64_t us;

		if (r.status != JSON_OK || r.type != JSON_OBJECT)
			continue;
		if (clock == LAKE_CLOCK_UNKNOWN)
			l->clock = r.spans[l->end_slot].type != JSON_ABSENT ? LAKE_CLOCK_WINDOW : LAKE_CLOCK_SESSION;
		if (lake_time(l, r.spans, &us, &field, &why) == 0)
			segment_sum_time(sum, us);
		l->clock = clock;
	}
	return 0;
}

static int salvage(struct lake *l, struct err *err)
{
	struct spool_hooks hooks = lake_salvage_hooks(l);
	struct spool_salvage result;
	struct buf text = BUF_INIT;

	if (spool_salvage(l->spool, see_lines, &hooks, &result, err) < 0)
		return -1;
	if (result.objects) {
		buf_addf(&text, "stored what %llu ended runs had left: %llu objects, %llu records",
			(unsigned long long)result.runs, (unsigned long long)result.objects,
			(unsigned long long)result.records);
		say(l, &text);
	}
	if (result.unfinished) {
		buf_addf(&text, "the run %s of this place was not finished: repeat it with --run-id %s",
			result.unfinished, result.unfinished);
		say(l, &text);
	}
	return 0;
}

static int salvage_wholly(struct lake *l, struct err *err)
{
	if (salvage(l, err) < 0 || lake_seal_manifest(l, false, err) < 0)
		return -1;
	return lake_publish(l, err) < 0 || lake_settle(l, err) < 0 ? -1 : 0;
}

/*
 * A run that is repeated has the same rows each time: those of what others have left are of a run without a name, that
 * ends before it begins. The one that ends last has the store.
 */
static int salvage_apart(struct lake *l, const struct spool_opts *opts, struct err *err)
{
	struct spool *own = l->spool;
	struct spool_opts unnamed = *opts;
	int got;

	unnamed.run_id = NULL;
	l->spool = spool_open(&unnamed, err);
	got = l->spool ? salvage_wholly(l, err) : -1;
	if (got < 0)
		l->opts.store = NULL;
	if (opts->store)
		spool_leave_store(got < 0 ? own : l->spool);
	spool_close(l->spool);
	l->spool = own;
	l->manifest_seq = 0;
	return got;
}

static int salvage_others(struct lake *l, const struct spool_opts *opts, struct err *err)
{
	if (l->opts.group)
		return 0;
	return opts->run_id && l->opts.manifests ? salvage_apart(l, opts, err) : salvage(l, err);
}

/*
 * Each open directory holds a descriptor, and each object that is published: where few are allowed, that are few at
 * once. The plans of many partitions that are carried out again may need more than max_open: as many as can be had.
 */
static int raise_files(size_t max_open, bool has_plans, size_t *group_max, struct err *err)
{
	struct rlimit limit;
	rlim_t need = max_open + SPARE_FILES, want = has_plans ? RLIM_INFINITY : need + SPOOL_GROUP_MAX;

	*group_max = SPOOL_GROUP_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= want)
		return 0;
	if (limit.rlim_max < need)
		return err_set(err, ERR_USAGE, "--max-open %zu: this process may open only %llu files", max_open,
			(unsigned long long)limit.rlim_max);
	limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
	*group_max = limit.rlim_cur > need ? (size_t)(limit.rlim_cur - need) : 1;
	if (*group_max > SPOOL_GROUP_MAX)
		*group_max = SPOOL_GROUP_MAX;
	setrlimit(RLIMIT_NOFILE, &limit);
	return 0;
}

/* Spellings of one place are one: repeated slashes, names of a dot alone and a slash at the end are left out. */
static void add_identity(struct buf *out, const char *place)
{
	for (const char *p = place; *p;) {
		size_t slashes = strspn(p, "/"), len = strcspn(p + slashes, "/");

		p += slashes;
		if (len && !(len == 1 && *p == '.'))
			buf_addf(out, "/%.*s", (int)len, p);
		p += len;
	}
	buf_cstr(out);
}

/* Nothing is opened, but what a real run would store first is told. */
static int look_at_spool(struct lake *l, const struct spool_opts *opts, struct err *err)
{
	struct buf text = BUF_INIT;
	uint64_t n_dead;

	if (opts->run_id && spool_check_run_id(opts->run_id, err) < 0)
		return -1;
	n_dead = spool_count_dead(opts);
	if (n_dead) {
		buf_addf(&text, "would first store what %llu ended runs have left", (unsigned long long)n_dead);
		say(l, &text);
	}
	return 0;
}

static int open_spool(struct lake *l, struct err *err)
{
	struct buf identity = BUF_INIT;
	struct spool_opts opts = {.root = template_root(l->template),
		.dir = l->opts.spool,
		.run_id = l->opts.run_id,
		.store = l->opts.store,
		.is_remade = l->opts.group != NULL,
		.max_waiting_bytes = l->opts.max_spool_bytes ? l->opts.max_spool_bytes : UINT64_MAX / 2};
	int got;

	buf_addf(&identity, "%s%s", l->opts.group ? "group " : "", l->opts.identity);
	add_identity(&identity, l->opts.place);
	opts.identity = identity.p;
	if (l->opts.is_dry_run) {
		got = look_at_spool(l, &opts, err);
	} else {
		got = raise_files(l->opts.max_open, l->opts.group != NULL, &opts.group_max, err);
		if (got == 0)
			l->spool = spool_open(&opts, err);
		if (got == 0 && !l->spool)
			l->opts.store = NULL;
		got = l->spool ? salvage_others(l, &opts, err) : -1;
	}
	buf_release(&identity);
	return got;
}

static int check_manifests(const struct lake *l, struct err *err)
{
	struct buf have = BUF_INIT, want = BUF_INIT;
	int got = 0;

	if (l->opts.manifests) {
		add_identity(&have, l->opts.manifests);
		buf_addf(&want, "%s/" LAKE_MANIFESTS, template_root(l->template));
		if (!slice_eq(buf_slice(&have), buf_slice(&want)))
			got = err_set(err, ERR_USAGE, "--manifest: must be %s%.120s/", l->opts.url, buf_cstr(&want));
	}
	buf_release(&have);
	buf_release(&want);
	return got;
}

static int prepare(struct lake *l, struct err *err)
{
	const struct lake_opts *o = &l->opts;

	if (!json_is_utf8(o->place, strlen(o->place)))
		return err_set(err, ERR_USAGE, "the place must be valid UTF-8");
	if (codec_set_init(&l->codecs, o->codec, o->level, err) < 0)
		return -1;
	l->lanes = segment_lanes_open(o->n_lanes);
	l->paths = json_paths_open();
	l->template = template_open(o->place, o->zone, l->paths, err);
	if (!l->template || check_manifests(l, err) < 0)
		return -1;
	lake_add_paths(l);
	l->scan = json_scan_open(l->paths, o->depth_max);
	for (l->n_buckets = 16; l->n_buckets < 2 * o->max_open;)
		l->n_buckets *= 2;
	l->buckets = mem_alloc(l->n_buckets, sizeof *l->buckets);
	lake_open_manifest(l);
	return open_spool(l, err);
}

struct sink *lake_open(const struct lake_opts *opts, struct err *err)
{
	static const struct sink_ops ops = {.write = write_batch,
		.flush = flush,
		.deadline = deadline,
		.tick = tick,
		.finish = finish,
		.close = close_lake,
		.bytes_out = bytes_out,
		.sync = sync_lake};
	struct lake *l = mem_alloc(1, sizeof *l);

	l->base.ops = &ops;
	l->opts = *opts;
	if (!l->opts.url)
		l->opts.url = "file://";
	if (!l->opts.identity)
		l->opts.identity = "";
	l->next_sync_us = l->next_age_us = l->next_commit_us = -1;
	l->next_seq = 1;
	if (prepare(l, err) < 0) {
		close_lake(&l->base);
		return NULL;
	}
	return &l->base;
}
