/* box: the rectangle around positions: bbox. */
#include "aggregate/form.h"

#include <stdlib.h>

#include "mem/mem.h"

struct box_state {
	struct agg_extrema_state lat, lon;
	struct buf *text; /* of the result; NULL: empty state */
};

static struct box_state *box_of(void *state)
{
	struct box_state *s = state;

	if (!s->text)
		s->text = mem_alloc(1, sizeof *s->text);
	return s;
}

static void add_box(void *state, const struct agg_input *in)
{
	struct box_state *s = box_of(state);

	agg_extrema_offer(&s->lat, in->a->num, in->a->num);
	agg_extrema_offer(&s->lon, in->b->num, in->b->num);
}

static void merge_box(void *into, const void *from, struct agg_list *list)
{
	const struct box_state *f = from;
	struct box_state *s;

	if (!f->text)
		return;
	s = box_of(into);
	agg_kind_extrema.merge(&s->lat, &f->lat, list);
	agg_kind_extrema.merge(&s->lon, &f->lon, list);
}

static void release_box(void *state)
{
	struct box_state *s = state;

	if (s->text)
		buf_release(s->text);
	free(s->text);
}

static void write_box(const void *state, const struct form_writer *w)
{
	const struct box_state *s = state;

	json_add_key(w->out, "lat");
	agg_extrema_write(&s->lat, w->out);
	json_add_key(w->out, "lon");
	agg_extrema_write(&s->lon, w->out);
}

static bool read_box(void *state, struct json_span object, const struct form_reader *r)
{
	struct box_state *s = box_of(state);
	struct json_span v[2];

	(void)r;
	return form_members(object, "lat lon", v) && agg_extrema_read(&s->lat, v[0]) && agg_extrema_read(&s->lon, v[1]);
}

const struct agg_kind agg_kind_box = {
	.name = "bbox",
	.bytes = sizeof(struct box_state),
	.need = AGG_LATITUDE,
	.second_need = AGG_LONGITUDE,
	.add_input = add_box,
	.merge = merge_box,
	.release = release_box,
	.write = write_box,
	.read = read_box,
};

/* In the order of GeoJSON (RFC 7946): west, south, east, north. */
void agg_finish_bbox(const struct agg_call *call, const void *state, struct agg_result *r)
{
	const struct box_state *s = state;
	double borders[4];

	(void)call;
	if (!s->text)
		return;
	borders[0] = s->lon.min;
	borders[1] = s->lat.min;
	borders[2] = s->lon.max;
	borders[3] = s->lat.max;
	buf_reset(s->text);
	for (size_t i = 0; i < 4; i++) {
		struct agg_result border = {.type = AGG_NULL};

		buf_add_char(s->text, i ? ',' : '[');
		agg_set_double(&border, borders[i]);
		agg_result_print(s->text, &border);
	}
	buf_add_char(s->text, ']');
	agg_set_text(r, buf_slice(s->text));
}
