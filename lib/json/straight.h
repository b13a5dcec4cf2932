/*
 * straight: a shape for the way without an index. Only for lib/json.
 *
 * Where most values have one length (a time, an identifier, a code), a record is known but for the ends of the few
 * others. So it is read from its start on: a text of a fixed length is compared, the value behind it tells its own end,
 * the next text begins there. Stage 1 is not needed at all: a window is indexed when a record comes that no straight
 * shape fits, and its records go by the index then.
 *
 * A text holds literals, numbers of a fixed form, and the insides of strings of a fixed length: bytes that may be
 * anything from a blank to DEL but a quote or a backslash. Those two cut that into three ranges, and where a byte was
 * always in one of them it has that range and needs no look at quotes (one of digits, one of small letters). What is
 * not ASCII, or escaped, goes by the index.
 */
#ifndef TLM_JSON_STRAIGHT_H
#define TLM_JSON_STRAIGHT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	STRAIGHT_PIECES = 64,     /* of 32 bytes */
	STRAIGHT_VALUES = 16,     /* of a length that varies: each one waits for the one before */
	STRAIGHT_VALUE_MAX = 128, /* bytes of such a value, a multiple of 32 */
	STRAIGHT_END = UINT8_MAX  /* instead of the kind of a value: the record ends */
};

/* Each byte is at least low and at most low + span; where inside is set it is no quote and no backslash. */
struct straight_piece {
	_Alignas(32) uint8_t low[32];
	uint8_t span[32];
	uint8_t inside[32];
};

/* A text, and the value behind it. */
struct straight_step {
	uint16_t pieces_bytes; /* of the text in `pieces` */
	uint16_t bytes;        /* of the text in the record */
	uint8_t kind;          /* enum json_kind, or STRAIGHT_END */
	bool has_inside;       /* some piece has */
};

struct json_shape_span;

/* Places are bytes behind the n-th base: the start of the record, then the end of each value of the steps. */
struct json_straight {
	uint32_t n_values; /* UINT32_MAX: there is no such way */
	uint32_t reach;    /* so many bytes may be looked at */
	struct straight_step steps[STRAIGHT_VALUES + 1];
	struct json_shape_span *value, *spans; /* as those of the shape */
	struct straight_piece pieces[STRAIGHT_PIECES];
};

#endif
