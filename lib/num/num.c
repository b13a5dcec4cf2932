#include "num/num.h"

#include <string.h>

#include "num/num_decimal.h"

__extension__ typedef unsigned __int128 num_u128;

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first: num_print_duration() takes the first that fits. */
static const struct unit duration_units[] = {
	{"d", UINT64_C(86400000000)},
	{"h", UINT64_C(3600000000)},
	{"m", UINT64_C(60000000)},
	{"s", UINT64_C(1000000)},
	{"ms", UINT64_C(1000)},
	{"us", UINT64_C(1)},
};

static const struct unit size_units[] = {
	{"", 1},
	{"B", 1},
	{"K", UINT64_C(1) << 10},
	{"M", UINT64_C(1) << 20},
	{"G", UINT64_C(1) << 30},
	{"T", UINT64_C(1) << 40},
	{"P", UINT64_C(1) << 50},
	{"KiB", UINT64_C(1) << 10},
	{"MiB", UINT64_C(1) << 20},
	{"GiB", UINT64_C(1) << 30},
	{"TiB", UINT64_C(1) << 40},
	{"PiB", UINT64_C(1) << 50},
	{"KB", UINT64_C(1000)},
	{"kB", UINT64_C(1000)},
	{"MB", UINT64_C(1000000)},
	{"GB", UINT64_C(1000000000)},
	{"TB", UINT64_C(1000000000000)},
	{"PB", UINT64_C(1000000000000000)},
};

enum { UNITS_DURATION = sizeof duration_units / sizeof *duration_units };
enum { ROUGH_CHARS = 5 }; /* an exact duration of so many is short enough for people */
enum { UNITS_SIZE = sizeof size_units / sizeof *size_units };

/* More than 100,000 days would not fit the arithmetic of times. */
static const uint64_t DURATION_MAX_US = UINT64_C(100000) * 86400 * 1000000;

static const struct unit *find_unit(const struct unit *units, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(slice_str(units[i].name), name))
			return &units[i];
	return NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits from i on into *value (false when that overflows); returns where they end. */
static size_t read_digits(struct slice text, size_t i, uint64_t *value, bool *fits)
{
	*value = 0;
	*fits = true;
	for (; i < text.len && is_digit(text.p[i]); i++)
		if (__builtin_mul_overflow(*value, UINT64_C(10), value) ||
			__builtin_add_overflow(*value, (uint64_t)(text.p[i] - '0'), value))
			*fits = false;
	return i;
}

static int cut_len(struct slice text)
{
	return text.len > 60 ? 60 : (int)text.len;
}

/* The part behind the point, exactly: digits * factor must divide by 10^digits. Returns false when it does not. */
static bool scale_fraction(struct slice digits, uint64_t factor, uint64_t *us)
{
	num_i128 value = 0, scale = 1;

	while (digits.len && digits.p[digits.len - 1] == '0')
		digits.len--;
	if (digits.len > 18)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		value = value * 10 + (digits.p[i] - '0');
		scale *= 10;
	}
	value *= factor;
	*us = (uint64_t)(value / scale);
	return value % scale == 0;
}

int num_parse_duration(struct slice text, int64_t *us, struct err *err)
{
	const struct unit *unit;
	struct slice fraction = {"", 0};
	uint64_t whole, part = 0, sum;
	bool fits;
	size_t i = read_digits(text, 0, &whole, &fits);

	if (i == 0)
		return err_set(err, ERR_USAGE, "expected a duration such as 250ms, 10s, 5m, 1h or 2d, not '%.*s'",
			cut_len(text), text.p);
	if (i + 1 < text.len && text.p[i] == '.' && is_digit(text.p[i + 1])) {
		fraction.p = text.p + i + 1;
		while (++i < text.len && is_digit(text.p[i]))
			fraction.len++;
	}
	if (text.len == 1 && whole == 0) {
		*us = 0;
		return 0;
	}
	if (i == text.len)
		return err_set(
			err, ERR_USAGE, "duration '%.*s' has no unit (us, ms, s, m, h, d)", cut_len(text), text.p);
	unit = find_unit(duration_units, UNITS_DURATION, (struct slice){text.p + i, text.len - i});
	if (!unit)
		return err_set(err, ERR_USAGE, "duration '%.*s' has an unknown unit (know us, ms, s, m, h, d)",
			cut_len(text), text.p);
	if (!scale_fraction(fraction, unit->factor, &part))
		return err_set(err, ERR_USAGE, "duration '%.*s' has a part below a microsecond", cut_len(text), text.p);
	if (!fits || __builtin_mul_overflow(whole, unit->factor, &sum) || __builtin_add_overflow(sum, part, &sum) ||
		sum > DURATION_MAX_US)
		return err_set(err, ERR_USAGE, "duration '%.*s' is longer than 100000 days", cut_len(text), text.p);
	*us = (int64_t)sum;
	return 0;
}

int num_parse_size(struct slice text, uint64_t *bytes, struct err *err)
{
	const struct unit *unit;
	uint64_t count;
	bool fits;
	size_t i = read_digits(text, 0, &count, &fits);

	if (i == 0)
		return err_set(err, ERR_USAGE, "expected a size such as 512, 64K, 16M or 10MB, not '%.*s'",
			cut_len(text), text.p);
	unit = find_unit(size_units, UNITS_SIZE, (struct slice){text.p + i, text.len - i});
	if (!unit)
		return err_set(err, ERR_USAGE,
			"size '%.*s' has an unknown unit (know B, K M G T P for powers of 1024, KB MB GB TB PB of "
			"1000)",
			cut_len(text), text.p);
	if (!fits || __builtin_mul_overflow(count, unit->factor, bytes) || *bytes > INT64_MAX)
		return err_set(err, ERR_USAGE, "size '%.*s' is too large", cut_len(text), text.p);
	return 0;
}

int num_parse_int(struct slice text, int64_t min, int64_t max, int64_t *value, struct err *err)
{
	bool is_negative = text.len && text.p[0] == '-';
	size_t start = text.len && (text.p[0] == '-' || text.p[0] == '+');
	uint64_t magnitude;
	bool fits;
	size_t end = read_digits(text, start, &magnitude, &fits);

	if (end == start || end < text.len)
		return err_set(err, ERR_USAGE, "expected a whole number, not '%.*s'", cut_len(text), text.p);
	if (!fits || !num_from_magnitude(magnitude, is_negative, value) || *value < min || *value > max)
		return err_set(err, ERR_USAGE, "%.*s is not between %lld and %lld", cut_len(text), text.p,
			(long long)min, (long long)max);
	return 0;
}

size_t num_print_i128(char out[NUM_I128_BYTES], num_i128 value)
{
	char digits[NUM_I128_BYTES];
	char *end = digits + sizeof digits, *first = end;
	num_u128 rest = (num_u128)value;
	size_t len;

	if (value < 0)
		rest = -rest;
	do {
		*--first = (char)('0' + (int)(rest % 10));
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--first = '-';
	len = (size_t)(end - first);
	memcpy(out, first, len);
	return len;
}

/* The largest unit that shows the value, at least 1, with no more than one digit behind the point. */
size_t num_print_duration(char out[NUM_DOUBLE_BYTES], int64_t us)
{
	uint64_t magnitude = us < 0 ? -(uint64_t)us : (uint64_t)us;
	const struct unit *unit = duration_units;
	size_t len = 0, n;

	if (us == 0) {
		memcpy(out, "0s", 2);
		return 2;
	}
	while (unit->factor > 1 && (magnitude < unit->factor || magnitude % unit->factor * 10 % unit->factor))
		unit++;
	if (us < 0)
		out[len++] = '-';
	len += num_print_i64(out + len, (int64_t)(magnitude / unit->factor));
	if (magnitude % unit->factor) {
		out[len++] = '.';
		out[len++] = (char)('0' + magnitude % unit->factor * 10 / unit->factor);
	}
	n = strlen(unit->name);
	memcpy(out + len, unit->name, n);
	return len + n;
}

size_t num_print_rough_duration(char out[NUM_DOUBLE_BYTES], int64_t us)
{
	const struct unit *unit = duration_units;
	size_t len = num_print_duration(out, us);
	uint64_t v = (uint64_t)us, parts; /* steps in a unit: 1, 10, 100 */

	if (len <= ROUGH_CHARS)
		return len;
	while (v < unit->factor)
		unit++;
	parts = v < unit->factor * 10 ? 100 : v < unit->factor * 100 ? 10 : 1;
	v = (v + unit->factor / parts - 1) / (unit->factor / parts);
	len = num_print_i64(out, (int64_t)(v / parts));
	if (v % parts)
		out[len++] = '.';
	for (v %= parts; v; v = v * 10 % parts)
		out[len++] = (char)('0' + v * 10 / parts);
	memcpy(out + len, unit->name, strlen(unit->name));
	return len + strlen(unit->name);
}
