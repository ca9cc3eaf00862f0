# vecidx: PGXS build. README.md has the two commands most people want; this file has what they call.
#
#   make, make install        build and install for the PostgreSQL of PG_CONFIG
#   make installcheck         pg_regress, isolation and TAP tests against that installation
#   make unit                 C unit tests of the pure code (no server)
#   make purity               proves that the pure code uses no PostgreSQL symbol
#   make FAULTS=1             the same library with places that tests make fail, wait or die: see test/faults/README.md
#   make bench                measures vecidx against others, about two hours: see bench/README.md

comma := ,
EXTENSION = vecidx vecidx_pgvector
MODULE_big = vecidx
DATA = $(wildcard $(patsubst %,sql/%--*.sql,$(EXTENSION)))

# Pure C (no postgres.h); everything else is the PostgreSQL side.
PURE_DIRS = src/core src/distance src/quant src/graph src/format
PURE_SRCS = $(wildcard $(addsuffix /*.c,$(PURE_DIRS)))
PURE_OBJS = $(PURE_SRCS:.c=.o)
PG_SRCS = $(wildcard src/*.c src/pg/*.c src/type/*.c src/cache/*.c src/exact/*.c src/shards/*.c src/am/*.c src/am/*/*.c)
OBJS = $(PURE_OBJS) $(PG_SRCS:.c=.o)

HEADERS_vecidx = src/type/vecidx_vector.h src/type/vecidx_sparsevec.h

# Only what SQL calls is exported: two extensions loaded together must not bind to each other's functions.
# Before 16, PostgreSQL leaves PGDLLEXPORT empty, so it is given a meaning here (see src/pg/vecidx_compat.h).
PG_CPPFLAGS = -Isrc -MMD -MP
PG_CFLAGS = -std=gnu11 -fvisibility=hidden

# FAULTS=1: a library for tests only, that fails, waits or dies where it is told to (src/pg/vecidx_fault.c).
ifdef FAULTS
FAULT_SITES = GenericXLogFinish vecgraph_delta_finish log_newpage_range ReadBuffer ReadBufferExtended PrefetchBuffer LockBuffer LWLockAcquire LockPage \
  LockRelationForExtension palloc palloc0 repalloc repalloc_huge MemoryContextAlloc MemoryContextAllocZero \
  MemoryContextAllocHuge MemoryContextAllocExtended dsm_create dsm_attach
OBJS += test/faults/page_store.o test/faults/delta_record.o test/unit/store_conformance.o
PG_CPPFLAGS += -DVECIDX_FAULTS -Itest/unit
PG_CFLAGS += -g -fno-omit-frame-pointer
SHLIB_LINK += $(addprefix -Wl$(comma)--wrap=,$(FAULT_SITES)) -ldl
endif

REGRESS = $(sort $(basename $(notdir $(filter-out $(DATA),$(wildcard sql/*.sql)))))
ISOLATION = $(sort $(basename $(notdir $(wildcard test/specs/*.spec))))
ISOLATION_OPTS = --inputdir=test --outputdir=test/output_iso
REGRESS_OPTS = --load-extension=vecidx
TAP_TESTS = 1
PROVE_TESTS = $(sort $(wildcard test/t/*.pl))

ifdef FAULTS
REGRESS =
ISOLATION = $(sort $(basename $(notdir $(wildcard test/faults/specs/*.spec))))
ISOLATION_OPTS = --inputdir=test/faults --outputdir=test/output_faults
PROVE_TESTS = $(sort $(wildcard test/faults/t/*.pl))
endif

EXTRA_CLEAN = $(OBJS:.o=.d) test/output_iso test/output_faults results regression.diffs regression.out tmp_check log

# No LLVM bitcode: nothing here gains from JIT inlining, and clang need not be installed.
override with_llvm := no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

ifneq ($(filter 14 15,$(MAJORVERSION)),)
override CPPFLAGS += -DPGDLLEXPORT='__attribute__((visibility("default")))'
endif

ARCH = $(host_cpu)
include src/distance/arch.mk
# The in-memory graph build and all kernels are compute bound. Nobody asks what errno is after a root.
$(PURE_OBJS): CFLAGS += -O3 -fno-math-errno

-include $(OBJS:.o=.d)

unit:
	$(MAKE) -C test/unit check

bench:
	bench/run $(BENCH_ARGS)

.PHONY: unit purity bench
purity: $(PURE_OBJS)
	@! nm -u $(PURE_OBJS) | grep -E ' U (palloc|pfree|errstart|ereport|elog|Buffer|Read|Lock|Generic|Memory|SPI_|LW)' \
	  || { echo "pure code refers to PostgreSQL symbols" >&2; exit 1; }
	@! grep -nE '#include[ ]+[<"](postgres|access/|storage/|utils/|pg/|am/|type/)' $(wildcard $(addsuffix /*.[ch],$(PURE_DIRS))) \
	  || { echo "pure code includes PostgreSQL headers" >&2; exit 1; }
	@echo "purity: $(words $(PURE_OBJS)) objects know nothing of PostgreSQL"
