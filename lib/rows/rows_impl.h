/* rows_impl: what the forms of rows share. Not for other modules. */
#ifndef TLM_ROWS_IMPL_H
#define TLM_ROWS_IMPL_H

#include "group/group.h"
#include "rows/rows.h"

/* The tree of what the group fields make of a row: {"driver":{"id":..,"name":..}}. */
struct rows_node {
	struct fieldpath_step step; /* key or index in the parent; borrowed */
	int field;                  /* of a leaf, else -1 */
	bool is_array;              /* children are elements */
	struct rows_node *children;
	size_t n_children;
	struct buf key; /* "key": */
};

/* One row, its values read from the key. */
struct rows_values {
	struct group_value *values; /* n_fields */
	struct buf *texts;          /* what values point into */
};

struct rows_cell {
	uint32_t start, len; /* in the text of the table */
	bool is_number;
	bool is_open; /* the last cell of a row that is not final */
	double number;
};

struct rows_table {
	struct buf text;
	struct rows_cell *cells;
	size_t n_cells, cap_cells;
	size_t *widths;
	bool *are_numbers;
	bool has_header;
	size_t bar;   /* the column of the bar, from 1 */
	double scale; /* the longest bar so far */
};

struct rows {
	struct rows_opts opts;
	char **columns;
	size_t n_columns;
	struct rows_node root;
	struct buf prefix;     /* ndjson: `{"window_start":...` of the window */
	struct buf *call_keys; /* ndjson: `"mean_value":` */
	struct rows_values group;
	struct buf approximate, cell;
	struct rows_table table;
	bool has_header;
	uint64_t n_withheld;
};

/* Reads the group values of a row. */
void rows_read_group(struct rows *r, struct slice key);

/* The rows that a row makes void, as a JSON array. */
void rows_add_replaces(const struct rows *r, const struct engine_row *row, struct buf *out);

/* ndjson.c */
int rows_tree_build(struct rows *r, struct err *err);
void rows_tree_release(struct rows_node *node);
void rows_add_ndjson(struct rows *r, const struct engine_row *row, struct buf *out);

/* csv.c */
void rows_add_csv(struct rows *r, const struct engine_row *row, struct buf *out);

/* One cell as plain text (no quotes); false: absent or null. */
bool rows_group_text(const struct rows *r, size_t field, struct buf *out);
bool rows_result_text(struct rows *r, const struct agg_result *result, struct buf *out);

/* table.c */
void rows_add_table(struct rows *r, const struct engine_row *row, struct buf *out);
void rows_flush_table(struct rows *r, struct buf *out);
void rows_table_release(struct rows_table *t);

#endif
