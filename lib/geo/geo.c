#include "geo/geo.h"

#include <math.h>

#define EARTH_RADIUS_M 6371008.8

double geo_distance_m(double lat_a, double lon_a, double lat_b, double lon_b)
{
	const double radian = M_PI / 180;
	double from = lat_a * radian, to = lat_b * radian;
	double up = sin((to - from) / 2), along = sin((lon_b - lon_a) * radian / 2);
	double h = up * up + cos(from) * cos(to) * along * along;

	return 2 * EARTH_RADIUS_M * asin(sqrt(h < 1 ? h : 1));
}
