#include "err/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The first byte of a character tells how long it is. */
size_t err_trim(const char *text, size_t len)
{
	size_t tail = 0;
	unsigned char first;

	while (tail < 3 && tail < len && ((unsigned char)text[len - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (tail == len)
		return len;
	first = (unsigned char)text[len - 1 - tail];
	if (first < 0xc0)
		return len;
	return tail < (first < 0xe0 ? 1u : first < 0xf0 ? 2u : 3u) ? len - 1 - tail : len;
}

size_t err_print(char *out, size_t size_bytes, const char *fmt, va_list ap)
{
	int n = vsnprintf(out, size_bytes, fmt, ap);
	size_t len;

	if (n < 0 || size_bytes == 0)
		return 0;
	if ((size_t)n < size_bytes)
		return (size_t)n;
	len = err_trim(out, size_bytes - 1);
	out[len] = '\0';
	return len;
}

__attribute__((format(printf, 3, 4))) static size_t print(char *out, size_t size_bytes, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	len = err_print(out, size_bytes, fmt, ap);
	va_end(ap);
	return len;
}

__attribute__((format(printf, 3, 0))) static void fill(struct err *err, enum err_code code, const char *fmt, va_list ap)
{
	err->code = code;
	err_print(err->msg, sizeof err->msg, fmt, ap);
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (err->code != ERR_NONE)
		return -1;
	va_start(ap, fmt);
	fill(err, code, fmt, ap);
	va_end(ap);
	return -1;
}

int err_sys(struct err *err, const char *fmt, ...)
{
	int sys = errno;
	va_list ap;
	size_t len;

	if (err->code != ERR_NONE)
		return -1;
	va_start(ap, fmt);
	fill(err, ERR_IO, fmt, ap);
	va_end(ap);
	err->sys = sys;
	len = strlen(err->msg);
	print(err->msg + len, sizeof err->msg - len, "%s%s", len ? ": " : "", strerror(sys));
	return -1;
}

int err_at(struct err *err, const char *input, uint64_t line, uint64_t byte)
{
	if (!err->input) {
		err->input = input;
		err->line = line;
		err->byte = byte;
	}
	return -1;
}

void err_reset(struct err *err)
{
	*err = (struct err)ERR_INIT;
}

size_t err_format(const struct err *err, char *out, size_t size_bytes)
{
	char place[64] = "";

	if (err->line && err->byte)
		snprintf(place, sizeof place, ":%llu (byte %llu)", (unsigned long long)err->line,
			(unsigned long long)err->byte);
	else if (err->line)
		snprintf(place, sizeof place, ":%llu", (unsigned long long)err->line);
	else if (err->input && err->byte)
		snprintf(place, sizeof place, " (byte %llu)", (unsigned long long)err->byte);
	return print(
		out, size_bytes, "%s%s%s%s", err->input ? err->input : "", place, err->input ? ": " : "", err->msg);
}

int err_status(enum err_code code)
{
	switch (code) {
	case ERR_NONE:
	case ERR_PIPE:
		return STATUS_OK;
	case ERR_PROGRAM:
		return STATUS_PROGRAM;
	case ERR_DATA:
		return STATUS_REJECTED;
	case ERR_REFUSED:
		return STATUS_REFUSED;
	case ERR_UNREACHABLE:
		return STATUS_UNREACHABLE;
	case ERR_USAGE:
	case ERR_IO:
	case ERR_INTERNAL:
		break;
	}
	return STATUS_LOCAL;
}

static int rank(int status)
{
	static const int weight[] = {[STATUS_OK] = 0,
		[STATUS_NO] = 1,
		[STATUS_NO_OUTPUT] = 1,
		[STATUS_REJECTED] = 2,
		[STATUS_LOCAL] = 3,
		[STATUS_PROGRAM] = 4,
		[STATUS_REFUSED] = 5,
		[STATUS_UNREACHABLE] = 6};

	return status >= 0 && status <= STATUS_UNREACHABLE ? weight[status] : 1;
}

int err_worse(int a, int b)
{
	return rank(b) > rank(a) ? b : a;
}
