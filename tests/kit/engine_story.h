/* engine_story: for tests that tell as text what came out of an engine of one list. */
#ifndef TLM_TESTS_ENGINE_STORY_H
#define TLM_TESTS_ENGINE_STORY_H

#include "engine/engine.h"

/* An engine of a list, with a row function and its context; the list is the caller's to release. */
static struct engine *story_engine(struct agg_list *list, const char *text, struct engine_opts opts, void *context)
{
	struct err err = ERR_INIT;

	assert_int_equal(agg_list_parse(list, text, &err), 0);
	opts.list = list;
	opts.context = context;
	return engine_open(&opts);
}

/* [start,end)key=result of the first aggregate, with ? where it is not final and ! where it was cut; that result. */
static struct agg_result story_add_row(
	struct buf *out, const struct agg_list *list, const struct engine_row *row, char bracket)
{
	struct agg_result r;

	agg_result(list, 0, row->states, &r);
	buf_addf(out, "[%lld,%lld%s%s%c%.*s=", (long long)row->start_us, (long long)row->end_us,
		row->is_final ? "" : "?", row->is_cut ? "!" : "", bracket, (int)row->key.len, row->key.p);
	agg_result_print(out, &r);
	return r;
}

static void story_release(struct engine *e, struct agg_list *list, struct buf *text)
{
	engine_close(e);
	agg_list_release(list);
	buf_release(text);
}

#endif
