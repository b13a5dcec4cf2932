#include "codec/codec.h"

#include <stdlib.h>
#include <string.h>

#include "mem/mem.h"

static const struct {
	const char *suffix, *content_type;
	int level, level_max;
	struct codec *(*open)(struct codec_set *set);
} kinds[] = {
	[CODEC_ZST] = {".ndjson.zst", "application/zstd", CODEC_LEVEL_ZST, 19, codec_open_zst},
	[CODEC_GZ] = {".ndjson.gz", "application/gzip", CODEC_LEVEL_GZ, 9, codec_open_gz},
	[CODEC_NONE] = {".ndjson", "application/x-ndjson", 0, 0, codec_open_none},
};

int codec_set_init(struct codec_set *set, enum codec_kind kind, int level, struct err *err)
{
	*set = (struct codec_set){.kind = kind, .level = level ? level : kinds[kind].level};
	if (level && kinds[kind].level_max == 0)
		return err_set(err, ERR_USAGE, "--level: there is none without compression");
	if (set->level < 0 || set->level > kinds[kind].level_max)
		return err_set(err, ERR_USAGE, "--level %d: must be 1 to %d", level, kinds[kind].level_max);
	set->out = mem_alloc(1, CODEC_OUT_BYTES);
	return 0;
}

void codec_set_release(struct codec_set *set)
{
	free(set->out);
	set->out = NULL;
}

const char *codec_suffix(enum codec_kind kind)
{
	return kinds[kind].suffix;
}

const char *codec_content_type(enum codec_kind kind)
{
	return kinds[kind].content_type;
}

bool codec_kind_of(const char *name, enum codec_kind *kind)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t n = strlen(kinds[i].suffix);

		if (len > n && memcmp(name + len - n, kinds[i].suffix, n) == 0) {
			*kind = (enum codec_kind)i;
			return true;
		}
	}
	return false;
}

struct codec *codec_open(struct codec_set *set)
{
	return kinds[set->kind].open(set);
}

void codec_close(struct codec *c)
{
	if (c)
		c->ops->close(c);
}
