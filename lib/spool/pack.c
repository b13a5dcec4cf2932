/* Objects that wait for the caller's word; see spool.h. They hold no descriptor meanwhile: there may be very many. */
#include "spool/spool_impl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "mem/mem.h"

struct spool_pack {
	struct spool *spool;
	void *tag;
	struct spool_item *items;
	size_t n, size, n_done; /* those before n_done are published, or on their way */
};

struct spool_pack *spool_pack_open(struct spool *spool, void *tag)
{
	struct spool_pack *pack = mem_alloc(1, sizeof *pack);

	pack->spool = spool;
	pack->tag = tag;
	return pack;
}

int spool_pack_add(struct spool_pack *pack, struct segment *s, const char *name, struct err *err)
{
	struct spool_item item;

	if (spool_end_item(pack->spool, s, name, &item, err) < 0)
		return -1;
	close(item.fd);
	item.fd = -1;
	item.tag = pack->tag;
	if (pack->n == pack->size) {
		pack->size = pack->size ? 2 * pack->size : 16;
		pack->items = mem_resize(pack->items, pack->size, sizeof *pack->items);
	}
	pack->items[pack->n++] = item;
	pack->spool->pack_bytes += item.sum.bytes;
	return 0;
}

/* In a directory it takes the steps of any object, from the sync of its bytes on. */
static int add_to_group(struct spool_pack *pack, struct spool_item *item, struct err *err)
{
	item->fd = open(item->from, O_RDONLY | O_CLOEXEC);
	if (item->fd < 0)
		return err_sys(err, "%.120s: cannot open", item->from);
	pack->spool->pack_bytes -= item->sum.bytes;
	spool_add_item(pack->spool, item);
	*item = (struct spool_item){.fd = -1};
	return 0;
}

static int hand_over(struct spool_pack *pack, struct spool_item *item)
{
	pack->spool->pack_bytes -= item->sum.bytes;
	spool_begin_job(pack->spool, item);
	return 0;
}

int spool_pack_publish(struct spool_pack *pack, const struct spool_hooks *hooks, struct err *err)
{
	struct spool *spool = pack->spool;
	int got = 0;

	while (got == 0 && pack->n_done < pack->n) {
		struct spool_item *item = &pack->items[pack->n_done];

		if (!spool->store && spool_is_full(spool)) {
			got = spool_publish(spool, hooks, err);
			continue;
		}
		got = spool->store ? hand_over(pack, item) : add_to_group(pack, item, err);
		pack->n_done += got == 0;
	}
	if (got == 0 && !spool->store)
		got = spool_publish(spool, hooks, err);
	spool_pack_close(pack);
	return got;
}

void spool_pack_close(struct spool_pack *pack)
{
	if (!pack)
		return;
	for (size_t i = pack->n_done; i < pack->n; i++) {
		pack->spool->pack_bytes -= pack->items[i].sum.bytes;
		unlink(pack->items[i].from);
		spool_release_item(&pack->items[i]);
	}
	free(pack->items);
	free(pack);
}

uint64_t spool_waiting_bytes(const struct spool *spool)
{
	return spool->waiting_bytes + spool->pack_bytes;
}
