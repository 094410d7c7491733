# cython: language_level=3, boundscheck=False, wraparound=False
"""The fast path of a block device's queue (virtio 1.2, 5.2.6): reads, writes and flushes of a raw file.

The queue's thread submits them to an io_uring as the driver offers them, up to the queue's size at once, and gives
them back as they complete, without the interpreter's lock. Where the host has no io_uring for us, the same thread
carries them out one by one. Whatever is not plain goes to the device's `process`: other requests, disks with
limits, buffers that O_DIRECT does not take. A request that fails or falls short goes there as well, to be carried
out once more, so that there is one place for what becomes of errors.
"""

from libc.errno cimport EAGAIN, EBUSY, EINTR, EIO, errno
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec
from posix.types cimport off_t
from posix.uio cimport iovec
from posix.unistd cimport fdatasync, read, write

import os

from kvmctl.vmm.engine.ring cimport EMPTY, SplitQueue

cdef extern from "<sys/uio.h>" nogil:
    ssize_t preadv(int fd, const iovec *vectors, int count, off_t offset)
    ssize_t pwritev2(int fd, const iovec *vectors, int count, off_t offset, int flags)
    int RWF_DSYNC

cdef extern from "ring.h" nogil:
    void ring_copy(void *copy, const void *original, size_t size)

cdef extern from "uring.h" nogil:
    struct uring:
        int fd

    int uring_open(uring *ring, unsigned submissions, unsigned completions)
    void uring_close(uring *ring)
    int uring_full(const uring *ring)
    void uring_watch(uring *ring, int fd, uint64_t mark)
    void uring_transfer(
        uring *ring, int writes, int fd, iovec *vectors, unsigned count, uint64_t offset, unsigned flags, uint64_t mark
    )
    void uring_flush(uring *ring, int fd, uint64_t mark)
    int uring_enter(uring *ring, unsigned wait)
    int uring_take(uring *ring, uint64_t *mark, int32_t *result, int *goes_on)

cdef enum:
    T_IN = 0
    T_OUT = 1
    T_FLUSH = 4
    KINDS = 3
    HEADER = 16
    SECTOR_SHIFT = 9
    LARGEST_VECTOR = 1024
    SUBMISSIONS = 64

cdef enum:
    # What `_serve` stops at; smaller ones are the ring's errors.
    STOPPED = 1
    OTHER = 2
    BROKEN = 3

cdef uint64_t KICK = ~<uint64_t>0
cdef uint64_t LARGEST_TRANSFER = 0x7FFFF000  # of one read(2)


cdef struct Header:
    uint32_t kind
    uint32_t reserved
    uint64_t sector


cdef struct Count:
    uint64_t bytes
    uint64_t operations
    uint64_t nanoseconds


cdef struct Slot:
    # A request that is under way.
    iovec *vectors
    uint32_t room
    uint32_t count
    uint32_t kind
    uint32_t written
    uint64_t length
    uint64_t end
    uint64_t started
    uint8_t *status
    int next
    uint32_t head


cdef class DiskRules:
    """What the requests of a disk are held to; any thread may change it, and the next request goes by it."""

    cdef public uint64_t sectors
    cdef public uint64_t block
    """Bytes of a logical block, a power of two."""
    cdef public uint64_t alignment
    """Of offsets, lengths and addresses, a power of two."""
    cdef public bint writable
    cdef public bint stable
    """Whether a write has to be on the disk when it completes."""
    cdef public bint flushes
    cdef public bint limited
    """Whether requests wait for the disk's limits."""
    cdef public int sync_error
    """The errno of a flush that failed: later ones are not begun."""
    cdef public bint looks
    """Whether writes are looked through for zeroes."""


cdef class DiskQueue:
    """One queue's ring and counters, for as long as the device is there.

    While a driver uses the queue, its thread calls `begin`, then `serve` again and again, and at last `end`.
    """

    cdef uring _ring
    cdef bint _has_ring
    cdef bint _watching
    cdef int _fd
    cdef int _kick_fd
    cdef int _call_fd
    cdef DiskRules _rules
    cdef SplitQueue _queue
    cdef object _interrupt
    cdef volatile bint _stopping
    cdef volatile bint _relays
    cdef volatile bint _missed
    cdef Slot *_slots
    cdef int _slot_count
    cdef int _free
    cdef uint32_t _busy
    cdef uint32_t *_failed
    cdef uint32_t _failed_count
    cdef uint32_t _head
    cdef bint _completed
    cdef int _problem
    cdef Count _counts[KINDS]
    cdef uint64_t _highest
    cdef uint64_t _last

    def __cinit__(self, int fd, DiskRules rules, int size, bint ring):
        """`size`: the most requests at once; `ring`: whether to use an io_uring if the host has it."""
        cdef int index
        self._fd = fd
        self._rules = rules
        self._slot_count = size
        self._slots = <Slot *>calloc(size, sizeof(Slot))
        self._failed = <uint32_t *>calloc(size, sizeof(uint32_t))
        if self._slots == NULL or self._failed == NULL:
            raise MemoryError
        for index in range(size):
            self._slots[index].next = index + 1 if index + 1 < size else -1
        self._relays = True
        self._ring.fd = -1
        self._has_ring = ring and uring_open(&self._ring, SUBMISSIONS, 2 * size) == 0
        self._call_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def __dealloc__(self):
        cdef int index
        if self._has_ring:
            uring_close(&self._ring)
        if self._slots != NULL:
            for index in range(self._slot_count):
                free(self._slots[index].vectors)
        free(self._slots)
        free(self._failed)

    @property
    def asynchronous(self):
        return self._has_ring

    @property
    def call_fd(self):
        """The eventfd by which the driver is told of used buffers, where somebody takes its signals."""
        return self._call_fd

    def relay(self, bint wanted):
        """Whether nobody takes the signals of `call_fd`: then `interrupt` is called."""
        self._relays = wanted
        self._missed = wanted
        if wanted and self._queue is not None:
            os.eventfd_write(self._kick_fd, 1)

    def counts(self):
        """Bytes, operations and nanoseconds of reads, writes and flushes; the highest end, the last time."""
        return (
            [(one.bytes, one.operations, one.nanoseconds) for one in self._counts],
            self._highest,
            self._last,
        )

    # on the queue's thread

    def begin(self, SplitQueue queue, int kick_fd, interrupt):
        self._queue = queue
        self._kick_fd = kick_fd
        self._interrupt = interrupt
        self._stopping = False

    def stop(self):
        """`serve` is to return soon; any thread may say so, and notifies the queue after it."""
        self._stopping = True

    def serve(self):
        """The next request that is the device's to carry out; None when `stop` was called.

        Raises QueueError, and OSError when the ring has failed.
        """
        cdef int what
        cdef int code
        with nogil:
            what = self._serve()
        if what == STOPPED:
            return None
        if what == BROKEN:
            raise OSError(-self._problem, os.strerror(-self._problem))
        if what < 0:
            self._queue.fail(what)
        code = self._queue.walk(self._head)
        if code < 0:
            self._queue.fail(code)
        return self._queue.chain(self._head)

    def end(self):
        """Returns when no request is under way; what did not succeed stays in the queue."""
        with nogil:
            self._drain()
        self._queue = None
        self._interrupt = None

    cdef int _serve(self) noexcept nogil:
        cdef int what
        while True:
            self._harvest()
            self._tell()
            if self._stopping:
                return STOPPED
            if self._failed_count:
                self._failed_count -= 1
                self._head = self._failed[self._failed_count]
                return OTHER
            if self._has_ring and not self._watching:
                self._watching = True
                uring_watch(&self._ring, self._kick_fd, KICK)
            self._queue.quiet()
            what = self._take()
            if what == OTHER or what < EMPTY:
                if self._has_ring and not self._enter(0):
                    return BROKEN
                return what
            if self._completed or self._failed_count:
                continue
            if self._free >= 0 and not self._queue.listen():
                continue
            if not self._has_ring:
                self._sleep()
            elif not self._enter(1):
                return BROKEN

    cdef int _take(self) noexcept nogil:
        """Begin what the driver has offered: EMPTY when that is all or all there is room for."""
        cdef int head
        cdef int code
        cdef uint64_t now = _now()
        while self._free >= 0:
            head = self._queue.take()
            if head < 0:
                return head
            code = self._queue.walk(head)
            if code < 0:
                return code
            if not self._begin(head, now):
                self._head = head
                return OTHER
        return EMPTY

    cdef bint _begin(self, uint32_t head, uint64_t now) noexcept nogil:
        """Submit a plain request; false for any other."""
        cdef iovec *vectors = self._queue.vectors
        cdef uint32_t readable = self._queue.readable
        cdef uint32_t writable = self._queue.writable
        cdef iovec *last
        cdef iovec *source
        cdef Header header
        cdef Slot *slot = &self._slots[self._free]
        cdef uint64_t offset = 0
        cdef uint64_t mask
        cdef uint32_t count
        cdef uint32_t index
        cdef bint stable = self._rules.stable and self._rules.flushes
        cdef iovec *grown
        if readable == 0 or writable == 0 or vectors[0].iov_len < HEADER or self._rules.limited:
            return False
        ring_copy(&header, vectors[0].iov_base, HEADER)
        last = &vectors[readable + writable - 1]
        slot.status = <uint8_t *>last.iov_base + last.iov_len - 1
        last.iov_len -= 1
        vectors[0].iov_base = <uint8_t *>vectors[0].iov_base + HEADER
        vectors[0].iov_len -= HEADER
        slot.length = 0
        if header.kind == T_IN or header.kind == T_OUT:
            source = vectors if header.kind == T_OUT else vectors + readable
            count = readable if header.kind == T_OUT else writable
            if header.kind == T_OUT and (not self._rules.writable or self._rules.looks):
                return False
            if count > slot.room:
                grown = <iovec *>realloc(slot.vectors, count * sizeof(iovec))
                if grown == NULL:
                    return False
                slot.vectors = grown
                slot.room = count
            slot.count = 0
            mask = 0
            for index in range(count):
                if source[index].iov_len:
                    slot.vectors[slot.count] = source[index]
                    slot.count += 1
                    slot.length += source[index].iov_len
                    mask |= <uint64_t><size_t>source[index].iov_base | source[index].iov_len
            # An offset that does not fit is beyond the end as well.
            if header.sector > self._rules.sectors or slot.length > LARGEST_TRANSFER or slot.length == 0:
                return False
            offset = header.sector << SECTOR_SHIFT
            if (offset | slot.length) & (self._rules.block - 1) or (mask | offset) & (self._rules.alignment - 1):
                return False
            if slot.length >> SECTOR_SHIFT > self._rules.sectors - header.sector or slot.count > LARGEST_VECTOR:
                return False
            slot.kind = header.kind
            slot.end = offset + slot.length
        elif header.kind == T_FLUSH and self._rules.flushes and self._rules.writable and not self._rules.sync_error:
            slot.kind = 2
        else:
            return False
        slot.head = head
        slot.started = now
        # Of the status byte alone it is said that it is filled; of data, only where it was read.
        slot.written = <uint32_t>slot.length + 1 if slot.kind == T_IN else 1 if self._only_status() else 0
        index = self._free
        self._free = slot.next
        self._busy += 1
        # A write into the page cache waits for nothing that a ring's kernel threads would not wait for as well.
        if self._has_ring and (slot.kind != T_OUT or stable or self._rules.alignment > 1):
            self._submit(slot, index, offset, stable)
        else:
            self._finish(index, self._carry_out(slot, offset, stable))
        return True

    cdef bint _only_status(self) noexcept nogil:
        return self._queue.writable == 1 and self._queue.vectors[self._queue.readable].iov_len == 0

    cdef void _submit(self, Slot *slot, uint32_t index, uint64_t offset, bint stable) noexcept nogil:
        if uring_full(&self._ring):
            self._enter(0)
        if uring_full(&self._ring):
            self._finish(index, -EAGAIN)
        elif slot.kind == 2:
            uring_flush(&self._ring, self._fd, index)
        else:
            uring_transfer(
                &self._ring,
                slot.kind == T_OUT,
                self._fd,
                slot.vectors,
                slot.count,
                offset,
                RWF_DSYNC if slot.kind == T_OUT and stable else 0,
                index,
            )

    cdef int32_t _carry_out(self, Slot *slot, uint64_t offset, bint stable) noexcept nogil:
        """Without a ring: bytes done, or -errno."""
        cdef ssize_t done
        if slot.kind == 2:
            done = fdatasync(self._fd)
        elif slot.kind == T_IN:
            done = preadv(self._fd, slot.vectors, slot.count, offset)
        else:
            done = pwritev2(self._fd, slot.vectors, slot.count, offset, RWF_DSYNC if stable else 0)
        return -errno if done < 0 else <int32_t>done

    cdef void _harvest(self) noexcept nogil:
        cdef uint64_t mark
        cdef int32_t result
        cdef int goes_on
        if not self._has_ring:
            return
        while uring_take(&self._ring, &mark, &result, &goes_on):
            if mark == KICK:
                self._watching = goes_on
            else:
                self._finish(<uint32_t>mark, result)

    cdef void _finish(self, uint32_t index, int32_t result) noexcept nogil:
        cdef Slot *slot = &self._slots[index]
        cdef Count *count = &self._counts[slot.kind]
        slot.next = self._free
        self._free = index
        self._busy -= 1
        if result < 0 or <uint64_t>result != slot.length:
            if (slot.kind == 2 and result != -EAGAIN) or (result == -EIO and slot.kind == T_OUT and self._rules.stable):
                self._rules.sync_error = -result
            self._failed[self._failed_count] = slot.head
            self._failed_count += 1
            return
        slot.status[0] = 0
        self._queue.add_used(slot.head, slot.written)
        self._completed = True
        self._last = _now()
        count.bytes += slot.length
        count.operations += 1
        count.nanoseconds += self._last - slot.started
        if slot.kind == T_OUT and slot.end > self._highest:
            self._highest = slot.end

    cdef void _tell(self) noexcept nogil:
        """The driver, of what has completed since."""
        cdef uint64_t one = 1
        if self._missed:
            self._missed = False
            if read(self._call_fd, &one, sizeof(one)) > 0:
                self._call()
        if not self._completed:
            return
        self._completed = False
        self._queue.publish()
        if not self._queue.is_interrupt_wanted():
            return
        if self._relays:
            self._call()
        else:
            one = 1
            write(self._call_fd, &one, sizeof(one))

    cdef void _call(self) noexcept with gil:
        self._interrupt()

    cdef bint _enter(self, unsigned wait) noexcept nogil:
        """False when the ring has failed for good, which `_problem` says."""
        cdef int result = uring_enter(&self._ring, wait)
        if result == 0 or result == -EINTR or result == -EAGAIN or result == -EBUSY:
            return True
        self._problem = result
        return False

    cdef void _sleep(self) noexcept nogil:
        """Until the driver's next notification."""
        cdef uint64_t count
        read(self._kick_fd, &count, sizeof(count))

    cdef void _drain(self) noexcept nogil:
        while self._busy and self._enter(1):
            self._harvest()
        while self._failed_count:
            self._failed_count -= 1
            self._queue.hold(self._failed[self._failed_count])
        self._tell()


cdef uint64_t _now() noexcept nogil:
    """As time.monotonic_ns() has it."""
    cdef timespec time
    clock_gettime(CLOCK_MONOTONIC, &time)
    return <uint64_t>time.tv_sec * 1000000000 + <uint64_t>time.tv_nsec
