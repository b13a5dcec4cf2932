#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jqworker/program.h"
#include "jqworker/spawner.h"
#include "mem/mem.h"

/*
 * One child runs the program; two pipes lead to it and back. Records go there with their length in front, events come
 * back with a head. The parent never waits on one pipe alone, so neither side can block the other; the child says
 * NEED before it waits for records, with all that it has to say in front of it.
 */
enum { READ_BYTES = 64 << 10, EVENTS_BYTES = 64 << 10, NO_MORE = -1 };

struct jqworker_session {
	pid_t child;
	int to, from;
	struct buf place;   /* of the next record */
	struct buf sending; /* records on their way, from sent_at on */
	size_t sent_at;
	struct buf heard; /* events, from heard_at on */
	size_t heard_at;
	bool is_ended;
};

struct event_head {
	uint8_t what, fate, last;
	uint32_t outputs, bytes;
	int32_t status;
	uint64_t taken;
};

/* ---- the child ---- */

struct player {
	struct program *program;
	const struct jqworker_session_opts *opts;
	int from, to;
	struct buf records; /* what was read of them, from at on */
	size_t at;
	bool is_over, is_slurped;
	struct buf events; /* what was not yet written */
	uint64_t taken;
	struct result result; /* of the run at hand */
	jv_parser *events_of; /* --stream: of the record at hand, NULL for none */
	char *streamed;
};

static void write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(0);
		p += n;
		len -= (size_t)n;
	}
}

static void flush_events(struct player *s)
{
	write_all(s->to, s->events.p, s->events.len);
	buf_reset(&s->events);
}

static void tell(struct player *s, enum jqworker_event what, const struct result *r, struct slice text)
{
	struct event_head h = {.what = (uint8_t)what, .bytes = (uint32_t)text.len, .taken = s->taken};

	if (r) {
		h.fate = (uint8_t)r->fate;
		h.last = (uint8_t)r->last;
		h.outputs = r->outputs;
		h.status = r->status;
	}
	buf_add(&s->events, &h, sizeof h);
	buf_add_slice(&s->events, text);
	if (s->events.len >= EVENTS_BYTES)
		flush_events(s);
}

static void tell_outputs(void *ctx, struct slice text)
{
	struct player *s = ctx;

	tell(s, JQWORKER_OUTPUT, &s->result, text);
}

static void tell_notes(struct player *s)
{
	if (s->result.notes.len)
		tell(s, JQWORKER_NOTES, NULL, buf_slice(&s->result.notes));
	buf_reset(&s->result.notes);
}

/* Nothing that the run at hand has to say waits for a record that may be long in coming. */
static void tell_need(struct player *s)
{
	tell_notes(s);
	if (s->result.out.len)
		tell_outputs(s, buf_slice(&s->result.out));
	buf_reset(&s->result.out);
	tell(s, JQWORKER_NEED, NULL, SLICE_LIT(""));
	flush_events(s);
}

/* Reads until so many bytes of records are there. */
static void need_bytes(struct player *s, size_t bytes)
{
	while (s->records.len - s->at < bytes) {
		ssize_t n;

		if (s->at == s->records.len) {
			buf_reset(&s->records);
			s->at = 0;
		}
		n = read(s->from, buf_reserve(&s->records, READ_BYTES), READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(0);
		s->records.len += (size_t)n;
	}
}

/* The next record's bytes; false at the end of all. */
static bool take_record(struct player *s, struct slice *record)
{
	int32_t len;

	if (s->is_over)
		return false;
	if (s->records.len == s->at)
		tell_need(s);
	need_bytes(s, sizeof len);
	memcpy(&len, s->records.p + s->at, sizeof len);
	s->at += sizeof len;
	if (len == NO_MORE) {
		s->is_over = true;
		return false;
	}
	/* a newline stands behind it */
	need_bytes(s, (size_t)len + 1);
	*record = (struct slice){s->records.p + s->at, (size_t)len};
	s->at += (size_t)len + 1;
	s->taken++;
	if (s->opts->worker->has_place)
		*record = program_take_place(s->program, *record);
	return true;
}

/* --stream: a record as events of its leaves. */
static jv next_of_stream(struct player *s)
{
	struct slice record;
	jv value;

	for (;;) {
		if (s->events_of) {
			value = jv_parser_next(s->events_of);
			if (jv_is_valid(value) || jv_invalid_has_msg(jv_copy(value)))
				return value;
			jv_free(value);
			jv_parser_free(s->events_of);
			s->events_of = NULL;
			free(s->streamed);
		}
		if (!take_record(s, &record))
			return jv_invalid();
		/* the parser reads the bytes while later records come in */
		s->streamed = mem_dup(record.p, record.len + 1);
		s->events_of = jv_parser_new(JV_PARSE_STREAMING);
		jv_parser_set_buf(s->events_of, s->streamed, (int)record.len + 1, 0);
	}
}

static jv next_record(struct player *s)
{
	struct slice record;

	if (s->opts->is_stream)
		return next_of_stream(s);
	return take_record(s, &record) ? program_read(s->program, record.p, record.len) : jv_invalid();
}

static jv slurp(struct player *s)
{
	struct slice record;
	jv all = jv_array(), value;

	if (s->opts->worker->is_raw_input) {
		struct buf text = BUF_INIT;

		jv_free(all);
		while (take_record(s, &record))
			buf_add_slice(&text, record);
		return jv_string_sized(text.p ? text.p : "", (int)text.len);
	}
	while (jv_is_valid(value = next_record(s)))
		all = jv_array_append(all, value);
	if (!jv_invalid_has_msg(jv_copy(value))) {
		jv_free(value);
		return all;
	}
	jv_free(all);
	return value;
}

static jv next_input(struct player *s)
{
	if (!s->opts->is_slurp)
		return next_record(s);
	if (s->is_slurped)
		return jv_invalid();
	s->is_slurped = true;
	return slurp(s);
}

/* What `input` takes. */
static jv give_input(jq_state *jq, void *ctx)
{
	(void)jq;
	return next_input(ctx);
}

static bool run_once(struct player *s, jv input)
{
	program_play(s->program, input, &s->result, tell_outputs, s);
	tell_notes(s);
	tell(s, JQWORKER_RUN, &s->result, buf_slice(&s->result.message));
	return s->result.fate != JQWORKER_HALTED;
}

static void play(struct player *s)
{
	jv input;

	if (s->opts->reading == JQWORKER_NULL) {
		run_once(s, jv_null());
		return;
	}
	for (;;) {
		input = next_input(s);
		if (!jv_is_valid(input) && !jv_invalid_has_msg(jv_copy(input)))
			break;
		if (!run_once(s, input))
			return;
	}
	jv_free(input);
}

static _Noreturn void be_child(const struct jqworker_session_opts *opts, int from, int to, pid_t parent)
{
	struct player s = {.opts = opts, .from = from, .to = to};
	struct buf why = BUF_INIT;
	struct result failed = {.fate = JQWORKER_ERROR};
	int kept[] = {from, to};

	spawner_leave(parent, kept, 2, opts->worker->env);
	s.program = program_open(opts->worker, &why);
	tell(&s, JQWORKER_COMPILED, s.program ? NULL : &failed, buf_slice(&why));
	flush_events(&s);
	if (!s.program)
		_exit(0);
	spawner_open_no_files();
	program_take_inputs(s.program, give_input, &s);
	play(&s);
	tell(&s, JQWORKER_ENDED, NULL, SLICE_LIT(""));
	flush_events(&s);
	_exit(0);
}

/* ---- the parent ---- */

static int fork_child(struct jqworker_session *s, const struct jqworker_session_opts *opts, struct err *err)
{
	int to[2], from[2];
	pid_t self = getpid();

	if (pipe2(to, O_CLOEXEC) != 0)
		return err_sys(err, "cannot start libjq");
	if (pipe2(from, O_CLOEXEC) != 0) {
		close(to[0]);
		close(to[1]);
		return err_sys(err, "cannot start libjq");
	}
	s->to = to[1];
	s->from = from[0];
	fcntl(s->to, F_SETFL, O_NONBLOCK);
	s->child = fork();
	if (s->child == 0)
		be_child(opts, to[0], from[1], self);
	close(to[0]);
	close(from[1]);
	return s->child < 0 ? err_sys(err, "cannot start libjq") : 0;
}

struct jqworker_session *jqworker_session_open(const struct jqworker_session_opts *opts, struct err *err)
{
	struct jqworker_session *s = mem_alloc(1, sizeof *s);
	struct jqworker_session_event e;
	struct jqworker_opts worker = *opts->worker;
	struct jqworker_session_opts all = *opts;

	worker.output_bytes = SIZE_MAX;
	all.worker = &worker;
	s->to = s->from = -1;
	if (fork_child(s, &all, err) || jqworker_session_next(s, &e, err))
		goto fail;
	assert(e.what == JQWORKER_COMPILED);
	if (e.fate == JQWORKER_ERROR) {
		err_set(err, ERR_PROGRAM, "%.*s", (int)e.text.len, e.text.p);
		goto fail;
	}
	return s;
fail:
	jqworker_session_close(s);
	return NULL;
}

void jqworker_session_close(struct jqworker_session *s)
{
	if (!s)
		return;
	if (s->child > 0) {
		kill(s->child, SIGKILL);
		while (waitpid(s->child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (s->to >= 0)
		close(s->to);
	if (s->from >= 0)
		close(s->from);
	buf_release(&s->place);
	buf_release(&s->sending);
	buf_release(&s->heard);
	free(s);
}

static void add_length(struct jqworker_session *s, int32_t len)
{
	buf_add(&s->sending, &len, sizeof len);
}

void jqworker_session_place(struct jqworker_session *s, const char *input, uint64_t line)
{
	buf_reset(&s->place);
	program_put_place(&s->place, input, line);
}

void jqworker_session_give(struct jqworker_session *s, struct slice record)
{
	add_length(s, (int32_t)(s->place.len + record.len));
	buf_add_slice(&s->sending, buf_slice(&s->place));
	buf_add_slice(&s->sending, record);
	buf_add_char(&s->sending, '\n');
}

void jqworker_session_no_more(struct jqworker_session *s)
{
	add_length(s, NO_MORE);
}

static int say_death(struct jqworker_session *s, struct err *err)
{
	int status = 0;

	while (waitpid(s->child, &status, 0) < 0 && errno == EINTR)
		;
	s->child = 0;
	if (WIFSIGNALED(status))
		return err_set(err, ERR_DATA, "the program ended the worker of libjq: %s", strsignal(WTERMSIG(status)));
	if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_NO_MEMORY)
		return err_set(err, ERR_DATA, "the program needed more memory than there is");
	return err_set(err, ERR_DATA, "the program ended the worker of libjq: status %d", WEXITSTATUS(status));
}

/* Moves bytes both ways, as far as they go. */
static int exchange(struct jqworker_session *s, struct err *err)
{
	bool is_sending = s->sent_at < s->sending.len;
	struct pollfd p[2] = {{s->from, POLLIN, 0}, {is_sending ? s->to : -1, POLLOUT, 0}};
	ssize_t n;

	if (poll(p, 2, -1) < 0)
		return errno == EINTR ? 0 : err_sys(err, "the worker of libjq");
	if (p[1].revents) {
		n = write(s->to, s->sending.p + s->sent_at, s->sending.len - s->sent_at);
		if (n > 0)
			s->sent_at += (size_t)n;
		if (s->sent_at == s->sending.len) {
			buf_reset(&s->sending);
			s->sent_at = 0;
		}
	}
	if (!p[0].revents)
		return 0;
	n = read(s->from, buf_reserve(&s->heard, READ_BYTES), READ_BYTES);
	if (n < 0)
		return errno == EINTR ? 0 : err_sys(err, "the worker of libjq");
	if (n == 0)
		return say_death(s, err);
	s->heard.len += (size_t)n;
	return 0;
}

static bool take_event(struct jqworker_session *s, struct jqworker_session_event *e)
{
	struct event_head h;

	if (s->heard.len - s->heard_at < sizeof h)
		return false;
	memcpy(&h, s->heard.p + s->heard_at, sizeof h);
	if (s->heard.len - s->heard_at - sizeof h < h.bytes)
		return false;
	*e = (struct jqworker_session_event){.what = h.what,
		.fate = h.fate,
		.last = h.last,
		.outputs = h.outputs,
		.status = h.status,
		.taken = h.taken,
		.text = {s->heard.p + s->heard_at + sizeof h, h.bytes}};
	s->heard_at += sizeof h + h.bytes;
	return true;
}

int jqworker_session_next(struct jqworker_session *s, struct jqworker_session_event *e, struct err *err)
{
	while (!take_event(s, e)) {
		if (s->heard_at == s->heard.len) {
			buf_reset(&s->heard);
			s->heard_at = 0;
		} else if (s->heard_at >= READ_BYTES) {
			memmove(s->heard.p, s->heard.p + s->heard_at, s->heard.len - s->heard_at);
			s->heard.len -= s->heard_at;
			s->heard_at = 0;
		}
		if (exchange(s, err))
			return -1;
	}
	return 0;
}
