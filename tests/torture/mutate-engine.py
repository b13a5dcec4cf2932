#!/usr/bin/env python3
"""Breaks one rule of the windows at a time and looks whether a test notices.

    mutate-engine.py --texts                          only looks whether the text of each entry stands where it says
    mutate-engine.py [--quick] [STREAMS] [WORD...]    STREAMS random streams for each (default 300); only mutations that
                                                      hold a WORD; --quick: without the tests of the command line

Each entry below changes one place of a copy of the sources, builds it, and runs the tests of engine and window, then
random streams against the second implementation, then the tests of the command line. What none of them notices is
listed as a survivor, and the status is 1; so it is when the text of an entry no longer stands in its file exactly once.
An entry with EQUAL is one that changes no answer; the reason stands beside it, and it is not run.
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EQUAL = "equal"
TESTS = ["engine_test", "window_test", "merge_test", "fill_test", "runs_test"]
BATS = ["agg.bats", "agg-emit.bats"]

CLOCK, PANE, CALENDAR, HEADER = ("lib/window/" + f for f in ("clock.c", "pane.c", "calendar.c", "window.h"))
# patterns: the text of an entry stands once in all of their files together
PANES, SESSIONS, RUNS, EARLY, ROLL, TOLD, FILL, WAITING = (
    "lib/engine/" + f for f in ("panes*.[ch]", "sessions*.[ch]", "runs*.c", "early.c", "roll*.c", "told.c", "fill.c", "waiting.c"))
ROUND = "cmd/tlm-agg/agg_round.c"

# (rule, file, text, what stands there instead[, EQUAL])
MUTATIONS = [
    # stream time and watermark
    ("ahead by exactly the limit is taken", HEADER, "us - in->stream_us > c->max_ahead_us)\n\t\treturn false;",
     "us - in->stream_us >= c->max_ahead_us)\n\t\treturn false;"),
    ("the first record is never ahead", HEADER, "in->stream_us != WINDOW_NEVER && us - in->stream_us > c->max_ahead_us)\n\t\treturn false;",
     "us - (in->stream_us != WINDOW_NEVER ? in->stream_us : 0) > c->max_ahead_us)\n\t\treturn false;"),
    ("T never falls", HEADER, "if (us <= in->stream_us)\n\t\treturn true;", "if (us == in->stream_us)\n\t\treturn true;"),
    ("W of a single input is T - delay", HEADER, "c->watermark_us = us - c->delay_us;", "c->watermark_us = us;"),
    ("W is T - delay", CLOCK, "c->watermark_us = least - c->delay_us;", "c->watermark_us = least;"),
    ("W is the least of the inputs", CLOCK, "c->inputs[i].stream_us < least)", "(least == WINDOW_FOREVER || c->inputs[i].stream_us > least))"),
    ("an input that has ended leaves the minimum", CLOCK, "!c->inputs[i].is_ended && !c->inputs[i].is_idle && c->inputs[i]", "!c->inputs[i].is_idle && c->inputs[i]"),
    ("an input that was not read holds W back", CLOCK, "if (c->n_silent)\n\t\treturn;", "if (c->n_silent && !c->n_running)\n\t\treturn;"),
    ("a silent input that ends does not hold", CLOCK, "c->n_idle--;\n\telse if (in->stream_us == WINDOW_NEVER)\n\t\tc->n_silent--;",
     "c->n_idle--;\n\telse if (in->stream_us == WINDOW_NEVER)\n\t\tc->n_silent += 0;"),
    ("quorum: ahead by exactly the limit is taken", CLOCK, "us - in->stream_us > c->max_ahead_us", "us - in->stream_us >= c->max_ahead_us"),
    ("quorum: the pair of a value rises", CLOCK, "if (us > vote->us)\n\t\t\tvote->us = us;", "if (us < vote->us)\n\t\t\tvote->us = us;"),
    ("quorum: a new value takes the place of the least", CLOCK, "in->votes[i].us < least->us", "in->votes[i].us > least->us"),
    ("quorum: no T before N values", CLOCK, "in->n_votes == c->quorum &&", "in->n_votes &&"),
    ("T is raised before the record is judged", ROUND,
     "\t\tif (judge_item(g, block, &block->items[i], err)) {\n\t\t\tblock->n = i;\n\t\t\treturn -1;\n\t\t}\n\t\tblock->items[i].watermark_us = g->clock.watermark_us;",
     "\t\tblock->items[i].watermark_us = g->clock.watermark_us;\n\t\tif (judge_item(g, block, &block->items[i], err)) {\n\t\t\tblock->n = i;\n\t\t\treturn -1;\n\t\t}"),
    # geometry
    ("floor division before 1970", PANE, "return q - (a % b < 0);", "return q;"),
    ("floor division of calendars", CALENDAR, "return a / b - (a % b < 0);", "return a / b;"),
    ("windows begin at the offset", PANE, "p.last = divide_floor(us - s->offset_us, s->advance_us);", "p.last = divide_floor(us, s->advance_us);"),
    ("a window ends behind its size", PANE, "s->offset_us + k * s->advance_us + s->size_us", "s->offset_us + k * s->advance_us + s->advance_us"),
    ("a border between two panes belongs to the later", PANE, "us - p.start_us < rest", "us - p.start_us <= rest"),
    ("sizes need not fit the advance", PANE, "\t\tp.first--;\n", "\t\tp.first -= 0;\n"),
    ("the oldest window behind a time", PANE, "divide_floor(us - s->offset_us - s->size_us, s->advance_us) + 1", "divide_floor(us - s->offset_us - s->size_us, s->advance_us)"),
    ("weeks begin on Monday", CALENDAR, "THURSDAY = 3 }", "THURSDAY = 4 }"),
    ("a period begins when the clocks show its midnight", CALENDAR, "window_calendar_start(s, k) > us", "window_calendar_start(s, k) >= us"),
    ("a period ends when the next begins", CALENDAR, "window_calendar_start(s, k + 1) <= us", "window_calendar_start(s, k + 1) < us"),
    # closing and lateness
    ("a window closes at W = end + grace", PANES, "if (at > watermark_us || (at", "if (at >= watermark_us || (at"),
    ("late at W = end + grace", PANES, "window_pane_at(&w->opts->window, us);\n\n\tif (panes_closing_of(w, where.last) <= watermark_us)",
     "window_pane_at(&w->opts->window, us);\n\n\tif (panes_closing_of(w, where.last) < watermark_us)"),
    ("grace keeps a window open", PANES, "window_end(&w->opts->window, k) + w->opts->grace_us", "window_end(&w->opts->window, k)"),
    ("late by the newest window", PANES, "watermark_us - panes_closing_of(w, where->last)}", "watermark_us - panes_closing_of(w, where->first)}"),
    ("the late row has the newest window", PANES, ".start_us = window_start(spec, where->last),", ".start_us = window_start(spec, where->first),"),
    ("a late record tells how many windows it missed", PANES, "(uint64_t)(where->last - where->first) + 1", "(uint64_t)(where->last - where->first)"),
    ("late for some at W = end + grace", PANES, "\tif (watermark_us >= p->first_closes_us)\n\t\tw->counts->late_partial++;", "\tif (watermark_us > p->first_closes_us)\n\t\tw->counts->late_partial++;"),
    ("a window that closed without records stays closed", PANES, "closed without it */\n\tif (watermark_us > w->closed_us)\n\t\tw->closed_us = watermark_us;\n", "closed without it */\n"),
    ("an earlier pane closes earlier", PANES, "\tif (low == 0)\n\t\tw->next_close_us = panes_closing_of(w, panes_next_window(w));\n", ""),
    ("grace counts when it is asked what is open", PANES, "w->closed_us - w->opts->grace_us);", "w->closed_us);"),
    ("a pane goes with its newest window", PANES, "w->panes[n]->at.last <= k)", "w->panes[n]->at.first <= k)"),
    ("panes of a window begin before its end", PANES, "w->panes[w->n_ready]->at.first <= k;", "w->panes[w->n_ready]->at.first < k;"),
    ("kept: only in a final row", PANES, "if (is_final) {\n\t\tw->counts->kept", "if (true) {\n\t\tw->counts->kept"),
    ("kept: a late record of a told pane", PANES, "\tw->n_unreported++;\n\treturn", "\treturn"),
    ("the first time of a whole stream", PANES, "if (us < w->first_us)", "if (us > w->first_us)"),
    ("the last time of a whole stream", PANES, "if (us > w->last_us)", "if (us < w->last_us)"),
    # sliding
    ("a late record goes into the back", ROLL, "return is_front ? NULL : l->back;", "return NULL;"),
    ("a late record makes the front void", ROLL, "\t\tl->is_void = true;\n", ""),
    ("a late record of a new pane has a cell", ROLL, "l->split += is_new && is_front;", "l->split += is_new;"),
    ("the back is turned when its oldest pane goes", ROLL, "else if (l->first > l->split)", "else if (l->first > l->split + 1)"),
    ("the back is empty when it was turned", ROLL, "\trelease_front(r, l);\n\tempty_back(r, l);\n\tmemmove", "\trelease_front(r, l);\n\tmemmove"),
    ("the next block has its own suffixes", ROLL, "else if (l->first % l->block == 0)", "else if (l->first % l->block == 1)"),
    ("the blocks behind count", ROLL, "l->marks + (l->first / l->block + 1) * size", "l->marks + (l->first / l->block) * size"),
    ("a mark holds the marks behind it", ROLL, "if (b + 1 < n_blocks)", "if (b + 2 < n_blocks)"),
    ("a group that went away comes again empty", ROLL, "\tempty_back(r, l);\n\tl->first = l->split = l->n = 0;", "\tl->first = l->split = l->n = 0;"),
    ("groups of a window are in order", ROLL, "compare_lanes(&r->order[i], &r->order[k], r) < 0", "compare_lanes(&r->order[i], &r->order[k], r) > 0"),
    ("samples are merged from all panes", ROLL, "for (uint32_t i = l->first; r->list->has_samples", "for (uint32_t i = l->first + 1; r->list->has_samples"),
    # sessions
    ("a session is open at W = last + gap + grace", SESSIONS, "watermark_us > window_add_us(last_us, s->keep_us)", "watermark_us >= window_add_us(last_us, s->keep_us)"),
    ("grace keeps a session open", SESSIONS, "s->keep_us = window_add_us(s->gap_us, opts->grace_us);", "s->keep_us = s->gap_us;"),
    ("the gap is inclusive behind", SESSIONS, "o->open[end]->first_us <= to_us", "o->open[end]->first_us < to_us"),
    ("the gap is inclusive before", SESSIONS, "if (o->open[middle]->last_us < from_us)", "if (o->open[middle]->last_us <= from_us)"),
    ("merging is transitive", SESSIONS, "end < o->n && o->open[end]->first_us <= to_us; end++)", "end < o->n && end == first && o->open[end]->first_us <= to_us; end++)"),
    ("an open neighbour saves a late record", SESSIONS, "\tif (end > first) {\n", "\tif (end > first && !sessions_are_closed(s, last_us, watermark_us)) {\n"),
    ("a closed session of one record is late", SESSIONS, "\t\tif (sessions_are_closed(s, last_us, watermark_us))\n\t\t\treturn NULL;\n", ""),
    ("a session that grew closes later", SESSIONS, "if (x->owner && x->last_us > s->heap[0].last_us) {", "if (false) {"),
    ("sessions are cut before a border", SESSIONS, "from_us = from_us < s->between.start_us ? s->between.start_us : from_us;", ""),
    ("sessions are cut behind a border", SESSIONS, "to_us = to_us >= s->between.end_us ? s->between.end_us - 1 : to_us;", ""),
    ("a border belongs to what is behind it", SESSIONS, "to_us >= s->between.end_us ? s->between.end_us - 1 : to_us", "to_us > s->between.end_us ? s->between.end_us : to_us"),
    ("cut where the gap reaches the border behind", SESSIONS, "window_add_us(x->last_us, s->gap_us) >= borders.end_us", "window_add_us(x->last_us, s->gap_us) > borders.end_us"),
    ("cut where the gap reaches over the border before", SESSIONS, "window_add_us(x->first_us, -s->gap_us) < borders.start_us", "window_add_us(x->first_us, -s->gap_us) <= borders.start_us"),
    ("sessions leave by their end", SESSIONS, "return x->last_us < y->last_us ? -1 : 1;", "return x->last_us > y->last_us ? -1 : 1;"),
    ("sessions of one end leave by their start", SESSIONS, "return x->first_us < y->first_us ? -1 : 1;", "return x->first_us > y->first_us ? -1 : 1;"),
    ("sessions of one time leave by group", SESSIONS, "return slice_cmp(x->owner->head.key, y->owner->head.key);", "return slice_cmp(y->owner->head.key, x->owner->head.key);"),
    ("records of merged sessions count", SESSIONS, "into->n_records += x->n_records;", ""),
    ("a late session counts the grace", SESSIONS, "watermark_us - window_add_us(us, s->keep_us)", "watermark_us - window_add_us(us, s->gap_us)"),
    # rows before the final one
    ("complete at W = end", EARLY, "window_first_behind(&w->opts->window, watermark_us) - 1, k;", "window_first_behind(&w->opts->window, watermark_us - 1) - 1, k;"),
    ("a change is told of complete windows", EARLY, "window_end(spec, k) <= watermark_us && result == 0", "window_end(spec, k) < watermark_us && result == 0"),
    ("a change is told of windows that are not closed", EARLY, "window_first_behind(spec, watermark_us - w->opts->grace_us);", "window_first_behind(spec, watermark_us - w->opts->grace_us - 1);"),
    ("a change is told of each window", EARLY, "for (; k <= p->at.last && window_end", "for (; k < p->at.last && window_end"),
    ("a complete window is told once", EARLY, "y->complete_k >= k ? y->complete_k + 1 : k;", "y->complete_k >= k ? y->complete_k : k;"),
    ("windows without records are complete too", EARLY, "\ty->complete_k = last;\n", ""),
    ("complete windows take late records", EARLY, "return w->early.roll && is_in(w, p) ?", "return w->early.roll && false ?"),
    ("panes leave the complete windows", EARLY, "w->panes[y->first]->at.last < k; y->first++", "w->panes[y->first]->at.last < k - 1; y->first++"),
    ("an older pane moves the others", EARLY, "\tif (at < y->first)\n\t\ty->first++;", "\tif (false)\n\t\ty->first++;"),
    ("panes that close move the others", EARLY, "y->first -= n < y->first ? n : y->first;", ""),
    ("a border is a multiple of D", EARLY, "over + every_us : over) + every_us", "over + every_us : over) + every_us + 1"),
    ("borders before 1970", EARLY, "(over < 0 ? over + every_us : over)", "over"),
    ("only what has changed is told", EARLY, "(order[i]->spare & wanted) == wanted", "true"),
    ("a change is told once", EARLY, "e->spare &= ~(uint32_t)EARLY_CHANGED;", ";"),
    ("a change in any pane is one of the window", EARLY, "into->spare |= e->spare;", "into->spare = e->spare;"),
    ("revisions count", TOLD, "return (uint32_t)entry->state[0]++;", "return (uint32_t)entry->state[0];"),
    ("the final row has a number of its own", TOLD, "return entry ? (uint32_t)entry->state[0] : 0;", "return entry ? (uint32_t)entry->state[0] - 1 : 0;"),
    ("revisions of one window each", TOLD, "if (t->windows[middle].k < k)", "if (t->windows[middle].k < k - 1)"),
    ("closed windows are forgotten, open ones are not", TOLD, "t->windows[n].k <= k; n++)", "t->windows[n].k <= k + 1; n++)"),
    ("a session is complete at W > last + gap", SESSIONS, "watermark_us > window_add_us(last_us, s->gap_us);", "watermark_us >= window_add_us(last_us, s->gap_us);"),
    ("a session that grew is complete later", SESSIONS, "bool is_behind = x->owner && x->last_us > w->items[0].place.time_us;", "bool is_behind = false;"),
    ("a change of a complete session is told", SESSIONS, "if (is_complete(s, x->last_us, watermark_us))", "if (false)"),
    ("a session that goes on is complete again", SESSIONS, "\tif (!x->is_ripening)\n", "\tif (!x->n_told && !x->is_ripening)\n"),
    ("void by another start", SESSIONS, "if (x->told[i].start_us != x->first_us || x->told", "if (x->told"),
    ("void by another end", SESSIONS, " || x->told[i].end_us != x->last_us)", ")"),
    ("rows of merged sessions are void", SESSIONS, "\t\ttake_told(into, x);\n", ""),
    ("revisions of merged sessions go on", SESSIONS, "into->rev = x->rev > into->rev ? x->rev : into->rev;", ""),
    ("what is void is told once", SESSIONS, "\tx->n_told = 1;\n", "\tx->n_told = row.n_replaces ? row.n_replaces : 1;\n"),
    ("only sessions that changed are told at a border", SESSIONS, "if (o->open[k]->is_changed)", "if (true)"),
    ("borders of sessions", SESSIONS, "if (watermark_us < s->next_border_us)", "if (watermark_us <= s->next_border_us)"),
    # runs
    ("a run takes records at W = time + grace", RUNS, "watermark_us > window_add_us(us, r->opts->grace_us)", "watermark_us >= window_add_us(us, r->opts->grace_us)"),
    ("the gap of a trip is inclusive", RUNS, "while (o->is_going && end_of(r, o) < us)", "while (o->is_going && end_of(r, o) <= us)"),
    ("a start inside of a trip goes on", RUNS, "if (is_start && !s->has_end)", "if (is_start)"),
    ("without a start any record begins", RUNS, "return is_start || !s->has_start ?", "return is_start ?"),
    ("a count window has N records", RUNS, "run->n_records == r->spec->every_n)", "run->n_records > r->spec->every_n)"),
    ("a trip is cut in front of the border", RUNS, "o->open->border_us - 1 < us ? o->open->border_us - 1", "o->open->border_us < us ? o->open->border_us"),
    ("behind a border a trip ends at the next one", RUNS, "border_us - 1 < us ? border_us - 1 : us;", "us;"),
    ("records of one time wait by input", WAITING, "return x->place.input < y->place.input;", "return x->place.input > y->place.input;"),
    ("records of one time wait by line", WAITING, "return x->place.line < y->place.line;", "return x->place.line > y->place.line;"),
    # fill
    ("a group is filled from its first window on", FILL, "\tif (n_own && groups->n > f->known.n)\n\t\tadd_missing(&f->known, groups);", ""),
    ("windows are filled without a gap", FILL, "\t\tadd_missing(&f->known, groups);\n\tf->next_k = k + 1;", "\t\tadd_missing(&f->known, groups);\n\tf->next_k = k + 2;"),
]


def run(command, folder, limit=300):
    env = dict(os.environ, TLM_BIN=os.path.join(folder, "build/bin"), TLM_BUILD=os.path.join(folder, "build"),
               TLM_AGG=os.path.join(folder, "build/bin/tlm-agg"), MAKEFLAGS="", MAKELEVEL="0")
    try:
        return subprocess.run(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=limit, check=False).returncode
    except subprocess.TimeoutExpired:
        return 1


def build(folder):
    return run(["make", "-j2", "build/bin/tlm-agg"] + ["build/test/" + t for t in TESTS], folder)


def killer(folder, streams, is_quick=False):
    """What notices, or None."""
    for test in TESTS:
        if run(["build/test/" + test], folder, 60):
            return test
    if run(["python3", "tests/reference/agg.py", "hunt", str(streams), "1"], folder, 900):
        return "random streams"
    for test in BATS * (not is_quick):
        if run(["tests/kit/run-test", "tests/bats/" + test], folder, 600):
            return test
    return None


def find_text(folder, pattern, text):
    """The file of each place in which a text stands."""
    places = []
    for path in sorted(glob.glob(os.path.join(folder, pattern))):
        if not path.endswith("_test.c"):
            with open(path, encoding="utf-8") as f:
                places += [path] * f.read().count(text)
    return places


def check(folder, mutation, streams, is_quick):
    """What became of a mutation, and whether that is as it should be."""
    _, pattern, old, new = mutation[:4]
    places = find_text(folder, pattern, old)
    if len(places) != 1:
        return "its text stands in %s %d times" % (pattern, len(places)), False
    place = places[0]
    with open(place, encoding="utf-8") as f:
        whole = f.read()
    if mutation[4:] == (EQUAL,):
        return "equal", True
    try:
        with open(place, "w", encoding="utf-8") as f:
            f.write(whole.replace(old, new))
        if build(folder):
            return "does not build", False
        by = killer(folder, streams, is_quick)
        return ("killed by " + by, True) if by else ("SURVIVED", False)
    finally:
        with open(place, "w", encoding="utf-8") as f:
            f.write(whole)


def check_texts():
    gone = [(m, len(find_text(TOP, m[1], m[2]))) for m in MUTATIONS]
    gone = [(m, n) for m, n in gone if n != 1]
    for m, n in gone:
        print("%-60s its text stands in %s %d times" % (m[0], m[1], n))
    return 1 if gone else 0


def main():
    words = sys.argv[1:]
    if words == ["--texts"]:
        return check_texts()
    is_quick = "--quick" in words
    words = [w for w in words if w != "--quick"]
    streams = int(words.pop(0)) if words and words[0].isdigit() else 300
    picked = [m for m in MUTATIONS if not words or any(w in m[0] or w in m[1] for w in words)]
    folder, bad = tempfile.mkdtemp(prefix="tlm-mutate-"), []
    try:
        # what is built already is not built again: times are kept
        for name in ("cmd", "lib", "tests", "tools", "man", "Makefile", "build"):
            source, target = os.path.join(TOP, name), os.path.join(folder, name)
            if os.path.isdir(source):
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("san", "fuzz"))
            elif os.path.exists(source):
                shutil.copy2(source, target)
        by = "the compiler" if run(["make", "all"], folder, 900) or build(folder) else killer(folder, streams, is_quick)
        if by:
            print("without any mutation there is a complaint of " + by)
            return 2
        for mutation in picked:
            outcome, is_good = check(folder, mutation, streams, is_quick)
            print("%-60s %s" % (mutation[0], outcome), flush=True)
            if not is_good:
                bad.append(mutation[0])
    finally:
        shutil.rmtree(folder)
    print("%d mutations, %d not noticed" % (len(picked), len(bad)))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
