#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "meter/meter.h"

enum { SECOND_US = 1000000 };

struct fixture {
	struct meter meter;
	struct ledger ledger;
	int saved, master; /* the real stderr; the other side of the terminal that stands for it */
	char text[4096];
};

/* stderr becomes a pseudo-terminal of 60 columns. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct winsize size = {.ws_row = 24, .ws_col = 60};
	int slave;

	f->master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(f->master >= 0 && grantpt(f->master) == 0 && unlockpt(f->master) == 0);
	slave = open(ptsname(f->master), O_RDWR | O_NOCTTY);
	ioctl(slave, TIOCSWINSZ, &size);
	fcntl(f->master, F_SETFL, O_NONBLOCK);
	f->saved = dup(STDERR_FILENO);
	dup2(slave, STDERR_FILENO);
	close(slave);
	ledger_init(&f->ledger, "tlm-agg");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dup2(f->saved, STDERR_FILENO);
	close(f->saved);
	close(f->master);
	free(f);
	return 0;
}

/* What reached the terminal since the last call; it turns '\n' into "\r\n". */
static const char *screen(struct fixture *f)
{
	ssize_t n = read(f->master, f->text, sizeof f->text - 1);

	f->text[n < 0 ? 0 : n] = '\0';
	return f->text;
}

static void start(struct fixture *f, const struct meter_opts *opts)
{
	meter_init(&f->meter, opts);
	f->meter.start_us = f->meter.drawn_us = f->meter.stats_us = 0;
}

static void draws_once_a_second(void **state)
{
	struct fixture *f = *state;

	start(f, &(struct meter_opts){.is_drawn = true});
	assert_int_equal(meter_deadline(&f->meter), SECOND_US);
	meter_tick(&f->meter, &f->ledger, SECOND_US - 1, 0, 0);
	assert_string_equal(screen(f), "");
	f->ledger.read = 1234567;
	f->ledger.bytes_in = 88211456;
	meter_tick(&f->meter, &f->ledger, SECOND_US, 0, 0);
	assert_string_equal(screen(f), "\r1234567 records, 1.2M/s, 84.1 MiB, 0:01\033[K");
	meter_tick(&f->meter, &f->ledger, SECOND_US + 1, 0, 0);
	assert_string_equal(screen(f), "");
	f->ledger.read += 500;
	meter_tick(&f->meter, &f->ledger, 61 * INT64_C(1000000), 0, 0);
	assert_string_equal(screen(f), "\r1235067 records, 8/s, 84.1 MiB, 1:01\033[K");
	meter_erase(&f->meter);
	assert_string_equal(screen(f), "\r\033[K");
	meter_erase(&f->meter);
	assert_string_equal(screen(f), "");
}

static void tells_when_it_will_end(void **state)
{
	struct fixture *f = *state;

	start(f, &(struct meter_opts){.is_drawn = true});
	f->ledger.read = 10;
	meter_tick(&f->meter, &f->ledger, 10 * SECOND_US, 250, 1000);
	assert_string_equal(screen(f), "\r10 records, 1/s, 0 B, 0:10, 25%, ETA 0:30\033[K");
}

static void keeps_to_the_width(void **state)
{
	struct fixture *f = *state;
	struct winsize size = {.ws_row = 24, .ws_col = 20};

	ioctl(STDERR_FILENO, TIOCSWINSZ, &size);
	start(f, &(struct meter_opts){.is_drawn = true});
	f->ledger.read = 1234567;
	meter_tick(&f->meter, &f->ledger, SECOND_US, 0, 0);
	assert_string_equal(screen(f), "\r1234567 records, 1.\033[K");
}

static void not_drawn_means_silent(void **state)
{
	struct fixture *f = *state;

	start(f, &(struct meter_opts){0});
	assert_int_equal(meter_deadline(&f->meter), -1);
	meter_tick(&f->meter, &f->ledger, 100 * SECOND_US, 0, 0);
	meter_finish(&f->meter, &f->ledger);
	assert_string_equal(screen(f), "");
}

static void stats_come_in_their_beat(void **state)
{
	struct fixture *f = *state;

	start(f, &(struct meter_opts){.has_stats = true, .stats_every_us = 30 * SECOND_US});
	assert_int_equal(meter_deadline(&f->meter), 30 * SECOND_US);
	meter_tick(&f->meter, &f->ledger, 29 * SECOND_US, 0, 0);
	assert_string_equal(screen(f), "");
	meter_tick(&f->meter, &f->ledger, 95 * SECOND_US, 0, 0);
	assert_memory_equal(screen(f), "{\"tool\":\"tlm-agg\",\"end\":false,", 30);
	assert_int_equal(meter_deadline(&f->meter), 120 * SECOND_US);
	meter_finish(&f->meter, &f->ledger);
	assert_memory_equal(screen(f), "{\"tool\":\"tlm-agg\",\"end\":true,", 29);
}

static void messages_erase_the_line(void **state)
{
	struct fixture *f = *state;

	start(f, &(struct meter_opts){.is_drawn = true});
	meter_tick(&f->meter, &f->ledger, SECOND_US, 0, 0);
	screen(f);
	meter_say(&f->meter, "tlm-agg", "caf\xc3\xa9\x1b[2J\x7f\xc2\x85\n");
	assert_string_equal(screen(f), "\r\033[Ktlm-agg: caf\xc3\xa9\\x1b[2J\\x7f\\x85\\x0a\r\n");
	meter_say(NULL, "tlm-agg", "x");
	assert_string_equal(screen(f), "tlm-agg: x\r\n");
}

static void status_is_for_people(void **state)
{
	struct fixture *f = *state;

	start(f, &(struct meter_opts){0});
	f->ledger.read = 2000;
	f->ledger.kept = 1500;
	f->ledger.filtered = 500;
	f->ledger.bytes_in = 999;
	meter_status(&f->meter, &f->ledger, 4000 * INT64_C(1000000));
	assert_string_equal(screen(f), "tlm-agg: 2000 records, 0/s, 999 B, 1:06:40; kept 1500, filtered 500, late 0, "
				       "rejected 0, out 0\r\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(draws_once_a_second),
		TEST(tells_when_it_will_end),
		TEST(keeps_to_the_width),
		TEST(not_drawn_means_silent),
		TEST(stats_come_in_their_beat),
		TEST(messages_erase_the_line),
		TEST(status_is_for_people),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("meter", tests, NULL, NULL);
}
