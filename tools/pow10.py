#!/usr/bin/env python3
"""Prints lib/num/num_pow10.inc: 10^-342 .. 10^324, each as the 128 bits that begin with its highest set bit.

Whole powers are cut, reciprocals are rounded up, as num_pow10.h says. Python's integers are exact, so the table is;
lib/num/num_pow10_test.c proves each line by multiplication.

    python3 tools/pow10.py >lib/num/num_pow10.inc
"""

for q in range(-342, 325):
    if q >= 0:
        power = 5**q
        spare = power.bit_length() - 128
        value = power >> spare if spare > 0 else power << -spare
    else:
        power = 5**-q
        value = (1 << (127 + power.bit_length())) // power + 1
        assert value.bit_length() == 128
    print("{0x%016x, 0x%016x}," % (value >> 64, value & (2**64 - 1)), end="\n" if q % 2 or q == 324 else " ")
