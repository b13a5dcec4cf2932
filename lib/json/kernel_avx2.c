#include "json/json_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

/*
 * The AVX2 kernel: 64 bytes at a time.
 *
 * Stage 1 after Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019; marks are written for a byte of
 * the mask at once through a table. UTF-8 after Keiser and Lemire, "Validating UTF-8 in less than one instruction per
 * byte", 2021.
 */

#define TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))

/* Constants in memory: the compiler would build them anew at every use. */
static struct {
	uint8_t zeros[32], nines[32], dots[32];
} number_bytes __attribute__((aligned(32)));

static struct {
	uint8_t quotes[32], slashes[32], spaces[32];
} text_bytes __attribute__((aligned(32)));

/* A plain decimal of up to 32 bytes is judged at once by its masks of digits and dots: it begins (behind a minus) and
 * ends with a digit, has one dot at most, and no digit follows a leading zero. */
TARGET static inline const char *skip_digits(const char *p, uint32_t *wrong)
{
	const __m256i *zeros = (const void *)number_bytes.zeros, *nines = (const void *)number_bytes.nines;
	__m256i v = _mm256_loadu_si256((const void *)p), x = _mm256_sub_epi8(v, *zeros);
	uint32_t digits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(x, *nines), x));
	uint32_t dots =
		(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, *(const __m256i *)(const void *)number_bytes.dots));
	uint32_t minus = *p == '-', n, bad;

	p += minus;
	digits >>= minus;
	dots >>= minus;
	n = _tzcnt_u32(~(digits | dots));
	dots = _bzhi_u32(dots, n);
	bad = ~digits | ~digits >> ((n - 1) & 31) | ((*p == '0') & digits >> 1);
	*wrong |= (bad & 1) | (dots & (dots - 1));
	return p + n;
}

TARGET static inline bool is_same(const struct json_hint *hint, const char *key)
{
	__m256i a = _mm256_loadu_si256((const void *)hint->key), b = _mm256_loadu_si256((const void *)key);

	return ((uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b)) | hint->other) == UINT32_MAX;
}

#include "json/walk_body.h"

struct unlike {
	__m256i bytes;
};

TARGET static inline void add_unlike(struct unlike *u, const char *p, const struct json_piece *piece)
{
	__m256i v = _mm256_loadu_si256((const void *)p);

	v = _mm256_sub_epi8(v, *(const __m256i *)(const void *)piece->low);
	v = _mm256_subs_epu8(v, *(const __m256i *)(const void *)piece->span);
	u->bytes = _mm256_or_si256(u->bytes, v);
}

TARGET static inline bool is_unlike(const struct unlike *u)
{
	return !_mm256_testz_si256(u->bytes, u->bytes);
}

#include "json/shape_body.h"

TARGET static inline __m256i quotes_and_slashes(__m256i v)
{
	return _mm256_or_si256(
		_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')), _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')));
}

TARGET static inline void add_straight(struct unlike *u, const char *p, const struct straight_piece *piece)
{
	__m256i v = _mm256_loadu_si256((const void *)p);

	v = _mm256_sub_epi8(v, *(const __m256i *)(const void *)piece->low);
	v = _mm256_subs_epu8(v, *(const __m256i *)(const void *)piece->span);
	u->bytes = _mm256_or_si256(u->bytes, v);
}

TARGET static inline void add_inside(struct unlike *u, const char *p, const struct straight_piece *piece)
{
	__m256i v = _mm256_loadu_si256((const void *)p), x;

	x = _mm256_sub_epi8(v, *(const __m256i *)(const void *)piece->low);
	x = _mm256_subs_epu8(x, *(const __m256i *)(const void *)piece->span);
	v = _mm256_and_si256(quotes_and_slashes(v), *(const __m256i *)(const void *)piece->inside);
	u->bytes = _mm256_or_si256(u->bytes, _mm256_or_si256(x, v));
}

TARGET static inline size_t skip_text(const char *p)
{
	const __m256i *quotes = (const void *)text_bytes.quotes, *slashes = (const void *)text_bytes.slashes;
	const __m256i *spaces = (const void *)text_bytes.spaces;

	for (size_t n = 0;; n += 32) {
		__m256i v = _mm256_loadu_si256((const void *)(p + n));
		/* as signed bytes, what is >= 0x80 is below a space too */
		__m256i below = _mm256_cmpgt_epi8(*spaces, v);
		__m256i end = _mm256_or_si256(_mm256_cmpeq_epi8(v, *quotes), _mm256_cmpeq_epi8(v, *slashes));
		uint32_t stops = (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(end, below));

		if (__builtin_expect(stops || n == STRAIGHT_VALUE_MAX - 32, 1))
			return n + _tzcnt_u32(stops);
	}
}

#include "json/straight_body.h"

/* For each byte of a mask the numbers of its bits, lowest first. */
static uint16_t bit_numbers[256][8] __attribute__((aligned(64)));

void json_kernel_avx2_init(void)
{
	memset(number_bytes.zeros, '0', sizeof number_bytes.zeros);
	memset(number_bytes.nines, 9, sizeof number_bytes.nines);
	memset(number_bytes.dots, '.', sizeof number_bytes.dots);
	memset(text_bytes.quotes, '"', sizeof text_bytes.quotes);
	memset(text_bytes.slashes, '\\', sizeof text_bytes.slashes);
	memset(text_bytes.spaces, ' ', sizeof text_bytes.spaces);
	for (unsigned byte = 0; byte < 256; byte++)
		for (unsigned bit = 0, n = 0; bit < 8; bit++)
			if (byte >> bit & 1)
				bit_numbers[byte][n++] = (uint16_t)bit;
}

/* One byte of a mask, shifted to the place of a table's index. */
TARGET static inline __attribute__((always_inline)) uint16_t *add_byte(uint16_t *out, uint64_t times_16, __m128i at)
{
	const char *table = (const char *)bit_numbers;
	uint64_t offset = times_16 & 0xff0;

	_mm_storeu_si128((void *)out, _mm_add_epi16(at, _mm_load_si128((const void *)(table + offset))));
	return out + __builtin_popcountll(offset);
}

/* Writes first + the number of each bit; up to 8 entries behind the end are overwritten. */
TARGET static inline __attribute__((always_inline)) uint16_t *add_marks(uint16_t *out, uint64_t mask, size_t first)
{
	__m128i step = _mm_set1_epi16(8), at = _mm_set1_epi16((short)first);

	__asm__("" : "+x"(step)); /* else the compiler makes eight constants of it, each built anew */
	out = add_byte(out, mask << 4, at);
	out = add_byte(out, mask >> 4, at = _mm_add_epi16(at, step));
	out = add_byte(out, mask >> 12, at = _mm_add_epi16(at, step));
	out = add_byte(out, mask >> 20, at = _mm_add_epi16(at, step));
	out = add_byte(out, mask >> 28, at = _mm_add_epi16(at, step));
	out = add_byte(out, mask >> 36, at = _mm_add_epi16(at, step));
	out = add_byte(out, mask >> 44, at = _mm_add_epi16(at, step));
	return add_byte(out, mask >> 52, _mm_add_epi16(at, step));
}

/* 64 bytes. */
struct block {
	__m256i low, high;
};

TARGET static inline struct block load(const char *p)
{
	return (struct block){_mm256_loadu_si256((const void *)p), _mm256_loadu_si256((const void *)(p + 32))};
}

/* The last bytes of a window, filled up with spaces. */
TARGET static struct block load_rest(const char *p, size_t len)
{
	char bytes[64];

	memset(bytes, ' ', sizeof bytes);
	memcpy(bytes, p, len);
	return load(bytes);
}

TARGET static inline uint64_t bits(__m256i low, __m256i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

TARGET static inline uint64_t equal(struct block b, char c)
{
	__m256i all = _mm256_set1_epi8(c);

	return bits(_mm256_cmpeq_epi8(b.low, all), _mm256_cmpeq_epi8(b.high, all));
}

TARGET static inline __m256i quotes_and_newlines(__m256i v, __m256i *unusual)
{
	__m256i newline = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\n'));
	/* As signed bytes, what is >= 0x80 is below a space too. */
	__m256i below = _mm256_xor_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8(' '), v), newline);

	below = _mm256_or_si256(below, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')));
	*unusual = _mm256_or_si256(*unusual, below);
	return _mm256_or_si256(newline, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')));
}

TARGET static size_t index_plain(const char *p, size_t len, struct json_window *w, bool *is_special)
{
	uint16_t *mark = w->marks;
	__m256i unusual = _mm256_setzero_si256();

	for (size_t i = 0; i < len; i += 64) {
		struct block b = len - i < 64 ? load_rest(p + i, len - i) : load(p + i);
		__m256i low = quotes_and_newlines(b.low, &unusual), high = quotes_and_newlines(b.high, &unusual);

		mark = add_marks(mark, bits(low, high), i);
	}
	*is_special = !_mm256_testz_si256(unusual, unusual);
	return (size_t)(mark - w->marks);
}

/* The bytes of v moved up by n (1 to 3), the last ones of the 32 bytes before filling in. */
#define BEFORE(v, last, n) _mm256_alignr_epi8(v, _mm256_permute2x128_si256(last, v, 0x21), 16 - (n))

/* A table of 16 bytes for both halves of a register. */
#define TABLE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

/* What two bytes that follow each other can be wrong by; an error is a bit that all three tables have. */
enum {
	SHORT = 1,          /* a lead byte without its continuation */
	LONG = 2,           /* a continuation after ASCII */
	OVERLONG_3 = 4,     /* E0 and below A0 */
	LARGE = 8,          /* F4 and above, and 90 and above */
	SURROGATE = 16,     /* ED and A0 and above */
	OVERLONG_2 = 32,    /* C0, C1 */
	LARGER = 64,        /* F5 and above, and below 90; or F0 and below 90: overlong */
	TWO_CONTINUE = -128 /* two continuations: right only as the third or fourth byte */
};

TARGET static inline __m256i utf8_errors(__m256i v, __m256i last)
{
	enum { CARRY = SHORT | LONG | TWO_CONTINUE };
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i one = BEFORE(v, last, 1), two = BEFORE(v, last, 2), three = BEFORE(v, last, 3);
	__m256i first_high = _mm256_shuffle_epi8(TABLE(LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, TWO_CONTINUE,
							 TWO_CONTINUE, TWO_CONTINUE, TWO_CONTINUE, SHORT | OVERLONG_2,
							 SHORT, SHORT | OVERLONG_3 | SURROGATE, SHORT | LARGE | LARGER),
		_mm256_and_si256(_mm256_srli_epi16(one, 4), nibble));
	__m256i first_low = _mm256_shuffle_epi8(
		TABLE(CARRY | OVERLONG_3 | OVERLONG_2 | LARGER, CARRY | OVERLONG_2, CARRY, CARRY, CARRY | LARGE,
			CARRY | LARGE | LARGER, CARRY | LARGE | LARGER, CARRY | LARGE | LARGER, CARRY | LARGE | LARGER,
			CARRY | LARGE | LARGER, CARRY | LARGE | LARGER, CARRY | LARGE | LARGER, CARRY | LARGE | LARGER,
			CARRY | LARGE | LARGER | SURROGATE, CARRY | LARGE | LARGER, CARRY | LARGE | LARGER),
		_mm256_and_si256(one, nibble));
	__m256i second_high = _mm256_shuffle_epi8(
		TABLE(SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT,
			LONG | OVERLONG_2 | TWO_CONTINUE | OVERLONG_3 | LARGER,
			LONG | OVERLONG_2 | TWO_CONTINUE | OVERLONG_3 | LARGE,
			LONG | OVERLONG_2 | TWO_CONTINUE | SURROGATE | LARGE,
			LONG | OVERLONG_2 | TWO_CONTINUE | SURROGATE | LARGE, SHORT, SHORT, SHORT, SHORT),
		_mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));
	__m256i wrong = _mm256_and_si256(first_high, _mm256_and_si256(first_low, second_high));
	/* A third or fourth byte: 0x80 where two continuations are right, which undoes that bit. */
	__m256i third = _mm256_subs_epu8(two, _mm256_set1_epi8((char)(0xe0 - 0x80)));
	__m256i fourth = _mm256_subs_epu8(three, _mm256_set1_epi8((char)(0xf0 - 0x80)));
	__m256i must = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));

	return _mm256_xor_si256(must, wrong);
}

/* The running state of a check over blocks. */
struct utf8 {
	__m256i last, errors;
};

TARGET static inline void check_utf8(struct utf8 *u, struct block b)
{
	u->errors = _mm256_or_si256(u->errors, utf8_errors(b.low, u->last));
	u->errors = _mm256_or_si256(u->errors, utf8_errors(b.high, b.low));
	u->last = b.high;
}

/* Behind the last full block a block of spaces shows a sequence that is cut off. */
TARGET static bool is_utf8(const char *p, size_t len)
{
	struct utf8 u = {_mm256_setzero_si256(), _mm256_setzero_si256()};
	size_t i = 0;

	for (; len - i >= 64; i += 64)
		check_utf8(&u, load(p + i));
	check_utf8(&u, load_rest(p + i, len - i));
	return _mm256_testz_si256(u.errors, u.errors);
}

/* What reaches from one block into the next. */
struct escapes {
	uint64_t escaped; /* the first byte is */
	uint64_t hex;     /* the first bytes must be hexadecimal digits */
};

/*
 * The bytes that stand behind an escaping backslash; *slashes keeps only the escaping ones, which is every other one of
 * a run of them, from its first on. A run that begins at an even place is found by adding 1 at its start: the carry
 * runs through all of it.
 */
TARGET static inline uint64_t find_escaped(uint64_t *slashes, struct escapes *e)
{
	const uint64_t even = 0x5555555555555555;
	uint64_t all = *slashes & ~e->escaped, starts = all & ~(all << 1), escaped;
	uint64_t in_even_run = all & ~(all + (starts & even));

	*slashes = all & ~(even ^ in_even_run);
	escaped = *slashes << 1 | e->escaped;
	e->escaped = *slashes >> 63;
	return escaped;
}

enum { ESCAPE = 15, HEX = 48 };

/* What a byte may be: some bit of ESCAPE when it may stand behind a backslash, of HEX when it is a hexadecimal digit.
 * Each bit is for one value, or two, of the high half of the byte: 2, 5, 6, 7; 3, 4 or 6. */
TARGET static inline __m256i classes(__m256i v)
{
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i low = _mm256_shuffle_epi8(
		TABLE(16, 48, 61, 48, 56, 56, 52, 16, 16, 16, 0, 0, 2, 0, 4, 1), _mm256_and_si256(v, nibble));
	__m256i high = _mm256_shuffle_epi8(TABLE(0, 0, 1, 16, 32, 2, 36, 8, 0, 0, 0, 0, 0, 0, 0, 0),
		_mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));

	return _mm256_and_si256(low, high);
}

TARGET static inline __m256i is_none(__m256i v, char class)
{
	return _mm256_cmpeq_epi8(_mm256_and_si256(v, _mm256_set1_epi8(class)), _mm256_setzero_si256());
}

/* Where the escapes of a block are wrong. */
TARGET static inline uint64_t find_wrong(struct block b, uint64_t escaped, struct escapes *e)
{
	__m256i low = classes(b.low), high = classes(b.high);
	uint64_t u = equal(b, 'u') & escaped, hex = u << 1 | u << 2 | u << 3 | u << 4 | e->hex;

	e->hex = u >> 60 | u >> 61 | u >> 62 | u >> 63;
	return (escaped & bits(is_none(low, ESCAPE), is_none(high, ESCAPE))) |
	       (hex & bits(is_none(low, HEX), is_none(high, HEX)));
}

TARGET static size_t index_special(const char *p, size_t len, struct json_window *w, bool *is_suspect)
{
	const __m256i controls = _mm256_set1_epi8(0x1f);
	uint16_t *mark = w->marks, *special = w->specials;
	struct utf8 u = {_mm256_setzero_si256(), _mm256_setzero_si256()};
	struct escapes e = {0, 0};
	bool was_ascii = true;

	for (size_t i = 0; i < len; i += 64) {
		struct block b = len - i < 64 ? load_rest(p + i, len - i) : load(p + i);
		uint64_t newlines = equal(b, '\n'), slashes = equal(b, '\\'), escaped, odd;
		bool is_ascii = bits(b.low, b.high) == 0;

		odd = bits(_mm256_cmpeq_epi8(_mm256_min_epu8(b.low, controls), b.low),
			_mm256_cmpeq_epi8(_mm256_min_epu8(b.high, controls), b.high));
		if (!is_ascii || !was_ascii)
			check_utf8(&u, b);
		was_ascii = is_ascii;
		odd &= ~newlines;
		escaped = find_escaped(&slashes, &e);
		w->has_escape[i / JSON_BLOCK_BYTES] = slashes != 0;
		if (escaped | slashes | e.hex)
			odd |= find_wrong(b, escaped, &e);
		if (odd)
			special = add_marks(special, odd, i);
		mark = add_marks(mark, (equal(b, '"') & ~escaped) | newlines, i);
	}
	*special = UINT16_MAX;
	*is_suspect = !_mm256_testz_si256(u.errors, u.errors);
	return (size_t)(mark - w->marks);
}

const struct json_kernel json_kernel_avx2 = {"avx2", index_plain, index_special, walk, match, straight, sift, is_utf8};

#endif
