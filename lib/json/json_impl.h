/*
 * json_impl: what the files of lib/json share. Nobody else includes it.
 */
#ifndef TLM_JSON_IMPL_H
#define TLM_JSON_IMPL_H

#include "json/json.h"
#include "json/shape.h"

enum { JSON_TRACK_MAX = FIELDPATH_STEPS_MAX + 1 }; /* containers above each other that a wanted path can go through */

/* A node stands for a path; its children are that path with one step more. */
struct path_node {
	struct fieldpath_step step; /* the last step; the key is owned */
	int32_t slot;               /* of the value itself; -1: nobody wants it */
	int32_t child;              /* first child, -1 none */
	int32_t next;               /* next child of the same parent, -1 none */
	int32_t tail;               /* first of the paths that go on with a negative index, -1 none */
	uint64_t key_lens;          /* of its children: bit n % 64 for a key of n bytes */
	int32_t *below;             /* every slot at or below this node */
	size_t n_below;
};

/* A path from its first negative index on: looked up when the array at the node is complete. */
struct path_tail {
	struct fieldpath rest; /* steps owned, no text */
	int32_t slot;
	int32_t next;
};

struct json_paths {
	struct path_node *nodes; /* nodes[0] is the record itself */
	size_t n_nodes;
	struct path_tail *tails;
	size_t n_tails;
	size_t n_slots;
};

/* The child of node for this member or element, or NULL. key is the text between the quotes. */
const struct path_node *json_path_key(
	const struct json_paths *paths, const struct path_node *node, struct slice key, bool is_escaped);
const struct path_node *json_path_index(const struct json_paths *paths, const struct path_node *node, int64_t index);

/* The value of the node is complete: fills its slots. */
void json_path_set(
	const struct json_paths *paths, struct json_span *spans, const struct path_node *node, struct json_span span);

/* A value of the node begins: what an earlier one of the same name left below it is forgotten. */
static inline void json_path_begin(struct json_span *spans, const struct path_node *node)
{
	for (size_t i = 0; i < node->n_below; i++)
		spans[node->below[i]] = (struct json_span){NULL, 0, JSON_ABSENT, 0};
}

/* A wanted container that is open. */
struct json_frame {
	const struct path_node *node;
	const char *start;
	int64_t index; /* of the element that is read, arrays only */
};

/* The plain scanner: one line without its end, strict, with the place of what is wrong. */
struct json_plain {
	const struct json_paths *paths; /* NULL: validate only */
	struct json_span *spans;        /* by slot, emptied by the caller; spans[-1] is written for what has none */
	int depth_max;
	uint64_t is_object[JSON_DEPTH_MAX / 64 + 1]; /* one bit per open container */
	struct json_frame frames[JSON_TRACK_MAX + 1];
};

void json_plain_scan(struct json_plain *plain, const char *p, size_t len, struct json_record *record);

/* Memory of one key: what stood at this place of the last record, so that a hit is one compare. */
enum { JSON_HINTS = 64, JSON_HINT_BYTES = 32 };

struct json_hint {
	char key[JSON_HINT_BYTES];      /* as written, escapes and all, with the quote and the colon behind it */
	const struct path_node *parent; /* NULL: nothing is remembered */
	const struct path_node *child;  /* NULL: nobody wants it */
	uint32_t len;                   /* with quote and colon */
	uint32_t other;                 /* a bit for each byte that does not count */
	char room[8];                   /* to a power of two */
};

static inline uint32_t json_hint_other(uint32_t len)
{
	return len == JSON_HINT_BYTES ? 0 : UINT32_MAX << len;
}

enum {
	JSON_BLOCK_BYTES = 64,
	JSON_WINDOW_BYTES = 32 << 10,    /* a multiple of JSON_BLOCK_BYTES, at most 60 KiB: positions are 16 bits */
	JSON_STOPS = 2 * JSON_HINTS + 4, /* marks behind the last one of a window in the midst of a record */
	JSON_WALK_DEPTH =
		64 /* the walk keeps one bit per container in a word; what is deeper goes to the plain scanner */
};

/* The index of a window: stage 1. Positions count from base; both lists have room for what is written in blocks. */
struct json_window {
	uint16_t marks[JSON_WINDOW_BYTES + 64 + JSON_STOPS]; /* quotes that are not escaped, and newlines */
	/* Controls but newlines, and where an escape is wrong: at its backslash or in what follows it, not behind the
	 * end of its string. Ends with UINT16_MAX. */
	uint16_t specials[JSON_WINDOW_BYTES + 64];
	uint8_t has_escape[JSON_WINDOW_BYTES / JSON_BLOCK_BYTES]; /* of each block: 1 or 0 */
};

/* A line of code for each kind of processor: see kernel.c. */
struct json_kernel {
	const char *name;
	/* Fills marks and returns their count. *is_special: there is a backslash, a control or a byte >= 0x80, and the
	 * marks are not to be trusted. len is at most JSON_WINDOW_BYTES, JSON_PAD_BYTES are readable behind. */
	size_t (*index)(const char *p, size_t len, struct json_window *w, bool *is_special);
	/* The same with escaped quotes left out, specials and has_escape filled. *is_suspect: some UTF-8 may be wrong.
	 */
	size_t (*index_special)(const char *p, size_t len, struct json_window *w, bool *is_suspect);
	/* Stage 2: the record at scan->at over the index. False: not valid, or not sure; ask the plain scanner. */
	bool (*walk)(struct json_scan *scan, struct json_record *record);
	/* The same by a shape, see shape.h. False: it has another one, and nothing has changed. */
	bool (*match)(struct json_scan *scan, const struct json_shape *shape, struct json_record *record);
	/* The same without an index, see straight.h; NULL: there is none. */
	bool (*straight)(struct json_scan *scan, const struct json_shape *shape, struct json_record *record);
	/* The first record that the sieve lets through, after any number of that shape that it holds back. */
	bool (*sift)(struct json_scan *scan, const struct json_shape *shape, struct json_record *record);
	bool (*is_utf8)(const char *p, size_t len);
};

extern const struct json_kernel json_kernel_portable;
#if defined(__x86_64__)
extern const struct json_kernel json_kernel_avx2;
void json_kernel_avx2_init(void); /* once, before its first use */
#endif

/* The kernel that serves now. */
const struct json_kernel *json_kernel(void);

/* What the insides of the strings of a record are known to be. */
struct json_inside_state {
	bool has_escapes;
	bool is_doubtful; /* a bad escape, a control, bad UTF-8: the plain scanner has to look */
};

struct json_scan {
	const struct json_kernel *kernel;
	const char *at, *end;            /* the rest of the batch */
	const char *base;                /* of the window */
	const uint16_t *mark;            /* the first one at or behind `at` */
	const uint16_t *marks_end;       /* behind the last newline of the window */
	const uint16_t *special;         /* the first one at or behind `at`; NULL: the window has none */
	struct json_inside_state inside; /* of the record's windows before this one */
	bool is_suspect;                 /* some record of the window may hold invalid UTF-8 */
	bool was_special;                /* the last window was: begin with the slower index */
	bool is_whole_wanted; /* the record itself has a slot, or a path that ends in a negative index of it */
	int walk_depth;       /* the lower of JSON_WALK_DEPTH and the limit */
	int tracked;          /* open containers that stand on a wanted path, during a walk */
	uint64_t line;        /* of the next record */
	size_t n_spans;
	struct json_span *spans;                /* n_spans + 1 of them, owned */
	const char *bases[STRAIGHT_VALUES + 1]; /* of the record that goes without an index */
	bool has_sieve;
	size_t sieve_slot;
	struct json_hint sieve; /* the text that is wanted there, with the quote behind it */
	uint64_t passed;        /* records that the sieve held back */
	size_t window_bytes;    /* JSON_WINDOW_BYTES; a test takes less, a multiple of 64 */
	struct json_shapes shapes;
	struct json_hint hints[JSON_HINTS];
	struct json_plain plain;
	struct json_window window;
};

/* A container on a wanted path opens. Returns its node if members or elements of it are wanted, else NULL. */
static inline const struct path_node *json_walk_enter(
	struct json_scan *scan, const struct path_node *node, const char *start)
{
	scan->plain.frames[++scan->tracked] = (struct json_frame){node, start, 0};
	return node->child >= 0 ? node : NULL;
}

/* Whether a key of so many bytes may be that of a child; one with escapes may always. */
static inline bool json_walk_may_want(const struct json_scan *scan, const struct path_node *node, size_t len)
{
	return (node->key_lens >> (len & 63) & 1) || scan->special;
}

static inline bool json_is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Slow paths of the walk, the same for every kernel. */
const struct path_node *json_walk_key(
	struct json_scan *scan, struct json_hint **place, const struct path_node *parent, const char *key, size_t len);
const struct path_node *json_walk_leave(struct json_scan *scan, int depth, const char *end, uint8_t type);
const struct path_node *json_walk_element(struct json_scan *scan, const struct path_node *node);
/* The string at `token` does not end in the window of a record that goes on: the window moves to the token, and the
 * walk tries it again. False: the string has no end, or none in a window. mark: the first one at or behind the token.
 */
bool json_walk_refill(struct json_scan *scan, const char *token, const uint16_t *mark);
const char *json_walk_number(const char *p); /* behind the number at p, or NULL */

/* The end of the valid string whose text begins at p (behind its quote): the closing quote. */
const char *json_string_end(const char *p);

/* Order of two string spans by their unescaped bytes. */
int json_cmp_strings(struct json_span a, struct json_span b);

/* Length of the valid UTF-8 sequence at p, p < end, or 0. */
size_t json_utf8_len(const char *p, const char *end);

#endif
