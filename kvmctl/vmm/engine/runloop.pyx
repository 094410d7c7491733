# cython: language_level=3, boundscheck=False, wraparound=False
"""The vCPU's run loop: KVM_RUN without the interpreter's lock, and its I/O exits handed to the bus.

Layout of struct kvm_run: Documentation/virt/kvm/api.rst, section 5.
"""

from libc.errno cimport errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from kvmctl.vmm.engine.bus cimport IoBus

cdef extern from "<sys/ioctl.h>" nogil:
    int ioctl(int fd, unsigned long request, ...)

cdef extern from "<linux/kvm.h>" nogil:
    enum:
        KVM_RUN
        KVM_EXIT_IO
        KVM_EXIT_MMIO
        KVM_EXIT_IO_IN


    struct kvm_run:
        uint32_t exit_reason

cdef extern from *:
    """
    #include <linux/kvm.h>
    #define RUN_IO_DIRECTION(run) ((run)->io.direction)
    #define RUN_IO_SIZE(run) ((run)->io.size)
    #define RUN_IO_PORT(run) ((run)->io.port)
    #define RUN_IO_COUNT(run) ((run)->io.count)
    #define RUN_IO_OFFSET(run) ((run)->io.data_offset)
    #define RUN_MMIO_ADDRESS(run) ((run)->mmio.phys_addr)
    #define RUN_MMIO_DATA(run) ((run)->mmio.data)
    #define RUN_MMIO_LENGTH(run) ((run)->mmio.len)
    #define RUN_MMIO_WRITES(run) ((run)->mmio.is_write)
    """
    uint8_t RUN_IO_DIRECTION(kvm_run *run) nogil
    uint8_t RUN_IO_SIZE(kvm_run *run) nogil
    uint16_t RUN_IO_PORT(kvm_run *run) nogil
    uint32_t RUN_IO_COUNT(kvm_run *run) nogil
    uint64_t RUN_IO_OFFSET(kvm_run *run) nogil
    uint64_t RUN_MMIO_ADDRESS(kvm_run *run) nogil
    uint8_t *RUN_MMIO_DATA(kvm_run *run) nogil
    uint32_t RUN_MMIO_LENGTH(kvm_run *run) nogil
    uint8_t RUN_MMIO_WRITES(kvm_run *run) nogil


cdef class RunLoop:
    """One vCPU's. `run_map` is the mapping of its kvm_run structure."""

    cdef int _fd
    cdef IoBus _bus
    cdef uint8_t[::1] _map
    cdef kvm_run *_run

    def __cinit__(self, int fd, run_map, IoBus bus):
        self._fd = fd
        self._bus = bus
        self._map = run_map
        self._run = <kvm_run *>&self._map[0]

    def run(self):
        """Run the guest until it does something that is not I/O: the exit reason, or -errno of KVM_RUN."""
        cdef int result
        while True:
            with nogil:
                result = ioctl(self._fd, KVM_RUN, 0)
            if result < 0:
                return -errno
            if self._run.exit_reason == KVM_EXIT_IO:
                self._io()
            elif self._run.exit_reason == KVM_EXIT_MMIO:
                self._mmio()
            else:
                return self._run.exit_reason

    cdef int _io(self) except -1:
        cdef uint32_t size = RUN_IO_SIZE(self._run)
        cdef uint16_t port = RUN_IO_PORT(self._run)
        cdef uint64_t value
        cdef uint8_t *data
        cdef uint32_t index
        cdef IoBus bus = self._bus
        for index in range(RUN_IO_COUNT(self._run)):
            data = <uint8_t *>self._run + RUN_IO_OFFSET(self._run) + index * size
            value = 0
            if RUN_IO_DIRECTION(self._run) == KVM_EXIT_IO_IN:
                value = bus.load(bus.ports, port, size)
                memcpy(data, &value, size)
            else:
                memcpy(&value, data, size)
                bus.store(bus.ports, port, size, value)
        return 0

    cdef int _mmio(self) except -1:
        cdef uint32_t size = RUN_MMIO_LENGTH(self._run)
        cdef uint64_t value = 0
        cdef IoBus bus = self._bus
        if RUN_MMIO_WRITES(self._run):
            memcpy(&value, RUN_MMIO_DATA(self._run), size)
            bus.store(bus.mmio, RUN_MMIO_ADDRESS(self._run), size, value)
        else:
            value = bus.load(bus.mmio, RUN_MMIO_ADDRESS(self._run), size)
            memcpy(RUN_MMIO_DATA(self._run), &value, size)
        return 0
