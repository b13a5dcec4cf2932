/*
 * err: one plain error value, passed last, owning nothing.
 *
 * The finder of an error calls err_set() and returns its result (-1); the layer that knows the
 * place adds err_at(); the end of main prints it once and turns the code into the exit status.
 * The first error stays: a later err_set() on a filled value changes nothing.
 * A value belongs to one thread. Nothing is allocated; input is borrowed and must outlive it.
 */
#ifndef TLM_ERR_H
#define TLM_ERR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

enum err_code {
	ERR_NONE = 0,
	ERR_USAGE,       /* a bad option or operand: status 2 */
	ERR_IO,          /* local input or output failed: status 2 */
	ERR_PROGRAM,     /* a program, aggregate list, template or zone does not compile: status 3 */
	ERR_DATA,        /* records were rejected or late with no place to go: status 5 */
	ERR_REFUSED,     /* a server said no; another try will not help: status 6 */
	ERR_UNREACHABLE, /* a server is out of reach after the retries: status 7 */
	ERR_PIPE,        /* the reader of stdout went away: a quiet end by SIGPIPE */
	ERR_INTERNAL     /* a promise of the code is broken (the ledger does not add up): status 2 */
};

/* Exit statuses, the same in every tool (see tlm(7)). */
enum {
	STATUS_OK = 0,
	STATUS_NO = 1,
	STATUS_LOCAL = 2,
	STATUS_PROGRAM = 3,
	STATUS_NO_OUTPUT = 4,
	STATUS_REJECTED = 5,
	STATUS_REFUSED = 6,
	STATUS_UNREACHABLE = 7
};

enum { ERR_MSG_BYTES = 192 };

struct err {
	enum err_code code;
	int sys;           /* errno, 0 if none */
	const char *input; /* name of the input, or NULL; borrowed */
	uint64_t line;     /* from 1; 0 unknown */
	uint64_t byte;     /* of the line, from 1; 0 unknown */
	char msg[ERR_MSG_BYTES];
};

#define ERR_INIT                                                                                                       \
	{                                                                                                              \
		ERR_NONE, 0, NULL, 0, 0,                                                                               \
		{                                                                                                      \
			0                                                                                              \
		}                                                                                                      \
	}

/* len bytes of a text that was cut there, without a character of UTF-8 that was cut in two: the length to show. */
size_t err_trim(const char *text, size_t len);

/* vsnprintf() that returns the length of what is there: text too long is cut, not inside a character of UTF-8. */
size_t err_print(char *out, size_t size_bytes, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

/* Fills *err unless it is filled; a longer message is cut between two characters. Returns -1, always. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same with code ERR_IO, errno kept and its text appended: "cannot open: No such file or directory". */
int err_sys(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds the place, where none is known yet. line and byte from 1, 0 for unknown. Returns -1, always. */
int err_at(struct err *err, const char *input, uint64_t line, uint64_t byte);

/* Empties the value. */
void err_reset(struct err *err);

/* "day.ndjson:412 (byte 18): expected ..." into out, always NUL-terminated; returns its length. */
size_t err_format(const struct err *err, char *out, size_t size_bytes);

/* The exit status that a code asks for (ERR_PIPE: STATUS_OK; its caller raises SIGPIPE). */
int err_status(enum err_code code);

/* The one of two statuses that wins: 7, 6, 3, 2, 5, then 4 or 1, then 0. Any other status counts as 1. */
int err_worse(int a, int b);

#endif
