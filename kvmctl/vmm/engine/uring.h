/* An io_uring by its bare system calls (io_uring(7)): what one thread needs for files, and a poll of an eventfd.

   The ring is restricted to these operations when it is made: whoever has taken over the process cannot use it to
   get round the filters of system calls. */
#pragma once

#include <errno.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct uring {
    int fd;
    unsigned *sq_head, *sq_tail, *cq_head, *cq_tail, *sq_array;
    unsigned sq_entries, sq_mask, cq_mask, tail;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
    void *rings;
    size_t rings_size, sqes_size;
};

static inline void uring_close(struct uring *ring)
{
    if (ring->sqes)
        munmap(ring->sqes, ring->sqes_size);
    if (ring->rings)
        munmap(ring->rings, ring->rings_size);
    if (ring->fd >= 0)
        close(ring->fd);
    memset(ring, 0, sizeof *ring);
    ring->fd = -1;
}

static inline int uring_restrict(int fd)
{
    static const uint8_t operations[] = {IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_READ, IORING_OP_WRITE,
                                         IORING_OP_FSYNC, IORING_OP_POLL_ADD};
    struct io_uring_restriction rules[sizeof operations];
    memset(rules, 0, sizeof rules);
    for (unsigned index = 0; index < sizeof operations; index++) {
        rules[index].opcode = IORING_RESTRICTION_SQE_OP;
        rules[index].sqe_op = operations[index];
    }
    if (syscall(SYS_io_uring_register, fd, IORING_REGISTER_RESTRICTIONS, rules, (unsigned)sizeof operations) < 0)
        return -errno;
    return syscall(SYS_io_uring_register, fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0 ? -errno : 0;
}

static inline int uring_fail(struct uring *ring, int error)
{
    uring_close(ring);
    return -error;
}

/* 0, or -errno where the host refuses it or is older than Linux 5.13. */
static inline int uring_open(struct uring *ring, unsigned submissions, unsigned completions)
{
    struct io_uring_params params;
    memset(ring, 0, sizeof *ring);
    /* Completions wait for the thread to come and look, on kernels that can do that (5.19). */
    for (unsigned flags = IORING_SETUP_COOP_TASKRUN;; flags = 0) {
        memset(&params, 0, sizeof params);
        params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED | flags;
        params.cq_entries = completions;
        ring->fd = syscall(SYS_io_uring_setup, submissions, &params);
        if (ring->fd >= 0 || errno != EINVAL || !flags)
            break;
    }
    if (ring->fd < 0)
        return -errno;
    if (!(params.features & IORING_FEAT_SINGLE_MMAP) || !(params.features & IORING_FEAT_RSRC_TAGS))
        return uring_fail(ring, ENOSYS);
    ring->rings_size = params.sq_off.array + params.sq_entries * sizeof(unsigned);
    size_t completions_end = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    if (completions_end > ring->rings_size)
        ring->rings_size = completions_end;
    ring->sqes_size = params.sq_entries * sizeof(struct io_uring_sqe);
    char *rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
    if (rings == MAP_FAILED)
        return uring_fail(ring, errno);
    ring->rings = rings;
    void *sqes = mmap(NULL, ring->sqes_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQES);
    if (sqes == MAP_FAILED)
        return uring_fail(ring, errno);
    ring->sqes = sqes;
    ring->sq_head = (unsigned *)(rings + params.sq_off.head);
    ring->sq_tail = (unsigned *)(rings + params.sq_off.tail);
    ring->sq_array = (unsigned *)(rings + params.sq_off.array);
    ring->cq_head = (unsigned *)(rings + params.cq_off.head);
    ring->cq_tail = (unsigned *)(rings + params.cq_off.tail);
    ring->cqes = (struct io_uring_cqe *)(rings + params.cq_off.cqes);
    ring->sq_entries = params.sq_entries;
    ring->sq_mask = params.sq_entries - 1;
    ring->cq_mask = params.cq_entries - 1;
    int error = uring_restrict(ring->fd);
    return error ? uring_fail(ring, -error) : 0;
}

static inline unsigned uring_pending(const struct uring *ring)
{
    return ring->tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
}

static inline int uring_full(const struct uring *ring)
{
    return uring_pending(ring) == ring->sq_entries;
}

/* Where there is room. */
static inline struct io_uring_sqe *uring_next(struct uring *ring, unsigned operation, int fd, uint64_t mark)
{
    unsigned index = ring->tail++ & ring->sq_mask;
    struct io_uring_sqe *sqe = &ring->sqes[index];
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = operation;
    sqe->fd = fd;
    sqe->user_data = mark;
    ring->sq_array[index] = index;
    return sqe;
}

static inline void uring_watch(struct uring *ring, int fd, uint64_t mark)
{
    struct io_uring_sqe *sqe = uring_next(ring, IORING_OP_POLL_ADD, fd, mark);
    sqe->poll32_events = POLLIN;
    sqe->len = IORING_POLL_ADD_MULTI;
}

/* Vectors have to stay until the next uring_enter only. */
static inline void uring_transfer(struct uring *ring, int writes, int fd, struct iovec *vectors, unsigned count,
                                  uint64_t offset, unsigned flags, uint64_t mark)
{
    struct io_uring_sqe *sqe;
    if (count == 1) {
        sqe = uring_next(ring, writes ? IORING_OP_WRITE : IORING_OP_READ, fd, mark);
        sqe->addr = (uintptr_t)vectors->iov_base;
        sqe->len = vectors->iov_len;
    } else {
        sqe = uring_next(ring, writes ? IORING_OP_WRITEV : IORING_OP_READV, fd, mark);
        sqe->addr = (uintptr_t)vectors;
        sqe->len = count;
    }
    sqe->off = offset;
    sqe->rw_flags = flags;
}

static inline void uring_flush(struct uring *ring, int fd, uint64_t mark)
{
    uring_next(ring, IORING_OP_FSYNC, fd, mark)->fsync_flags = IORING_FSYNC_DATASYNC;
}

/* Submit what is pending and wait for so many completions; 0 or -errno, EINTR for a wait that was cut short. */
static inline int uring_enter(struct uring *ring, unsigned wait)
{
    __atomic_store_n(ring->sq_tail, ring->tail, __ATOMIC_RELEASE);
    long done = syscall(SYS_io_uring_enter, ring->fd, uring_pending(ring), wait, IORING_ENTER_GETEVENTS, NULL, 0);
    return done < 0 ? -errno : 0;
}

/* Whether there was a completion; `goes_on` says whether its operation has more to come. */
static inline int uring_take(struct uring *ring, uint64_t *mark, int32_t *result, int *goes_on)
{
    unsigned head = *ring->cq_head;
    if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
        return 0;
    const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];
    *mark = cqe->user_data;
    *result = cqe->res;
    *goes_on = (cqe->flags & IORING_CQE_F_MORE) != 0;
    __atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
    return 1;
}
