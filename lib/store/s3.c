/*
 * Objects wait in one list in the order in which they were begun; a worker takes the first that nobody has. Workers are
 * started when there is more to do than there are idle ones.
 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "mem/mem.h"

struct worker {
	struct s3_store *store;
	struct s3_session *session;
	pthread_t thread;
};

struct s3_store {
	struct store base;
	struct s3 *s3;
	pthread_mutex_t lock;
	pthread_cond_t has_work, is_done;
	struct store_object *first, *last; /* begun and not taken */
	struct store_object *next;         /* the first that no worker has */
	bool is_ended;
	struct worker *workers;
	size_t n_workers, n_max, n_idle, n_waiting; /* n_waiting: behind `next` and itself */
};

/* ---- one object ---- */

enum { META_RAW_SHA256, META_SHA256, META_RECORDS, META_RAW_BYTES, META_COUNT };

struct meta {
	struct sigv4_pair pairs[META_COUNT];
	char records[24], raw_bytes[24];
};

static void describe(const struct segment_sum *sum, struct meta *m)
{
	snprintf(m->records, sizeof m->records, "%llu", (unsigned long long)sum->records);
	snprintf(m->raw_bytes, sizeof m->raw_bytes, "%llu", (unsigned long long)sum->raw_bytes);
	m->pairs[META_RAW_SHA256] =
		(struct sigv4_pair){SLICE_LIT("x-amz-meta-tlm-raw-sha256"), slice_str(sum->raw_sha256)};
	m->pairs[META_SHA256] = (struct sigv4_pair){SLICE_LIT("x-amz-meta-tlm-sha256"), slice_str(sum->sha256)};
	m->pairs[META_RECORDS] = (struct sigv4_pair){SLICE_LIT("x-amz-meta-tlm-records"), slice_str(m->records)};
	m->pairs[META_RAW_BYTES] = (struct sigv4_pair){SLICE_LIT("x-amz-meta-tlm-raw-bytes"), slice_str(m->raw_bytes)};
}

/* The row tells of what is stored: the same lines may have been compressed otherwise. */
static void take_old(struct store_object *o, const struct s3_info *info)
{
	struct slice sha256 = http_header(&info->answer, "x-amz-meta-tlm-sha256");

	o->is_old = true;
	o->sum.bytes = info->len;
	if (sha256.len == DIGEST_HEX_BYTES)
		memcpy(o->sum.sha256, sha256.p, DIGEST_HEX_BYTES);
}

static int store_object(struct s3_session *session, struct store_object *o, struct err *err)
{
	struct s3_info info = S3_INFO_INIT;
	struct meta meta;
	struct s3_put put = {.key = slice_str(o->name),
		.fd = open(o->path, O_RDONLY | O_CLOEXEC),
		.len = o->sum.bytes,
		.sha256 = o->sum.sha256,
		.content_type = codec_content_type(o->kind),
		.meta = meta.pairs,
		.n_meta = META_COUNT,
		.proof = META_RAW_SHA256};
	int got;

	if (put.fd < 0)
		return err_sys(err, "%.120s: cannot open", o->path);
	describe(&o->sum, &meta);
	got = s3_put(session, &put, &info, err);
	if (got == 1)
		take_old(o, &info);
	s3_info_release(&info);
	close(put.fd);
	return got < 0 ? -1 : 0;
}

/* ---- workers ---- */

static void *work(void *ctx)
{
	struct worker *w = ctx;
	struct s3_store *s = w->store;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct store_object *o = s->next;

		if (s->is_ended)
			break;
		if (!o) {
			s->n_idle++;
			pthread_cond_wait(&s->has_work, &s->lock);
			s->n_idle--;
			continue;
		}
		s->next = o->next;
		s->n_waiting--;
		pthread_mutex_unlock(&s->lock);
		o->got = store_object(w->session, o, &o->err);
		pthread_mutex_lock(&s->lock);
		o->is_done = true;
		pthread_cond_signal(&s->is_done);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Signals are for the main thread. Where no thread can be had, those that there are do the work. */
static void start_worker(struct s3_store *s, struct s3_session *session)
{
	struct worker *w = &s->workers[s->n_workers];
	sigset_t all, old;
	int got;

	*w = (struct worker){.store = s, .session = session};
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	got = pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (got)
		s3_session_close(session);
	else
		s->n_workers++;
}

static void begin(struct store *store, struct store_object *o)
{
	struct s3_store *s = (struct s3_store *)store;
	struct s3_session *session = NULL;
	struct err ignored = ERR_INIT;
	bool is_short;

	o->next = NULL;
	o->is_done = o->is_old = false;
	pthread_mutex_lock(&s->lock);
	if (s->last)
		s->last->next = o;
	else
		s->first = o;
	s->last = o;
	if (!s->next)
		s->next = o;
	s->n_waiting++;
	is_short = s->n_waiting > s->n_idle && s->n_workers < s->n_max;
	pthread_cond_signal(&s->has_work);
	pthread_mutex_unlock(&s->lock);
	if (is_short)
		session = s3_session_open(s->s3, &ignored);
	if (session)
		start_worker(s, session);
}

static void wait_for(struct s3_store *s, int64_t wait_us)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)(wait_us / 1000000);
	at.tv_nsec += (long)(wait_us % 1000000) * 1000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	while (!s->first->is_done && pthread_cond_timedwait(&s->is_done, &s->lock, &at) != ETIMEDOUT)
		;
}

static int take(struct store *store, int64_t wait_us, struct store_object **object, struct err *err)
{
	struct s3_store *s = (struct s3_store *)store;
	struct store_object *o;

	pthread_mutex_lock(&s->lock);
	if (s->first && !s->first->is_done && wait_us > 0)
		wait_for(s, wait_us);
	o = s->first && s->first->is_done ? s->first : NULL;
	if (o) {
		s->first = o->next;
		if (!s->first)
			s->last = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	if (!o)
		return 0;
	*object = o;
	if (o->got < 0)
		*err = o->err;
	return o->got < 0 ? -1 : 1;
}

static bool take_notes(struct store *store, struct buf *out)
{
	return s3_take_notes(((struct s3_store *)store)->s3, out);
}

static void close_store(struct store *store)
{
	struct s3_store *s = (struct s3_store *)store;

	s3_cancel(s->s3);
	pthread_mutex_lock(&s->lock);
	s->is_ended = true;
	pthread_cond_broadcast(&s->has_work);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < s->n_workers; i++) {
		pthread_join(s->workers[i].thread, NULL);
		s3_session_close(s->workers[i].session);
	}
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->has_work);
	pthread_cond_destroy(&s->is_done);
	free(s->workers);
	free(s);
}

/* The first session loads libcurl here, before there are threads. */
struct store *store_open_s3(struct s3 *s3, size_t n_uploads, struct err *err)
{
	static const struct store_ops ops = {begin, take, take_notes, close_store};
	struct s3_session *session = s3_session_open(s3, err);
	struct s3_store *s;
	pthread_condattr_t clock;

	if (!session)
		return NULL;
	s = mem_alloc(1, sizeof *s);
	s->base.ops = &ops;
	s->s3 = s3;
	s->n_max = n_uploads;
	s->workers = mem_alloc(n_uploads, sizeof *s->workers);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->has_work, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&s->is_done, &clock);
	pthread_condattr_destroy(&clock);
	start_worker(s, session);
	if (s->n_workers == 0) {
		err_set(err, ERR_IO, "cannot start a thread");
		close_store(&s->base);
		return NULL;
	}
	return &s->base;
}
