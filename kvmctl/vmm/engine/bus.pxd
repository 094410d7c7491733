# cython: language_level=3
"""The buses for the vCPU's run loop."""

from libc.stdint cimport uint32_t, uint64_t


cdef class AddressSpace:
    cdef str _name
    cdef object _limit
    cdef readonly list _ranges
    cdef dict _exact
    cdef uint64_t *_firsts
    cdef uint64_t *_lasts
    cdef int _count
    cdef uint64_t _exact_first
    cdef uint64_t _exact_last
    cdef int _before(self, uint64_t address) noexcept
    cdef int _find(self, uint64_t address) noexcept
    cdef bint is_claimed(self, uint64_t address, uint32_t size) noexcept
    cdef uint64_t load(self, uint64_t address, uint32_t size) except? 0x5A5A
    cdef int store(self, uint64_t address, uint32_t size, uint64_t value) except -1
    cdef int _index(self) except -1


cdef class IoBus:
    cdef readonly object lock
    cdef readonly AddressSpace ports
    cdef readonly AddressSpace mmio
    cdef uint64_t load(self, AddressSpace space, uint64_t address, uint32_t size) except? 0x5A5A
    cdef int store(self, AddressSpace space, uint64_t address, uint32_t size, uint64_t value) except -1
