#include "ledger/ledger.h"

#include <assert.h>
#include <time.h>

#include "etime/etime.h"

static const char *const reason_names[REJECT_REASONS] = {
	[REJECT_JSON] = "json",
	[REJECT_TOO_LONG] = "too_long",
	[REJECT_TOO_DEEP] = "too_deep",
	[REJECT_NOT_OBJECT] = "not_object",
	[REJECT_NO_TIME] = "no_time",
	[REJECT_AHEAD] = "ahead",
	[REJECT_TYPE] = "type",
	[REJECT_GROUP_VALUE] = "group_value",
	[REJECT_PATH_VALUE] = "path_value",
	[REJECT_CSV] = "csv",
	[REJECT_PROGRAM] = "program",
	[REJECT_LIMIT] = "limit",
	[REJECT_STATE] = "state",
	[REJECT_FULL] = "full",
	[REJECT_MARK] = "mark",
};

const char *reject_reason_name(enum reject_reason reason)
{
	assert(reason < REJECT_REASONS);
	return reason_names[reason];
}

int64_t ledger_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void ledger_init(struct ledger *l, const char *tool)
{
	*l = (struct ledger){.tool = tool, .start_us = ledger_now_us()};
}

int ledger_check(const struct ledger *l, struct err *err)
{
	uint64_t fates = l->kept + l->filtered + l->late + l->rejected + l->duplicate + l->open;
	uint64_t reasons = 0;

	for (int i = 0; i < REJECT_REASONS; i++)
		reasons += l->rejects[i];
	if (l->read != fates)
		return err_set(err, ERR_INTERNAL, "the books do not add up: %llu records read, %llu accounted for",
			(unsigned long long)l->read, (unsigned long long)fates);
	if (reasons != l->rejected)
		return err_set(err, ERR_INTERNAL, "the books do not add up: %llu records rejected, %llu with a reason",
			(unsigned long long)l->rejected, (unsigned long long)reasons);
	return 0;
}

static void add_count(struct buf *out, const char *key, uint64_t value)
{
	buf_addf(out, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void add_rejects(struct buf *out, const struct ledger *l)
{
	bool is_first = true;

	buf_add_str(out, ",\"rejects\":{");
	for (int i = 0; i < REJECT_REASONS; i++) {
		if (!l->rejects[i])
			continue;
		buf_addf(out, "%s\"%s\":%llu", is_first ? "" : ",", reason_names[i], (unsigned long long)l->rejects[i]);
		is_first = false;
	}
	buf_add_char(out, '}');
}

static void add_time(struct buf *out, const char *key, int64_t us)
{
	char text[ETIME_ISO_BYTES];
	size_t len = etime_print_iso(text, us);

	buf_addf(out, ",\"%s\":\"%.*s\"", key, (int)len, text);
}

void ledger_line(const struct ledger *l, bool is_end, struct buf *out)
{
	buf_addf(out, "{\"tool\":\"%s\",\"end\":%s", l->tool, is_end ? "true" : "false");
	add_count(out, "elapsed_ms", (uint64_t)(ledger_now_us() - l->start_us) / 1000);
	add_count(out, "read", l->read);
	add_count(out, "kept", l->kept);
	add_count(out, "filtered", l->filtered);
	add_count(out, "late", l->late);
	add_count(out, "rejected", l->rejected);
	add_count(out, "duplicate", l->duplicate);
	add_count(out, "open", l->open);
	add_count(out, "out", l->out);
	add_count(out, "bytes_in", l->bytes_in);
	add_count(out, "bytes_out", l->bytes_out);
	add_count(out, "empty", l->empty);
	add_count(out, "late_partial", l->late_partial);
	add_rejects(out, l);
	if (l->has_time) {
		add_time(out, "max_time", l->max_time_us);
		add_time(out, "watermark", l->watermark_us);
	}
	if (l->has_lag && l->lag >= 0)
		add_count(out, "lag", (uint64_t)l->lag);
	if (l->has_disorder)
		add_count(out, "disorder", l->disorder);
	if (l->has_emit_error) {
		add_count(out, "emit_error_p99_us", (uint64_t)l->emit_error_p99_us);
		add_count(out, "emit_error_max_us", (uint64_t)l->emit_error_max_us);
	}
	buf_add_str(out, "}\n");
}
