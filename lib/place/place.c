#include "place/place.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* Length of "NAME" when the text begins with "NAME:" (a letter, then letters, digits, '+', '.', '-'), else 0. */
static size_t scheme_len(const char *text)
{
	size_t n = 0;

	if (!isalpha((unsigned char)text[0]))
		return 0;
	while (isalnum((unsigned char)text[n]) || (text[n] && strchr("+.-", text[n])))
		n++;
	return text[n] == ':' ? n : 0;
}

static bool is_scheme(const char *text, size_t len, const char *name)
{
	return strlen(name) == len && strncasecmp(text, name, len) == 0;
}

static int parse_file_url(struct place *place, const char *text, const char *rest, struct err *err)
{
	if (strncmp(rest, "///", 3) != 0)
		return err_set(err, ERR_USAGE, "%.100s: write file:///DIR with three slashes, or the path alone", text);
	place->kind = PLACE_LAKE_DIR;
	place->path = rest + 2;
	return 0;
}

static int parse_s3_url(struct place *place, const char *text, const char *rest, struct err *err)
{
	if (strncmp(rest, "//", 2) != 0 || rest[2] == '\0' || rest[2] == '/')
		return err_set(err, ERR_USAGE, "%.100s: write s3://BUCKET/PREFIX", text);
	place->kind = PLACE_LAKE_S3;
	place->path = rest + 2;
	return 0;
}

/* A scheme that is not followed by "//" is a file's name ("10:00.ndjson", "x:y"), but for those that are places
 * without. */
int place_parse(struct place *place, const char *text, struct err *err)
{
	size_t len = scheme_len(text);
	bool has_slashes = len && strncmp(text + len, "://", 3) == 0;

	*place = (struct place){PLACE_PATH, text, text};
	if (!*text)
		return err_set(err, ERR_USAGE, "the name of a file is empty");
	if (strcmp(text, "-") == 0) {
		place->kind = PLACE_STD;
		return 0;
	}
	if (is_scheme(text, len, "file"))
		return parse_file_url(place, text, text + len + 1, err);
	if (is_scheme(text, len, "kafka")) {
		place->kind = PLACE_KAFKA;
		return 0;
	}
	if (is_scheme(text, len, "s3"))
		return parse_s3_url(place, text, text + len + 1, err);
	if (has_slashes)
		return err_set(err, ERR_USAGE, "%.80s: cannot read or write %.*s:// (a file: ./%.40s)", text, (int)len,
			text, text);
	return 0;
}
