/*
 * geo: distances on the earth, taken as a sphere of the IUGG's mean radius. Pure functions.
 */
#ifndef TLM_GEO_H
#define TLM_GEO_H

/* Metres along the great circle between two points in degrees: the haversine formula, well conditioned for near points
 * (Sinnott, "Virtues of the haversine", 1984). */
double geo_distance_m(double lat_a, double lon_a, double lat_b, double lon_b);

#endif
