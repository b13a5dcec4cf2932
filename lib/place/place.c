#include "place/place.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

/* ---- two places ---- */

static bool is_same_inode(const char *a, const char *b, mode_t type)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && (x.st_mode & S_IFMT) == type && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void folder_of(const char *path, char folder[PATH_MAX])
{
	snprintf(folder, PATH_MAX, "%.*s.", (int)(name_of(path) - path), path);
}

static bool is_path(const char *text)
{
	struct err err = ERR_INIT;
	struct place place;

	return place_parse(&place, text, &err) == 0 && place.kind == PLACE_PATH;
}

/* A file may not be there yet: then its folder and its name are compared. */
bool place_is_same(const char *a, const char *b)
{
	char a_folder[PATH_MAX], b_folder[PATH_MAX];

	if (strncmp(a, "/dev/", 5) == 0 || strncmp(b, "/dev/", 5) == 0)
		return false;
	if (strcmp(a, b) == 0 || !is_path(a) || !is_path(b))
		return strcmp(a, b) == 0;
	if (is_same_inode(a, b, S_IFREG))
		return true;
	folder_of(a, a_folder);
	folder_of(b, b_folder);
	return strcmp(name_of(a), name_of(b)) == 0 && is_same_inode(a_folder, b_folder, S_IFDIR);
}
