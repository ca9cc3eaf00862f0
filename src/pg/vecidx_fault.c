/*
 * vecidx_fault.c: makes chosen places of the access method and the cache wait, fail or die. See vecidx_fault.h.
 *
 * The linker sends our calls of the functions below to wrappers (--wrap, see the Makefile), so every lock, page read, WAL record and
 * allocation is a site without a word in the source. A site is named after what it calls and where the call is, as offsets into
 * the library: "LockBuffer@0x1f2a3/0x1e0b1", the call and the call of the function that it is in, which tells apart what helpers
 * do for others. addr2line translates the offsets.
 *
 * vecidx.fault holds what is to happen: "site:action", or several with commas between. Actions:
 *   error   an error before the call
 *   kill    the process dies before the call, as by kill -9, so the server starts again with recovery
 *   after   the same after the call
 *   refuse  named outcomes only: what may fail by other sessions' timing, such as an optimistic write, does so each time
 *   stop    the process stops after the call, with what that has locked, until it gets SIGCONT
 *   wait    named places only: the session waits while another one holds pg_advisory_lock(hashtext(site))
 * An action other than wait and refuse happens once for each time the setting is set.
 */
#include "pg/vecidx_compat.h"

#ifdef VECIDX_FAULTS

#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

#include "access/generic_xlog.h"
#include "access/xloginsert.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/dsm.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "pg/vecidx_fault.h"

#define SITE_BYTES 96

typedef enum Moment
{
	BEFORE,
	AFTER
} Moment;

static char *fault_setting = "";
static bool armed = false;		/* the setting wants something other than waits, and it has not happened yet */
static bool recording = false;
static HTAB *sites_met = NULL;	/* names, while recording */
static bool within = false;		/* what this file calls by itself is no site */

/* The offset of an address in the file it is mapped from. */
static unsigned long
offset_of(void *address)
{
	Dl_info		info;

	return dladdr(address, &info) == 0 ? 0 : (unsigned long) ((char *) address - (char *) info.dli_fbase);
}

/* What the setting says of a site: the action, copied to action [16], or false. */
static bool
find_action(const char *site, char *action)
{
	size_t		length = strlen(site);

	for (const char *entry = fault_setting; entry != NULL && *entry != '\0';)
	{
		const char *end = strchr(entry, ',');
		size_t		bytes = end == NULL ? strlen(entry) : (size_t) (end - entry);

		if (bytes > length + 1 && bytes - length - 1 < 16 && strncmp(entry, site, length) == 0 && entry[length] == ':')
		{
			memcpy(action, entry + length + 1, bytes - length - 1);
			action[bytes - length - 1] = '\0';
			return true;
		}
		entry = end == NULL ? NULL : end + 1;
	}
	return false;
}

static void
note_site(const char *site)
{
	bool		found;

	if (sites_met == NULL)
	{
		HASHCTL		control = {.keysize = SITE_BYTES,.entrysize = SITE_BYTES};

		sites_met = hash_create("vecidx fault sites", 256, &control, HASH_ELEM | HASH_STRINGS);
	}
	hash_search(sites_met, site, HASH_ENTER, &found);
}

/* Does what the setting says of a site at this moment, waits excepted. */
static void
obey(const char *site, Moment moment)
{
	char		action[16];

	if (!armed || !find_action(site, action))
		return;
	if (strcmp(action, "error") == 0 && moment == BEFORE)
	{
		armed = false;
		within = false;
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("fault injected at %s", site)));
	}
	if (strcmp(action, moment == BEFORE ? "kill" : "after") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(action, "stop") == 0 && moment == AFTER)
	{
		armed = false;
		kill(getpid(), SIGSTOP);
	}
}

/* A call of the server from our code: first the caller's address, then its caller's. */
static void
meet(const char *what, void *caller, void *callers_caller, Moment moment)
{
	char		site[SITE_BYTES];

	if ((!armed && !recording) || within || CritSectionCount > 0)
		return;
	within = true;
	snprintf(site, sizeof(site), "%s@0x%lx/0x%lx", what, offset_of(caller), offset_of(callers_caller));
	if (recording && moment == BEFORE)
		note_site(site);
	obey(site, moment);
	within = false;
}

void
vecidx_fault_point(const char *name)
{
	char		action[16];

	if (recording)
		note_site(name);
	obey(name, BEFORE);
	if (find_action(name, action) && strcmp(action, "wait") == 0)
	{
		int32		key = DatumGetInt32(hash_any((const unsigned char *) name, (int) strlen(name)));

		DirectFunctionCall1(pg_advisory_lock_int8, Int64GetDatum(key));
		DirectFunctionCall1(pg_advisory_unlock_int8, Int64GetDatum(key));
	}
}

bool
vecidx_fault_refuses(const char *name)
{
	char		action[16];

	return find_action(name, action) && strcmp(action, "refuse") == 0;
}

static void
assign_fault(const char *value, void *extra)
{
	armed = value != NULL && *value != '\0';
}

void
vecidx_fault_init(void)
{
	DefineCustomStringVariable("vecidx.fault", "What is to happen at which places, for tests.", NULL, &fault_setting, "",
							   PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, assign_fault, NULL);
}

VECIDX_SQL_FUNCTION(vecidx_fault_record);
VECIDX_SQL_FUNCTION(vecidx_fault_sites);

/* vecidx_fault_record(bool): begins anew, or ends, to note the sites that this session comes by. */
Datum
vecidx_fault_record(PG_FUNCTION_ARGS)
{
	recording = PG_GETARG_BOOL(0);
	if (recording && sites_met != NULL)
	{
		hash_destroy(sites_met);
		sites_met = NULL;
	}
	PG_RETURN_VOID();
}

/* vecidx_fault_sites(): the names of those sites, as text with one in each line. */
Datum
vecidx_fault_sites(PG_FUNCTION_ARGS)
{
	StringInfoData text;

	initStringInfo(&text);
	if (sites_met != NULL)
	{
		HASH_SEQ_STATUS walk;
		const char *site;

		hash_seq_init(&walk, sites_met);
		while ((site = hash_seq_search(&walk)) != NULL)
			appendStringInfo(&text, "%s\n", site);
	}
	PG_RETURN_TEXT_P(cstring_to_text(text.data));
}

/* ---- the wrappers ---- */

/* Our own frames have frame pointers in this build, so the second address is there. */
#pragma GCC diagnostic ignored "-Wframe-address"
struct VecGraphDelta;

#define HERE __builtin_return_address(0), __builtin_return_address(1)

/* WRAP(result type, function, (parameters), (arguments)) for one that returns, WRAP_VOID for one that does not. */
#define WRAP(type, name, parameters, arguments) \
	extern type __real_##name parameters; \
	extern type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		type		result; \
		meet(#name, HERE, BEFORE); \
		result = __real_##name arguments; \
		meet(#name, HERE, AFTER); \
		return result; \
	}
#define WRAP_VOID(name, parameters, arguments) \
	extern void __real_##name parameters; \
	extern void __wrap_##name parameters; \
	void __wrap_##name parameters \
	{ \
		meet(#name, HERE, BEFORE); \
		__real_##name arguments; \
		meet(#name, HERE, AFTER); \
	}

WRAP(XLogRecPtr, GenericXLogFinish, (GenericXLogState *state), (state))
WRAP_VOID(vecgraph_delta_finish, (struct VecGraphDelta *delta), (delta))
WRAP_VOID(log_newpage_range, (Relation relation, ForkNumber fork, BlockNumber from, BlockNumber to, bool standard),
		  (relation, fork, from, to, standard))
WRAP(Buffer, ReadBuffer, (Relation relation, BlockNumber block), (relation, block))
WRAP(Buffer, ReadBufferExtended,
	 (Relation relation, ForkNumber fork, BlockNumber block, ReadBufferMode mode, BufferAccessStrategy strategy),
	 (relation, fork, block, mode, strategy))
WRAP(PrefetchBufferResult, PrefetchBuffer, (Relation relation, ForkNumber fork, BlockNumber block), (relation, fork, block))
WRAP(bool, LWLockAcquire, (LWLock *lock, LWLockMode mode), (lock, mode))
WRAP_VOID(LockPage, (Relation relation, BlockNumber block, LOCKMODE mode), (relation, block, mode))
WRAP_VOID(LockRelationForExtension, (Relation relation, LOCKMODE mode), (relation, mode))
WRAP(void *, palloc, (Size size), (size))
WRAP(void *, palloc0, (Size size), (size))
WRAP(void *, repalloc, (void *p, Size size), (p, size))
WRAP(void *, repalloc_huge, (void *p, Size size), (p, size))
WRAP(void *, MemoryContextAlloc, (MemoryContext context, Size size), (context, size))
WRAP(void *, MemoryContextAllocZero, (MemoryContext context, Size size), (context, size))
WRAP(void *, MemoryContextAllocHuge, (MemoryContext context, Size size), (context, size))
WRAP(void *, MemoryContextAllocExtended, (MemoryContext context, Size size, int flags), (context, size, flags))
WRAP(dsm_segment *, dsm_create, (Size size, int flags), (size, flags))
WRAP(dsm_segment *, dsm_attach, (dsm_handle handle), (handle))

/* Unlocking is no site: it cannot fail. */
extern void __real_LockBuffer(Buffer buffer, int mode);
extern void __wrap_LockBuffer(Buffer buffer, int mode);

void
__wrap_LockBuffer(Buffer buffer, int mode)
{
	if (mode != BUFFER_LOCK_UNLOCK)
		meet("LockBuffer", HERE, BEFORE);
	__real_LockBuffer(buffer, mode);
}

#endif							/* VECIDX_FAULTS */
