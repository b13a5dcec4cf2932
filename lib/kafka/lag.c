/*
 * A thread asks, so that a broker that is slow delays nothing: what the group has committed first, then where the
 * partitions end, so what is told is rather too much. What was sent and is not in the log yet is counted as if it were.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "kafka/client.h"
#include "kafka/props.h"
#include "ledger/ledger.h"
#include "mem/mem.h"

enum {
	EVERY_US = 1000000,
	HURRY_US = 100000,
	ANSWER_MS = 3000,      /* a signal waits for it */
	GIVE_UP_US = 300000000 /* as long as a message may take */
};

struct kafka_lag {
	struct client client;
	struct kafka_opts opts;
	struct address address;
	const char *name; /* the place */
	uint64_t first_end;
	int fd;
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* below the lock */
	bool is_hurried, is_over;
	uint64_t sent;       /* as kafka_lag_behind() was told last */
	uint64_t sent_asked; /* what it was when the answer at hand was asked */
	uint64_t behind;     /* the answer */
	struct err failure;
};

/* ---- asking ---- */

struct answer {
	uint64_t behind, end; /* end: of all partitions together */
};

static int add_part(struct kafka_lag *l, const rd_kafka_topic_partition_t *part, struct answer *answer, struct err *err)
{
	int64_t low, high, from;
	rd_kafka_resp_err_t code = part->err;

	if (!code)
		code = rd.query_watermark_offsets(l->client.rk, part->topic, part->partition, &low, &high, ANSWER_MS);
	if (code)
		return client_fail(err, code, "where the group stands is not known");
	from = part->offset > low ? part->offset : low;
	answer->end += (uint64_t)high;
	answer->behind += high > from ? (uint64_t)(high - from) : 0;
	return 0;
}

static rd_kafka_topic_partition_list_t *list_parts(struct kafka_lag *l, struct err *err)
{
	const struct rd_kafka_metadata *meta = client_topic(&l->client, l->address.topics[0], err);
	rd_kafka_topic_partition_list_t *list;

	if (!meta)
		return NULL;
	list = rd.topic_partition_list_new(meta->topics[0].partition_cnt);
	for (int i = 0; i < meta->topics[0].partition_cnt; i++) {
		int32_t id = meta->topics[0].partitions[i].id;

		if (!l->address.has_partitions || (id >= l->address.first_partition && id <= l->address.last_partition))
			rd.topic_partition_list_add(list, l->address.topics[0], id);
	}
	rd.metadata_destroy(meta);
	return list;
}

static int ask(struct kafka_lag *l, struct answer *answer, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = list_parts(l, err);
	rd_kafka_resp_err_t code;
	int result = 0;

	*answer = (struct answer){0};
	if (!list)
		return -1;
	code = rd.committed(l->client.rk, list, ANSWER_MS);
	if (code)
		result = client_fail(err, code, "where the group stands is not known");
	for (int i = 0; i < list->cnt && result == 0; i++)
		result = add_part(l, &list->elems[i], answer, err);
	rd.topic_partition_list_destroy(list);
	return result;
}

/* ---- the thread ---- */

static void take_answer(struct kafka_lag *l, const struct answer *answer, uint64_t sent)
{
	uint64_t due = l->first_end + sent; /* where the topic ends when all has arrived */

	l->sent_asked = sent;
	l->behind = answer->behind + (due > answer->end ? due - answer->end : 0);
}

/* Until it is time for the next question, or somebody waits for it. Called with the lock. */
static void rest(struct kafka_lag *l, int64_t asked_us)
{
	while (!l->is_over) {
		int64_t left_us = asked_us + (l->is_hurried ? HURRY_US : EVERY_US) - ledger_now_us();
		struct timespec until;

		if (left_us <= 0)
			break;
		clock_gettime(CLOCK_MONOTONIC, &until);
		left_us += until.tv_nsec / 1000;
		until.tv_sec += left_us / 1000000;
		until.tv_nsec = left_us % 1000000 * 1000;
		pthread_cond_timedwait(&l->wake, &l->lock, &until);
	}
	l->is_hurried = false;
}

static void *keep_asking(void *arg)
{
	struct kafka_lag *l = arg;
	int64_t answered_us = ledger_now_us();

	pthread_mutex_lock(&l->lock);
	while (rest(l, ledger_now_us()), !l->is_over && l->failure.code == ERR_NONE) {
		uint64_t sent = l->sent;
		struct err err = ERR_INIT;
		struct answer answer;
		int result;

		pthread_mutex_unlock(&l->lock);
		result = ask(l, &answer, &err);
		pthread_mutex_lock(&l->lock);
		if (result == 0) {
			take_answer(l, &answer, sent);
			answered_us = ledger_now_us();
		} else if (err.code != ERR_UNREACHABLE || ledger_now_us() - answered_us > GIVE_UP_US) {
			l->failure = err;
		}
		eventfd_write(l->fd, 1);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static int start_thread(struct kafka_lag *l, struct err *err)
{
	pthread_condattr_t attr;
	sigset_t all, before;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&l->lock, NULL);
	/* signals are for the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	l->has_thread = pthread_create(&l->thread, NULL, keep_asking, l) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return l->has_thread ? 0 : err_set(err, ERR_IO, "no thread can be started");
}

/* ---- for the one who sends ---- */

int kafka_lag_behind(struct kafka_lag *l, uint64_t sent, uint64_t *behind, struct err *err)
{
	eventfd_t n_answers;
	int result = 0;

	(void)eventfd_read(l->fd, &n_answers); /* not readable before the next */
	pthread_mutex_lock(&l->lock);
	l->sent = sent;
	*behind = l->behind + (sent - l->sent_asked);
	if (l->failure.code != ERR_NONE) {
		*err = l->failure;
		result = -1;
	}
	pthread_mutex_unlock(&l->lock);
	return result ? err_at(err, l->name, 0, 0) : 0;
}

int kafka_lag_hurry(struct kafka_lag *l)
{
	pthread_mutex_lock(&l->lock);
	l->is_hurried = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	return l->fd;
}

/* ---- open and close ---- */

static int open_client(struct kafka_lag *l, const char *group, struct err *err)
{
	rd_kafka_conf_t *conf = props_conf(&l->opts, &l->address, 1, PROPS_SOURCE, err);
	struct answer answer;

	if (!conf)
		return -1;
	if (props_set(conf, "group.id", group, err)) {
		rd.conf_destroy(conf);
		return -1;
	}
	if (client_open(&l->client, RD_KAFKA_CONSUMER, conf, &l->opts, err))
		return -1;
	if (ask(l, &answer, err))
		return err->code == ERR_UNREACHABLE ? -1 : err_at(err, l->name, 0, 0);
	l->first_end = answer.end;
	take_answer(l, &answer, 0);
	return start_thread(l, err);
}

struct kafka_lag *kafka_lag_open(const struct kafka_opts *o, const char *name, const char *group, struct err *err)
{
	struct kafka_lag *l = mem_alloc(1, sizeof *l);

	l->opts = *o;
	l->opts.warn = NULL; /* the sink tells the same, and this is another thread */
	l->name = name;
	l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->fd < 0)
		err_sys(err, "eventfd");
	else if (address_parse(&l->address, name, true, err) == 0 && open_client(l, group, err) == 0)
		return l;
	kafka_lag_close(l);
	return NULL;
}

void kafka_lag_close(struct kafka_lag *l)
{
	if (!l)
		return;
	if (l->has_thread) {
		pthread_mutex_lock(&l->lock);
		l->is_over = true;
		pthread_cond_signal(&l->wake);
		pthread_mutex_unlock(&l->lock);
		pthread_join(l->thread, NULL);
		pthread_cond_destroy(&l->wake);
		pthread_mutex_destroy(&l->lock);
	}
	if (l->client.rk)
		rd.destroy(l->client.rk);
	if (l->fd >= 0)
		close(l->fd);
	address_release(&l->address);
	free(l);
}
