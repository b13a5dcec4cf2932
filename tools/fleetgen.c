/*
 * fleetgen: makes telemetry of a fleet that does not exist. The same arguments give the same bytes on every machine.
 *
 *     fleetgen csv [MINUTES]       a day's start of 8 vehicles as CSV: disorder, empty cells and bad lines in it
 *     fleetgen ndjson RECORDS      benchmark telemetry: 2,000 devices, 10 variables, times that never fall
 *     fleetgen shapes RECORDS      8 kinds of records in turn, some with escapes, blanks or non-ASCII text
 */
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const int64_t START_MS = INT64_C(1795341600000); /* 2026-11-22T10:00:00Z */

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

static uint32_t draw(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)(((state * UINT64_C(2685821657736338717)) >> 32) % below);
}

/* "2026-11-22 10:00:00.123"; the part up to the second is kept while it lasts. */
static const char *clock_text(int64_t ms)
{
	static int64_t last = -1;
	static char text[40];
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	if (s != last) {
		gmtime_r(&s, &tm);
		strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
		last = s;
	}
	snprintf(text + 19, sizeof text - 19, ".%03d", (int)(ms % 1000));
	return text;
}

/* ---- the sample of the demo ---- */

enum { VEHICLES = 8 };

struct vehicle {
	double speed_kmh, target_kmh, fuel_pct, coolant_c;
};

static void drive(struct vehicle *v)
{
	if (draw(40) == 0)
		v->target_kmh = draw(5) == 0 ? 0 : 20 + draw(110);
	v->speed_kmh += (v->target_kmh - v->speed_kmh) * 0.12 + ((double)draw(200) - 100) / 100;
	if (v->speed_kmh < 0)
		v->speed_kmh = 0;
	v->fuel_pct -= v->speed_kmh / 90000;
	v->coolant_c += (88 + v->speed_kmh / 20 - v->coolant_c) * 0.01;
}

/* What real loggers write on a bad day. */
static void bad_line(int64_t ms, int kind)
{
	switch (kind) {
	case 0:
		printf("veh-03,%" PRId64 ",SPEED\n", ms); /* short row */
		break;
	case 1:
		printf("veh-05,,SPEED,71.5,km/h,\n"); /* no time */
		break;
	case 2:
		printf("veh-02,%" PRId64 ",SPEED,,km/h,\"lost \"\"fix\"\", sensor off\"\n",
			ms); /* no value, quoted note */
		break;
	default:
		printf("veh-07,%" PRId64 ",SPEED,n/a,km/h,\n", ms); /* text where a number belongs */
		break;
	}
}

static void write_csv(int minutes)
{
	static const char *const names[] = {"SPEED", "COOLANT_TEMP", "FUEL_LEVEL"};
	static const char *const units[] = {"km/h", "C", "%"};
	struct vehicle fleet[VEHICLES];
	int bad = 0;

	for (int i = 0; i < VEHICLES; i++)
		fleet[i] = (struct vehicle){0, 30 + draw(70), 40 + draw(60), 20};
	puts("deviceId,timeMili,variable,value,unit,note");
	for (int64_t second = 0; second < (int64_t)minutes * 60; second++) {
		for (int i = 0; i < VEHICLES; i++) {
			int64_t ms = START_MS + second * 1000 + draw(1000);
			int kind = draw(10) < 8 ? 0 : 1 + (int)draw(2);
			double value;

			drive(&fleet[i]);
			if (draw(60) == 0)
				ms -= 1000 + draw(25000); /* a record that was held up on its way */
			value = kind == 0 ? fleet[i].speed_kmh : kind == 1 ? fleet[i].coolant_c : fleet[i].fuel_pct;
			printf("veh-%02d,%" PRId64 ",%s,%.1f,%s,\n", i + 1, ms, names[kind], value, units[kind]);
			if (draw(900) == 0)
				bad_line(ms, bad++ % 4);
		}
	}
}

/* ---- benchmark data ---- */

static const char *const variables[] = {
	"SPEED", "RPM", "COOLANT_TEMP", "FUEL_LEVEL", "BATTERY_V", "ACCEL_X", "ACCEL_Y", "ACCEL_Z", "LAT", "LON"};

/* Bell-shaped around 60, from -25 to 145. */
static double reading(void)
{
	uint32_t sum = draw(100001) + draw(100001) + draw(100001) + draw(100001);

	return sum / 4000.0 * 1.7 - 25;
}

static void write_ndjson(long records)
{
	int64_t ms = START_MS;

	for (long i = 0; i < records; i++) {
		unsigned device, variable, alarm;
		double value;

		ms += draw(4);
		device = draw(2000);
		value = reading();
		variable = draw(10);
		alarm = draw(6);
		printf("{\"deviceId\":\"veh-%05u\",\"timeMili\":%" PRId64
		       ",\"timestamp\":\"%s\",\"value\":%.3f,\"variable\":\"%s\","
		       "\"alarmClass\":%u}\n",
			device, ms, clock_text(ms), value, variables[variable], alarm);
	}
}

static void write_shapes(long records)
{
	int64_t ms = START_MS;

	for (long i = 0; i < records; i++) {
		unsigned kind = (unsigned)(i % 8), a = draw(50), b = draw(50);
		double value = reading(), lat = 52 + reading() / 1000, lon = 21 - reading() / 1000;

		ms += draw(4);
		printf("{\"deviceId\":\"veh-%05u\",", draw(2000));
		if (kind & 1)
			printf("\"fw\":\"2.%u\", ", a % 6);
		printf("\"timeMili\":%" PRId64 ",", ms);
		if (kind & 2)
			printf("\"driver\":{\"id\":%u,\"name\":\"J\\u00fcrgen \\\"%u\\\"\"},", a, b);
		printf("\"value\":%.*f,\"variable\":\"%s\"", (int)(b % 6), value, variables[a % 10]);
		if (kind & 4)
			printf(",\"stra\xc3\x9f"
			       "e\":\"Am K\xc3\xb6nigshof %u\",\"pos\":[%.5f,%.5f]",
				a, lat, lon);
		printf("}\n");
	}
}

int main(int argc, char **argv)
{
	static char out[1 << 20];
	const char *mode = argc > 1 ? argv[1] : "";
	long n = argc > 2 ? atol(argv[2]) : 0;

	setvbuf(stdout, out, _IOFBF, sizeof out);
	if (!strcmp(mode, "csv"))
		write_csv(n > 0 ? (int)n : 30);
	else if (!strcmp(mode, "ndjson") && n > 0)
		write_ndjson(n);
	else if (!strcmp(mode, "shapes") && n > 0)
		write_shapes(n);
	else {
		fputs("usage: fleetgen csv [MINUTES] | ndjson RECORDS | shapes RECORDS\n", stderr);
		return 2;
	}
	return fflush(stdout) || ferror(stdout) ? 2 : 0;
}
