# cython: language_level=3, boundscheck=False, wraparound=False
"""Dispatch of the guest's port and memory-mapped accesses to devices.

One lock for all devices of a machine: a handler runs under it, on whichever vCPU thread made the access.
Accesses that no device claims read as all ones and are ignored when written, as on a PC's bus.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc

import threading
from bisect import bisect_right

PORT_SPACE = 0x1_0000


class BusError(Exception):
    """Two devices claim the same addresses, or a range is impossible."""


cdef inline uint64_t ones(uint32_t size) noexcept:
    """So many bytes of them, 8 at most."""
    return ~<uint64_t>0 if size >= 8 else (<uint64_t>1 << 8 * size) - 1


cdef class AddressSpace:
    """Disjoint ranges, sorted by address, each with the registers behind it."""

    def __cinit__(self, str name, limit):
        self._name = name
        self._limit = limit
        self._ranges = []
        self._exact = {}
        self._exact_first = ~<uint64_t>0

    def __dealloc__(self):
        free(self._firsts)
        free(self._lasts)

    def add(self, start, size, registers):
        end = start + size
        if size <= 0 or start < 0 or end > self._limit:
            raise BusError(f"{self._name} range {start:#x}+{size:#x} does not exist")
        position = bisect_right(self._ranges, start, key=lambda one: one[0])
        for other_start, other_end, other in self._ranges[max(position - 1, 0) : position + 1]:
            if start < other_end and other_start < end:
                raise BusError(
                    f"{self._name} range {start:#x}-{end - 1:#x} overlaps "
                    f"{other_start:#x}-{other_end - 1:#x} of {type(other).__name__}"
                )
        self._ranges.insert(position, (start, end, registers))
        self._index()

    def add_exact(self, address, size, registers):
        """Registers that answer accesses of just this size; any other there goes to the ranges."""
        if (address, size) in self._exact:
            raise BusError(f"{self._name} {address:#x} has two registers of {size} bytes")
        self._exact[address, size] = registers
        self._exact_first = min(self._exact_first, address)
        self._exact_last = max(self._exact_last, address + size - 1)

    def remove(self, start):
        for position, (first, _, _) in enumerate(self._ranges):
            if first == start:
                del self._ranges[position]
                self._index()
                return
        raise BusError(f"no {self._name} range starts at {start:#x}")

    cdef int _index(self) except -1:
        """The ranges' ends, for the search."""
        cdef int count = len(self._ranges)
        cdef int index
        cdef uint64_t *firsts = <uint64_t *>malloc((count + 1) * sizeof(uint64_t))
        cdef uint64_t *lasts = <uint64_t *>malloc((count + 1) * sizeof(uint64_t))
        if firsts == NULL or lasts == NULL:
            free(firsts)
            free(lasts)
            raise MemoryError
        for index in range(count):
            start, end, _ = self._ranges[index]
            firsts[index] = start
            lasts[index] = end - 1
        free(self._firsts)
        free(self._lasts)
        self._firsts, self._lasts, self._count = firsts, lasts, count
        return 0

    cdef int _before(self, uint64_t address) noexcept:
        """The last range that starts at or before this address, or -1."""
        cdef int low = 0
        cdef int high = self._count
        cdef int middle
        while low < high:
            middle = (low + high) // 2
            if self._firsts[middle] <= address:
                low = middle + 1
            else:
                high = middle
        return low - 1

    cdef int _find(self, uint64_t address) noexcept:
        """The range that has this address, or -1."""
        cdef int found = self._before(address)
        return found if found >= 0 and address <= self._lasts[found] else -1

    cdef bint is_claimed(self, uint64_t address, uint32_t size) noexcept:
        """Whether any device may be concerned."""
        cdef uint64_t last = address + size - 1
        cdef int found
        if last < address or (address <= self._exact_last and last >= self._exact_first):
            return True
        found = self._before(last)
        return found >= 0 and self._lasts[found] >= address

    def read(self, uint64_t address, uint32_t size):
        return self.load(address, size)

    def write(self, uint64_t address, uint32_t size, value):
        self.store(address, size, value & 0xFFFF_FFFF_FFFF_FFFF)

    cdef uint64_t load(self, uint64_t address, uint32_t size) except? 0x5A5A:
        cdef int found
        cdef uint64_t result
        cdef uint32_t byte
        if self._exact:
            registers = self._exact.get((address, size))
            if registers is not None:
                return registers.read(0, size) & ones(size)
        found = self._find(address)
        if found >= 0 and size - 1 <= self._lasts[found] - address:
            _, _, registers = self._ranges[found]
            return registers.read(address - self._firsts[found], size) & ones(size)
        if size == 1 or address + size < address:
            return ones(size)
        result = 0
        for byte in range(size):
            result |= self.load(address + byte, 1) << 8 * byte
        return result

    cdef int store(self, uint64_t address, uint32_t size, uint64_t value) except -1:
        cdef int found
        cdef uint32_t byte
        if self._exact:
            registers = self._exact.get((address, size))
            if registers is not None:
                registers.write(0, size, value)
                return 0
        found = self._find(address)
        if found >= 0 and size - 1 <= self._lasts[found] - address:
            _, _, registers = self._ranges[found]
            registers.write(address - self._firsts[found], size, value)
        elif size > 1 and address + size >= address:
            for byte in range(size):
                self.store(address + byte, 1, value >> 8 * byte & 0xFF)
        return 0


cdef class IoBus:
    """The port and the memory-mapped address space of one machine."""

    def __cinit__(self):
        self.lock = threading.RLock()
        self.ports = AddressSpace("port", PORT_SPACE)
        self.mmio = AddressSpace("memory", 1 << 64)

    cdef uint64_t load(self, AddressSpace space, uint64_t address, uint32_t size) except? 0x5A5A:
        if not space.is_claimed(address, size):
            return ones(size)
        with self.lock:
            return space.load(address, size)

    cdef int store(self, AddressSpace space, uint64_t address, uint32_t size, uint64_t value) except -1:
        if space.is_claimed(address, size):
            with self.lock:
                space.store(address, size, value)
        return 0

    def pio_read(self, uint64_t port, uint32_t size):
        return self.load(self.ports, port, size)

    def pio_write(self, uint64_t port, uint32_t size, uint64_t value):
        self.store(self.ports, port, size, value)

    def mmio_read(self, uint64_t address, uint32_t size):
        return self.load(self.mmio, address, size)

    def mmio_write(self, uint64_t address, uint32_t size, uint64_t value):
        self.store(self.mmio, address, size, value)
