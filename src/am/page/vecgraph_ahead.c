/*
 * vecgraph_ahead.c: asking for pages before they are wanted, so that the disk reads several at a time.
 *
 * Nothing is asked for until this backend has had to wait for the disk: an index in memory does without, and so does one of which the system
 * keeps what is not in shared buffers, where asking costs as much as reading. Then whoever knows which pages will be wanted names them
 * here. The server asks the system for those that are not in its buffers, which copies nothing and pins nothing: whoever wants a
 * page later reads it as ever, and does not have to wait, or not so long.
 */
#include "am/page/vecgraph_page.h"

#include "executor/instrument.h"
#include "utils/spccache.h"

#include "pg/vecidx_fault.h"

/* Where nobody has said: what PostgreSQL's default is from 18 on. More hardly shortens a search. */
#define VECGRAPH_IO_CONCURRENCY 16

/* A read that takes so long, in microseconds, was one from the disk. From the system's memory it takes less than ten. */
#define SLOW_READ 30

/*
 * The share of slow ones among this backend's last reads, as far as it has looked at the clock, each counting an eighth less than the next.
 * What makes one read slow may be that the process lost the processor; it takes two in short order to make it ask for pages, and a dozen fast
 * ones to make it stop.
 */
static float slow_share = 0;

#define SLOW_SHARE_WEIGHT 0.125f
#define SLOW_SHARE_ENOUGH 0.2f

uint64
vecgraph_pages_read(void)
{
	return (uint64) (pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read);
}

void
vecgraph_watch_begin(VecGraphWatch *watch)
{
	watch->pages = vecgraph_pages_read();
	INSTR_TIME_SET_CURRENT(watch->begun);
}

bool
vecgraph_watch_waited(const VecGraphWatch *watch)
{
	instr_time	now;
	bool		slow;

	if (watch->pages == vecgraph_pages_read())
		return false;
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, watch->begun);
	slow = INSTR_TIME_GET_MICROSEC(now) >= SLOW_READ || VECIDX_FAULT_REFUSES("read-at-once");
	slow_share += ((slow ? 1 : 0) - slow_share) * SLOW_SHARE_WEIGHT;
	return slow_share >= SLOW_SHARE_ENOUGH;
}

/* How many pages the tablespace of a relation is set to read at a time; 0: no page is to be asked for. */
static uint32
concurrency(Relation relation, bool maintenance)
{
	Oid			tablespace = relation->rd_rel->reltablespace;
	int			set = maintenance ? get_tablespace_maintenance_io_concurrency(tablespace) : get_tablespace_io_concurrency(tablespace);

	if (set == VECIDX_UNSET_IO_CONCURRENCY && !maintenance)
		set = VECGRAPH_IO_CONCURRENCY;
	/* one at a time is how pages are read anyway */
	return set > 1 ? (uint32) set : 0;
}

void
vecgraph_ahead_begin(VecGraphAhead *ahead, Relation relation, bool maintenance, const VxMem *mem)
{
	ahead->relation = relation;
	ahead->blocks = RelationGetNumberOfBlocks(relation);
	ahead->concurrency = concurrency(relation, maintenance);
	if (ahead->asked == NULL)
		ahead->asked = vx_alloc_array(mem, VECGRAPH_AHEAD_PLACES, sizeof(BlockNumber));
	for (int i = 0; i < VECGRAPH_AHEAD_PLACES; i++)
		ahead->asked[i] = InvalidBlockNumber;
}

void
vecgraph_ahead_ask(VecGraphAhead *ahead, BlockNumber block)
{
	BlockNumber *asked = &ahead->asked[block % VECGRAPH_AHEAD_PLACES];

	/* what is beyond the end is for the reader to complain of */
	if (*asked == block || block >= ahead->blocks)
		return;
	*asked = block;
	(void) PrefetchBuffer(ahead->relation, MAIN_FORKNUM, block);
}
