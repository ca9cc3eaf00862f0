/*
 * vecgraph_recall.h: what is to be made ready for vecgraph_recall.c.
 */
#ifndef VECGRAPH_RECALL_H
#define VECGRAPH_RECALL_H

/* Sets the hook by which the planner is told which indexes there are. _PG_init calls it, once. */
extern void vecgraph_init_recall(void);

#endif							/* VECGRAPH_RECALL_H */
