#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "etime/etime.h"
#include "etime/etime_parts.h"

static void expect_time(const char *format_text, const char *text, bool is_number, const char *want)
{
	struct err err = ERR_INIT;
	struct etime_format format;
	char out[ETIME_ISO_BYTES + 1] = "refused";
	int64_t us;

	if (etime_format_parse(format_text, &format, &err))
		fail_msg("%s: %s", format_text, err.msg);
	if (etime_parse(&format, text, strlen(text), is_number, &us))
		out[etime_print_iso(out, us)] = '\0';
	if (strcmp(out, want) != 0)
		fail_msg("'%s' by %s: %s, not %s", text, format_text, out, want);
}

static void iso_times_are_read(void **state)
{
	static const char *const good[][2] = {
		{"2020-08-16T18:30:02Z", "2020-08-16T18:30:02Z"},
		{"2020-08-16 18:30:02", "2020-08-16T18:30:02Z"},
		{"2020-08-16t18:30:02z", "2020-08-16T18:30:02Z"},
		{"2020-08-16T18:30:02.5Z", "2020-08-16T18:30:02.500Z"},
		{"2020-08-16T18:30:02.123Z", "2020-08-16T18:30:02.123Z"},
		{"2020-08-16 18:30:02.123", "2020-08-16T18:30:02.123Z"},
		{"2020-08-16T18:30:02.123456Z", "2020-08-16T18:30:02.123456Z"},
		{"2020-08-16T18:30:02.123456789Z", "2020-08-16T18:30:02.123456Z"},
		{"2020-08-16T18:30:02+05:30", "2020-08-16T13:00:02Z"},
		{"2020-08-16T18:30:02.25-0800", "2020-08-17T02:30:02.250Z"},
		{"2020-08-16 18:30:02+02", "2020-08-16T16:30:02Z"},
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
		{"2016-12-31T23:59:60.75Z", "2017-01-01T00:00:00Z"},
		{"2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"},
		{"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
		{"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		expect_time("iso", good[i][0], false, good[i][1]);
}

static void bad_iso_times_are_refused(void **state)
{
	static const char *const bad[] = {"", "20224-02-19 15:58:20", "2020-08-16", "2020-08-16T18:30",
		"2020-13-16T18:30:02Z", "2020-00-16T18:30:02Z", "2021-02-29T18:30:02Z", "1900-02-29T00:00:00Z",
		"2020-08-32T18:30:02Z", "2020-08-00T18:30:02Z", "2020-08-16T24:30:02Z", "2020-08-16T18:60:02Z",
		"2020-08-16T18:30:61Z", "2020-08-16T18:30:02.Z", "2020-08-16T18:30:02ZZ", "2020-08-16T18:30:02 ",
		" 2020-08-16T18:30:02", "2020-08-16X18:30:02Z", "2020/08/16T18:30:02Z", "2020-08-16T18-30-02Z",
		"2020-08-16T18:30:02+5:30", "2020-08-16T18:30:02+24:00", "2020-08-16T18:30:02+05:60",
		"2020-08-16T18:30:02+05:3", "2020-08-1618:30:02Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01",
		"9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z", "2020-08-16T18:30:02,5Z", "2O20-08-16T18:30:02Z",
		"-020-08-16T18:30:02Z", "2020-08-16T18:30:0:Z"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		expect_time("iso", bad[i], false, "refused");
	expect_time("iso", "1597602602", true, "refused");
}

static void epochs_are_read(void **state)
{
	(void)state;
	expect_time("s", "1597602602", true, "2020-08-16T18:30:02Z");
	expect_time("s", "1597602602", false, "2020-08-16T18:30:02Z");
	expect_time("s", "1597602602.25", true, "2020-08-16T18:30:02.250Z");
	expect_time("s", "1.597602602e9", true, "2020-08-16T18:30:02Z");
	expect_time("s", "-0.5", true, "1969-12-31T23:59:59.500Z");
	expect_time("ms", "1597602602123", true, "2020-08-16T18:30:02.123Z");
	expect_time("ms", "1597602602123.4", true, "2020-08-16T18:30:02.123400Z");
	expect_time("us", "1597602602123456", true, "2020-08-16T18:30:02.123456Z");
	expect_time("ns", "1597602602123456789", true, "2020-08-16T18:30:02.123456Z");
	expect_time("ns", "-1", true, "1969-12-31T23:59:59.999999Z");
	expect_time("s", "253402300799.999999", true, "9999-12-31T23:59:59.999999Z");
	expect_time("s", "253402300800", true, "refused");
	expect_time("s", "-62135596800", true, "0001-01-01T00:00:00Z");
	expect_time("s", "-62135596800.000001", true, "refused");
	expect_time("ms", "1e999999999", true, "refused");
	expect_time("ms", "", false, "refused");
	expect_time("ms", " 1597602602123", false, "refused");
	expect_time("ms", "2020-08-16T18:30:02Z", false, "refused");
	expect_time("ms", "0x10", false, "refused");
}

static void patterns_are_read(void **state)
{
	(void)state;
	expect_time("%Y-%m-%d %H:%M:%S", "2020-08-16 18:30:02", false, "2020-08-16T18:30:02Z");
	expect_time("%d/%m/%Y", "16/08/2020", false, "2020-08-16T00:00:00Z");
	expect_time("%d/%m/%Y", "90/02/2032", false, "refused");
	expect_time("%d/%m/%Y", "30/02/2032", false, "refused");
	expect_time("%Y-%m-%d", "20224-02-19", false, "refused");
	expect_time("%H:%M:%S.%f", "18:30:02.123456", false, "1970-01-01T18:30:02.123456Z");
	expect_time("%H:%M:%S.%f", "18:30:02.", false, "refused");
	expect_time("%Y-%m-%dT%H:%M:%S.%f%z", "2020-08-16T18:30:02.5+05:30", false, "2020-08-16T13:00:02.500Z");
	expect_time("%s", "1597602602", false, "2020-08-16T18:30:02Z");
	expect_time("%s.%f", "1597602602.25", false, "2020-08-16T18:30:02.250Z");
	expect_time("%s.%f", "-0.25", false, "1969-12-31T23:59:59.750Z");
	expect_time("%s", "253402300800", false, "refused");
	expect_time("%s", "99999999999999999999", false, "refused");
	expect_time("%y%j", "20229", false, "2020-08-16T00:00:00Z");
	expect_time("%Y %j", "2021 366", false, "refused");
	expect_time("%Y %j", "2020 366", false, "2020-12-31T00:00:00Z");
	expect_time("%y", "68", false, "2068-01-01T00:00:00Z");
	expect_time("%y", "69", false, "1969-01-01T00:00:00Z");
	expect_time("%a, %d %b %Y %T GMT", "Sun, 16 Aug 2020 18:30:02 GMT", false, "2020-08-16T18:30:02Z");
	expect_time("%B %e, %Y %I:%M %p", "August  6, 2020 12:05 am", false, "2020-08-06T00:05:00Z");
	expect_time("%I %p", "12 PM", false, "1970-01-01T12:00:00Z");
	expect_time("%D %R", "08/16/20 18:30", false, "2020-08-16T18:30:00Z");
	expect_time("%F%%%Z", "2020-08-16%UTC", false, "2020-08-16T00:00:00Z");
	expect_time("%F", "2020-08-16 ", false, "refused");
	expect_time("%F", "2020-08-16", true, "refused");
}

static void formats_are_told_apart(void **state)
{
	static const char *const bad[] = {"", "sec", "S", "parsec", "%Q", "%Y-%", "%Ey", "%U", "isoo"};
	struct etime_format format;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err = ERR_INIT;

		if (!etime_format_parse(bad[i], &format, &err))
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(err.code, ERR_USAGE);
	}
}

static void expect_strftime(const char *pattern, const char *zone_name, const char *iso, const char *want)
{
	struct err err = ERR_INIT;
	struct etime_format format = {ETIME_ISO, NULL};
	struct etime_zone *zone = zone_name ? etime_zone_open(zone_name, &err) : NULL;
	struct buf out = BUF_INIT;
	int64_t us;

	assert_true(!zone_name || zone);
	assert_true(etime_parse(&format, iso, strlen(iso), false, &us));
	assert_int_equal(etime_strftime(&out, slice_str(pattern), zone, us, &err), 0);
	assert_string_equal(buf_cstr(&out), want);
	buf_release(&out);
	etime_zone_close(zone);
}

/* Wanted texts are what `TZ=... LC_ALL=C date -d ... +...` prints. */
static void times_print_by_pattern(void **state)
{
	(void)state;
	expect_strftime("%Y-%m-%d %H:%M:%S", NULL, "2020-08-06T18:30:02.25Z", "2020-08-06 18:30:02");
	expect_strftime("%j|%y|%e|%F|%T|%R|%D", NULL, "2020-08-06T18:30:02.25Z",
		"219|20| 6|2020-08-06|18:30:02|18:30|08/06/20");
	expect_strftime("%u|%w|%V|%G|%U|%W", NULL, "2021-01-03T18:30:02Z", "7|0|53|2020|01|00");
	expect_strftime("%u|%w|%V|%G|%U|%W", NULL, "2018-12-31T18:30:02Z", "1|1|01|2019|52|53");
	expect_strftime("%a|%A|%b|%B|%p|%I|%s|%f|%%", NULL, "2020-08-16T00:30:02.25Z",
		"Sun|Sunday|Aug|August|AM|12|1597537802|250000|%");
	expect_strftime("%H %z %Z", NULL, "2020-08-16T00:30:02Z", "00 +0000 UTC");
	expect_strftime("%H %z %Z", "UTC", "2020-08-16T00:30:02Z", "00 +0000 UTC");
	expect_strftime("%H %z %Z", "Europe/Warsaw", "2020-08-16T00:30:02Z", "02 +0200 CEST");
	expect_strftime("%F %H:%M %z %Z", "America/St_Johns", "2020-01-01T00:30:02Z", "2019-12-31 21:00 -0330 NST");
}

static void unknown_conversions_are_refused(void **state)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(etime_strftime(&out, SLICE_LIT("%Q"), NULL, 0, &err), -1);
	assert_int_equal(err.code, ERR_PROGRAM);
	err_reset(&err);
	assert_int_equal(etime_strftime(&out, SLICE_LIT("%Y%"), NULL, 0, &err), -1);
	buf_release(&out);
}

static void zones_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {
		"Mars/Base", "../x", "", "/etc/passwd", "Europe", "tzdata.zi", "Europe/../UTC"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err err = ERR_INIT;

		if (etime_zone_open(bad[i], &err))
			fail_msg("'%s' was opened", bad[i]);
		assert_int_equal(err.code, ERR_PROGRAM);
	}
}

/* The file of a zone, cut at every length and with every byte changed, is refused or read, never more. */
static void damaged_zone_files_do_no_harm(void **state)
{
	static char whole[8192];
	FILE *f = fopen("/usr/share/zoneinfo/Europe/Warsaw", "r");
	int fd = memfd_create("zone", 0);
	size_t len, opened = 0;
	char name[16];

	(void)state;
	if (!f)
		skip();
	len = fread(whole, 1, sizeof whole, f);
	fclose(f);
	assert_true(fd >= 0);
	snprintf(name, sizeof name, "%d", fd);
	setenv("TZDIR", "/proc/self/fd", 1);
	for (size_t i = 0; i < 2 * len; i++) {
		size_t n = i < len ? i : len;
		struct err err = ERR_INIT;
		struct etime_zone *zone;
		char byte = whole[i % len];

		if (i >= len)
			whole[i % len] = (char)(byte ^ (1 << i % 8));
		assert_int_equal(pwrite(fd, whole, n, 0), n);
		assert_int_equal(ftruncate(fd, (off_t)n), 0);
		whole[i % len] = byte;
		zone = etime_zone_open(name, &err);
		opened += zone != NULL;
		for (int64_t us = ETIME_MIN_US; zone && us < ETIME_MAX_US; us += ETIME_MAX_US / 50)
			etime_zone_offset(zone, us), etime_zone_reach(zone, us);
		assert_int_equal(zone == NULL, err.code == ERR_PROGRAM);
		etime_zone_close(zone);
	}
	assert_in_range(opened, 1, 2 * len - 1);
	close(fd);
	unsetenv("TZDIR");
}

/* Texts near ISO times: where the fast reader answers, the plain one answers the same, and usual ones it does know. */
static void fast_reader_agrees_with_the_plain_one(void **state)
{
	static const char *const seeds[] = {"2020-08-16T18:30:02Z", "2020-08-16 18:30:02", "2020-08-16t18:30:02.5z",
		"2020-08-16 18:30:02.123", "2020-08-16T18:30:02.123456Z", "1999-12-31T23:59:50.25+05:30",
		"2020-02-29T00:00:00.123456789-0800", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+00"};
	static const char bytes[] = "0123456789-:.TtZz +/;,@\x7f\xb0\0";
	uint64_t random = 1;

	(void)state;
	for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
		int64_t us;

		assert_true(etime_parse_iso_fast(seeds[i], strlen(seeds[i]), &us));
	}
	for (int i = 0; i < 2000000; i++) {
		const char *seed = seeds[(size_t)i % (sizeof seeds / sizeof *seeds)];
		size_t len = strlen(seed);
		char text[64];
		int64_t fast = 0, plain = 0;
		bool is_fast, is_plain;

		memcpy(text, seed, len);
		for (int changes = i % 3; changes >= 0; changes--) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			text[(random >> 33) % len] = bytes[(random >> 48) % (sizeof bytes - 1)];
		}
		len -= i % 50 == 0;
		is_fast = etime_parse_iso_fast(text, len, &fast);
		is_plain = etime_parse_iso(text, len, &plain);
		/* it knows all but leap seconds */
		if (is_fast != (is_plain && memcmp(text + 17, "60", 2) != 0) || (is_fast && fast != plain))
			fail_msg("'%.*s': %lld, plain %lld", (int)len, text, (long long)fast, (long long)plain);
	}
}

static void bounds_of_windows_are_read_as_they_are_printed(void **state)
{
	static const int64_t far[] = {ETIME_MIN_US - 1, ETIME_MAX_US + 1, ETIME_MIN_US, ETIME_MAX_US, 0,
		ETIME_MIN_US - INT64_C(8640000000000000), ETIME_MAX_US + INT64_C(8640000000000000)};
	static const char *const bad[] = {"", "-", "1", "10000", "10000-02-30T00:00:00Z", "100000-01-01T00:00:00Z",
		"10000-01-01T00:00:00.00000000000000000000000000000000000000Z", "--001-01-01T00:00:00Z"};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
		char out[ETIME_ISO_BYTES];
		size_t len = etime_print_iso(out, far[i]);

		assert_true(etime_parse_bound(out, len, &us));
		assert_int_equal(us, far[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(etime_parse_bound(bad[i], strlen(bad[i]), &us));
}

/* Every instant of 64 bits has a text of bounded length, though only the years 1 to 9999 are exact. */
static void far_instants_print_in_bounds(void **state)
{
	static const int64_t far[] = {INT64_MIN, INT64_MAX, ETIME_MIN_US - 1, ETIME_MAX_US + 1, INT64_MIN / 2};
	static const char *const texts[] = {NULL, NULL, "0000-12-31T23:59:59.999999Z", "10000-01-01T00:00:00Z", NULL};

	(void)state;
	for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
		char out[ETIME_ISO_BYTES + 1];
		size_t len = etime_print_iso(out, far[i]);

		assert_in_range(len, 20, ETIME_ISO_BYTES);
		out[len] = '\0';
		if (texts[i])
			assert_string_equal(out, texts[i]);
	}
}

/* The compiler warns of %y, %D and %s, which are meant. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-y2k"

/* The definition, looked at every 15 minutes of the 26 hours before and at the microsecond before. */
static void local_time_is_reached_first(void **state)
{
	static const char *const zones[] = {"UTC", "Europe/Warsaw", "America/St_Johns", "Pacific/Apia",
		"Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca"};
	static const int64_t quarter_us = INT64_C(900) * 1000000;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t z = 0; z < sizeof zones / sizeof *zones; z++) {
		struct etime_zone *zone = etime_zone_open(zones[z], &err);

		assert_non_null(zone);
		for (int64_t day = etime_days(1985, 1, 1); day < etime_days(2045, 1, 1); day++) {
			int64_t local_us = day * 96 * quarter_us, us = etime_zone_reach(zone, local_us);

			assert_true(us + etime_zone_offset(zone, us) * INT64_C(1000000) >= local_us);
			for (int64_t before = us - 1; before > us - 104 * quarter_us; before -= quarter_us)
				assert_true(before + etime_zone_offset(zone, before) * INT64_C(1000000) < local_us);
		}
		etime_zone_close(zone);
	}
	assert_int_equal(etime_zone_reach(NULL, -7), -7);
}

/* All of strftime against the C library, in zones that it knows as well. */
static void patterns_print_as_the_c_library_does(void **state)
{
	static const char *const zones[] = {"UTC", "Europe/Warsaw", "America/St_Johns", "Africa/Casablanca"};
	static const char pattern[] =
		"%m %d %H %M %S %j %y %e %T %R %D %u %w %V %U %W %a %A %b %B %h %p %I %k %l %s %z %Z %n %t %%";
	struct buf out = BUF_INIT;
	uint64_t random = 1;

	(void)state;
	if (access("/usr/share/zoneinfo/Europe/Warsaw", R_OK))
		skip();
	for (size_t z = 0; z < sizeof zones / sizeof *zones; z++) {
		struct err err = ERR_INIT;
		struct etime_zone *zone = etime_zone_open(zones[z], &err);

		assert_non_null(zone);
		setenv("TZ", zones[z], 1);
		tzset();
		for (int i = 0; i < 20000; i++) {
			char want[256];
			struct tm tm;
			time_t s;

			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			s = (time_t)(random % (253402300800 + 60000000000)) - 60000000000;
			localtime_r(&s, &tm);
			strftime(want, sizeof want, pattern, &tm);
			buf_reset(&out);
			assert_int_equal(etime_strftime(&out, slice_str(pattern), zone, s * 1000000, &err), 0);
			assert_string_equal(buf_cstr(&out), want);
		}
		etime_zone_close(zone);
	}
	buf_release(&out);
	unsetenv("TZ");
}

#pragma GCC diagnostic pop

/* Days one after the other over all years, against the calendar's own rule. */
static void calendar_is_whole(void **state)
{
	int64_t day = etime_days(1, 1, 1);
	int weekday = 1;

	(void)state;
	assert_int_equal(day, ETIME_MIN_US / 86400000000);
	for (int year = 1; year <= 9999; year++) {
		static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
		bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
		int yearday = 0;

		for (int month = 1; month <= 12; month++)
			for (int d = 1; d <= days[month - 1] + (is_leap && month == 2); d++, day++) {
				struct etime_civil c;

				etime_civil(NULL, day * 86400000000 + 1, &c);
				assert_int_equal(etime_days(year, month, d), day);
				assert_true(c.year == year && c.month == month && c.day == d);
				assert_true(c.weekday == weekday && c.yearday == ++yearday);
				assert_true(c.hour == 0 && c.minute == 0 && c.second == 0 && c.micros == 1);
				weekday = (weekday + 1) % 7;
			}
	}
	assert_true(day * 86400000000 == ETIME_MAX_US + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iso_times_are_read),
		cmocka_unit_test(bad_iso_times_are_refused),
		cmocka_unit_test(epochs_are_read),
		cmocka_unit_test(patterns_are_read),
		cmocka_unit_test(formats_are_told_apart),
		cmocka_unit_test(times_print_by_pattern),
		cmocka_unit_test(unknown_conversions_are_refused),
		cmocka_unit_test(zones_that_are_none_are_refused),
		cmocka_unit_test(local_time_is_reached_first),
		cmocka_unit_test(damaged_zone_files_do_no_harm),
		cmocka_unit_test(fast_reader_agrees_with_the_plain_one),
		cmocka_unit_test(far_instants_print_in_bounds),
		cmocka_unit_test(bounds_of_windows_are_read_as_they_are_printed),
		cmocka_unit_test(patterns_print_as_the_c_library_does),
		cmocka_unit_test(calendar_is_whole),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("etime", tests, NULL, NULL);
}
