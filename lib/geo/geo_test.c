#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "geo/geo.h"

static void assert_near(double a, double b, double share)
{
	assert_true(fabs(a - b) <= share * fabs(b));
}

/* Distances that the sphere gives in closed form. */
static void known_distances(void **state)
{
	const double quarter_m = M_PI / 2 * 6371008.8;

	(void)state;
	assert_true(geo_distance_m(52.23, 21.01, 52.23, 21.01) == 0);
	assert_near(geo_distance_m(0, 0, 0, 90), quarter_m, 1e-12);
	assert_near(geo_distance_m(0, 17, 90, 170), quarter_m, 1e-12);
	assert_near(geo_distance_m(0, 179.5, 0, -179.5), quarter_m / 90, 1e-9);
	assert_near(geo_distance_m(90, 0, -90, 0), 2 * quarter_m, 1e-12);
	assert_near(geo_distance_m(10, 20, 10.000001, 20), quarter_m / 90 * 1e-6, 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(known_distances)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
