/*
 * walk_body: stage 2, the strict walk of one record over the index of its window.
 *
 * Included by each kernel file, which defines before it:
 *	TARGET                          the attribute of its functions
 *	skip_digits(p, wrong)           behind the plain decimal at p, which is not empty; sets a bit of *wrong when it
 *is no number, so that no branch waits for it; may stop early in a long one is_same(hint, key)              whether the
 *hint remembers this key, its quote and its colon
 *
 * Keys and strings are jumped: a quote at p is the next mark, and the mark behind it is its end (or the newline, when
 * there is none). So the way from value to value is the array of marks, and no check waits for the one before. Every
 * byte outside of strings is looked at, hence a walk that comes to the end has seen a valid record, but for the
 * insides of strings in windows that stage 1 found special; json_scan_next() looks at those.
 *
 * Members of a name that was expected and a string or a number, with nothing between, are the inner loop.
 *
 * Whatever is unusual ends in "false": the plain scanner knows the rest of the grammar and says what is wrong.
 */

#define ALWAYS __attribute__((always_inline))

/* Two bytes at once, in the order of the text. */
static inline ALWAYS bool is_pair(const char *p, char first, char second)
{
	char want[2] = {first, second};

	return memcmp(p, want, 2) == 0;
}

TARGET static inline ALWAYS const char *skip_spaces(const char *p)
{
	while (*p == ' ')
		p++;
	return p;
}

/* Behind true, false or null, or NULL. */
TARGET static inline ALWAYS const char *skip_word(const char *p, uint8_t *type)
{
	if (memcmp(p, "true", 4) == 0) {
		*type = JSON_TRUE;
		return p + 4;
	}
	if (memcmp(p, "null", 4) == 0) {
		*type = JSON_NULL;
		return p + 4;
	}
	*type = JSON_FALSE;
	return memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
}

static inline ALWAYS bool is_number_start(char c)
{
	return (unsigned char)(c - '0') < 10 || c == '-';
}

/* Behind the number at p. What the quick look does not know, exponents and long ones, is read again. */
TARGET static inline ALWAYS const char *skip_number(const char *p, uint32_t *wrong)
{
	uint32_t bad = 0;
	const char *end = skip_digits(p, &bad);

	if (__builtin_expect(
		    !is_pair(end, ',', '"') && ((*end | 0x20) == 'e' || *end == '.' || is_number_start(*end)), 0)) {
		end = json_walk_number(p);
		bad = !end;
		end = end ? end : p;
	}
	*wrong |= bad;
	return end;
}

/* Behind the colon of the key whose quotes are mark[0] and mark[1], or NULL. */
TARGET static inline ALWAYS const char *skip_colon(const char *base, const uint16_t *mark)
{
	const char *close = base + mark[1];

	if (__builtin_expect(is_pair(close, '"', ':'), 1))
		return close + 2;
	if (*close != '"')
		return NULL;
	close = skip_spaces(close + 1);
	return *close == ':' ? close + 1 : NULL;
}

/* The value was good up to end: finishes the record if nothing follows it. */
TARGET static inline ALWAYS bool end_record(struct json_scan *scan, struct json_record *record, const uint16_t *mark,
	const char *start, const char *end, uint8_t type)
{
	const char *p = skip_spaces(end);
	size_t len = (size_t)(p - scan->at);

	if (*p == '\r')
		p++;
	if (*p != '\n')
		return false;
	/* The window may end before a long record does, if no quote is behind; but no key may have been guessed there.
	 */
	if (__builtin_expect(scan->base + *mark != p, 0) && mark != scan->marks_end)
		return false;
	record->p = scan->at;
	record->len = len;
	record->status = JSON_OK;
	record->type = type;
	record->is_tight = false;
	record->byte = 0;
	record->message = NULL;
	record->value = (struct json_span){start, (uint32_t)(end - start), type, 0};
	record->spans = scan->plain.spans;
	if (scan->is_whole_wanted)
		json_path_set(scan->plain.paths, scan->plain.spans, scan->plain.paths->nodes, record->value);
	scan->mark = mark < scan->marks_end ? mark + 1 : scan->marks_end;
	scan->at = p + 1;
	return true;
}

/* A record that is no container. */
TARGET static __attribute__((noinline)) bool walk_scalar(
	struct json_scan *scan, struct json_record *record, const char *p)
{
	const uint16_t *mark = scan->mark;
	const char *end = p;
	uint32_t wrong = 0;
	uint8_t type = JSON_NUMBER;

	if (*p == '"') {
		end = scan->base + mark[1];
		if (*end++ != '"')
			return false;
		mark += 2;
		type = JSON_STRING;
	} else if (is_number_start(*p)) {
		end = skip_number(p, &wrong);
	} else {
		end = skip_word(p, &type);
	}
	return end && !wrong && end_record(scan, record, mark, p, end, type);
}

/* One function, longer than others, so that where it stands stays in registers. */
TARGET static bool walk(struct json_scan *scan, struct json_record *record)
{
	const char *base = scan->base;
	const char *const first = skip_spaces(scan->at);
	struct json_span *const spans = scan->plain.spans;
	struct json_hint *hint = scan->hints;
	const uint16_t *mark = scan->mark;
	const char *p = first, *start;
	const struct path_node *node = NULL; /* of the open container, if members of it are wanted */
	const struct path_node *child = scan->plain.paths ? scan->plain.paths->nodes : NULL; /* of the next value */
	uint64_t objects = 0; /* a bit per open container, the innermost lowest */
	uint32_t wrong = 0;   /* some number was none */
	int depth = 0;
	uint8_t type;

	if (*p != '{' && *p != '[')
		return walk_scalar(scan, record, p);
	scan->tracked = 0;
	for (;;) {
		start = p;
		if (*p == '"') {
			p = base + mark[1];
			if (__builtin_expect(*p++ != '"', 0)) {
				if (!json_walk_refill(scan, start, mark))
					return false;
				base = scan->base;
				mark = scan->mark;
				p = start;
				continue;
			}
			mark += 2;
			type = JSON_STRING;
		} else if (is_number_start(*p)) {
			p = skip_number(p, &wrong);
			type = JSON_NUMBER;
		} else if (*p == '{' || *p == '[') {
			if (depth++ == scan->walk_depth)
				return false;
			objects = objects << 1 | (*p == '{');
			node = child ? json_walk_enter(scan, child, p) : NULL;
			p = skip_spaces(p + 1);
			if (*p != ((objects & 1) ? '}' : ']'))
				goto inside;
			goto close;
		} else if (*p == ' ') {
			p++;
			continue;
		} else {
			p = skip_word(p, &type);
			if (!p)
				return false;
		}
		if (child)
			spans[child->slot] = (struct json_span){start, (uint32_t)(p - start), type, 0};
		if (is_pair(p, ',', '"') && (objects & 1)) {
			p++;
			goto key;
		}
	close:
		while (*p != ',') {
			if (*p == ' ') {
				p++;
				continue;
			}
			if (*p != ((objects & 1) ? '}' : ']'))
				return false;
			p++;
			type = (objects & 1) ? JSON_OBJECT : JSON_ARRAY;
			if (depth == 1)
				return !wrong && end_record(scan, record, mark, first, p, type);
			if (scan->tracked && scan->tracked >= depth - 1)
				node = json_walk_leave(scan, depth, p, type);
			objects >>= 1;
			depth--;
		}
		p = skip_spaces(p + 1);
	inside:
		if (!(objects & 1)) {
			child = node ? json_walk_element(scan, node) : NULL;
			continue;
		}
		if (*p != '"')
			return false;
	key:
		/* p is at the quote of a key, which is mark[0]. */
		child = NULL;
		if (node && hint->parent == node && is_same(hint, p + 1)) {
			child = hint->child;
			p += 1 + hint->len;
			hint++;
		} else {
			start = p;
			p = skip_colon(base, mark);
			if (__builtin_expect(!p, 0)) {
				if (!json_walk_refill(scan, start, mark))
					return false;
				base = scan->base;
				mark = scan->mark;
				p = start;
				goto key;
			}
			if (node && json_walk_may_want(scan, node, (size_t)(mark[1] - mark[0] - 1)))
				child = json_walk_key(
					scan, &hint, node, base + mark[0] + 1, (size_t)(mark[1] - mark[0] - 1));
		}
		if (child && child->n_below > (size_t)(child->slot >= 0))
			json_path_begin(spans, child);
		mark += 2;
	}
}
