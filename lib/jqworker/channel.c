#include "jqworker/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	FRAME_BYTES = 8,
	AGAIN_BYTES = 1 << 20,    /* a half in use up to here is left for the other */
	GIVE_BACK_BYTES = 4 << 20 /* records from this size on keep no memory */
};

struct channel *channel_open(void)
{
	struct channel *c =
		mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (c == MAP_FAILED)
		return NULL;
	atomic_store(&c->turn, UINT64_MAX);
	return c;
}

void channel_close(struct channel *c)
{
	if (c)
		munmap(c, sizeof *c);
}

static size_t align(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static size_t half_of(size_t at)
{
	return at / HALF_BYTES;
}

static size_t other_half(size_t at)
{
	return half_of(at) ? 0 : HALF_BYTES;
}

bool channel_put(struct channel *c, uint64_t number, size_t *at, size_t first, const char *p, size_t len)
{
	size_t bytes = align(FRAME_BYTES + len + 1);
	int64_t frame = (int64_t)len;

	if (*at % HALF_BYTES > AGAIN_BYTES && half_of(first) == half_of(*at)) {
		*at = other_half(*at);
		atomic_store(&c->turn, number);
	}
	/* the last byte of a half stays free: what stands behind it would be of the other */
	if (len > HALF_BYTES || HALF_BYTES - *at % HALF_BYTES <= bytes)
		return false;
	memcpy(c->area + *at, &frame, sizeof frame);
	memcpy(c->area + *at + FRAME_BYTES, p, len);
	c->area[*at + FRAME_BYTES + len] = '\n';
	*at += bytes;
	return true;
}

const char *channel_record(const struct channel *c, uint64_t number, size_t *at, size_t *len)
{
	const char *p;
	int64_t frame;

	if (number == atomic_load_explicit(&c->turn, memory_order_relaxed))
		*at = other_half(*at);
	memcpy(&frame, c->area + *at, sizeof frame);
	p = c->area + *at + FRAME_BYTES;
	*len = (size_t)frame;
	*at += align(FRAME_BYTES + *len + 1);
	return p;
}

void channel_drop(const char *record, size_t len)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)record + page - 1) & ~(page - 1), to = ((uintptr_t)record + len) & ~(page - 1);

	if (len >= GIVE_BACK_BYTES)
		madvise((void *)from, to - from, MADV_REMOVE);
}

void channel_copy(const struct channel *c, uint64_t at, void *to, size_t len)
{
	size_t from = at & (RING_BYTES - 1);
	size_t first = RING_BYTES - from < len ? RING_BYTES - from : len;

	memcpy(to, c->ring + from, first);
	memcpy((char *)to + first, c->ring, len - first);
}

/* The order of "say that I wait, look again, sleep" here and "move, look whether it waits" there loses no wake-up. */
static void wait_for_room(struct channel *c, int door, uint64_t head)
{
	atomic_store(&c->head, head);
	while (head - atomic_load(&c->tail) == RING_BYTES) {
		atomic_store(&c->is_worker_waiting, true);
		if (head - atomic_load(&c->tail) < RING_BYTES)
			break;
		door_ring(door);
		if (!door_answer(door, true))
			_exit(0);
	}
	atomic_store(&c->is_worker_waiting, false);
}

void channel_write(struct channel *c, int door, uint64_t *head, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len) {
		size_t room = RING_BYTES - (size_t)(*head - atomic_load_explicit(&c->tail, memory_order_acquire));
		size_t at = *head & (RING_BYTES - 1);
		size_t n = len < room ? len : room;

		if (n == 0) {
			wait_for_room(c, door, *head);
			continue;
		}
		if (n > RING_BYTES - at)
			n = RING_BYTES - at;
		memcpy(c->ring + at, p, n);
		*head += n;
		p += n;
		len -= n;
	}
}

void channel_take(struct channel *c, int door, uint64_t tail)
{
	atomic_store(&c->tail, tail);
	if (atomic_load(&c->is_worker_waiting))
		door_ring(door);
}

void door_ring(int door)
{
	/* a full socket rings already */
	while (send(door, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

bool door_answer(int door, bool must_wait)
{
	char bytes[256];
	ssize_t n;

	do
		n = recv(door, bytes, sizeof bytes, must_wait ? 0 : MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n > 0 || (n < 0 && errno == EAGAIN);
}
