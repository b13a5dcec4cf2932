#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/spool.h"

#include "../../tests/kit/test_root.h"

static char root[] = "/tmp/spool-test-XXXXXX";

/* What the spool told. */
struct told {
	size_t n, n_old;
	uint64_t records;
	char last[512];
	bool has_time;
	bool fails;
};

static int tell(void *ctx, const struct spool_object *object, struct err *err)
{
	struct told *t = ctx;

	if (t->fails)
		return err_set(err, ERR_PIPE, "the reader went away");
	t->n++;
	t->n_old += object->is_old;
	t->records += object->sum->records;
	t->has_time = object->sum->has_time;
	snprintf(t->last, sizeof t->last, "%s", object->path + strlen(root));
	assert_int_equal(access(object->path, R_OK), 0);
	return 0;
}

static const struct spool_hooks *hooks(struct told *told)
{
	static struct spool_hooks h = {.tell = tell};

	h.ctx = told;
	return &h;
}

static int see(void *ctx, const char *p, size_t len, struct segment_sum *sum, struct err *err)
{
	(void)ctx;
	(void)err;
	assert_true(len && p[len - 1] == '\n');
	segment_sum_time(sum, 5);
	return 0;
}

static struct spool *open_spool(const char *run_id)
{
	struct err err = ERR_INIT;
	struct spool_opts opts = {.root = root, .identity = "there", .run_id = run_id};
	struct spool *spool = spool_open(&opts, &err);

	if (!spool)
		print_message("# %s\n", err.msg);
	return spool;
}

static struct codec_set set;
static struct segment segment;

static void fill(struct spool *spool, const char *dir, const char *name, const char *lines, uint64_t n)
{
	struct err err = ERR_INIT;

	assert_int_equal(spool_begin(spool, &segment, slice_str(dir), name, &err), 0);
	assert_int_equal(segment_add(&segment, lines, strlen(lines), n, &err), 0);
}

static bool exists(const char *name)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof path, "%s%s", root, name);
	return lstat(path, &st) == 0;
}

/* A dead process holds no lock: letting go of the descriptor is all that its end does. */
static void die(struct spool *spool)
{
	segment_abandon(&segment);
	spool_close(spool);
}

static void an_object_gets_its_name(void **state)
{
	struct err err = ERR_INIT;
	struct told told = {0};
	struct spool *spool = open_spool("night");

	(void)state;
	fill(spool, "dt=1/d=a", "night-000001.ndjson.zst", "{}\n{}\n", 2);
	assert_int_equal(spool_sync(spool, &(struct segment *){&segment}, 1, &err), 0);
	assert_false(exists("/dt=1/d=a/night-000001.ndjson.zst"));
	assert_int_equal(spool_add(spool, &segment, &err), 0);
	assert_int_equal(spool_publish(spool, hooks(&told), &err), 0);
	assert_string_equal(told.last, "/dt=1/d=a/night-000001.ndjson.zst");
	assert_int_equal(told.records, 2);
	/* The same records again are the same object; others are refused, and stay in the spool. */
	fill(spool, "dt=1/d=a", "night-000001.ndjson.zst", "{}\n{}\n", 2);
	assert_int_equal(segment_flush(&segment, &err), 0);
	assert_int_equal(spool_add(spool, &segment, &err), 0);
	assert_int_equal(spool_publish(spool, hooks(&told), &err), 0);
	assert_int_equal(told.n_old, 1);
	fill(spool, "dt=1/d=a", "night-000001.ndjson.zst", "{}\n{}\n{}\n", 3);
	assert_int_equal(spool_add(spool, &segment, &err), 0);
	assert_int_equal(spool_publish(spool, hooks(&told), &err), -1);
	assert_int_equal(err.code, ERR_REFUSED);
	err_reset(&err);
	assert_int_equal(spool_discard(spool, &err), 0);
	spool_close(spool);
	assert_false(exists("/.tlm-spool"));
}

static void a_sync_runs_beside_the_caller(void **state)
{
	struct err err = ERR_INIT;
	struct told told = {0};
	struct spool *spool = open_spool("beside");
	struct segment *open = &segment;

	(void)state;
	fill(spool, "beside", "a.ndjson.zst", "{}\n{}\n", 2);
	assert_int_equal(spool_sync_wait(spool, &err), 0);
	assert_int_equal(spool_sync_begin(spool, &open, 1, &err), 0);
	assert_int_equal(segment_add(&segment, "{}\n", 3, 1, &err), 0);
	assert_int_equal(spool_sync_begin(spool, &open, 1, &err), 0);
	assert_false(segment.is_unsynced);
	/* It is ended, and the next begun in its place, before its sync was waited for. */
	assert_int_equal(segment_add(&segment, "{}\n", 3, 1, &err), 0);
	assert_int_equal(spool_add(spool, &segment, &err), 0);
	fill(spool, "beside", "b.ndjson.zst", "{}\n", 1);
	assert_int_equal(spool_add(spool, &segment, &err), 0);
	assert_int_equal(spool_publish(spool, hooks(&told), &err), 0);
	assert_int_equal(told.records, 5);
	assert_true(exists("/beside/a.ndjson.zst") && exists("/beside/b.ndjson.zst"));
	spool_close(spool);
	assert_false(exists("/.tlm-spool"));
}

/* A pipe takes what is written and cannot be synced. */
static void make_unsyncable(struct segment *s, int *reader)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], s->fd) >= 0);
	close(ends[1]);
	*reader = ends[0];
}

static void a_sync_that_failed_is_heard_before_publishing(void **state)
{
	struct err err = ERR_INIT;
	struct told told = {0};
	struct spool *spool = open_spool("failed");
	struct segment bad, *open = &bad;
	int reader;

	(void)state;
	segment_init(&bad, &set, NULL);
	assert_int_equal(spool_begin(spool, &bad, slice_str("failed"), "bad.ndjson.zst", &err), 0);
	assert_int_equal(segment_add(&bad, "{}\n", 3, 1, &err), 0);
	make_unsyncable(&bad, &reader);
	assert_int_equal(spool_sync_begin(spool, &open, 1, &err), 0);
	fill(spool, "failed", "good.ndjson.zst", "{}\n", 1);
	assert_int_equal(spool_add(spool, &segment, &err), 0);
	assert_int_equal(spool_publish(spool, hooks(&told), &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.msg, "bad.ndjson.zst.part: cannot sync"));
	assert_int_equal(told.n, 0);
	assert_false(exists("/failed/good.ndjson.zst"));
	/* The same, by who waits. */
	err_reset(&err);
	assert_int_equal(segment_add(&bad, "{}\n", 3, 1, &err), 0);
	assert_int_equal(spool_sync_begin(spool, &open, 1, &err), 0);
	assert_int_equal(spool_sync_wait(spool, &err), -1);
	err_reset(&err);
	assert_int_equal(spool_sync_wait(spool, &err), 0);
	segment_release(&bad);
	close(reader);
	assert_int_equal(spool_discard(spool, &err), 0);
	spool_close(spool);
}

static void leftovers_are_stored(void **state)
{
	struct err err = ERR_INIT;
	struct told told = {0};
	struct spool_salvage result;
	struct spool *spool = open_spool(NULL);

	(void)state;
	fill(spool, "", "x-000001.ndjson.zst", "{}\n{}\n{\"a", 3);
	assert_int_equal(spool_sync(spool, &(struct segment *){&segment}, 1, &err), 0);
	/* While it lives, it is left alone. */
	{
		struct spool *other = open_spool(NULL);

		assert_int_equal(spool_salvage(other, see, hooks(&told), &result, &err), 0);
		assert_int_equal(result.objects, 0);
		spool_close(other);
	}
	die(spool);
	assert_false(exists("/x-000001.ndjson.zst"));
	spool = open_spool(NULL);
	assert_int_equal(spool_salvage(spool, see, hooks(&told), &result, &err), 0);
	assert_int_equal(result.runs, 1);
	assert_int_equal(result.records, 2);
	assert_string_equal(told.last, "/x-000001.ndjson.zst");
	assert_true(told.has_time);
	assert_int_equal(spool_salvage(spool, see, hooks(&told), &result, &err), 0);
	assert_int_equal(result.objects, 0);
	spool_close(spool);
	assert_false(exists("/.tlm-spool"));
}

/* Named, but not told: the row comes at the next start, and the object is not doubled. */
static void what_was_not_told_is_told(void **state)
{
	struct err err = ERR_INIT;
	struct told told = {.fails = true};
	struct spool_salvage result;
	struct spool *spool = open_spool(NULL);

	(void)state;
	fill(spool, "d=b", "y-000001.ndjson.zst", "{}\n", 1);
	assert_int_equal(spool_add(spool, &segment, &err), 0);
	assert_int_equal(spool_publish(spool, hooks(&told), &err), -1);
	assert_int_equal(err.code, ERR_PIPE);
	assert_true(exists("/d=b/y-000001.ndjson.zst"));
	die(spool);
	err_reset(&err);
	told.fails = false;
	spool = open_spool(NULL);
	assert_int_equal(spool_salvage(spool, see, hooks(&told), &result, &err), 0);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.records, 1);
	spool_close(spool);
	assert_false(exists("/.tlm-spool"));
}

static void a_repeatable_run_is_not_salvaged(void **state)
{
	struct err err = ERR_INIT;
	struct told told = {0};
	struct spool_salvage result;
	struct spool *spool = open_spool("weekly"), *other;

	(void)state;
	assert_null(open_spool("weekly"));
	fill(spool, "d=c", "weekly-000001.ndjson.zst", "{}\n", 1);
	assert_int_equal(spool_sync(spool, &(struct segment *){&segment}, 1, &err), 0);
	die(spool);
	other = open_spool(NULL);
	assert_int_equal(spool_salvage(other, see, hooks(&told), &result, &err), 0);
	assert_int_equal(result.objects, 0);
	assert_string_equal(result.unfinished, "weekly");
	spool_close(other);
	/* Its repetition throws away what is left. */
	spool = open_spool("weekly");
	assert_non_null(spool);
	spool_close(spool);
	assert_false(exists("/.tlm-spool"));
	assert_false(exists("/d=c/weekly-000001.ndjson.zst"));
}

/* The first that fails ends the group; those before it are published, the rest stays for the next start. */
static void a_group_is_cut_at_its_first_error(void **state)
{
	struct err err = ERR_INIT;
	struct told told = {0};
	struct spool_salvage result;
	struct spool *spool = open_spool(NULL);
	char name[64], other[512];

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "%s-%06d.ndjson.zst", spool_run_id(spool), i);
		fill(spool, i % 2 ? "g/d=1" : "g/d=0", name, "{}\n", 1);
		if (i == 12) {
			snprintf(other, sizeof other, "%s/g/d=0/%s", root, name);
			assert_int_equal(mkdir(strcat(strcpy(name, root), "/g"), 0777), 0);
			assert_int_equal(mkdir(strcat(name, "/d=0"), 0777), 0);
			fclose(fopen(other, "w"));
		}
		assert_int_equal(spool_add(spool, &segment, &err), 0);
		assert_false(spool_is_full(spool));
	}
	assert_int_equal(told.n, 0);
	assert_int_equal(spool_publish(spool, hooks(&told), &err), -1);
	assert_int_equal(err.code, ERR_REFUSED);
	assert_int_equal(told.n, 12);
	assert_int_equal(unlink(other), 0);
	die(spool);
	err_reset(&err);
	spool = open_spool(NULL);
	assert_int_equal(spool_salvage(spool, see, hooks(&told), &result, &err), 0);
	assert_int_equal(result.objects, 8);
	assert_int_equal(told.n, 20);
	assert_int_equal(told.records, 20);
	spool_close(spool);
	assert_false(exists("/.tlm-spool"));
}

/* A salvage that was killed between its file and the end of its group. */
static void an_interrupted_salvage_is_begun_anew(void **state)
{
	struct err err = ERR_INIT;
	struct told told = {0};
	struct spool_salvage result;
	struct spool *spool = open_spool(NULL);
	char path[512];

	(void)state;
	fill(spool, "d=s", "z-000001.ndjson.zst", "{}\n", 1);
	assert_int_equal(spool_sync(spool, &(struct segment *){&segment}, 1, &err), 0);
	snprintf(path, sizeof path, "%.*s.salvage", (int)strlen(segment.path.p) - 5, segment.path.p);
	fclose(fopen(path, "w"));
	die(spool);
	spool = open_spool(NULL);
	assert_int_equal(spool_salvage(spool, see, hooks(&told), &result, &err), 0);
	assert_int_equal(told.records, 1);
	spool_close(spool);
	assert_true(exists("/d=s/z-000001.ndjson.zst"));
	assert_false(exists("/.tlm-spool"));
}

static void run_ids_are_checked(void **state)
{
	static const char *const bad[] = {"", "a/b", ".x", "-x", "a b", "..", "20261125T225812Z-1a2b3c4d",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	struct spool *spool = open_spool(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err = ERR_INIT;

		assert_int_equal(spool_check_run_id(bad[i], &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
	}
	/* The form that is kept is the one that is made. */
	assert_int_equal(strlen(spool_run_id(spool)), strlen(bad[6]));
	spool_close(spool);
}

static int start(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	if (!mkdtemp(root) || codec_set_init(&set, CODEC_ZST, 0, &err) < 0)
		return -1;
	segment_init(&segment, &set, NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	segment_release(&segment);
	codec_set_release(&set);
	return remove_tree(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_gets_its_name),
		cmocka_unit_test(a_sync_runs_beside_the_caller),
		cmocka_unit_test(a_sync_that_failed_is_heard_before_publishing),
		cmocka_unit_test(leftovers_are_stored),
		cmocka_unit_test(what_was_not_told_is_told),
		cmocka_unit_test(a_repeatable_run_is_not_salvaged),
		cmocka_unit_test(a_group_is_cut_at_its_first_error),
		cmocka_unit_test(an_interrupted_salvage_is_begun_anew),
		cmocka_unit_test(run_ids_are_checked),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("spool", tests, start, end);
}
