/* panes: runs of usual records, see engine_run_start(). */
#include <assert.h>

#include "engine/panes_impl.h"
#include "group/group.h"

bool panes_have_runs(const struct engine_windows *windows)
{
	return ((const struct panes *)windows)->is_plain;
}

int panes_run_seek(struct engine_windows *windows, int64_t us, int64_t watermark_us, struct err *err)
{
	struct panes *w = (struct panes *)windows;
	struct window_pane where;

	if (panes_is_due(w, watermark_us) && panes_step(w, watermark_us, true, err))
		return -1;
	if (w->hot && us >= w->hot->at.start_us && us < w->hot->at.end_us)
		return 0;
	where = window_pane_at(&w->opts->window, us);
	w->hot = panes_get(w, &where, watermark_us);
	assert(w->hot && watermark_us < w->hot->first_closes_us);
	return 0;
}

bool panes_run_start(struct engine_windows *windows, struct engine_run *run)
{
	const struct panes *w = (const struct panes *)windows;
	const struct pane *p = w->hot;

	if (!w->is_plain || !p || p->is_ready)
		return false;
	*run = (struct engine_run){.start_us = p->at.start_us, .end_us = p->at.end_us, .due_us = p->first_closes_us};
	if (w->next_close_us < run->due_us)
		run->due_us = w->next_close_us;
	if (w->early.next_us < run->due_us)
		run->due_us = w->early.next_us;
	return true;
}

void *panes_run_states(struct engine_windows *windows, struct slice key, uint64_t hash, bool *is_new)
{
	struct panes *w = (struct panes *)windows;
	struct group_entry *entry = group_table_get(&w->hot->groups, key, hash, is_new);

	if (*is_new) {
		w->hot->n_groups++;
		w->counts->groups++;
	}
	return entry->state;
}

void panes_run_end(struct engine_windows *windows, uint64_t n_records, uint64_t digest)
{
	struct panes *w = (struct panes *)windows;

	w->hot->n_records += n_records;
	w->hot->digest += digest;
	w->counts->taken += n_records;
}
