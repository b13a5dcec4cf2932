#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/ledger.h"

static struct ledger example(void)
{
	struct ledger l;

	ledger_init(&l, "tlm-agg");
	l.read = 1000;
	l.kept = 990;
	l.late = 7;
	l.rejected = 3;
	l.rejects[REJECT_NO_TIME] = 3;
	l.out = 61;
	l.bytes_in = 138000;
	l.bytes_out = 9120;
	return l;
}

static void books_are_checked(void **state)
{
	struct ledger l = example();
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ledger_check(&l, &err), 0);
	l.open = 1;
	assert_int_equal(ledger_check(&l, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_string_equal(err.msg, "the books do not add up: 1000 records read, 1001 accounted for");
	err_reset(&err);
	l.open = 0;
	l.rejects[REJECT_JSON] = 1;
	assert_int_equal(ledger_check(&l, &err), -1);
}

static void each_fate_counts(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		struct ledger l = {0};
		struct err err = ERR_INIT;
		uint64_t *fates[] = {&l.kept, &l.filtered, &l.late, &l.rejected, &l.duplicate, &l.open};

		ledger_init(&l, "t");
		l.read = 5;
		*fates[i] = 5;
		l.rejects[REJECT_TYPE] = i == 3 ? 5 : 0;
		assert_int_equal(ledger_check(&l, &err), 0);
	}
}

/* The line of docs/formats.md, elapsed_ms set aside. */
static void line_has_the_documented_form(void **state)
{
	struct ledger l = example();
	struct buf out = BUF_INIT;
	char *elapsed, want[512];

	(void)state;
	ledger_line(&l, true, &out);
	elapsed = strstr(buf_cstr(&out), "\"elapsed_ms\":");
	assert_non_null(elapsed);
	snprintf(want, sizeof want,
		"{\"tool\":\"tlm-agg\",\"end\":true,\"elapsed_ms\":%d,\"read\":1000,\"kept\":990,\"filtered\":0,"
		"\"late\":7,\"rejected\":3,\"duplicate\":0,\"open\":0,\"out\":61,\"bytes_in\":138000,"
		"\"bytes_out\":9120,\"empty\":0,\"late_partial\":0,\"rejects\":{\"no_time\":3}}\n",
		atoi(elapsed + 13));
	assert_string_equal(out.p, want);
	buf_release(&out);
}

static void optional_fields_come_last(void **state)
{
	struct ledger l = example();
	struct buf out = BUF_INIT;

	(void)state;
	l.rejects[REJECT_JSON] = 1;
	l.has_time = true;
	l.max_time_us = INT64_C(1795341600123000);
	l.watermark_us = INT64_C(1795341540000000);
	l.has_disorder = true;
	l.disorder = 3;
	l.has_emit_error = true;
	l.emit_error_p99_us = 12;
	l.emit_error_max_us = 345;
	ledger_line(&l, false, &out);
	assert_non_null(strstr(buf_cstr(&out), "\"end\":false,"));
	assert_non_null(
		strstr(out.p, "\"rejects\":{\"json\":1,\"no_time\":3},\"max_time\":\"2026-11-22T10:00:00.123Z\","
			      "\"watermark\":\"2026-11-22T09:59:00Z\",\"disorder\":3,\"emit_error_p99_us\":12,\"emit_"
			      "error_max_us\":345}\n"));
	buf_release(&out);
}

static void reasons_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < REJECT_REASONS; i++)
		assert_true(strlen(reject_reason_name((enum reject_reason)i)) >= 3);
	assert_string_equal(reject_reason_name(REJECT_TOO_LONG), "too_long");
	assert_string_equal(reject_reason_name(REJECT_LIMIT), "limit");
}

static void clock_runs_forward(void **state)
{
	int64_t a = ledger_now_us(), b = ledger_now_us();

	(void)state;
	assert_true(b >= a && b - a < 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(books_are_checked),
		cmocka_unit_test(each_fate_counts),
		cmocka_unit_test(line_has_the_documented_form),
		cmocka_unit_test(optional_fields_come_last),
		cmocka_unit_test(reasons_have_names),
		cmocka_unit_test(clock_runs_forward),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
