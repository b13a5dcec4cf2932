#include "opt/opt.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"
#include "num/num.h"
#include "opt/suggest.h"
#include "opt/walk.h"

enum { LONG_BASE = 256, OPERAND = 1 }; /* what getopt_long() returns for long options and, by "-", for operands */

/* What getopt_long() wants, built from the table; val LONG_BASE + i stands for entries[i]. */
struct parser {
	const struct opt_spec *spec;
	void *opts, *common;
	struct option *longs;
	struct buf shorts;
	struct entry {
		const struct opt *opt;
		bool is_common;
	} * entries;
	size_t n_entries;
	const struct entry *by_letter[LONG_BASE];
};

static void add_letter(struct parser *ps, const struct opt *o, const struct entry *e)
{
	assert(o->letter > ' ' && o->letter != ':' && o->letter != '-');
	ps->by_letter[(unsigned char)o->letter] = e;
	buf_add_char(&ps->shorts, o->letter);
	buf_add_str(&ps->shorts, o->is_optional ? "::" : opt_args(o) ? ":" : "");
}

static size_t count_options(const struct opt_spec *spec)
{
	struct opt_walk w;
	size_t n = 0;

	opt_walk_init(&w, spec);
	while (opt_walk_next(&w))
		n++;
	return n;
}

static void init_parser(struct parser *ps, const struct opt_spec *spec, void *opts, void *common)
{
	size_t n = count_options(spec), n_longs = 0;
	struct opt_walk w;
	const struct opt *o;

	*ps = (struct parser){.spec = spec, .opts = opts, .common = common, .shorts = BUF_INIT};
	ps->longs = mem_alloc(n + 1, sizeof *ps->longs);
	ps->entries = mem_alloc(n, sizeof *ps->entries);
	/* '-': operands come in order as OPERAND; ':': a missing argument is told from an unknown option. */
	buf_add_str(&ps->shorts, "-:");
	opt_walk_init(&w, spec);
	while ((o = opt_walk_next(&w))) {
		struct entry *e = &ps->entries[ps->n_entries];

		if (o->kind == OPT_HEADING)
			continue;
		*e = (struct entry){o, w.is_common};
		if (w.has_letter)
			add_letter(ps, o, e);
		if (w.has_name)
			ps->longs[n_longs++] = (struct option){o->name,
				o->is_optional ? optional_argument
				: opt_args(o)  ? required_argument
					       : no_argument,
				NULL, LONG_BASE + (int)ps->n_entries};
		ps->n_entries++;
	}
}

static void release_parser(struct parser *ps)
{
	free(ps->longs);
	free(ps->entries);
	buf_release(&ps->shorts);
}

/* ---- values ---- */

/* "--jobs 99: must be 1 to 64": how the option was typed, its argument, and what is wrong. */
static int refuse(struct err *err, const char *typed, const char *arg, const char *what)
{
	return err_set(err, ERR_USAGE, "%s %s: %s", typed, arg, what);
}

static int refuse_range(const struct opt *o, const char *typed, const char *arg, struct err *err)
{
	char low[NUM_DOUBLE_BYTES + 1] = "", high[NUM_DOUBLE_BYTES + 1] = "";

	if (o->kind == OPT_DURATION) {
		low[num_print_duration(low, o->min)] = '\0';
		high[num_print_duration(high, o->max)] = '\0';
	} else {
		snprintf(low, sizeof low, "%lld", (long long)o->min);
		snprintf(high, sizeof high, "%lld", (long long)o->max);
	}
	if (o->max == INT64_MAX)
		return err_set(err, ERR_USAGE, "%s %s: must be at least %s", typed, arg, low);
	return err_set(err, ERR_USAGE, "%s %s: must be %s to %s", typed, arg, low, high);
}

static bool is_within(const struct opt *o, int64_t value)
{
	return (o->min == 0 && o->max == 0) || (value >= o->min && value <= o->max);
}

static int read_whole(const struct opt *o, const char *typed, const char *arg, int64_t *value, struct err *err)
{
	struct err sub = ERR_INIT;
	struct slice text = slice_str(arg);
	uint64_t size_bytes;
	int ret;

	if (o->kind == OPT_DURATION) {
		ret = num_parse_duration(text, value, &sub);
	} else if (o->kind == OPT_SIZE) {
		ret = num_parse_size(text, &size_bytes, &sub);
		*value = ret ? 0 : (int64_t)size_bytes;
	} else {
		ret = num_parse_int(text, INT64_MIN, INT64_MAX, value, &sub);
	}
	if (ret)
		return err_set(err, ERR_USAGE, "%s: %s", typed, sub.msg); /* it names the argument */
	return is_within(o, *value) ? 0 : refuse_range(o, typed, arg, err);
}

static int read_number(const struct opt *o, const char *typed, const char *arg, double *value, struct err *err)
{
	size_t len = strlen(arg);

	if (!num_is_json(arg, len))
		return refuse(err, typed, arg, "is not a number");
	*value = num_to_double(arg, len);
	if (!isfinite(*value))
		return refuse(err, typed, arg, "is out of range");
	if ((o->min || o->max) && (*value < (double)o->min || *value > (double)o->max))
		return refuse_range(o, typed, arg, err);
	return 0;
}

static int read_enum(const struct opt *o, const char *typed, const char *arg, int *value, struct err *err)
{
	char list[ERR_MSG_BYTES] = "";
	size_t len = 0;

	for (int i = 0; o->values[i]; i++)
		if (strcmp(o->values[i], arg) == 0) {
			*value = i;
			return 0;
		}
	for (int i = 0; o->values[i] && len < sizeof list; i++) {
		const char *join = i == 0 ? "" : o->values[i + 1] ? ", " : " or ";

		len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", join, o->values[i]);
	}
	return err_set(err, ERR_USAGE, "%s %s: must be %s", typed, arg, list);
}

static void add_item(struct opt_list *list, const char *item)
{
	list->items = mem_resize(list->items, list->n + 1, sizeof *list->items);
	list->items[list->n++] = item;
}

void opt_list_release(struct opt_list *list)
{
	free(list->items);
	*list = (struct opt_list){NULL, 0};
}

/* Reads one argument into its member. arg is NULL for a flag and for an optional argument that was left out. */
static int store(const struct opt *o, void *base, const char *typed, const char *arg, struct err *err)
{
	char *member = (char *)base + o->offset;
	int64_t whole = 0;

	switch ((enum opt_kind)o->kind) {
	case OPT_FLAG:
		*(bool *)member = true;
		return 0;
	case OPT_COUNT:
		++*(int *)(void *)member;
		return 0;
	case OPT_STRING:
		*(const char **)(void *)member = arg;
		return 0;
	case OPT_LIST:
		add_item((struct opt_list *)(void *)member, arg);
		return 0;
	case OPT_ENUM:
		*(int *)(void *)member = 0;
		return arg ? read_enum(o, typed, arg, (int *)(void *)member, err) : 0;
	case OPT_NUMBER:
		*(double *)(void *)member = 0;
		return arg ? read_number(o, typed, arg, (double *)(void *)member, err) : 0;
	case OPT_INT:
	case OPT_DURATION:
	case OPT_SIZE:
		if (arg && read_whole(o, typed, arg, &whole, err))
			return -1;
		if (o->kind == OPT_SIZE)
			*(uint64_t *)(void *)member = (uint64_t)whole;
		else
			*(int64_t *)(void *)member = whole;
		return 0;
	case OPT_CALL:
	case OPT_HEADING:
	case OPT_END:
		break;
	}
	assert(false && "an option of this kind stores nothing");
	return -1;
}

/* ---- errors ---- */

static int refuse_unknown(const struct parser *ps, const char *word, struct err *err)
{
	char name[ERR_MSG_BYTES];
	const char *hint;

	snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
	hint = opt_hint_for(ps->spec, name);
	if (hint)
		return err_set(err, ERR_USAGE, "unknown option %.64s; %s", name, hint);
	hint = opt_nearest(ps->spec, name);
	if (hint)
		return err_set(err, ERR_USAGE, "unknown option %.64s; did you mean --%s", name, hint);
	return err_set(err, ERR_USAGE, "unknown option %.64s", name);
}

/* More than one long name begins with the word: they are all named. */
static int refuse_ambiguous(const struct parser *ps, const char *word, struct err *err)
{
	size_t len = strcspn(word, "=");
	char list[ERR_MSG_BYTES] = "";
	size_t used = 0;

	for (const struct option *l = ps->longs; l->name && used < sizeof list; l++)
		if (strncmp(l->name, word + 2, len - 2) == 0)
			used += (size_t)snprintf(list + used, sizeof list - used, "%s--%s", used ? ", " : "", l->name);
	return err_set(err, ERR_USAGE, "%.*s may be %s", (int)len, word, list);
}

static int count_beginning(const struct parser *ps, const char *word)
{
	size_t len = strcspn(word, "=");
	int n = 0;

	for (const struct option *l = ps->longs; l->name; l++)
		n += strncmp(l->name, word, len) == 0;
	return n;
}

/* getopt_long() said '?': an unknown letter (optopt), an argument too many (optopt), or a long name (optopt 0). */
static int explain(const struct parser *ps, const char *word, struct err *err)
{
	const char letter[] = {'-', (char)optopt, '\0'};

	if (optopt >= LONG_BASE)
		return err_set(err, ERR_USAGE, "--%s: takes no argument", ps->entries[optopt - LONG_BASE].opt->name);
	if (optopt == 0)
		return count_beginning(ps, word + 2) > 1 ? refuse_ambiguous(ps, word, err)
							 : refuse_unknown(ps, word, err);
	if (optopt < 0 || optopt > 127)
		return refuse_unknown(ps, word, err); /* half of a character would be no text */
	if (!opt_hint_for(ps->spec, letter) && opt_is_name(ps->spec, word + 1))
		return err_set(err, ERR_USAGE, "unknown option %s; did you mean -%s", letter, word);
	return refuse_unknown(ps, letter, err);
}

/* ---- the loop ---- */

static const struct entry *find_entry(const struct parser *ps, int val)
{
	return val >= LONG_BASE ? &ps->entries[val - LONG_BASE] : ps->by_letter[val];
}

/* The option as it was typed, in full: "--window" or "-w". */
static void print_typed(char *out, size_t size, const struct opt *o, int val)
{
	if (val >= LONG_BASE)
		snprintf(out, size, "--%s", o->name);
	else
		snprintf(out, size, "-%c", val);
}

static int apply(struct parser *ps, int val, int argc, char **argv, struct err *err)
{
	const struct entry *e = find_entry(ps, val);
	const struct opt *o = e->opt;
	void *base = e->is_common ? ps->common : ps->opts;
	const char *args[3] = {optarg, NULL, NULL};
	char typed[64];

	print_typed(typed, sizeof typed, o, val);
	if (opt_args(o) == 2) {
		/* getopt gives one argument; the next word is the other, whatever it looks like. */
		if (optind >= argc)
			return err_set(err, ERR_USAGE, "%s: needs two arguments, %s", typed, o->arg ? o->arg : "");
		args[1] = argv[optind++];
	}
	if (o->kind == OPT_CALL)
		return o->call(base, o->name, args, err);
	return store(o, base, typed, optarg, err);
}

static int take_operand(struct parser *ps, const char *word, const char **operands, size_t *n, struct err *err)
{
	int taken = ps->spec->operand ? ps->spec->operand(ps->opts, word, err) : 0;

	if (taken == 0)
		operands[(*n)++] = word;
	return taken < 0 ? -1 : 0;
}

/* As jq has it: "-.value" and "-1 * .value" are no options. */
static bool is_program(const struct parser *ps, const char *word)
{
	return ps->spec->has_program && word[0] == '-' && word[1] && word[1] != '-' && !isalpha((unsigned char)word[1]);
}

/*
 * Operands are collected one by one (so a callback may see them between the options) and put back at the end of argv,
 * which by then holds nothing that is still needed: values point at the strings, not at argv.
 */
static int parse(struct parser *ps, int argc, char **argv, const char **operands, size_t *n, struct err *err)
{
	int val;

	optind = 0; /* glibc: start anew, and read the mode from the short options again */
	opterr = 0;
	getopt_long(1, argv, buf_cstr(&ps->shorts), ps->longs, NULL);
	for (;;) {
		const char *word = optind < argc ? argv[optind] : NULL;

		if (word && is_program(ps, word)) {
			optind++;
			if (take_operand(ps, word, operands, n, err))
				return -1;
			continue;
		}
		val = getopt_long(argc, argv, buf_cstr(&ps->shorts), ps->longs, NULL);
		if (val == -1)
			break;
		if (val == OPERAND) {
			if (take_operand(ps, optarg, operands, n, err))
				return -1;
		} else if (val == '?') {
			return explain(ps, word, err);
		} else if (val == ':') {
			char typed[64];

			print_typed(typed, sizeof typed, find_entry(ps, optopt)->opt, optopt);
			return err_set(err, ERR_USAGE, "%s: needs an argument", typed);
		} else if (apply(ps, val, argc, argv, err)) {
			return -1;
		}
	}
	for (; optind < argc; optind++)
		if (take_operand(ps, argv[optind], operands, n, err))
			return -1;
	return 0;
}

int opt_parse(
	const struct opt_spec *spec, void *opts, void *common, int argc, char **argv, int *operands, struct err *err)
{
	const char **found = mem_alloc((size_t)argc + 1, sizeof *found);
	struct parser ps;
	size_t n = 0;
	int ret;

	init_parser(&ps, spec, opts, common);
	ret = parse(&ps, argc, argv, found, &n, err);
	if (ret == 0) {
		*operands = argc - (int)n;
		for (size_t i = 0; i < n; i++)
			memcpy(&argv[*operands + (int)i], &found[i], sizeof *found);
	}
	release_parser(&ps);
	free(found);
	return ret;
}
