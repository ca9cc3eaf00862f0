# The instruction sets of the kernel files; included by the Makefiles that compile them. ARCH is the processor
# that the compiler makes code for, which a cross compiler knows and uname does not.
ARCH ?= $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
ifneq ($(filter x86_64%,$(ARCH)),)
%vx_distance_avx2.o: CFLAGS += -mavx2 -mfma
%vx_block_avx2.o: CFLAGS += -mavx2 -mfma
%vx_block_avx512.o: CFLAGS += -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma
%vx_code_avx2.o: CFLAGS += -mavx2
%vx_code_avx512.o: CFLAGS += -mavx512f -mavx512bw -mavx512vl -mavx512vnni
%vx_filter_avx2.o: CFLAGS += -mavx2
%vx_filter_avx512.o: CFLAGS += -mavx512f -mavx512bw -mavx512vl
%vx_bits_avx2.o: CFLAGS += -mavx2 -mpopcnt
%vx_bits_avx512.o: CFLAGS += -mavx512f -mavx512vpopcntdq
%vx_distance_avx512.o: CFLAGS += -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma
endif
