# cython: language_level=3, boundscheck=False, wraparound=False
"""The split virtqueue (virtio 1.2, 2.7), as the device sees it.

Everything in it is the guest's and may change at any time: every index, address and length is checked once,
on a copy, before it is used. `Ram.pointer` is the only way from a guest address to memory. The queue belongs to
the one thread that serves it.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

cdef extern from "ring.h" nogil:
    uint16_t ring_load(const void *place)
    void ring_store(void *place, uint16_t value)
    void ring_copy(void *copy, const void *original, size_t size)
    void ring_fence()

cdef enum:
    NEXT = 1
    WRITE = 2
    INDIRECT = 4
    NO_INTERRUPT = 1
    NO_NOTIFY = 1
    DESCRIPTOR = 16
    HEADER = 4
    LARGEST_QUEUE = 32768
    LARGEST_TABLE = 1024  # as many buffers as one preadv(2) takes

cdef uint64_t LARGEST_CHAIN = <uint64_t>1 << 32

MAX_SIZE = LARGEST_QUEUE

cdef enum:
    # What `take` and `walk` find wrong; EMPTY is -1.
    TOO_MANY = -2
    NO_DESCRIPTOR = -3
    LOOP = -4
    TOO_LONG = -5
    NO_FOLLOWING = -6
    NESTED = -7
    NOT_NEGOTIATED = -8
    TABLE_GOES_ON = -9
    TABLE_SIZE = -10
    ORDER = -11
    NOT_RAM = -12


cdef struct Descriptor:
    uint64_t address
    uint32_t length
    uint16_t flags
    uint16_t following


class QueueError(Exception):
    """The driver broke a rule of the queue; the device needs a reset."""


cdef class Ram:
    """The regions of a GuestMemory."""

    def __cinit__(self, memory):
        regions = memory.host_regions()
        self._memory = memory
        self._count = len(regions)
        self._regions = <Region *>calloc(self._count or 1, sizeof(Region))
        if self._regions == NULL:
            raise MemoryError
        for index, (gpa, size, address) in enumerate(regions):
            self._regions[<int>index] = Region(gpa, size, <uint8_t *><size_t>address)

    def __dealloc__(self):
        free(self._regions)

    cdef uint8_t *pointer(self, uint64_t gpa, uint64_t length) noexcept nogil:
        """Where these bytes are in this process; NULL unless all of them are in one region of RAM."""
        cdef int index
        cdef Region *region
        for index in range(self._count):
            region = &self._regions[index]
            if gpa >= region.gpa and length <= region.size and gpa - region.gpa <= region.size - length:
                return region.host + (gpa - region.gpa)
        return NULL

    cdef object view(self, uint64_t gpa, uint64_t length):
        return self._memory.view(gpa, length)


cdef class Chain:
    """One request: buffers for the device to read, then buffers for it to write."""

    cdef readonly int head
    cdef readonly list readable
    cdef readonly list writable
    cdef readonly object queue
    """Where it came from, for a device that fills several requests with one thing."""
    cdef public object joined
    """Head and written bytes of those, which are given back together with this one, after it."""

    def __init__(self, int head, list readable, list writable, queue=None):
        self.head = head
        self.readable = readable
        self.writable = writable
        self.queue = queue
        self.joined = ()


cdef class SplitQueue:
    def __cinit__(self, memory, layout):
        """Raises QueueError for a layout that breaks 2.7."""
        size = layout.size
        if not 0 < size <= LARGEST_QUEUE or size & (size - 1):
            raise QueueError(f"a queue size of {size}")
        for name, address, alignment in (
            ("descriptor table", layout.descriptors, 16),
            ("available ring", layout.available, 2),
            ("used ring", layout.used, 4),
        ):
            if address % alignment:
                raise QueueError(f"the {name} at {address:#x} is not aligned to {alignment} bytes")
        self.layout = layout
        self.size = size
        self._event_index = layout.event_index
        self._indirect = layout.indirect
        self._ram = Ram(memory)
        # The event fields behind the rings exist with VIRTIO_F_EVENT_IDX only.
        event = 2 if layout.event_index else 0
        self._table = self._part(layout.descriptors, DESCRIPTOR * size)
        self._available = self._part(layout.available, HEADER + 2 * size + event)
        self._used = self._part(layout.used, HEADER + 8 * size + event)
        # A chain goes through the whole table at most, and then through one that is indirect.
        self.vectors = <iovec *>calloc(self.size + LARGEST_TABLE, sizeof(iovec))
        self._addresses = <uint64_t *>calloc(self.size + LARGEST_TABLE, sizeof(uint64_t))
        self._kept = <uint16_t *>calloc(self.size, sizeof(uint16_t))
        if self.vectors == NULL or self._addresses == NULL or self._kept == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.vectors)
        free(self._addresses)
        free(self._kept)

    cdef uint8_t *_part(self, uint64_t gpa, uint64_t length) except NULL:
        cdef uint8_t *place = self._ram.pointer(gpa, length)
        if place == NULL:
            self._wrong, self._wrong_length = gpa, length
            self.fail(NOT_RAM)
        return place

    # requests

    def pop(self):
        """The next request, if there is one."""
        cdef int head = self.take()
        cdef int code
        if head == EMPTY:
            return None
        if head < 0:
            self.fail(head)
        code = self.walk(head)
        if code < 0:
            self.fail(code)
        return self.chain(head)

    def put_back(self, int count=1):
        """The requests that were popped last are not carried out: the next `pop` gives them again."""
        self._next_available -= <uint16_t>count

    def keep(self, uint16_t head):
        """This request is not carried out: `pop` gives it again, before those that are new."""
        self.hold(head)

    cdef void hold(self, uint16_t head) noexcept nogil:
        if self._kept_count < self.size:
            self._kept[self._kept_count] = head
            self._kept_count += 1

    cdef int take(self) noexcept nogil:
        """The head of the next request, EMPTY, or what is wrong."""
        cdef uint16_t waiting
        cdef uint16_t head
        if self._kept_count:
            self._kept_count -= 1
            return self._kept[self._kept_count]
        waiting = ring_load(self._available + 2) - self._next_available
        if waiting == 0:
            return EMPTY
        if waiting > self.size:
            self._wrong = waiting
            return TOO_MANY
        head = ring_load(self._available + HEADER + 2 * (self._next_available & (self.size - 1)))
        if head >= self.size:
            self._wrong = head
            return NO_DESCRIPTOR
        self._next_available += 1
        return head

    cdef int walk(self, uint16_t head) noexcept nogil:
        """Fill `vectors` with the request's buffers, `readable` and `writable` of them; what is wrong, or 0."""
        cdef const uint8_t *table = self._table
        cdef uint32_t entries = self.size
        cdef uint32_t index = head
        cdef uint32_t seen = 0
        cdef uint32_t count
        cdef uint64_t total = 0
        cdef bint indirect = False
        cdef Descriptor one
        cdef uint8_t *place
        self.readable = self.writable = 0
        while True:
            ring_copy(&one, table + DESCRIPTOR * index, DESCRIPTOR)
            if one.flags & INDIRECT:
                if indirect:
                    return NESTED
                if not self._indirect:
                    return NOT_NEGOTIATED
                if one.flags & NEXT:
                    return TABLE_GOES_ON
                if one.length == 0 or one.length % DESCRIPTOR or one.length // DESCRIPTOR > LARGEST_TABLE:
                    self._wrong = one.length
                    return TABLE_SIZE
                table = self._ram.pointer(one.address, one.length)
                if table == NULL:
                    self._wrong, self._wrong_length = one.address, one.length
                    return NOT_RAM
                entries = one.length // DESCRIPTOR
                indirect = True
                index = seen = 0
                continue
            seen += 1
            if seen > entries:
                return LOOP
            total += one.length
            if total > LARGEST_CHAIN:
                return TOO_LONG
            if not one.flags & WRITE and self.writable:
                return ORDER
            if one.length:
                place = self._ram.pointer(one.address, one.length)
                if place == NULL:
                    self._wrong, self._wrong_length = one.address, one.length
                    return NOT_RAM
                count = self.readable + self.writable
                self.vectors[count].iov_base = place
                self.vectors[count].iov_len = one.length
                self._addresses[count] = one.address
                if one.flags & WRITE:
                    self.writable += 1
                else:
                    self.readable += 1
            if not one.flags & NEXT:
                return 0
            if one.following >= entries:
                self._wrong, self._wrong_length = one.following, entries
                return NO_FOLLOWING
            index = one.following

    cdef object chain(self, uint16_t head):
        """What `walk` has found, for Python."""
        cdef uint32_t index
        views = [
            self._ram.view(self._addresses[index], self.vectors[index].iov_len)
            for index in range(self.readable + self.writable)
        ]
        return Chain(head, views[: self.readable], views[self.readable :], self)

    cdef int fail(self, int code) except -1:
        if code == TOO_MANY:
            raise QueueError(f"{self._wrong} requests in a queue of {self.size}")
        if code == NO_DESCRIPTOR:
            raise QueueError(f"descriptor {self._wrong} in a queue of {self.size}")
        if code == LOOP:
            raise QueueError("a descriptor chain that loops or is too long")
        if code == TOO_LONG:
            raise QueueError("a descriptor chain of more than 4 GiB")
        if code == NO_FOLLOWING:
            raise QueueError(f"a chain to descriptor {self._wrong} of {self._wrong_length}")
        if code == NESTED:
            raise QueueError("an indirect table inside an indirect table")
        if code == NOT_NEGOTIATED:
            raise QueueError("an indirect table that was not negotiated")
        if code == TABLE_GOES_ON:
            raise QueueError("an indirect table with a next descriptor")
        if code == TABLE_SIZE:
            raise QueueError(f"an indirect table of {self._wrong} bytes")
        if code == ORDER:
            raise QueueError("a buffer to read after a buffer to write")
        raise QueueError(f"guest memory {self._wrong:#x}+{self._wrong_length:#x} is not RAM")

    # completions

    def push(self, uint16_t head, written, joined=()):
        """Give a request back; `written` bytes of its writable buffers were filled, from the start.

        The driver sees the joined ones (head, written) at the same time.
        """
        self.add_used(head, written & 0xFFFFFFFF)
        for each, size in joined:
            self.add_used(each, size & 0xFFFFFFFF)
        self.publish()

    cdef void add_used(self, uint16_t head, uint32_t written) noexcept nogil:
        cdef uint32_t *element = <uint32_t *>(self._used + HEADER + 8 * (self._next_used & (self.size - 1)))
        element[0] = head
        element[1] = written
        self._next_used += 1

    cdef void publish(self) noexcept nogil:
        """Let the driver see what has been added."""
        ring_store(self._used + 2, self._next_used)

    def wants_interrupt(self):
        """Whether the driver is to be told of what was pushed since this was last asked (2.7.7)."""
        return self.is_interrupt_wanted()

    cdef bint is_interrupt_wanted(self) noexcept nogil:
        cdef uint16_t before = self._signalled_used
        cdef uint16_t event
        ring_fence()
        self._signalled_used = self._next_used
        if not self._event_index:
            return self._next_used != before and not ring_load(self._available) & NO_INTERRUPT
        event = ring_load(self._available + HEADER + 2 * self.size)
        return <uint16_t>(self._next_used - event - 1) < <uint16_t>(self._next_used - before)

    # the driver's notifications (2.7.10)

    def disable_notifications(self):
        self.quiet()

    def enable_notifications(self):
        """Ask to be told of the next request; false when one is there already."""
        return self.listen()

    cdef void quiet(self) noexcept nogil:
        if not self._event_index:
            ring_store(self._used, NO_NOTIFY)

    cdef bint listen(self) noexcept nogil:
        if self._event_index:
            ring_store(self._used + HEADER + 8 * self.size, self._next_available)
        else:
            ring_store(self._used, 0)
        ring_fence()
        return self._kept_count == 0 and ring_load(self._available + 2) == self._next_available
