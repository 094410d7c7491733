"""The instructions that the monitor completes: mnemonic -> handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from iced_x86 import Instruction, Mnemonic

from kvmctl.vmm.emulator import avx, bits, exchange, iret, moves, system
from kvmctl.vmm.emulator.context import Context

Handler = Callable[[Context, Instruction], None]

HANDLERS: Final[dict[int, Handler]] = {
    # exceptions and interrupts
    Mnemonic.INT3: system.int3,
    Mnemonic.INT: system.int_n,
    Mnemonic.INT1: system.int1,
    Mnemonic.IRETD: iret.iretd,
    Mnemonic.UD0: system.ud,
    Mnemonic.UD1: system.ud,
    Mnemonic.UD2: system.ud,
    # state of the processor
    Mnemonic.CLAC: system.clac,
    Mnemonic.STAC: system.stac,
    Mnemonic.XGETBV: system.xgetbv,
    Mnemonic.XSETBV: system.xsetbv,
    Mnemonic.WAIT: system.wait,
    Mnemonic.EMMS: system.emms,
    Mnemonic.LDMXCSR: system.ldmxcsr,
    Mnemonic.STMXCSR: system.stmxcsr,
    # bits and bytes
    Mnemonic.POPCNT: bits.popcnt,
    Mnemonic.LZCNT: bits.lzcnt,
    Mnemonic.TZCNT: bits.tzcnt,
    Mnemonic.CRC32: bits.crc32,
    Mnemonic.MOVBE: bits.movbe,
    # compare and exchange
    Mnemonic.CMPXCHG8B: exchange.cmpxchg8b,
    Mnemonic.CMPXCHG16B: exchange.cmpxchg16b,
    # SSE moves, which compilers use on memory that turns out to be a device's
    Mnemonic.MOVAPS: moves.whole_aligned,
    Mnemonic.MOVAPD: moves.whole_aligned,
    Mnemonic.MOVDQA: moves.whole_aligned,
    Mnemonic.MOVNTPS: moves.whole_aligned,
    Mnemonic.MOVNTPD: moves.whole_aligned,
    Mnemonic.MOVNTDQ: moves.whole_aligned,
    Mnemonic.MOVNTDQA: moves.whole_aligned,
    Mnemonic.MOVUPS: moves.whole,
    Mnemonic.MOVUPD: moves.whole,
    Mnemonic.MOVDQU: moves.whole,
    Mnemonic.LDDQU: moves.whole,
    Mnemonic.MOVSS: moves.movss,
    Mnemonic.MOVSD: moves.movsd,
    Mnemonic.MOVD: moves.movd,
    Mnemonic.MOVQ: moves.movq,
    Mnemonic.MOVLPS: moves.low,
    Mnemonic.MOVLPD: moves.low,
    Mnemonic.MOVHPS: moves.high,
    Mnemonic.MOVHPD: moves.high,
    Mnemonic.MOVNTI: moves.movnti,
    # the same by AVX
    Mnemonic.VMOVAPS: avx.vmov_aligned,
    Mnemonic.VMOVAPD: avx.vmov_aligned,
    Mnemonic.VMOVDQA: avx.vmov_aligned,
    Mnemonic.VMOVNTPS: avx.vmov_aligned,
    Mnemonic.VMOVNTPD: avx.vmov_aligned,
    Mnemonic.VMOVNTDQ: avx.vmov_aligned,
    Mnemonic.VMOVNTDQA: avx.vmov_aligned,
    Mnemonic.VMOVUPS: avx.vmov,
    Mnemonic.VMOVUPD: avx.vmov,
    Mnemonic.VMOVDQU: avx.vmov,
    Mnemonic.VLDDQU: avx.vmov,
}
