#include "kafka/address.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "etime/etime.h"
#include "kafka/kafka.h"
#include "mem/mem.h"
#include "num/num.h"

enum { TOPIC_BYTES_MAX = 249 };

bool kafka_is_place(const char *text)
{
	return strncasecmp(text, "kafka:", 6) == 0;
}

static void add(struct opt_list *list, char *item)
{
	list->items = mem_resize(list->items, list->n + 1, sizeof *list->items);
	list->items[list->n++] = item;
}

/* ---- offset= ---- */

static int parse_time(struct point *p, const char *text, size_t len, int64_t now_ms, struct err *err)
{
	static const struct etime_format iso = {ETIME_ISO, NULL};
	struct err sub = ERR_INIT;
	int64_t us;

	p->kind = POINT_TIME;
	if (len > 1 && text[0] == '-' && num_parse_duration((struct slice){text + 1, len - 1}, &us, &sub) == 0) {
		p->n = now_ms - us / 1000;
		return 0;
	}
	if (num_parse_int((struct slice){text, len}, 0, INT64_MAX / 1000, &p->n, &sub) == 0)
		return 0;
	if (etime_parse(&iso, text, len, false, &us)) {
		p->n = us >= 0 ? (us + 999) / 1000 : us / 1000;
		return 0;
	}
	return err_set(err, ERR_USAGE,
		"offset=@%.*s: a time is @2026-11-22T10:00:00Z, milliseconds since 1970, or @-2h for two hours ago",
		(int)(len > 60 ? 60 : len), text);
}

static int parse_point(struct point *p, const char *text, size_t len, int64_t now_ms, struct err *err)
{
	static const struct {
		const char *name;
		enum point_kind kind;
	} words[] = {{"beginning", POINT_BEGINNING}, {"end", POINT_END}, {"stored", POINT_STORED}};
	struct err sub = ERR_INIT;
	bool is_signed = len && (text[0] == '-' || text[0] == '+');

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strlen(words[i].name) == len && memcmp(words[i].name, text, len) == 0) {
			*p = (struct point){words[i].kind, 0};
			return 0;
		}
	}
	if (len && text[0] == '@')
		return parse_time(p, text + 1, len - 1, now_ms, err);
	if (len > 2 && (text[0] == 's' || text[0] == 'e') && text[1] == '@')
		return err_set(
			err, ERR_USAGE, "offset=%.*s: write offset=@FROM..@TO", (int)(len > 60 ? 60 : len), text);
	p->kind = !is_signed ? POINT_OFFSET : text[0] == '-' ? POINT_BEFORE_END : POINT_AFTER;
	if (num_parse_int((struct slice){text + is_signed, len - is_signed}, 0, INT64_MAX, &p->n, &sub) == 0)
		return 0;
	return err_set(err, ERR_USAGE,
		"offset=%.*s: must be beginning, end, stored, N, -N, +N, @TIME or a range FROM..TO of them",
		(int)(len > 60 ? 60 : len), text);
}

int address_parse_range(struct address *a, const char *text, int64_t now_ms, struct err *err)
{
	const char *dots = strstr(text, "..");
	size_t from_len = dots ? (size_t)(dots - text) : strlen(text);

	a->has_offset = true;
	a->has_end = dots != NULL;
	a->from = (struct point){POINT_BEGINNING, 0};
	a->to = (struct point){POINT_END, 0};
	if ((from_len || !dots) && parse_point(&a->from, text, from_len, now_ms, err))
		return -1;
	if (dots && dots[2] && parse_point(&a->to, dots + 2, strlen(dots + 2), now_ms, err))
		return -1;
	if (dots && (a->to.kind == POINT_BEGINNING || a->to.kind == POINT_STORED))
		return err_set(err, ERR_USAGE, "offset=%.60s: a range ends at end, N, -N, +N or @TIME", text);
	return 0;
}

/* ---- parameters ---- */

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* "3" or "0-7". */
static int parse_partitions(struct address *a, const char *value, struct err *err)
{
	const char *dash = strchr(value, '-');
	size_t len = dash ? (size_t)(dash - value) : strlen(value);
	struct err sub = ERR_INIT;
	int64_t first, last;

	if (num_parse_int((struct slice){value, len}, 0, INT32_MAX, &first, &sub) == 0) {
		last = first;
		if (!dash || num_parse_int(slice_str(dash + 1), first, INT32_MAX, &last, &sub) == 0) {
			a->has_partitions = true;
			a->first_partition = (int32_t)first;
			a->last_partition = (int32_t)last;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE, "partition=%.60s: must be a number, or FIRST-LAST", value);
}

static int parse_limit(struct address *a, const char *value, struct err *err)
{
	struct err sub = ERR_INIT;
	int64_t n;

	if (num_parse_int(slice_str(value), 1, INT64_MAX, &n, &sub))
		return err_set(err, ERR_USAGE, "limit=%.60s: must be a number of messages, 1 or more", value);
	a->limit = (uint64_t)n;
	return 0;
}

static int parse_envelope(struct address *a, const char *value, struct err *err)
{
	if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
		return err_set(err, ERR_USAGE, "envelope=%.60s: must be 0 or 1", value);
	a->has_envelope = true;
	a->is_envelope = *value == '1';
	return 0;
}

enum { OF_SOURCE = 1, OF_SINK = 2 };

/* Ours; false when the name is not. */
static bool take_own(struct address *a, const char *name, char *value, int *of, int *result, struct err *err)
{
	*of = OF_SOURCE;
	*result = 0;
	if (strcmp(name, "offset") == 0)
		*result = address_parse_range(a, value, clock_ms(), err);
	else if (strcmp(name, "group") == 0)
		a->group = value;
	else if (strcmp(name, "limit") == 0)
		*result = parse_limit(a, value, err);
	else if (strcmp(name, "partition") == 0)
		*of = OF_SOURCE | OF_SINK, *result = parse_partitions(a, value, err);
	else if (strcmp(name, "envelope") == 0)
		*of = OF_SOURCE | OF_SINK, *result = parse_envelope(a, value, err);
	else if (strcmp(name, "key") == 0)
		*of = OF_SINK, a->key = value;
	else if (strcmp(name, "ts") == 0)
		*of = OF_SINK, a->ts = value;
	else if (strcmp(name, "headers") == 0)
		*of = OF_SINK, a->headers = value;
	else
		return false;
	return true;
}

/* "%26" is '&' and "%25" is '%'; every other '%' stays, for patterns of time hold many. */
static void decode(char *p)
{
	char *to = p;

	for (; *p; p++) {
		if (strncmp(p, "%26", 3) == 0 || strncmp(p, "%25", 3) == 0) {
			*to++ = p[2] == '6' ? '&' : '%';
			p += 2;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
}

static int parse_param(struct address *a, char *text, bool is_sink, struct err *err)
{
	char *equals = strchr(text, '=');
	int of, result;

	if (!equals || equals == text)
		return err_set(err, ERR_USAGE, "parameter '%.60s': write NAME=VALUE", text);
	decode(text);
	*equals = '\0';
	if (!take_own(a, text, equals + 1, &of, &result, err)) {
		*equals = '=';
		add(&a->properties, text);
		return 0;
	}
	if (!equals[1])
		return err_set(err, ERR_USAGE, "parameter %s= is empty", text);
	if (!(of & (is_sink ? OF_SINK : OF_SOURCE)))
		return err_set(
			err, ERR_USAGE, "%s= belongs to a %s", text, is_sink ? "source" : "sink, the place of -o");
	return result;
}

/* ---- the whole ---- */

/* The '?' before the parameters: one that a NAME= follows, since a regular expression may hold others. */
static char *find_params(char *text)
{
	bool has_regex = *text == '^' || strstr(text, ",^") || strstr(text, "/^");

	for (char *p = strchr(text, '?'); p; p = strchr(p + 1, '?')) {
		size_t n = 1;

		while (isalnum((unsigned char)p[n]) || p[n] == '.' || p[n] == '_')
			n++;
		if (!has_regex || !p[1] || (n > 1 && p[n] == '='))
			return p;
	}
	return NULL;
}

static int check_pattern(const char *pattern, struct err *err)
{
	regex_t re;
	char why[80];
	int code = regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB);

	if (!code) {
		regfree(&re);
		return 0;
	}
	regerror(code, &re, why, sizeof why);
	return err_set(err, ERR_USAGE, "'%.60s' is no regular expression: %s", pattern, why);
}

static int check_topic(const char *topic, bool is_sink, struct err *err)
{
	size_t len = strlen(topic);

	if (*topic == '^' && is_sink)
		return err_set(err, ERR_USAGE, "a sink has one topic, not a regular expression");
	if (*topic == '^')
		return check_pattern(topic, err);
	if (len == 0)
		return err_set(err, ERR_USAGE, "the name of a topic is empty (kafka:TOPIC, kafka://HOST:PORT/TOPIC)");
	if (strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len ||
		len > TOPIC_BYTES_MAX || strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0)
		return err_set(err, ERR_USAGE,
			"'%.60s' is no name of a topic: letters, digits, '.', '_' and '-' (a regular expression: "
			"kafka:^%.60s)",
			topic, topic);
	return 0;
}

/* Splits at commas, those inside brackets of a regular expression left alone. */
static int parse_topics(struct address *a, char *text, bool is_sink, struct err *err)
{
	char *from = text;
	int depth = 0;

	for (char *p = text;; p++) {
		bool is_end = *p == '\0';

		if (*from == '^' && *p && strchr("([{", *p))
			depth++;
		if (*from == '^' && *p && strchr(")]}", *p))
			depth--;
		if (!is_end && (*p != ',' || depth > 0))
			continue;
		*p = '\0';
		if (check_topic(from, is_sink, err))
			return -1;
		a->topics = mem_resize(a->topics, a->n_topics + 1, sizeof *a->topics);
		a->topics[a->n_topics++] = from;
		if (is_end)
			return 0;
		from = p + 1;
	}
}

static int parse_params(struct address *a, char *text, bool is_sink, struct err *err)
{
	char *save = NULL;

	for (char *p = strtok_r(text, "&", &save); p; p = strtok_r(NULL, "&", &save))
		if (parse_param(a, p, is_sink, err))
			return -1;
	if (is_sink && a->has_partitions && a->first_partition != a->last_partition)
		return err_set(err, ERR_USAGE, "partition= of a sink is one number");
	return 0;
}

static int parse(struct address *a, const char *text, bool is_sink, struct err *err)
{
	char *rest, *params;

	a->text = mem_dup(text, strlen(text));
	rest = a->text + strlen("kafka:");
	params = find_params(rest);
	if (params)
		*params++ = '\0';
	if (strncmp(rest, "//", 2) == 0) {
		char *slash = strchr(rest + 2, '/');

		if (!slash || slash == rest + 2)
			return err_set(err, ERR_USAGE, "write kafka:%.60s for a topic, or kafka://HOST:PORT/TOPIC",
				slash ? slash + 1 : rest + 2);
		*slash = '\0';
		a->brokers = rest + 2;
		rest = slash + 1;
	}
	if (parse_topics(a, rest, is_sink, err) || (params && parse_params(a, params, is_sink, err)))
		return -1;
	if (is_sink && a->n_topics != 1)
		return err_set(err, ERR_USAGE, "a sink has one topic, not %zu", a->n_topics);
	return 0;
}

int address_parse(struct address *a, const char *text, bool is_sink, struct err *err)
{
	*a = (struct address){0};
	if (parse(a, text, is_sink, err) == 0)
		return 0;
	return err_at(err, text, 0, 0);
}

void address_release(struct address *a)
{
	free(a->text);
	free(a->topics);
	opt_list_release(&a->properties);
	*a = (struct address){0};
}

int kafka_check(const char *text, bool is_sink, struct err *err)
{
	struct address a;
	int result = address_parse(&a, text, is_sink, err);

	address_release(&a);
	return result;
}
