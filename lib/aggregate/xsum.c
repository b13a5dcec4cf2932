#include "aggregate/xsum.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

__extension__ typedef unsigned __int128 u128;

/*
 * Two's complement, the lowest word first. Bit UNIT_BIT is worth 1: below it are the 1,074 bits of the smallest double
 * and a word more, so that a quotient has room for the bit that decides its rounding; at the top are 77 bits for sums
 * beyond the largest double and the sign.
 */
enum { N_WORDS = 35, SMALLEST_BIT = 64, UNIT_BIT = SMALLEST_BIT + 1074, OVER_BIT = UNIT_BIT + 1024 };

struct xsum_wide {
	uint64_t words[N_WORDS];
	bool is_infinite; /* a number was not finite */
};

/* ---- words ---- */

/* *word += part + *carry, or the same taken away. */
static void add_word(uint64_t *word, uint64_t part, bool is_away, uint64_t *carry)
{
	uint64_t first, second;

	if (is_away) {
		first = __builtin_sub_overflow(*word, part, word);
		second = __builtin_sub_overflow(*word, *carry, word);
	} else {
		first = __builtin_add_overflow(*word, part, word);
		second = __builtin_add_overflow(*word, *carry, word);
	}
	*carry = first | second;
}

/* Adds value * 2^bit, or takes it away. */
static void add_bits(uint64_t *words, uint64_t value, unsigned bit, bool is_away)
{
	u128 shifted = (u128)value << bit % 64;
	uint64_t carry = 0;

	for (unsigned i = bit / 64; i < N_WORDS && (shifted || carry); i++, shifted >>= 64)
		add_word(&words[i], (uint64_t)shifted, is_away, &carry);
}

/* x is finite: digits * 2^(bit - UNIT_BIT) */
static void add_double(uint64_t *words, double x)
{
	uint64_t bits, digits;
	unsigned exponent;

	memcpy(&bits, &x, sizeof bits);
	exponent = bits >> 52 & 0x7ff;
	digits = bits & ((UINT64_C(1) << 52) - 1);
	if (exponent)
		digits |= UINT64_C(1) << 52;
	add_bits(words, digits, SMALLEST_BIT + (exponent ? exponent - 1 : 0), bits >> 63);
}

/* Adds it, or takes it away: -v may be no integer of 128 bits. */
static void add_integer(uint64_t *words, num_i128 v, bool is_away)
{
	u128 size = v < 0 ? -(u128)v : (u128)v;

	add_bits(words, (uint64_t)size, UNIT_BIT, (v < 0) != is_away);
	add_bits(words, (uint64_t)(size >> 64), UNIT_BIT + 64, (v < 0) != is_away);
}

static void add_words(uint64_t *words, const uint64_t *more)
{
	uint64_t carry = 0;

	for (unsigned i = 0; i < N_WORDS; i++)
		add_word(&words[i], more[i], false, &carry);
}

static bool are_zero(const uint64_t *words)
{
	unsigned i = 0;

	while (i < N_WORDS && !words[i])
		i++;
	return i == N_WORDS;
}

/* Makes a negative number positive and says so. */
static bool take_sign(uint64_t *words)
{
	uint64_t carry = 1;

	if (!(words[N_WORDS - 1] >> 63))
		return false;
	for (unsigned i = 0; i < N_WORDS; i++)
		carry = __builtin_add_overflow(~words[i], carry, &words[i]);
	return true;
}

/* 64 bits from this one on. */
static uint64_t bits_from(const uint64_t *words, unsigned bit)
{
	unsigned i = bit / 64, shift = bit % 64;
	uint64_t bits = words[i] >> shift;

	if (shift && i + 1 < N_WORDS)
		bits |= words[i + 1] << (64 - shift);
	return bits;
}

static bool has_bits_below(const uint64_t *words, unsigned bit)
{
	for (unsigned i = 0; i < bit / 64; i++) {
		if (words[i])
			return true;
	}
	return words[bit / 64] & ((UINT64_C(1) << bit % 64) - 1);
}

/* The quotient stays in the words. What it leaves is in no bit below its last one only where there is none: all that
 * was added stands at SMALLEST_BIT or higher, and the divisor has fewer bits than stand below. */
static void divide(uint64_t *words, uint64_t n)
{
	u128 rest = 0;

	assert(n <= INT64_MAX);
	for (unsigned i = N_WORDS; i-- > 0;) {
		rest = rest << 64 | words[i];
		words[i] = (uint64_t)(rest / n);
		rest -= (u128)words[i] * n;
	}
}

/* The nearest double to a positive number, ties to even. */
static double round_words(const uint64_t *words)
{
	unsigned i = N_WORDS - 1, top, last;
	uint64_t digits;

	while (i && !words[i])
		i--;
	top = words[i] ? i * 64 + 63 - (unsigned)__builtin_clzll(words[i]) : 0;
	last = top < SMALLEST_BIT + 52 ? SMALLEST_BIT : top - 52;
	digits = bits_from(words, last) & ((UINT64_C(1) << 53) - 1);
	/* half a last bit: up if there is more of it, or to even */
	if (bits_from(words, last - 1) & 1)
		digits += has_bits_below(words, last - 1) || digits & 1;
	return ldexp((double)digits, (int)last - UNIT_BIT);
}

/* ---- adding ---- */

static struct xsum_wide *wide_of(struct xsum *sum)
{
	if (!sum->wide)
		sum->wide = mem_alloc(1, sizeof *sum->wide);
	return sum->wide;
}

/* Only what two doubles do not hold becomes wide. */
void xsum_add_far(struct xsum *sum, double x)
{
	struct xsum_wide *wide = wide_of(sum);
	struct dd s, t;

	if (fabs(x) < XSUM_NEAR_END) {
		s = dd_two_sum(sum->near.high, x);
		t = dd_two_sum(s.low, sum->near.low);
		sum->near = dd_two_sum(s.high, t.high);
		x = t.low;
	}
	if (isfinite(x))
		add_double(wide->words, x);
	else
		wide->is_infinite = true;
}

void xsum_merge(struct xsum *into, const struct xsum *from)
{
	xsum_add(into, from->near.high);
	xsum_add(into, from->near.low);
	if (!from->wide)
		return;
	add_words(wide_of(into)->words, from->wide->words);
	into->wide->is_infinite |= from->wide->is_infinite;
}

void xsum_release(struct xsum *sum)
{
	free(sum->wide);
}

size_t xsum_owned(const struct xsum *sum)
{
	return sum->wide ? sizeof *sum->wide : 0;
}

/* ---- results ---- */

/* All of it in words. False: it is not finite. */
static bool gather(const struct xsum *sum, num_i128 whole, uint64_t *words)
{
	if (sum->wide && sum->wide->is_infinite)
		return false;
	if (sum->wide)
		memcpy(words, sum->wide->words, sizeof sum->wide->words);
	else
		memset(words, 0, sizeof sum->wide->words);
	add_double(words, sum->near.high);
	add_double(words, sum->near.low);
	add_integer(words, whole, false);
	return true;
}

bool xsum_is_zero(const struct xsum *sum)
{
	uint64_t words[N_WORDS];

	if (!sum->wide)
		return sum->near.high == 0;
	return gather(sum, 0, words) && are_zero(words);
}

bool xsum_integer(const struct xsum *sum, num_i128 whole, num_i128 *total)
{
	const struct dd *near = &sum->near;
	uint64_t words[N_WORDS];

	*total = whole;
	if (!sum->wide && near->high == 0)
		return true;
	/* the usual sum of decimals */
	if (!sum->wide && (near->high != floor(near->high) || near->low != floor(near->low)))
		return false;
	if (!gather(sum, whole, words))
		return false;
	/* an integer of 128 bits is what leaves nothing when it is taken away */
	*total = (num_i128)((u128)bits_from(words, UNIT_BIT + 64) << 64 | bits_from(words, UNIT_BIT));
	add_integer(words, *total, true);
	return are_zero(words);
}

#define TINY 0x1p-900 /* here quotients may lose bits */

/* The quotient and what is left of the dividend as good as doubles tell; false where that may not be enough for the
 * nearest double (Ziv, 1991), or too small to be told. */
static bool divide_near(struct dd a, double n, double *quotient)
{
	double q = a.high / n, rest = (__builtin_fma(-q, n, a.high) + a.low) / n;

	*quotient = q + rest * (1 - 0x1p-50);
	return fabs(q) > TINY && *quotient == q + rest * (1 + 0x1p-50);
}

#define NEAR_WHOLE_MAX ((num_i128)1 << 100) /* two doubles hold it */
#define NEAR_DIVISOR_MAX (UINT64_C(1) << 53)

/* The same in two doubles, where they hold it. */
static bool gather_near(const struct xsum *sum, num_i128 whole, struct dd *all)
{
	double high;

	*all = sum->near;
	if (!whole || sum->wide)
		return !sum->wide;
	high = (double)whole;
	return whole <= NEAR_WHOLE_MAX && whole >= -NEAR_WHOLE_MAX &&
	       xsum_add_near(all, (double)(whole - (num_i128)high)) && xsum_add_near(all, high);
}

double xsum_divide(const struct xsum *sum, num_i128 whole, uint64_t n)
{
	uint64_t words[N_WORDS];
	double quotient;
	struct dd near;
	bool is_negative;

	if (n <= NEAR_DIVISOR_MAX && gather_near(sum, whole, &near)) {
		/* halves are exact, and often ties */
		if (n == 1 || ((n & (n - 1)) == 0 && fabs(near.high) > TINY))
			return near.high / (double)n;
		if (divide_near(near, (double)n, &quotient))
			return quotient;
	}
	if (!gather(sum, whole, words))
		return INFINITY;
	is_negative = take_sign(words);
	if (n > 1)
		divide(words, n);
	quotient = round_words(words);
	return is_negative ? -quotient : quotient;
}

/* ---- parts ---- */

static void add_over(uint64_t *words, int64_t over, bool is_away)
{
	add_bits(words, over < 0 ? -(uint64_t)over : (uint64_t)over, OVER_BIT, (over < 0) != is_away);
}

void xsum_add_over(struct xsum *sum, int64_t over)
{
	add_over(wide_of(sum)->words, over, false);
}

/* The nearest multiple of 2^1024 goes, so that a double is near to the rest. */
static int64_t take_over(uint64_t *words)
{
	int64_t over = (int64_t)(bits_from(words, OVER_BIT) + (bits_from(words, OVER_BIT - 1) & 1));

	add_over(words, over, true);
	return over;
}

static double round_signed(const uint64_t *words)
{
	uint64_t size[N_WORDS];
	bool is_negative;
	double x;

	memcpy(size, words, sizeof size);
	is_negative = take_sign(size);
	x = round_words(size);
	return is_negative ? -x : x;
}

size_t xsum_parts(const struct xsum *sum, double parts[XSUM_PARTS_MAX], int64_t *over)
{
	uint64_t words[N_WORDS];
	size_t n = 0;

	*over = 0;
	parts[0] = sum->near.high;
	parts[1] = sum->near.low;
	if (!sum->wide)
		return 2;
	if (!gather(sum, 0, words))
		return 0;
	if (isinf(round_signed(words)))
		*over = take_over(words);
	/* each part leaves at most half of its last bit: 54 bits less */
	for (parts[0] = parts[1] = 0; !are_zero(words); n++) {
		parts[n] = round_signed(words);
		add_double(words, -parts[n]);
	}
	return n < 2 ? 2 : n;
}
