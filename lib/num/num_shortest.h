/*
 * num_shortest: the shortest decimal that reads back to a double. Private to lib/num.
 */
#ifndef TLM_NUM_SHORTEST_H
#define TLM_NUM_SHORTEST_H

#include <stdint.h>

/* value = digits * 10^exponent; digits may end in zeros */
struct shortest {
	uint64_t digits;
	int exponent;
};

/* The decimal of the fewest digits that rounds to a positive finite value, of those the nearest. */
struct shortest num_shortest(double value);

#endif
