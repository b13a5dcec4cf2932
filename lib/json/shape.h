/*
 * shape: what a record looks like, so that the next one like it is compared and not walked. Only for lib/json.
 *
 * Records of a stream differ in their values, seldom in their keys and blanks. A shape holds everything of a record but
 * the insides of its strings and its bare values (numbers, true, false, null) as pieces of 32 bytes, and for each piece
 * and each value where it stands: so many bytes behind (or before) the n-th mark of the record. So no check waits for
 * another, and a record that has the pieces and whose bare values are good is valid. A number that had the same digits,
 * sign and point so far is part of a piece too, with a range for each digit.
 *
 * Shapes are learned from records that the walk accepted. The spans of the wanted paths are places of the shape as
 * well: they depend on the keys alone, so duplicates, nested paths and negative indices need no further thought.
 *
 * Each shape remembers which one came next. Where they are of no use (every record another shape) they rest, longer
 * each time, and the walk goes on alone.
 */
#ifndef TLM_JSON_SHAPE_H
#define TLM_JSON_SHAPE_H

#include "json/json.h"
#include "json/straight.h"

enum {
	JSON_SHAPES = 8,         /* known at a time */
	JSON_SHAPE_VALUES = 64,  /* strings and bare values of a record */
	JSON_SHAPE_PIECES = 96,  /* of 32 bytes */
	JSON_SHAPE_BYTES = 2048, /* of a record without its values */
	JSON_PIECE_BYTES = 32,   /* JSON_PIECE_BYTES + JSON_SPOT_MAX bytes behind a mark may be read */
	JSON_SPOT_MAX = 32,
	JSON_PATTERN_BYTES = 22, /* of a number that is part of a piece */
	JSON_TEXT_VARIES = UINT16_MAX
};

/* A place in a record. */
struct json_spot {
	uint16_t mark;  /* the n-th of the record */
	int16_t offset; /* bytes behind it */
};

/* Each byte is at least low and at most low + span. */
struct json_piece {
	_Alignas(JSON_PIECE_BYTES) uint8_t low[JSON_PIECE_BYTES];
	uint8_t span[JSON_PIECE_BYTES];
	struct json_spot at;
};

/* What a byte of a text may be that is plain ASCII, cut by the quote and the backslash. */
enum { JSON_TEXT_RANGES = 3 };
extern const struct json_text_range {
	uint8_t low, high;
} json_text_ranges[JSON_TEXT_RANGES];

/* What a value has been so far; each one takes in those before it, but for strings. */
enum json_kind { JSON_KIND_STRING, JSON_KIND_FIXED, JSON_KIND_NUMBER, JSON_KIND_ANY };

struct json_value {
	uint8_t kind;
	uint8_t len;                      /* JSON_KIND_FIXED: of its pattern */
	uint16_t text_bytes;              /* JSON_KIND_STRING: with its quotes, or JSON_TEXT_VARIES */
	char pattern[JSON_PATTERN_BYTES]; /* 0 any digit, 1 any but zero, else itself */
	/* JSON_KIND_STRING: which of its first 64 bytes was in which range so far */
	uint64_t seen[JSON_TEXT_RANGES];
};

/* A number that varies, or a value that may be a word. */
struct json_bare {
	struct json_spot start, end;
	bool is_any;
};

/* Where a span of the record stands. */
struct json_shape_span {
	struct json_spot start, end;
	uint8_t type; /* JSON_ABSENT: the shape has no such value */
	bool is_any;  /* its type is that of its text */
};

struct json_shape {
	uint32_t n_marks; /* with the newline; UINT32_MAX: fits nothing */
	int32_t first_at; /* of the first mark behind the start of the record */
	uint32_t n_pieces, n_bares;
	bool has_return; /* a CR before the newline */
	bool is_tight;   /* see struct json_record */
	bool has_any;    /* some wanted value may be a word */
	struct json_shape_span value;
	struct json_shape_span *spans; /* by slot */
	struct json_shape *next;       /* which came after it the last time */
	struct json_bare bares[JSON_SHAPE_VALUES];
	struct json_piece pieces[JSON_SHAPE_PIECES];
	struct json_straight straight;
	/* what it was learned from: */
	uint32_t skeleton_bytes, n_values;
	char skeleton[JSON_SHAPE_BYTES]; /* the record with one byte for each value */
	struct json_value values[JSON_SHAPE_VALUES];
};

struct json_shapes {
	struct json_shape *shapes;     /* JSON_SHAPES of them, owned */
	struct json_shape_span *spans; /* of all shapes and their straight ways, owned */
	struct json_shape *last;       /* of the last record */
	size_t n, n_spans;
	size_t oldest;         /* goes when there is no room */
	uint64_t hits, misses; /* since the last decision whether shapes are of use */
	uint64_t rest, pause;  /* records that the walk takes alone: now; the next time */
	/* the same of the way without an index, in windows; where it ended: */
	uint64_t straight_hits, straight_rest, straight_pause;
	bool is_lesson; /* the next record may teach why */
};

struct json_scan;

void json_shapes_init(struct json_shapes *s, size_t n_spans);
void json_shapes_release(struct json_shapes *s);

/* Reads the next record by another shape than the expected one. False: none fits, nothing has changed, the walk has to
 * see it. */
bool json_shapes_other(struct json_scan *scan, const struct json_shape *expected, struct json_record *record);

/* The walk has accepted the record whose first mark this is, and which is in the window as a whole. */
void json_shapes_learn(struct json_scan *scan, const struct json_record *record, const uint16_t *mark);

/* Reads the next record without an index by another shape than the expected one. False: none fits it so, and the way
 * rests for a while. */
bool json_shapes_straight(struct json_scan *scan, const struct json_shape *expected, struct json_record *record);

/* The record, as json_shapes_learn() has it, fits a shape, but not its straight way. */
void json_shapes_relearn(struct json_scan *scan, const struct json_record *record, const uint16_t *mark);

/* Sets the types of spans whose values may be words. */
void json_shape_types(const struct json_shape *shape, struct json_span *spans, size_t n);

/* The type of the bare value from p to end, or JSON_ABSENT: it is none. */
uint8_t json_bare_type(const char *p, const char *end);

/* Behind the bare value at p, or NULL: it is none. */
const char *json_bare_end(const char *p);

#endif
