/*
 * jqchannel_fuzz: the memory between the tool and a worker of libjq, both sides in turn: each byte of the input is a
 * step of one of them. What is put in comes out in its order, whole, wherever the halves and the ring begin again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "jqworker/channel.h"

enum { RECORD_BYTES_MAX = 3 << 20, WAITING_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct both {
	struct channel *c;
	int doors[2];
	uint64_t put, read, answered; /* records: of the parent, of the worker, of the parent */
	size_t put_at, read_at, answered_at;
	uint64_t head, taken; /* of the ring */
	size_t lens[WAITING_MAX];
};

static void must(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "jqchannel_fuzz: %s\n", what);
	abort();
}

/* Few bytes, tens of thousands, or about a megabyte, as where a half is left. */
static size_t length_of(uint8_t step)
{
	return step % 64 == 0 ? (size_t)step * 4100 : step % 8 == 1 ? (size_t)step * 300 : (size_t)step;
}

static void fill(char *p, size_t len, uint64_t number)
{
	for (size_t i = 0; i < len; i += 509)
		p[i] = (char)(number * 7 + i);
}

static void check(const char *p, size_t len, uint64_t number)
{
	must(len == 0 || p[0] == (char)(number * 7), "another record");
	for (size_t i = 0; i < len; i += 509)
		must(p[i] == (char)(number * 7 + i), "bytes that were written over");
}

static void put(struct both *b, uint8_t step, char *scratch)
{
	size_t len = length_of(step);

	if (b->put - b->answered == WAITING_MAX)
		return;
	fill(scratch, len, b->put);
	if (!channel_put(b->c, b->put, &b->put_at, b->answered_at, scratch, len)) {
		must(b->put - b->answered > 30, "no room for a few records");
		return;
	}
	b->lens[b->put++ % WAITING_MAX] = len;
}

/* The worker reads one and writes its answer: as many bytes as the record has, up to what the ring holds. */
static void work(struct both *b)
{
	size_t len, bytes;
	const char *p;

	if (b->read == b->put)
		return;
	bytes = b->lens[b->read % WAITING_MAX] % RING_BYTES;
	if (RING_BYTES - (b->head - b->taken) < bytes)
		return;
	p = channel_record(b->c, b->read, &b->read_at, &len);
	must(len == b->lens[b->read % WAITING_MAX] && p[len] == '\n', "another length");
	check(p, len, b->read);
	channel_write(b->c, b->doors[1], &b->head, p, bytes);
	b->read++;
}

static void take(struct both *b, char *scratch)
{
	size_t len, bytes;
	const char *p;

	if (b->answered == b->read)
		return;
	bytes = b->lens[b->answered % WAITING_MAX] % RING_BYTES;
	channel_copy(b->c, b->taken, scratch, bytes);
	check(scratch, bytes, b->answered);
	b->taken += bytes;
	channel_take(b->c, b->doors[0], b->taken);
	p = channel_record(b->c, b->answered, &b->answered_at, &len);
	channel_drop(p, len);
	b->answered++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char scratch[RECORD_BYTES_MAX + 1];
	struct both *b = calloc(1, sizeof *b);

	if (!b || !(b->c = channel_open()) || socketpair(AF_UNIX, SOCK_STREAM, 0, b->doors) != 0)
		abort();
	for (size_t i = 0; i < size; i++) {
		if (data[i] % 4 < 2)
			put(b, data[i], scratch);
		else if (data[i] % 4 == 2)
			work(b);
		else
			take(b, scratch);
	}
	while (b->answered < b->put) {
		work(b);
		take(b, scratch);
	}
	must(b->taken == b->head, "bytes are left in the ring");
	close(b->doors[0]);
	close(b->doors[1]);
	channel_close(b->c);
	free(b);
	return 0;
}
