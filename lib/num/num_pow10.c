#include "num/num_pow10.h"

const struct pow10 num_pow10_table[POW10_MAX - POW10_MIN + 1] = {
#include "num/num_pow10.inc"
};
