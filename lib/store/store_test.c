#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../tests/kit/http_script.h"
#include "store/store.h"

enum { N_OBJECTS = 6, WAIT_US = 20000000 };

#define ANSWER(status, headers, body) "HTTP/1.1 " status "\r\n" headers "\r\n" body

/* A bucket behind a server that says what the test tells it to, and files to store. */
struct bench {
	struct script server;
	struct awsconf *conf;
	struct awscreds *creds;
	struct s3 *s3;
	struct store *store;
	char paths[N_OBJECTS][40], names[N_OBJECTS][8];
	struct store_object objects[N_OBJECTS];
};

static void make_object(struct bench *b, int i)
{
	struct store_object *o = &b->objects[i];
	int fd;

	snprintf(b->paths[i], sizeof b->paths[i], "/tmp/store-test-XXXXXX");
	snprintf(b->names[i], sizeof b->names[i], "k%d", i);
	fd = mkstemp(b->paths[i]);
	assert_int_equal(write(fd, "hello", 5), 5);
	close(fd);
	*o = (struct store_object){.path = b->paths[i], .name = b->names[i], .kind = CODEC_NONE};
	o->sum = (struct segment_sum){.records = 1, .bytes = 5, .raw_bytes = 5};
	strcpy(o->sum.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	strcpy(o->sum.raw_sha256, o->sum.sha256);
}

static void open_bench(struct bench *b, size_t n_uploads, script_fn *answer, void *ctx)
{
	struct awsconf_opts conf = {.endpoint_url = b->server.url};
	struct s3_opts opts = {.bucket = "lake", .user_agent = "tlm-test", .give_up_us = WAIT_US};
	struct err err = ERR_INIT;

	script_start(&b->server, answer, ctx);
	b->conf = awsconf_open(&conf, &err);
	b->creds = awscreds_open(b->conf, "tlm-test");
	opts.conf = b->conf;
	opts.creds = b->creds;
	opts.threshold_bytes = S3_THRESHOLD_DEFAULT_BYTES;
	opts.chunk_bytes = S3_CHUNK_DEFAULT_BYTES;
	b->s3 = s3_open(&opts, &err);
	assert_non_null(b->s3);
	b->store = store_open_s3(b->s3, n_uploads, &err);
	assert_non_null(b->store);
	for (int i = 0; i < N_OBJECTS; i++)
		make_object(b, i);
}

static void close_bench(struct bench *b)
{
	store_close(b->store);
	s3_close(b->s3);
	awscreds_close(b->creds);
	awsconf_close(b->conf);
	script_stop(&b->server);
	for (int i = 0; i < N_OBJECTS; i++)
		unlink(b->paths[i]);
}

static int take(struct bench *b, int64_t wait_us, struct store_object **o, struct err *err)
{
	err_reset(err);
	return b->store->ops->take(b->store, wait_us, o, err);
}

/* ---- order ---- */

/* The first object is answered last. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	int n_answered, most, now;
};

static const char *first_is_last(void *ctx, const char *request)
{
	struct gate *g = ctx;

	pthread_mutex_lock(&g->lock);
	g->now++;
	g->most = g->now > g->most ? g->now : g->most;
	pthread_cond_broadcast(&g->moved);
	if (strstr(request, "/k0 "))
		while (g->n_answered < N_OBJECTS - 1)
			pthread_cond_wait(&g->moved, &g->lock);
	g->n_answered++;
	g->now--;
	pthread_cond_broadcast(&g->moved);
	pthread_mutex_unlock(&g->lock);
	return ANSWER("200 OK", "", "");
}

static void outcomes_come_in_the_order_of_begin(void **state)
{
	struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0};
	struct store_object *o;
	struct err err = ERR_INIT;
	struct bench b;

	(void)state;
	open_bench(&b, 3, first_is_last, &gate);
	assert_int_equal(take(&b, 0, &o, &err), 0);
	assert_int_equal(take(&b, WAIT_US, &o, &err), 0);
	for (int i = 0; i < N_OBJECTS; i++)
		b.store->ops->begin(b.store, &b.objects[i]);
	for (int i = 0; i < N_OBJECTS; i++) {
		assert_int_equal(take(&b, WAIT_US, &o, &err), 1);
		assert_ptr_equal(o, &b.objects[i]);
		assert_false(o->is_old);
	}
	assert_int_equal(take(&b, 0, &o, &err), 0);
	assert_true(gate.most <= 3);
	assert_int_equal(b.server.n_requests, N_OBJECTS);
	close_bench(&b);
}

/* ---- what one comes to is its own ---- */

static const char *mixed(void *ctx, const char *request)
{
	(void)ctx;
	if (strstr(request, "/k1 "))
		return ANSWER("403 No", "", "<Error><Code>AccessDenied</Code></Error>");
	if (strncmp(request, "PUT", 3) == 0 && strstr(request, "/k2 "))
		return ANSWER("412 No", "", "");
	if (strncmp(request, "HEAD", 4) == 0)
		return ANSWER("200 OK",
			"x-amz-meta-tlm-raw-sha256: "
			"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\r\n"
			"x-amz-meta-tlm-sha256: 1111111111111111111111111111111111111111111111111111111111111111\r\n",
			"four");
	return ANSWER("200 OK", "", "");
}

static void each_object_has_its_own_outcome(void **state)
{
	struct store_object *o;
	struct err err = ERR_INIT;
	struct bench b;

	(void)state;
	open_bench(&b, 2, mixed, NULL);
	unlink(b.paths[3]);
	for (int i = 0; i < 5; i++)
		b.store->ops->begin(b.store, &b.objects[i]);
	assert_int_equal(take(&b, WAIT_US, &o, &err), 1);
	assert_int_equal(take(&b, WAIT_US, &o, &err), -1);
	assert_ptr_equal(o, &b.objects[1]);
	assert_int_equal(err.code, ERR_REFUSED);
	assert_non_null(strstr(err.msg, "AccessDenied"));
	/* It was there already, compressed otherwise: the row must tell of what is stored. */
	assert_int_equal(take(&b, WAIT_US, &o, &err), 1);
	assert_true(o->is_old);
	assert_int_equal(o->sum.bytes, 4);
	assert_int_equal(o->sum.sha256[0], '1');
	assert_int_equal(take(&b, WAIT_US, &o, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.msg, "cannot open"));
	assert_int_equal(take(&b, WAIT_US, &o, &err), 1);
	assert_ptr_equal(o, &b.objects[4]);
	assert_non_null(strstr(b.server.requests.p, "x-amz-meta-tlm-records: 1\r\n"));
	assert_non_null(strcasestr(b.server.requests.p, "content-type: application/x-ndjson\r\n"));
	close_bench(&b);
}

/* ---- closing ---- */

static const char *hold(void *ctx, const char *request)
{
	char byte;

	(void)request;
	return read(*(int *)ctx, &byte, 1) == 1 ? ANSWER("200 OK", "", "") : NULL;
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* An upload that hangs does not hold the end up: what was not taken stays with the caller. */
static void closing_does_not_wait_for_a_server(void **state)
{
	struct store_object *o;
	struct err err = ERR_INIT;
	int64_t begun_us;
	struct bench b;
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	open_bench(&b, 1, hold, &pipes[0]);
	b.store->ops->begin(b.store, &b.objects[0]);
	b.store->ops->begin(b.store, &b.objects[1]);
	assert_int_equal(take(&b, 50000, &o, &err), 0);
	begun_us = now_us();
	store_close(b.store);
	b.store = NULL;
	assert_true(now_us() - begun_us < WAIT_US / 2);
	close(pipes[1]);
	close_bench(&b);
	close(pipes[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_come_in_the_order_of_begin),
		cmocka_unit_test(each_object_has_its_own_outcome),
		cmocka_unit_test(closing_does_not_wait_for_a_server),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("store", tests, script_environment, NULL);
}
