/* The aggregate list and the group list: any text is parsed or refused with a place, and what was parsed can be used.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aggregate/aggregate.h"
#include "rows/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct agg_list *list)
{
	void *states = calloc(1, list->state_bytes + 1);
	struct agg_value *values = calloc(list->n_fields + 1, sizeof *values);
	struct agg_place place = {.line = 1};
	static const char number[3 + JSON_PAD_BYTES] = "1.5";
	struct buf out = BUF_INIT;
	struct agg_result result;

	for (size_t i = 0; i < list->n_fields; i++)
		agg_read(list, i, (struct json_span){number, 3, JSON_NUMBER, 0}, &values[i]);
	agg_states_add(list, states, values, &place);
	for (size_t i = 0; i < list->n_calls; i++) {
		agg_result(list, i, states, &result);
		agg_result_print(&out, &result);
	}
	agg_states_release(list, states);
	buf_release(&out);
	free(values);
	free(states);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct err err = ERR_INIT;
	struct rows_field *fields = NULL;
	struct agg_list list = {0};
	size_t n = 0;

	memcpy(text, data, size);
	text[size] = '\0';
	if (agg_list_parse(&list, text, &err) == 0) {
		use(&list);
		agg_list_release(&list);
	} else if (err.code != ERR_PROGRAM) {
		abort();
	}
	err_reset(&err);
	rows_fields_parse(&fields, &n, text, &err);
	rows_fields_release(fields, n);
	free(text);
	return 0;
}
