#include "stage/stage.h"

void stage_close(struct stage *g)
{
	if (g)
		g->ops->close(g);
}
