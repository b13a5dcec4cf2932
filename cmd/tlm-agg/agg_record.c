/* A record on its way into the engine: --where, time, group, values; or out to the rejects. */
#include "agg_impl.h"

#include "jq/jq.h"

enum { ROW_SHIFT_US = 1000 }; /* the time of a row is the last millisecond of its window */

int agg_reject_field(struct agg *g, const struct at *at, enum reject_reason reason, const char *field, const char *what,
	struct err *err)
{
	struct slice raw = {at->record->p, at->record->len};

	return reject_add(g->frame.reject, reason, at->batch, at->line, 0, raw, raw.len, err, "%s %s", field, what) ? -1
														    : 1;
}

static int read_time(struct agg *g, const struct at *at, int64_t *us, struct err *err)
{
	const struct json_span *spans = at->record->spans;
	const char *why;
	int64_t end_us;

	if (timefield_get(&g->time, spans[g->time_slot], &g->tmp, us, &why))
		return agg_reject_field(g, at, REJECT_NO_TIME, g->time.path.text, why, err);
	if (g->time_from != TIME_WINDOW)
		return 0;
	if (timefield_get(&g->time_end, spans[g->time_end_slot], &g->tmp, &end_us, &why))
		return agg_reject_field(g, at, REJECT_NO_TIME, g->time_end.path.text, why, err);
	if (end_us - ROW_SHIFT_US > *us)
		*us = end_us - ROW_SHIFT_US;
	return 0;
}

int agg_read_group(struct agg *g, const struct at *at, struct err *err)
{
	buf_reset(&g->key);
	for (size_t i = 0; i < g->n_groups; i++) {
		if (!group_key_add(&g->key, at->record->spans[g->group_slots[i]], &g->tmp))
			return agg_reject_field(g, at, REJECT_GROUP_VALUE, g->groups[i].path.text,
				"is an array or an object and cannot be a group", err);
	}
	return 0;
}

/* The value that votes on the time. */
static int check_voter(struct agg *g, const struct at *at, struct err *err)
{
	uint8_t type = at->record->spans[g->voter_slot].type;

	if (type != JSON_ARRAY && type != JSON_OBJECT)
		return 0;
	return agg_reject_field(
		g, at, REJECT_GROUP_VALUE, g->voter.text, "is an array or an object and cannot be in a quorum", err);
}

/* Raises T; false: the record is ahead of it. What is not behind T needs no vote, and null or nothing has none. */
static bool see_time(struct agg *g, const struct at *at, int64_t us)
{
	uint32_t input = at->batch->input;
	struct json_span voter;

	if (!g->clock.quorum)
		return window_clock_see(&g->clock, input, us);
	voter = at->record->spans[g->voter_slot];
	buf_reset(&g->vote);
	if (us > g->clock.inputs[input].stream_us && voter.type != JSON_ABSENT && voter.type != JSON_NULL)
		group_key_add(&g->vote, voter, &g->tmp);
	return window_clock_vote(&g->clock, input, us, buf_slice(&g->vote));
}

/* Which of the aggregates with a condition see the record. */
static int judge(struct agg *g, const struct at *at, struct err *err)
{
	struct slice raw = {at->record->p, at->record->len};
	const struct jq_result *failed = agg_judge(&g->list, at->record, g->values);

	if (!failed)
		return 0;
	return reject_add(g->frame.reject, failed->status == JQ_ERROR ? REJECT_PROGRAM : REJECT_LIMIT, at->batch,
		       at->line, 0, raw, raw.len, err, "%.*s", (int)failed->message.len, failed->message.p)
		       ? -1
		       : 1;
}

static int read_values(struct agg *g, const struct at *at, struct err *err)
{
	for (size_t i = 0; i < g->list.n_fields; i++) {
		const char *why = agg_read(&g->list, i, at->record->spans[g->field_slots[i]], &g->values[i]);

		if (why)
			return agg_reject_field(g, at, REJECT_TYPE, g->list.fields[i].path.text, why, err);
	}
	return g->list.n_conditions ? judge(g, at, err) : 0;
}

int agg_ask_where(struct agg *g, const struct at *at, struct err *err)
{
	struct slice raw = {at->record->p, at->record->len}, message;
	enum condition_answer answer = condition_ask(g->where, at->record, &message);

	switch (answer) {
	case CONDITION_YES:
		return 1;
	case CONDITION_NO:
		g->frame.ledger->read++;
		g->frame.ledger->filtered++;
		return 0;
	case CONDITION_ERROR:
	case CONDITION_LIMIT:
		break;
	}
	g->frame.ledger->read++;
	return reject_add(g->frame.reject, answer == CONDITION_ERROR ? REJECT_PROGRAM : REJECT_LIMIT, at->batch,
		at->line, 0, raw, raw.len, err, "--where: %.*s", (int)message.len, message.p);
}

/* Whether a trip begins or ends with the record. */
static int ask_trip(
	struct agg *g, const struct at *at, struct condition *c, const char *option, bool *is_true, struct err *err)
{
	struct slice raw = {at->record->p, at->record->len}, message;
	enum condition_answer answer = c ? condition_scan(c, at->record, &message) : CONDITION_NO;

	*is_true = answer == CONDITION_YES;
	if (answer == CONDITION_YES || answer == CONDITION_NO)
		return 0;
	return reject_add(g->frame.reject, answer == CONDITION_ERROR ? REJECT_PROGRAM : REJECT_LIMIT, at->batch,
		       at->line, 0, raw, raw.len, err, "%s: %.*s", option, (int)message.len, message.p)
		       ? -1
		       : 1;
}

/* All fields are read before any clock moves. */
int agg_take_object(struct agg *g, const struct at *at, struct err *err)
{
	struct engine_record r = {
		.place = {.line = at->line, .input = at->batch->input},
		.values = g->values,
	};
	int bad = 0;

	if (g->time_from != TIME_NONE)
		bad = read_time(g, at, &r.place.time_us, err);
	if (!bad && g->clock.quorum)
		bad = check_voter(g, at, err);
	if (!bad)
		bad = agg_read_group(g, at, err);
	if (!bad)
		bad = read_values(g, at, err);
	if (!bad)
		bad = ask_trip(g, at, g->start, "--start", &r.is_start, err);
	if (!bad)
		bad = ask_trip(g, at, g->end, "--end", &r.is_end, err);
	if (bad)
		return bad < 0 ? -1 : 0;
	if (g->time_from != TIME_NONE && !see_time(g, at, r.place.time_us))
		return agg_reject_ahead(g, at, r.place.time_us, err);
	if (g->lateness) {
		lateness_add(g->lateness, r.place.time_us, buf_slice(&g->key), g->clock.watermark_us);
		g->n_explained++;
		return 0;
	}
	r.key = buf_slice(&g->key);
	r.hash = group_hash(r.key);
	switch (engine_add(g->engine, &r, g->clock.watermark_us, err)) {
	case ENGINE_TAKEN:
		return 0;
	case ENGINE_LATE:
		if (g->late)
			agg_add_late_row(g, at, r.place.time_us);
		return 0;
	case ENGINE_ERROR:
	case ENGINE_FULL:
		return agg_refuse_full(g, at, err);
	case ENGINE_MISFIT: /* of parts alone */
		break;
	}
	return -1;
}

static const char *type_text(uint8_t type)
{
	static const char *const text[] = {
		"nothing", "null", "false", "true", "a number", "a string", "an array", "an object"};

	return text[type];
}

int agg_reject_record(struct agg *g, const struct at *at, struct err *err)
{
	struct slice raw = {at->record->p, at->record->len};
	struct buf what = BUF_INIT;
	int result;

	if (at->record->status != JSON_OK)
		return reject_add(g->frame.reject, at->record->status == JSON_TOO_DEEP ? REJECT_TOO_DEEP : REJECT_JSON,
			at->batch, at->line, at->record->byte, raw, raw.len, err, "%s", at->record->message);
	buf_addf(&what, "the record is %s, not an object", type_text(at->record->type));
	result = reject_add(
		g->frame.reject, REJECT_NOT_OBJECT, at->batch, at->line, 0, raw, raw.len, err, "%s", buf_cstr(&what));
	buf_release(&what);
	return result;
}
