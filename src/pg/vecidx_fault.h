/*
 * vecidx_fault.h: named places where a test can make a session wait, fail or die. Only `make FAULTS=1` compiles them.
 *
 * Places that need no name are found by themselves: that build also wraps what the access method and the cache call in the
 * server to lock, read, log and allocate (vecidx_fault.c). test/faults/README.md says how tests use both.
 */
#ifndef VECIDX_FAULT_H
#define VECIDX_FAULT_H

#ifdef VECIDX_FAULTS

/* name: of the place. Waits only where no content lock and no LWLock is held: elsewhere a waiting session blocks others uninterruptibly. */
extern void vecidx_fault_point(const char *name);

/* Whether what has this name is to be taken to have failed, each time: for outcomes that take others' perfect timing. */
extern bool vecidx_fault_refuses(const char *name);

/* The setting and the function's memory; called once by _PG_init. */
extern void vecidx_fault_init(void);

#define VECIDX_FAULT_POINT(name) vecidx_fault_point(name)
#define VECIDX_FAULT_REFUSES(name) vecidx_fault_refuses(name)

#else

#define vecidx_fault_init() ((void) 0)
#define VECIDX_FAULT_POINT(name) ((void) 0)
#define VECIDX_FAULT_REFUSES(name) false

#endif

#endif							/* VECIDX_FAULT_H */
