# cython: language_level=3
"""The split virtqueue for the other modules of the engine."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from posix.uio cimport iovec

cdef enum:
    EMPTY = -1


cdef struct Region:
    uint64_t gpa
    uint64_t size
    uint8_t *host


cdef class Ram:
    cdef Region *_regions
    cdef int _count
    cdef object _memory
    cdef uint8_t *pointer(self, uint64_t gpa, uint64_t length) noexcept nogil
    cdef object view(self, uint64_t gpa, uint64_t length)


cdef class SplitQueue:
    cdef readonly object layout
    cdef readonly uint32_t size
    cdef Ram _ram
    cdef bint _event_index
    cdef bint _indirect
    cdef uint8_t *_table
    cdef uint8_t *_available
    cdef uint8_t *_used
    cdef uint16_t _next_available
    cdef uint16_t _next_used
    cdef uint16_t _signalled_used
    cdef uint16_t *_kept
    cdef uint32_t _kept_count
    cdef uint64_t *_addresses
    cdef iovec *vectors
    cdef uint32_t readable
    cdef uint32_t writable
    cdef uint64_t _wrong
    cdef uint64_t _wrong_length
    cdef int take(self) noexcept nogil
    cdef int walk(self, uint16_t head) noexcept nogil
    cdef void add_used(self, uint16_t head, uint32_t written) noexcept nogil
    cdef void publish(self) noexcept nogil
    cdef bint is_interrupt_wanted(self) noexcept nogil
    cdef void quiet(self) noexcept nogil
    cdef bint listen(self) noexcept nogil
    cdef void hold(self, uint16_t head) noexcept nogil
    cdef object chain(self, uint16_t head)
    cdef int fail(self, int code) except -1
    cdef uint8_t *_part(self, uint64_t gpa, uint64_t length) except NULL
