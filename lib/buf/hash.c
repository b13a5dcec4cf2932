#define XXH_INLINE_ALL
#include <xxhash.h>

#include "buf/buf.h"

uint64_t slice_hash(struct slice s)
{
	return XXH3_64bits(s.p, s.len);
}
