/* state: the states of a group as JSON, and back. */
#include "aggregate/form.h"

#include <assert.h>
#include <string.h>

#include "group/group.h"
#include "mem/mem.h"

/*
 * A state stands under the name of the first call that is made of it; one that is empty, all bytes zero, is {}. Beside
 * the states stands their head: what must be equal in all that are to be merged.
 */
enum { VERSION = 1 };

static const char *const head_names[] = {"v", "config", "window", "inputs", "known"};

bool agg_is_head_name(struct slice name)
{
	for (size_t i = 0; i < sizeof head_names / sizeof *head_names; i++) {
		if (slice_eq(name, slice_str(head_names[i])))
			return true;
	}
	return false;
}

/* The name under which a state stands. */
static const char *name_of(const struct agg_list *list, size_t state)
{
	size_t i = 0;

	while (list->calls[i].state != state)
		i++;
	return list->calls[i].name;
}

static bool is_empty(const char *state, size_t bytes)
{
	while (bytes && !*state) {
		state++;
		bytes--;
	}
	return !bytes;
}

/* ---- the head ---- */

static void describe_field(struct buf *out, const struct agg_list *list, int32_t field)
{
	buf_add_char(out, '(');
	if (field >= 0)
		fieldpath_canonical(out, &list->fields[field].path);
	buf_add_char(out, ')');
}

/* What decides what the states mean; names of functions that are made of them do not. */
uint64_t agg_config(const struct agg_list *list, struct slice more)
{
	struct buf text = BUF_INIT;
	uint64_t hash;

	for (size_t i = 0; i < list->n_states; i++) {
		const struct agg_state *s = &list->states[i];

		buf_addf(&text, "%s=%s", name_of(list, i), s->kind->name);
		describe_field(&text, list, s->fields[0]);
		describe_field(&text, list, s->fields[1]);
		buf_addf(&text, "%llu", (unsigned long long)s->parameter);
		if (s->condition >= 0) {
			buf_add_str(&text, "where ");
			buf_add_slice(&text, agg_condition_text(list, s->condition));
		}
		buf_add_char(&text, '\n');
		if (s->kind->is_exact_first)
			buf_addf(&text, "exact %u\n", list->exact_max);
	}
	buf_add_slice(&text, more);
	hash = group_hash(buf_slice(&text));
	buf_release(&text);
	return hash;
}

void agg_head_write(const struct agg_head *head, struct buf *out)
{
	json_add_key(out, "v");
	form_add_u64(out, VERSION);
	json_add_key(out, "config");
	form_add_hash_text(out, head->config);
	json_add_key(out, "window");
	json_add_string(out, head->window);
	if (head->n_inputs > 1) {
		json_add_key(out, "inputs");
		form_add_u64(out, head->n_inputs);
	}
	if (head->known_us != AGG_KNOWN_ALL) {
		json_add_key(out, "known");
		if (head->known_us == AGG_KNOWN_NONE)
			buf_add_str(out, "null");
		else
			form_add_i64(out, head->known_us);
	}
}

static int read_version(struct json_span span, struct err *err)
{
	int64_t version;

	if (!form_i64(span, &version) || version < 1)
		return err_set(err, ERR_DATA, "_state has no v: it is no state of tlm-agg");
	if (version != VERSION)
		return err_set(
			err, ERR_DATA, "_state is of version %lld, this tlm-agg reads %d", (long long)version, VERSION);
	return 0;
}

int agg_head_read(struct json_span object, struct agg_head *head, struct err *err)
{
	struct json_span key, value, version = {0}, config = {0}, window = {0}, inputs = {0}, known = {0};
	struct json_span *const members[] = {&version, &config, &window, &inputs, &known};
	struct json_iter it;
	int64_t n = 1;

	if (object.type != JSON_OBJECT)
		return err_set(err, ERR_DATA, "_state is no object");
	json_iter_init(&it, object);
	while (json_iter_next(&it, &key, &value)) {
		for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
			if (json_string_eq(key, slice_str(head_names[i])))
				*members[i] = value;
		}
	}
	if (read_version(version, err))
		return -1;
	if (!form_hash_text(config, &head->config))
		return err_set(err, ERR_DATA, "config of _state is not 16 hexadecimal digits");
	if (window.type != JSON_STRING || window.is_escaped)
		return err_set(err, ERR_DATA, "_state does not say of which window it is");
	head->window = json_inside(window);
	if (inputs.type != JSON_ABSENT && (!form_i64(inputs, &n) || n < 1 || n > AGG_INPUTS_MAX))
		return err_set(err, ERR_DATA, "inputs of _state is not a number from 1 to %d", AGG_INPUTS_MAX);
	head->n_inputs = (uint32_t)n;
	head->known_us = known.type == JSON_NULL ? AGG_KNOWN_NONE : AGG_KNOWN_ALL;
	if (known.type != JSON_ABSENT && known.type != JSON_NULL && !form_time(known, &head->known_us))
		return err_set(err, ERR_DATA, "known of _state is no time in microseconds");
	return 0;
}

/* ---- the states ---- */

void agg_states_write(const struct agg_list *list, const void *states, const uint32_t *first_inputs, struct buf *out)
{
	for (size_t i = 0; i < list->n_states; i++) {
		const struct agg_state *s = &list->states[i];
		const char *state = (const char *)states + s->offset;
		struct form_writer w = {out, first_inputs, s->parameter};

		json_add_key(out, name_of(list, i));
		buf_add_char(out, '{');
		if (!is_empty(state, s->kind->bytes))
			s->kind->write(state, &w);
		buf_add_char(out, '}');
	}
}

/* Which state stands under a name; -1: none. */
static int find_state(const struct agg_list *list, struct json_span key)
{
	for (size_t i = 0; i < list->n_states; i++) {
		if (json_string_eq(key, slice_str(name_of(list, i))))
			return (int)i;
	}
	return -1;
}

static int read_state(
	struct agg_list *list, size_t i, struct json_span value, uint32_t producer, void *states, struct err *err)
{
	const struct agg_state *s = &list->states[i];
	char *state = (char *)states + s->offset;
	struct form_reader r = {list, producer, s->parameter};
	struct json_span key, first;
	struct json_iter it;

	if (value.type == JSON_OBJECT) {
		json_iter_init(&it, value);
		if (!json_iter_next(&it, &key, &first))
			return 0;
		if (s->kind->read(state, value, &r))
			return 0;
	}
	return err_set(
		err, ERR_DATA, "_state.%.100s is damaged: it is no state of %s", name_of(list, i), s->kind->name);
}

static int read_members(
	struct agg_list *list, struct json_span object, uint32_t producer, void *states, struct err *err)
{
	struct json_span key, value;
	struct json_iter it;
	size_t n = 0;

	/* each must come once: a second one would be read into what the first has left */
	json_iter_init(&it, object);
	while (json_iter_next(&it, &key, &value)) {
		struct slice name = json_text(key, &list->scratch);
		int i = find_state(list, key);

		if (i < 0 && agg_is_head_name(name))
			continue;
		if (i < 0)
			return err_set(err, ERR_DATA, "_state.%.*s belongs to no aggregate of the list",
				(int)(name.len < 60 ? name.len : 60), name.p);
		if (list->are_read[i])
			return err_set(err, ERR_DATA, "_state.%.100s comes twice", name_of(list, (size_t)i));
		list->are_read[i] = true;
		n++;
		if (read_state(list, (size_t)i, value, producer, states, err))
			return -1;
	}
	for (size_t i = 0; n < list->n_states && i < list->n_states; i++) {
		if (!list->are_read[i])
			return err_set(err, ERR_DATA, "_state.%.100s is missing", name_of(list, i));
	}
	return 0;
}

int agg_states_read(struct agg_list *list, struct json_span object, uint32_t producer, void *states, struct err *err)
{
	assert(object.type == JSON_OBJECT);
	if (!list->are_read)
		list->are_read = mem_alloc_apart(list->n_states, sizeof *list->are_read);
	memset(list->are_read, 0, list->n_states * sizeof *list->are_read);
	if (read_members(list, object, producer, states, err) == 0)
		return 0;
	agg_states_release(list, states);
	memset(states, 0, list->state_bytes);
	return -1;
}
