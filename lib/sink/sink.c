#include "sink/sink.h"

void sink_close(struct sink *k)
{
	if (k)
		k->ops->close(k);
}

int sink_write_bytes(struct sink *k, struct slice lines, struct err *err)
{
	struct batch b;

	batch_init(&b);
	b.p = lines.p;
	b.len = lines.len;
	b.name = "";
	return k->ops->write(k, &b, err);
}
