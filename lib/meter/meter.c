#include "meter/meter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { SECOND_US = 1000000, WIDTH_DEFAULT = 80, LINE_BYTES = 256 };

void meter_init(struct meter *m, const struct meter_opts *opts)
{
	int64_t now_us = ledger_now_us();

	*m = (struct meter){.opts = *opts, .start_us = now_us, .drawn_us = now_us, .stats_us = now_us};
}

/* ---- numbers for people ---- */

static void print_bytes(char *out, size_t size, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
		value /= 1024;
		unit++;
	}
	snprintf(out, size, unit && value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static void print_rate(char *out, size_t size, double per_s)
{
	static const char *const units[] = {"", "k", "M", "G"};
	size_t unit = 0;

	while (per_s >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
		per_s /= 1000;
		unit++;
	}
	snprintf(out, size, unit && per_s < 99.95 ? "%.1f%s/s" : "%.0f%s/s", per_s, units[unit]);
}

static void print_clock(char *out, size_t size, int64_t us)
{
	int64_t s = us / SECOND_US;

	if (s >= 3600)
		snprintf(out, size, "%" PRId64 ":%02d:%02d", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
	else
		snprintf(out, size, "%d:%02d", (int)(s / 60), (int)(s % 60));
}

/* "1234567 records, 1.2M/s, 84.1 MiB in, 0:12" */
static size_t print_state(char *out, size_t size, const struct ledger *l, int64_t elapsed_us, double per_s)
{
	char rate[32], bytes[32], elapsed[32];
	int n;

	print_rate(rate, sizeof rate, per_s);
	print_bytes(bytes, sizeof bytes, l->bytes_in);
	print_clock(elapsed, sizeof elapsed, elapsed_us);
	n = snprintf(out, size, "%" PRIu64 " records, %s, %s, %s", l->read, rate, bytes, elapsed);
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static double rate_of(uint64_t records, int64_t us)
{
	return us > 0 ? (double)records * SECOND_US / (double)us : 0;
}

/* ---- stderr ---- */

static void put(const char *p, size_t len)
{
	/* Nobody can be told that stderr is gone. */
	if (write(STDERR_FILENO, p, len) < 0)
		return;
}

static void put_stats(const struct ledger *l, bool is_end)
{
	struct buf line = BUF_INIT;

	ledger_line(l, is_end, &line);
	put(line.p, line.len);
	buf_release(&line);
}

/* One less than the width: some terminals wrap when the last column is filled. */
static size_t terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 2)
		return WIDTH_DEFAULT - 1;
	return size.ws_col - 1U;
}

void meter_erase(struct meter *m)
{
	static const char erase[] = "\r\033[K";

	if (m->is_on_screen)
		put(erase, sizeof erase - 1);
	m->is_on_screen = false;
}

void meter_say(struct meter *m, const char *tool, const char *text)
{
	struct buf line = BUF_INIT;

	buf_addf(&line, "%s: ", tool);
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			buf_addf(&line, "\\x%02x", *p);
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			buf_addf(&line, "\\x%02x", *++p);
		else
			buf_add_char(&line, (char)*p);
	}
	buf_add_char(&line, '\n');
	if (m)
		meter_erase(m);
	put(line.p, line.len);
	buf_release(&line);
}

static void draw(struct meter *m, const struct ledger *l, int64_t now_us, uint64_t read_bytes, uint64_t total_bytes)
{
	char line[LINE_BYTES] = "\r", eta[32];
	double per_s = rate_of(l->read - m->drawn_read, now_us - m->drawn_us);
	int64_t elapsed_us = now_us - m->start_us;
	size_t columns = terminal_columns();
	size_t len = 1 + print_state(line + 1, sizeof line - 1, l, elapsed_us, per_s);

	if (total_bytes > read_bytes && read_bytes) {
		double left = (double)(total_bytes - read_bytes) / (double)read_bytes;

		print_clock(eta, sizeof eta, (int64_t)((double)elapsed_us * left));
		len += (size_t)snprintf(line + len, sizeof line - len, ", %d%%, ETA %s",
			(int)(100.0 * (double)read_bytes / (double)total_bytes), eta);
	}
	if (len > columns + 1)
		len = columns + 1;
	if (len > sizeof line - 4)
		len = sizeof line - 4;
	memcpy(line + len, "\033[K", 3);
	put(line, len + 3);
	m->is_on_screen = true;
}

void meter_tick(struct meter *m, const struct ledger *l, int64_t now_us, uint64_t read_bytes, uint64_t total_bytes)
{
	if (m->opts.is_drawn && now_us - m->drawn_us >= SECOND_US) {
		draw(m, l, now_us, read_bytes, total_bytes);
		m->drawn_us = now_us;
		m->drawn_read = l->read;
	}
	if (m->opts.has_stats && m->opts.stats_every_us && now_us - m->stats_us >= m->opts.stats_every_us) {
		meter_erase(m);
		put_stats(l, false);
		/* From its own schedule, so that late ticks do not add up; beats that were missed are left out. */
		m->stats_us += (now_us - m->stats_us) / m->opts.stats_every_us * m->opts.stats_every_us;
	}
}

int64_t meter_deadline(const struct meter *m)
{
	int64_t at_us = -1;

	if (m->opts.is_drawn)
		at_us = m->drawn_us + SECOND_US;
	if (m->opts.has_stats && m->opts.stats_every_us) {
		int64_t stats_us = m->stats_us + m->opts.stats_every_us;

		at_us = at_us < 0 || stats_us < at_us ? stats_us : at_us;
	}
	return at_us;
}

void meter_status(struct meter *m, const struct ledger *l, int64_t now_us)
{
	char line[LINE_BYTES], state[LINE_BYTES];
	int64_t elapsed_us = now_us - m->start_us;
	int n;

	print_state(state, sizeof state, l, elapsed_us, rate_of(l->read, elapsed_us));
	n = snprintf(line, sizeof line,
		"%s: %s; kept %" PRIu64 ", filtered %" PRIu64 ", late %" PRIu64 ", rejected %" PRIu64 ", out %" PRIu64
		"\n",
		l->tool, state, l->kept, l->filtered, l->late, l->rejected, l->out);
	meter_erase(m);
	if (n > 0)
		put(line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

void meter_finish(struct meter *m, const struct ledger *l)
{
	meter_erase(m);
	if (m->opts.has_stats)
		put_stats(l, true);
}
