#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "engine/owners.h"
#include "group/group.h"

enum { N = 1000 };

struct owner {
	struct owners_head head;
	int number;
};

static struct slice key_of(char text[16], int i)
{
	return (struct slice){text, (size_t)snprintf(text, 16, "k%d", i)};
}

static int count(const struct owners *t)
{
	int n = 0;

	for (const struct owner *o = owners_next(t, NULL); o; o = owners_next(t, o))
		n++;
	return n;
}

/* Every second one goes: the others stay where they were, through all growth. */
static void owners_come_and_go(void **state)
{
	struct owners t;
	struct owner *first;
	char text[16];

	(void)state;
	owners_init(&t, sizeof(struct owner));
	assert_int_equal(count(&t), 0);
	for (int i = 0; i < N; i++) {
		struct slice key = key_of(text, i);

		assert_null(owners_find(&t, key, group_hash(key)));
		((struct owner *)owners_add(&t, key, group_hash(key)))->number = i;
	}
	assert_int_equal(count(&t), N);
	first = owners_find(&t, key_of(text, 0), group_hash(key_of(text, 0)));
	for (int i = 1; i < N; i += 2)
		owners_drop(&t, owners_find(&t, key_of(text, i), group_hash(key_of(text, i))));
	assert_int_equal(count(&t), N / 2);
	for (int i = 0; i < N; i++) {
		struct slice key = key_of(text, i);
		const struct owner *o = owners_find(&t, key, group_hash(key));

		assert_int_equal(o ? o->number : -1, i % 2 ? -1 : i);
	}
	assert_ptr_equal(first, owners_find(&t, key_of(text, 0), group_hash(key_of(text, 0))));
	assert_int_equal(t.n, N / 2);
	owners_release(&t);
}

/* Two keys of one hash. */
static void keys_tell_owners_of_one_hash_apart(void **state)
{
	struct owners t;
	struct owner *a, *b;

	(void)state;
	owners_init(&t, sizeof(struct owner));
	a = owners_add(&t, SLICE_LIT("a"), 7);
	assert_null(owners_find(&t, SLICE_LIT("b"), 7));
	b = owners_add(&t, SLICE_LIT("b"), 7);
	assert_ptr_equal(owners_find(&t, SLICE_LIT("a"), 7), a);
	assert_ptr_equal(owners_find(&t, SLICE_LIT("b"), 7), b);
	owners_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_come_and_go),
		cmocka_unit_test(keys_tell_owners_of_one_hash_apart),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("owners", tests, NULL, NULL);
}
