/* test_root: what a test made below its folder goes with it; needs _GNU_SOURCE, for nftw(). */
#ifndef TLM_TESTS_TEST_ROOT_H
#define TLM_TESTS_TEST_ROOT_H

#include <ftw.h>
#include <stdio.h>

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int remove_tree(const char *path)
{
	return nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
