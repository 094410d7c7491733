/* Reads and writes of memory that the guest changes at the same time. */
#pragma once

#include <stdint.h>
#include <string.h>

static inline uint16_t ring_load(const void *place)
{
    return __atomic_load_n((const uint16_t *)place, __ATOMIC_ACQUIRE);
}

static inline void ring_store(void *place, uint16_t value)
{
    __atomic_store_n((uint16_t *)place, value, __ATOMIC_RELEASE);
}

/* A copy that is looked at instead of the original: the compiler may not read the original again. */
static inline void ring_copy(void *copy, const void *original, size_t size)
{
    memcpy(copy, original, size);
    __asm__ volatile("" : : "r"(copy) : "memory");
}

/* Between a store and a later load, which x86 may exchange. */
static inline void ring_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
