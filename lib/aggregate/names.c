/* names: functions by their names, and by those that other languages give them. */
#include "aggregate/kinds.h"

enum { PERCENT_DECIMALS = 6 };

/* "p99.9": percent 999 and scale 10. */
static bool read_percent(struct slice word, uint64_t *percent, uint64_t *scale)
{
	size_t decimals = 0;
	bool is_fraction = false;

	*percent = 0;
	*scale = 1;
	if (word.len < 2 || word.p[0] != 'p')
		return false;
	for (size_t i = 1; i < word.len; i++) {
		if (word.p[i] == '.' && !is_fraction && i > 1 && i + 1 < word.len) {
			is_fraction = true;
			continue;
		}
		if (word.p[i] < '0' || word.p[i] > '9' || *percent > 100000000)
			return false;
		*percent = *percent * 10 + (uint64_t)(word.p[i] - '0');
		if (is_fraction && ++decimals > PERCENT_DECIMALS)
			return false;
		*scale *= is_fraction ? 10 : 1;
	}
	return true;
}

const struct agg_function *agg_function_find(struct slice word, bool has_arguments, struct agg_call *call)
{
	for (const struct agg_function *f = agg_functions; f->name; f++) {
		if ((*f->arguments != 0) != has_arguments)
			continue;
		if (f->flags & AGG_PERCENTILE ? read_percent(word, &call->percent, &call->percent_scale)
					      : slice_eq(word, slice_str(f->name)))
			return f;
	}
	return NULL;
}

const char *agg_function_meant(struct slice word)
{
	static const char *const names[][2] = {{"avg", "mean"}, {"average", "mean"}, {"std", "stddev"},
		{"stdev", "stddev"}, {"stddev_samp", "stddev"}, {"variance", "var"}, {"var_samp", "var"},
		{"minimum", "min"}, {"maximum", "max"}, {"total", "sum"}, {"n", "count"}, {"uniq", "distinct"},
		{"count_distinct", "distinct"}, {"approx_count_distinct", "distinct"}, {"nunique", "distinct"},
		{"percentile", "pNN, for example p95"}, {"quantile", "pNN, for example p95"}, {"skewness", "skew"},
		{"kurtosis", "kurt"}, {"arg_min", "argmin"}, {"arg_max", "argmax"}, {"min_by", "argmin"},
		{"max_by", "argmax"}, {"covar_samp", "covar"}, {"regr_slope", "slope"}, {"regr_r2", "r2"},
		{"list", "values"}, {"array_agg", "values"}, {"top", "topk"}, {"time_weight", "twa"},
		{"counter_agg", "increase"}, {"time_weighted_average", "twa"}, {"duration_in", "duration"},
		{"state_duration", "duration"}, {"q50", "median"}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (slice_eq(word, slice_str(names[i][0])))
			return names[i][1];
	}
	return NULL;
}
