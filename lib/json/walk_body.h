/*
 * walk_body: stage 2, the strict walk of one record over the index of its window.
 *
 * Included by each kernel file, which defines before it:
 *	TARGET                          the attribute of its functions
 *	skip_number(p)                  behind the JSON number at p, or NULL
 *	is_same(hint, key, len)         whether the hint remembers this key
 *
 * Keys and strings are jumped: a quote at p is the next mark, and the mark behind it is its end (or the newline, when
 * there is none). So the way from value to value is the array of marks, and no check waits for the one before. Every
 * byte outside of strings is looked at, hence a walk that comes to the end has seen a valid record, but for the
 * insides of strings in windows that stage 1 found special; json_scan_next() looks at those.
 *
 * Whatever is unusual ends in "false": the plain scanner knows the rest of the grammar and says what is wrong.
 */

TARGET static inline const char *skip_spaces(const char *p)
{
	while (*p == ' ')
		p++;
	return p;
}

/* Behind true, false or null, or NULL. */
TARGET static inline const char *skip_word(const char *p, uint8_t *type)
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

/* The wanted member of that name, or NULL: by what stood here last time, else by a search. */
TARGET static inline const struct path_node *find_member(
	struct json_scan *scan, const struct path_node *parent, size_t nth, const char *key, size_t len)
{
	struct json_hint *hint = &scan->hints[nth % JSON_HINTS];
	const struct path_node *child;

	if (__builtin_expect(hint->parent == parent && hint->len == len && is_same(hint, key, len), 1))
		child = hint->child;
	else
		child = json_walk_key(scan, hint, parent, (struct slice){key, len});
	if (child && child->n_below > 1)
		json_path_begin(scan->plain.spans, child);
	return child;
}

/* Behind the string, number or word at p, or NULL. */
TARGET static inline const char *skip_scalar(const char *p, const char *base, const uint16_t **mark, uint8_t *type)
{
	if (*p == '"') {
		const char *close = base + (*mark)[1];

		*mark += 2;
		*type = JSON_STRING;
		return *close == '"' ? close + 1 : NULL;
	}
	if ((unsigned char)(*p - '0') < 10 || *p == '-') {
		*type = JSON_NUMBER;
		return skip_number(p);
	}
	return skip_word(p, type);
}

TARGET static inline void set_scalar(
	struct json_scan *scan, const struct path_node *node, const char *start, const char *end, uint8_t type)
{
	if (node->slot >= 0)
		scan->plain.spans[node->slot] = (struct json_span){start, (uint32_t)(end - start), type, 0};
}

/* The value was good up to end: finishes the record if nothing follows it. */
TARGET static inline bool end_record(struct json_scan *scan, struct json_record *record, const uint16_t *mark,
	const char *start, const char *end, uint8_t type)
{
	const char *p = skip_spaces(end);
	size_t len = (size_t)(p - scan->at);

	if (*p == '\r')
		p++;
	if (*p != '\n')
		return false;
	*record = (struct json_record){.p = scan->at,
		.len = len,
		.status = JSON_OK,
		.type = type,
		.value = {start, (uint32_t)(end - start), type, 0},
		.spans = scan->plain.spans};
	scan->mark = mark + 1;
	scan->at = p + 1;
	return true;
}

TARGET static bool walk(struct json_scan *scan, struct json_record *record)
{
	const char *const base = scan->base, *const first = skip_spaces(scan->at);
	const uint16_t *mark = scan->mark;
	const char *p = first, *start;
	const struct path_node *node = NULL; /* of the open container, if members of it are wanted */
	const struct path_node *child = scan->plain.paths ? scan->plain.paths->nodes : NULL; /* of the next value */
	uint64_t objects = 0; /* a bit per open container, the innermost lowest */
	int depth = 0;
	size_t nth = 0; /* key */
	uint8_t type;

	scan->tracked = 0;
	for (;;) {
		start = p;
		if (*p == '{' || *p == '[') {
			if (depth++ == scan->walk_depth)
				return false;
			objects = objects << 1 | (*p == '{');
			node = child ? json_walk_enter(scan, child, p) : NULL;
			p = skip_spaces(p + 1);
			if (*p != ((objects & 1) ? '}' : ']'))
				goto inside;
		} else {
			p = skip_scalar(p, base, &mark, &type);
			if (!p)
				return false;
			if (child)
				set_scalar(scan, child, start, p, type);
			if (depth == 0)
				return end_record(scan, record, mark, start, p, type);
			p = skip_spaces(p);
		}
		/* A value has ended, or an empty container is about to. */
		while (*p != ',') {
			if (*p != ((objects & 1) ? '}' : ']'))
				return false;
			p++;
			type = (objects & 1) ? JSON_OBJECT : JSON_ARRAY;
			node = json_walk_leave(scan, depth, p, type);
			objects >>= 1;
			if (--depth == 0)
				return end_record(scan, record, mark, first, p, type);
			p = skip_spaces(p);
		}
		p = skip_spaces(p + 1);
	inside:
		if (!(objects & 1)) {
			child = node ? json_walk_element(scan, node) : NULL;
			continue;
		}
		if (*p != '"')
			return false;
		p = base + mark[1];
		if (*p != '"')
			return false;
		child = node ? find_member(scan, node, nth++, base + mark[0] + 1, (size_t)(mark[1] - mark[0]) - 1)
			     : NULL;
		mark += 2;
		p = skip_spaces(p + 1);
		if (*p != ':')
			return false;
		p = skip_spaces(p + 1);
	}
}
