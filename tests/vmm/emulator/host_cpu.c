/*
 * Runs single instructions on the host's processor, for comparison with the emulator.
 *
 * Reads `struct state` records from standard input, executes the instruction of each with the registers and
 * the memory of the record, and writes the record back with what has become of them. User mode only.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE 0x200000UL
#define DATA 0x201000UL
#define DATA_SIZE 0x2000UL

struct state {
    uint64_t regs[16]; /* in the order of struct kvm_regs */
    uint64_t rip, rflags;
    uint64_t xcr0;
    uint32_t mxcsr, signal;
    uint8_t xmm[16][16];
    uint8_t code[16];
    uint32_t code_size, unused;
    uint8_t data[DATA_SIZE];
};

struct state state;
extern uint32_t own_mxcsr;
static sigjmp_buf escape;
static uint8_t alternate_stack[65536];

void run_instruction(void);
extern char after_instruction[];

static void on_signal(int number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    (void)info;
    state.signal = number;
    state.rip = user->uc_mcontext.gregs[REG_RIP];
    siglongjmp(escape, 1);
}

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

int main(void)
{
    static const int signals[] = {SIGILL, SIGSEGV, SIGTRAP, SIGFPE, SIGBUS};
    stack_t stack = {.ss_sp = alternate_stack, .ss_size = sizeof(alternate_stack)};
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    uint8_t *code = mmap((void *)CODE, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    uint8_t *data = mmap((void *)DATA, DATA_SIZE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (code == MAP_FAILED || data == MAP_FAILED || syscall(SYS_arch_prctl, ARCH_SET_GS, DATA) != 0) {
        perror("host_cpu");
        return 1;
    }
    sigaltstack(&stack, NULL);
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        sigaction(signals[i], &action, NULL);
    while (fread(&state, sizeof(state), 1, stdin) == 1) {
        /* The instruction, then jmp *0(%rip) to after_instruction. */
        static const uint8_t jump[] = {0xff, 0x25, 0, 0, 0, 0};
        char *target = after_instruction;
        memset(code, 0, 0x1000); /* an earlier instruction may have stored there */
        memcpy(code, state.code, state.code_size);
        memcpy(code + state.code_size, jump, sizeof(jump));
        memcpy(code + state.code_size + sizeof(jump), &target, sizeof(target));
        memcpy(data, state.data, DATA_SIZE);
        state.signal = 0;
        state.xcr0 = read_xcr0();
        state.rip = CODE + state.code_size;
        if (sigsetjmp(escape, 1) == 0)
            run_instruction();
        __asm__ volatile("ldmxcsr %0\n\temms\n\tcld" : : "m"(own_mxcsr));
        memcpy(state.data, data, DATA_SIZE);
        fwrite(&state, sizeof(state), 1, stdout);
        fflush(stdout);
    }
    return 0;
}
