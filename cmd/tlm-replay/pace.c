#include "pace.h"

#include <math.h>
#include <time.h>

enum { SECOND_US = 1000000, FINE_BITS = 10, STEP_BITS = 6 };

void pace_init(struct pace *p, const struct replay_opts *o)
{
	*p = (struct pace){.speed = o->speed, .rate = o->rate, .catchup = (enum catchup)o->catchup};
}

void pace_release(struct pace *p)
{
	buf_release(&p->sent);
}

static void start(struct pace *p, int64_t now_us)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	p->wall_us = (int64_t)wall.tv_sec * SECOND_US + wall.tv_nsec / 1000 - ledger_now_us();
	p->start_us = p->last_due_us = p->tokens_from_us = now_us;
	p->has_start = true;
}

/* When the next token is there. A bucket that is fuller than a second, or was not asked, begins anew. */
static int64_t next_token(struct pace *p, int64_t now_us, bool has_waited)
{
	int64_t at_us = p->tokens_from_us + (int64_t)ceil((double)p->n_tokens * SECOND_US / p->rate);
	int64_t floor_us = has_waited ? now_us : now_us - SECOND_US;

	if (at_us < floor_us) {
		at_us = p->tokens_from_us = floor_us;
		p->n_tokens = 0;
	}
	return at_us;
}

bool pace_due(struct pace *p, int64_t played_us, int64_t now_us, bool has_waited, int64_t *due_us)
{
	int64_t due;

	if (!p->has_start)
		start(p, now_us);
	due = p->last_due_us;
	if (p->speed > 0) {
		double at_us = (double)p->start_us + (double)played_us / p->speed;
		int64_t at = at_us < 9e18 ? (int64_t)llround(at_us) : PACE_NEVER;

		if (at > due)
			due = at;
		if (now_us - due > PACE_BEHIND_US) {
			if (p->catchup == CATCHUP_SKIP)
				return false;
			if (p->catchup == CATCHUP_STRETCH) {
				p->start_us += now_us - due;
				due = now_us;
			}
		}
	}
	if (p->rate > 0) {
		int64_t at = next_token(p, now_us, has_waited);

		if (at > due || p->speed <= 0)
			due = at > p->last_due_us ? at : p->last_due_us;
	}
	*due_us = due;
	return true;
}

void pace_send(struct pace *p, int64_t due_us)
{
	p->n_tokens++;
	p->last_due_us = due_us;
	buf_add(&p->sent, &due_us, sizeof due_us);
}

static unsigned bucket_of(int64_t us)
{
	uint64_t v = us < 0 ? 0 : (uint64_t)us;
	unsigned top;

	if (v < PACE_FINE_US)
		return (unsigned)v;
	top = 63 - (unsigned)__builtin_clzll(v);
	return PACE_FINE_US + (top - FINE_BITS) * 64 + (unsigned)(v >> (top - STEP_BITS) & 63);
}

/* The largest error that falls into a bucket. */
static int64_t bucket_top(unsigned bucket)
{
	unsigned top, step;

	if (bucket < PACE_FINE_US)
		return bucket;
	top = (bucket - PACE_FINE_US) / 64 + FINE_BITS;
	step = (bucket - PACE_FINE_US) % 64;
	return (int64_t)(((UINT64_C(64) + step + 1) << (top - STEP_BITS)) - 1);
}

void pace_settle(struct pace *p, int64_t now_us)
{
	size_t n = p->sent.len / sizeof(int64_t);
	const int64_t *due = (const int64_t *)(const void *)p->sent.p;

	for (size_t i = 0; i < n; i++) {
		int64_t late_us = now_us - due[i];

		p->errors[bucket_of(late_us)]++;
		if (late_us > p->error_max_us)
			p->error_max_us = late_us;
	}
	p->n_sent += n;
	buf_reset(&p->sent);
}

void pace_report(const struct pace *p, struct ledger *l)
{
	uint64_t below = 0, rank = p->n_sent - p->n_sent / 100;

	l->has_emit_error = true;
	l->emit_error_max_us = p->error_max_us;
	l->emit_error_p99_us = 0;
	for (unsigned i = 0; i < PACE_BUCKETS && p->n_sent; i++) {
		below += p->errors[i];
		if (below >= rank) {
			l->emit_error_p99_us = bucket_top(i);
			break;
		}
	}
	if (l->emit_error_p99_us > p->error_max_us)
		l->emit_error_p99_us = p->error_max_us;
}

int64_t pace_wall(const struct pace *p, int64_t due_us)
{
	return due_us + p->wall_us;
}
