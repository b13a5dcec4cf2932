#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf/buf.h"
#include "opt/opt.h"

struct own {
	bool is_raw;
	const char *time;
	struct opt_list groups;
	int64_t jobs, window_us, offset;
	uint64_t size_bytes;
	double rate;
	int mode;
	char pairs[64]; /* what --arg was called with */
	bool is_rest;
	char rest[64]; /* operands behind --args */
};

struct common {
	const char *output;
	bool is_quiet;
	int verbose;
	bool has_stats;
	const char *stats;
};

static int call_arg(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct own *own = opts;
	size_t len = strlen(own->pairs);

	(void)name, (void)err;
	snprintf(own->pairs + len, sizeof own->pairs - len, "%s=%s;", args[0], args[1]);
	return 0;
}

static int call_stats(void *opts, const char *name, const char *const *args, struct err *err)
{
	struct common *c = opts;

	(void)name, (void)err;
	c->has_stats = true;
	c->stats = args[0];
	return 0;
}

static int take_operand(void *opts, const char *word, struct err *err)
{
	struct own *own = opts;

	(void)err;
	if (!own->is_rest)
		return 0;
	strcat(strcat(own->rest, word), ";");
	return 1;
}

static const char *const modes[] = {"fast", "exact", "none", NULL};

#define OWN(m) offsetof(struct own, m)
#define COMMON(m) offsetof(struct common, m)

static const struct opt own_options[] = {
	{.kind = OPT_HEADING, .help = "Program"},
	{.name = "raw-output",
		.letter = 'r',
		.kind = OPT_FLAG,
		.offset = OWN(is_raw),
		.is_short = true,
		.help = "strings without quotes. It's jq's."},
	{.name = "time",
		.kind = OPT_STRING,
		.offset = OWN(time),
		.arg = "FIELD",
		.is_short = true,
		.help = "the event's time."},
	{.name = "time-out", .kind = OPT_STRING, .offset = OWN(time), .arg = "FORM", .help = "how times are written."},
	{.name = "group", .letter = 'g', .kind = OPT_LIST, .offset = OWN(groups), .arg = "PATH", .help = "group by."},
	{.name = "jobs",
		.letter = 'j',
		.kind = OPT_INT,
		.offset = OWN(jobs),
		.arg = "N",
		.min = 1,
		.max = 64,
		.help = "threads."},
	{.name = "offset", .kind = OPT_INT, .offset = OWN(offset), .arg = "N", .help = "any number."},
	{.name = "window",
		.letter = 'w',
		.kind = OPT_DURATION,
		.offset = OWN(window_us),
		.arg = "DURATION",
		.min = 1000,
		.max = INT64_C(3600000000),
		.help = "size of the windows."},
	{.name = "size", .kind = OPT_SIZE, .offset = OWN(size_bytes), .arg = "SIZE", .help = "bytes."},
	{.name = "rate",
		.kind = OPT_NUMBER,
		.offset = OWN(rate),
		.arg = "N",
		.min = 0,
		.max = 10,
		.help = "per second."},
	{.name = "mode",
		.kind = OPT_ENUM,
		.offset = OWN(mode),
		.arg = "MODE",
		.values = modes,
		.help = "one of three."},
	{.name = "arg", .kind = OPT_CALL, .n_args = 2, .call = call_arg, .arg = "NAME VALUE", .help = "a variable."},
	{.name = "args", .kind = OPT_FLAG, .offset = OWN(is_rest), .help = "the rest are values."},
	{.name = "values",
		.letter = 'v',
		.kind = OPT_FLAG,
		.offset = OWN(is_raw),
		.help = "takes the letter of --verbose."},
	{.kind = OPT_END},
};

static const struct opt common_options[] = {
	{.kind = OPT_HEADING, .help = "Common"},
	{.name = "output",
		.letter = 'o',
		.kind = OPT_STRING,
		.offset = COMMON(output),
		.arg = "SINK",
		.is_file = true,
		.help = "where it goes: [a file]."},
	{.name = "verbose", .letter = 'v', .kind = OPT_COUNT, .offset = COMMON(verbose), .help = "tell more."},
	{.name = "quiet", .letter = 'q', .kind = OPT_FLAG, .offset = COMMON(is_quiet), .help = "tell less."},
	{.name = "stats",
		.kind = OPT_CALL,
		.n_args = 1,
		.is_optional = true,
		.call = call_stats,
		.arg = "DURATION",
		.help = "the books."},
	{.name = "unbuffered", .kind = OPT_FLAG, .offset = COMMON(is_quiet), .is_hidden = true, .help = "nothing."},
	{.kind = OPT_END},
};

static const struct opt_hint hints[] = {{"--compact", "write -c"}, {"-P", "write --pretty"}, {NULL, NULL}};

static const struct opt_spec spec = {
	.tool = "tlm-test",
	.summary = "Tests options.",
	.usage = "[options] [SOURCE...]",
	.details = "A paragraph.",
	.examples = "tlm-test -r x\ntlm-test -w 5m y",
	.options = own_options,
	.common = common_options,
	.hints = hints,
	.has_program = true,
	.operand = take_operand,
};

/* ---- one command line ---- */

enum { WORDS_MAX = 16 };

struct parsed {
	struct own own;
	struct common common;
	char *argv[WORDS_MAX + 2];
	char *words[WORDS_MAX + 2]; /* what to free */
	int argc, operands, ret;
	struct err err;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct parsed));
	return *state ? 0 : -1;
}

static void clear(struct parsed *p)
{
	for (int i = 0; i < p->argc; i++)
		free(p->words[i]);
	opt_list_release(&p->own.groups);
	memset(p, 0, sizeof *p);
}

static int teardown(void **state)
{
	clear(*state);
	free(*state);
	return 0;
}

/* Words are split at blanks; '_' stands for a blank inside a word. */
static struct parsed *parse(void **state, const char *line)
{
	struct parsed *p = *state;
	char *copy = strdup(line), *at = copy, *word;

	clear(p);
	p->argv[p->argc++] = strdup("tlm-test");
	while ((word = strsep(&at, " ")))
		if (*word)
			p->argv[p->argc++] = strdup(word);
	memcpy(p->words, p->argv, sizeof p->words);
	free(copy);
	p->ret = opt_parse(&spec, &p->own, &p->common, p->argc, p->argv, &p->operands, &p->err);
	return p;
}

static void assert_refused(void **state, const char *line, const char *message)
{
	struct parsed *p = parse(state, line);

	assert_int_equal(p->ret, -1);
	assert_int_equal(p->err.code, ERR_USAGE);
	assert_string_equal(p->err.msg, message);
}

static void every_kind_is_read(void **state)
{
	struct parsed *p =
		parse(state, "-r --time ts -g a --group=b -j 8 -w1m --size 64K --rate 2.5 --mode exact -qo out");

	assert_int_equal(p->ret, 0);
	assert_true(p->own.is_raw);
	assert_string_equal(p->own.time, "ts");
	assert_int_equal(p->own.groups.n, 2);
	assert_string_equal(p->own.groups.items[0], "a");
	assert_string_equal(p->own.groups.items[1], "b");
	assert_int_equal(p->own.jobs, 8);
	assert_int_equal(p->own.window_us, 60000000);
	assert_int_equal(p->own.size_bytes, 65536);
	assert_true(p->own.rate > 2.49 && p->own.rate < 2.51);
	assert_int_equal(p->own.mode, 1);
	assert_true(p->common.is_quiet);
	assert_string_equal(p->common.output, "out");
	assert_int_equal(p->operands, p->argc);
}

static void operands_keep_their_order(void **state)
{
	struct parsed *p = parse(state, "-.a -r b --time t - -5 -w 5m -(c) -- -x --time");
	static const char *const want[] = {"-.a", "b", "-", "-5", "-(c)", "-x", "--time"};

	assert_int_equal(p->ret, 0);
	assert_int_equal(p->argc - p->operands, 7);
	for (int i = 0; i < 7; i++)
		assert_string_equal(p->argv[p->operands + i], want[i]);
	assert_string_equal(p->own.time, "t");
	setenv("POSIXLY_CORRECT", "1", 1);
	p = parse(state, "a -r b");
	unsetenv("POSIXLY_CORRECT");
	assert_true(p->own.is_raw);
	assert_int_equal(p->argc - p->operands, 2);
}

static void operand_callback_sees_options_before_it(void **state)
{
	struct parsed *p = parse(state, "prog --args x -r y");

	assert_int_equal(p->ret, 0);
	assert_true(p->own.is_raw);
	assert_string_equal(p->own.rest, "x;y;");
	assert_int_equal(p->argc - p->operands, 1);
	assert_string_equal(p->argv[p->operands], "prog");
}

static void two_arguments_are_taken(void **state)
{
	struct parsed *p = parse(state, "x --arg a 1 y --arg b --time z");

	assert_int_equal(p->ret, 0);
	assert_string_equal(p->own.pairs, "a=1;b=--time;");
	assert_int_equal(p->argc - p->operands, 3);
	assert_string_equal(p->argv[p->operands + 2], "z");
	assert_refused(state, "--arg a", "--arg: needs two arguments, NAME VALUE");
	assert_refused(state, "--arg", "--arg: needs an argument");
}

static void optional_argument_needs_the_equals_sign(void **state)
{
	struct parsed *p = parse(state, "--stats 30s");

	assert_true(p->common.has_stats);
	assert_null(p->common.stats);
	assert_string_equal(p->argv[p->operands], "30s");
	p = parse(state, "--stats=30s");
	assert_string_equal(p->common.stats, "30s");
}

static void own_letters_win(void **state)
{
	struct parsed *p = parse(state, "-v --verbose --verbose");

	assert_int_equal(p->ret, 0);
	assert_true(p->own.is_raw);
	assert_int_equal(p->common.verbose, 2);
}

static void unique_beginnings_will_do(void **state)
{
	struct parsed *p = parse(state, "--win 2s --time x");

	assert_int_equal(p->ret, 0);
	assert_int_equal(p->own.window_us, 2000000);
	assert_string_equal(p->own.time, "x");
	assert_refused(state, "--ti x", "--ti may be --time, --time-out");
}

static void unknown_options_are_explained(void **state)
{
	assert_refused(state, "--ofset", "unknown option --ofset; did you mean --offset");
	assert_refused(state, "--argz", "unknown option --argz; did you mean --arg");
	assert_refused(state, "--tiem ts", "unknown option --tiem; did you mean --time");
	assert_refused(state, "--tiem=ts", "unknown option --tiem; did you mean --time");
	assert_refused(state, "a --unbufferd", "unknown option --unbufferd");
	assert_refused(state, "--xyzzy", "unknown option --xyzzy");
	assert_refused(state, "--compact", "unknown option --compact; write -c");
	assert_refused(state, "-rP", "unknown option -P; write --pretty");
	assert_refused(state, "-r\xc3\xa9", "unknown option -r\xc3\xa9");
	assert_refused(state, "-rZ", "unknown option -Z");
	assert_refused(state, "-time", "unknown option -t; did you mean --time");
	assert_refused(state, "--raw-output=1", "--raw-output: takes no argument");
	assert_refused(state, "--window", "--window: needs an argument");
	assert_refused(state, "-rw", "-w: needs an argument");
}

static void bad_values_are_explained(void **state)
{
	assert_refused(state, "--jobs 99", "--jobs 99: must be 1 to 64");
	assert_refused(state, "-j 0", "-j 0: must be 1 to 64");
	assert_refused(state, "--rate 11", "--rate 11: must be 0 to 10");
	assert_refused(state, "--rate fast", "--rate fast: is not a number");
	assert_refused(state, "--rate 1e999", "--rate 1e999: is out of range");
	assert_refused(state, "--mode slow", "--mode slow: must be fast, exact or none");
	assert_refused(state, "--window 2h", "--window 2h: must be 1ms to 1h");
	assert_int_equal(parse(state, "--offset -7")->own.offset, -7);
	assert_int_equal(parse(state, "--jobs 8x")->ret, -1);
	assert_int_equal(parse(state, "--window 5")->ret, -1);
	assert_int_equal(parse(state, "--size 5Q")->ret, -1);
	assert_memory_equal(parse(state, "--window 5")->err.msg, "--window: duration '5'", 22);
}

/* ---- help ---- */

static void help_fits_and_is_complete(void **state)
{
	static const char *const words[] = {"-r, --raw-output", "-w, --window DURATION", "--stats[=DURATION]",
		"--arg NAME VALUE", "-v, --values", "      --verbose", "Also known: --unbuffered", "It's jq's.",
		"A paragraph.", "  tlm-test -w 5m y\n"};
	struct buf text = BUF_INIT;
	const char *line;

	(void)state;
	opt_help(&spec, false, &text);
	line = buf_cstr(&text);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_non_null(strstr(line, words[i]));
	for (; *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 79);
	buf_reset(&text);
	opt_help(&spec, true, &text);
	assert_non_null(strstr(buf_cstr(&text), "strings without quotes\n"));
	assert_null(strstr(buf_cstr(&text), "--jobs"));
	assert_null(strstr(buf_cstr(&text), "Common"));
	buf_release(&text);
}

static void long_words_are_wrapped_at_79(void **state)
{
	struct opt options[] = {{.name = "a-rather-long-name-of-an-option",
					.kind = OPT_STRING,
					.arg = "ARGUMENT",
					.help = "one two three four five six seven eight nine ten four eleven twelve "
						"fourteen.\nsecond paragraph"},
		{.kind = OPT_END}};
	struct opt_spec one = {.tool = "t", .summary = "s", .usage = "u", .options = options};
	struct buf text = BUF_INIT;

	(void)state;
	opt_help(&one, false, &text);
	/* 26 columns and 53: the first line is full to the last */
	assert_non_null(strstr(buf_cstr(&text), " seven eight nine ten four\n"));
	assert_non_null(strstr(buf_cstr(&text), "ARGUMENT\n                          one two three"));
	assert_non_null(strstr(buf_cstr(&text), "\n                          second paragraph\n"));
	for (const char *line = buf_cstr(&text); *line; line += strcspn(line, "\n") + 1)
		assert_true(strcspn(line, "\n") <= 79);
	buf_release(&text);
}

/* ---- completions ---- */

/* What bash would offer for these words, the last one being completed. */
static char *complete(const char *words, char *out, size_t size)
{
	char path[] = "/tmp/tlm-opt-test-XXXXXX";
	struct buf script = BUF_INIT;
	struct err err = ERR_INIT;
	char command[256];
	FILE *f;
	size_t n;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(opt_completion(&spec, "bash", &script, &err), 0);
	buf_addf(&script,
		"COMP_WORDS=(%s)\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_tlm_test\necho \"${COMPREPLY[*]}\"\n", words);
	assert_int_equal(write(fd, script.p, script.len), (ssize_t)script.len);
	close(fd);
	snprintf(command, sizeof command, "bash --norc %s 2>&1", path);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(out, 1, size - 1, f);
	out[n] = '\0';
	assert_int_equal(pclose(f), 0);
	unlink(path);
	buf_release(&script);
	return out;
}

static void bash_completes(void **state)
{
	char out[4096];

	(void)state;
	assert_string_equal(complete("tlm-test --ti", out, sizeof out), "--time --time-out\n");
	assert_string_equal(complete("tlm-test --mode ''", out, sizeof out), "fast exact none\n");
	assert_string_equal(complete("tlm-test --mode = e", out, sizeof out), "exact\n");
	assert_string_equal(complete("tlm-test --mode =", out, sizeof out), "fast exact none\n");
	assert_string_equal(complete("tlm-test -o ''", out, sizeof out), "\n");
	assert_string_equal(complete("tlm-test x", out, sizeof out), "\n");
	assert_non_null(strstr(complete("tlm-test -", out, sizeof out), "-r --raw-output --time "));
	assert_non_null(strstr(out, " --verbose -q --quiet --stats --unbuffered\n"));
}

static void check_script(const char *shell, const char *const *words)
{
	struct buf script = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(opt_completion(&spec, shell, &script, &err), 0);
	for (; *words; words++)
		if (!strstr(buf_cstr(&script), *words))
			fail_msg("%s: no %s in\n%s", shell, *words, script.p);
	buf_release(&script);
}

static void zsh_and_fish_have_scripts(void **state)
{
	static const char *const zsh[] = {"#compdef tlm-test\n", "'-r[strings without quotes]'",
		"'--mode=[one of three]:MODE:(fast exact none)'", "'*--arg[a variable]:NAME: :VALUE: '",
		"'--output=[where it goes\\: \\[a file\\]]:SINK:_files'", "'*--stats=-[the books]::DURATION: '", NULL};
	static const char *const fish[] = {"complete -c tlm-test -s r -l raw-output -d 'strings without quotes'\n",
		"-l mode -x -a 'fast exact none' -d", "-s o -l output -r -F -d", NULL};
	struct buf script = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	check_script("zsh", zsh);
	check_script("fish", fish);
	assert_int_equal(opt_completion(&spec, "csh", &script, &err), -1);
	assert_string_equal(err.msg, "--completion csh: must be bash, zsh or fish");
	assert_int_equal(script.len, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_kind_is_read),
		TEST(operands_keep_their_order),
		TEST(operand_callback_sees_options_before_it),
		TEST(two_arguments_are_taken),
		TEST(optional_argument_needs_the_equals_sign),
		TEST(own_letters_win),
		TEST(unique_beginnings_will_do),
		TEST(unknown_options_are_explained),
		TEST(bad_values_are_explained),
		TEST(help_fits_and_is_complete),
		TEST(long_words_are_wrapped_at_79),
		TEST(bash_completes),
		TEST(zsh_and_fish_have_scripts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("opt", tests, NULL, NULL);
}
