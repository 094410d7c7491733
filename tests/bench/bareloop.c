/* The least that a VMM can do: KVM_RUN in a loop. Loads a measuring guest, answers all ones, and prints what the
   guest writes to its serial port; ends at the first line's end. */
#define _GNU_SOURCE
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY (64UL << 20)
#define COM1 0x3F8

static void must(int result, const char *what)
{
    if (result < 0)
        err(1, "%s", what);
}

static void load(const char *path, unsigned char *memory)
{
    static unsigned char file[1 << 20];
    int fd = open(path, O_RDONLY);
    must(fd, path);
    must(read(fd, file, sizeof(file)), path);
    Elf64_Ehdr *header = (Elf64_Ehdr *)file;
    Elf64_Phdr *program = (Elf64_Phdr *)(file + header->e_phoff);
    for (int index = 0; index < header->e_phnum; index++)
        if (program[index].p_type == PT_LOAD)
            memcpy(memory + program[index].p_paddr, file + program[index].p_offset, program[index].p_filesz);
}

static struct kvm_segment segment(int type, int selector)
{
    return (struct kvm_segment){.limit = 0xFFFFFFFF, .selector = selector, .type = type, .present = 1,
                                .db = 1, .s = 1, .g = 1};
}

int main(int count, char **arguments)
{
    if (count != 2)
        errx(2, "usage: bareloop GUEST");
    int kvm = open("/dev/kvm", O_RDWR);
    must(kvm, "/dev/kvm");
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    must(vm, "KVM_CREATE_VM");
    must(ioctl(vm, KVM_SET_TSS_ADDR, 0xFFFBD000), "KVM_SET_TSS_ADDR");
    must(ioctl(vm, KVM_CREATE_IRQCHIP), "KVM_CREATE_IRQCHIP");
    unsigned char *memory = mmap(0, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        err(1, "mmap");
    load(arguments[1], memory);
    struct kvm_userspace_memory_region region = {.memory_size = MEMORY, .userspace_addr = (__u64)memory};
    must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    must(vcpu, "KVM_CREATE_VCPU");
    static struct {
        struct kvm_cpuid2 header;
        struct kvm_cpuid_entry2 entries[256];
    } cpuid = {.header = {.nent = 256}};
    must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid), "KVM_GET_SUPPORTED_CPUID");
    must(ioctl(vcpu, KVM_SET_CPUID2, &cpuid), "KVM_SET_CPUID2");
    struct kvm_run *run = mmap(0, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    struct kvm_sregs sregs;
    must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
    sregs.cs = segment(0xB, 8);
    sregs.ds = sregs.es = sregs.ss = sregs.fs = sregs.gs = segment(3, 16);
    sregs.cr0 = 0x11;
    must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
    struct kvm_regs regs = {.rip = 0x100000, .rflags = 2};
    must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
    for (;;) {
        must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
        if (run->exit_reason == KVM_EXIT_IO) {
            unsigned char *data = (unsigned char *)run + run->io.data_offset;
            if (run->io.direction == KVM_EXIT_IO_IN)
                memset(data, 0xFF, run->io.size * run->io.count);
            else if (run->io.port == COM1) {
                putchar(*data);
                if (*data == '\n')
                    return 0;
            }
        } else if (run->exit_reason == KVM_EXIT_MMIO) {
            if (!run->mmio.is_write)
                memset(run->mmio.data, 0xFF, run->mmio.len);
        } else
            errx(1, "exit reason %u", run->exit_reason);
    }
}
