/*
 * The metadata of a commit: "tlm-lake1 NAME=VALUE ...". b: where names begin; t: stream time there, in microseconds; w:
 * when the batch was begun, in milliseconds; of a batch that is sealed e: behind its last record, n and k: its records
 * and objects, o: a hash of the options, in hexadecimal, and c: the options themselves, up to the end.
 */
#include "lake/lake_impl.h"

#include <errno.h>
#include <stdlib.h>

#define FORM "tlm-lake1"

enum { TEXT_MAX_BYTES = 1024, WORDS_MAX_BYTES = 3000 /* brokers take 4096 bytes of metadata */ };

#define WORDS " c="

void lake_print_plan(const struct lake_plan *plan, const char *words, struct buf *out)
{
	buf_addf(out, FORM " b=%lld", (long long)plan->from);
	if (plan->stream_us != LAKE_NO_TIME)
		buf_addf(out, " t=%lld", (long long)plan->stream_us);
	if (plan->since_ms)
		buf_addf(out, " w=%lld", (long long)plan->since_ms);
	if (plan->to >= 0)
		buf_addf(out, " e=%lld n=%llu k=%llu o=%llx", (long long)plan->to, (unsigned long long)plan->records,
			(unsigned long long)plan->objects, (unsigned long long)plan->options);
	if (plan->to >= 0 && words && strlen(words) <= WORDS_MAX_BYTES)
		buf_addf(out, WORDS "%s", words);
}

struct slice lake_plan_words(struct slice *text)
{
	const char *at = text->len ? memmem(text->p, text->len, WORDS, strlen(WORDS)) : NULL;
	struct slice words = {NULL, 0};

	if (at) {
		words.p = at + strlen(WORDS);
		words.len = text->len - (size_t)(words.p - text->p);
		text->len = (size_t)(at - text->p);
	}
	return words;
}

static bool take_word(struct lake_plan *plan, char name, const char *value)
{
	char *end;
	int64_t n;

	errno = 0;
	if (name == 'o') {
		plan->options = strtoull(value, &end, 16);
		return end != value && !*end && !errno;
	}
	n = strtoll(value, &end, 10);
	if (end == value || *end || errno || (n < 0 && name != 't'))
		return false;
	switch (name) {
	case 'b':
		plan->from = n;
		return true;
	case 't':
		plan->stream_us = n;
		return true;
	case 'w':
		plan->since_ms = n;
		return true;
	case 'e':
		plan->to = n;
		return true;
	case 'n':
		plan->records = (uint64_t)n;
		return true;
	case 'k':
		plan->objects = (uint64_t)n;
		return true;
	default:
		return false;
	}
}

int lake_parse_plan(struct slice text, struct lake_plan *plan, struct err *err)
{
	char copy[TEXT_MAX_BYTES], *next = copy, *word;
	bool is_good = true;

	*plan = (struct lake_plan){.from = -1, .stream_us = LAKE_NO_TIME, .to = -1};
	if (text.len == 0)
		return 0;
	lake_plan_words(&text);
	if (text.len < sizeof FORM || text.len >= sizeof copy || memcmp(text.p, FORM " ", sizeof FORM) != 0)
		return err_set(err, ERR_REFUSED,
			"the group's offsets were committed by something else: a lake needs a "
			"group of its own");
	memcpy(copy, text.p + sizeof FORM, text.len - sizeof FORM);
	copy[text.len - sizeof FORM] = '\0';
	while ((word = strsep(&next, " ")))
		is_good = is_good && word[0] && word[1] == '=' && take_word(plan, word[0], word + 2);
	if (!is_good || plan->from < 0 || (plan->to >= 0 && plan->to <= plan->from))
		return err_set(err, ERR_REFUSED,
			"the metadata of the group's offset are damaged: set the offset with "
			"kafka-consumer-groups, what was stored behind it would be stored again");
	return 0;
}
