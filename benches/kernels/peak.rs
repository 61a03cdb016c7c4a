//! What the instructions of a kernel reach on registers alone, on one thread.

use plaint::Precision;
use plaint::encoder::Kernel;

/// Operations a second of the instruction that `kernel` multiplies with in `precision`; `None` where the compiler chooses.
#[cfg(target_arch = "x86_64")]
pub fn of(kernel: Kernel, precision: Precision) -> Option<f64> {
    use x86_64::*;
    match (kernel, precision) {
        (Kernel::Amx, Precision::Int8) => Some(amx_int8()),
        (Kernel::Amx, Precision::Bf16) => Some(amx_bf16()),
        (Kernel::Avx512Bf16, Precision::Bf16) => Some(avx512_bf16()),
        (Kernel::Avx512Bf16 | Kernel::Avx512Vnni, Precision::Int8) => Some(avx512_vnni()),
        (Kernel::AvxVnni, Precision::Int8) => Some(avx_vnni()),
        (Kernel::Avx512 | Kernel::Avx2, Precision::Int8) => Some(avx2_integers()),
        (Kernel::Amx | Kernel::Avx512Bf16 | Kernel::Avx512Vnni | Kernel::Avx512, _) => Some(avx512_fma()),
        (Kernel::AvxVnni | Kernel::Avx2, _) => Some(avx2_fma()),
        _ => None,
    }
}

/// As on x86-64, where anything is known.
#[cfg(not(target_arch = "x86_64"))]
pub fn of(_: Kernel, _: Precision) -> Option<f64> {
    None
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::arch::asm;
    use std::time::Instant;

    /// Repetitions of the twelve instructions of a loop: some milliseconds.
    const ROUNDS: u64 = 1 << 20;
    /// Independent sums, enough to hide the latency of one.
    const SUMS: u64 = 12;

    /// The best of five, since other work on the machine only makes it slower.
    fn operations_per_second(operations: u64, run: impl Fn()) -> f64 {
        let time = |_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        };
        operations as f64 / (0..5).map(time).fold(f64::INFINITY, f64::min)
    }

    /// Defines a function that runs one line for each of twelve registers of sums, `\s`, over and over. All registers hold
    /// 0; 13 is free, 14 and 15 are the factors.
    macro_rules! peaks {
        ($($name:ident: $operations:literal operations in $line:literal;)+) => {
            $(pub fn $name() -> f64 {
                operations_per_second($operations * SUMS * ROUNDS, || {
                    // SAFETY: registers only, all of which are named; called for a kernel that this CPU can run.
                    unsafe {
                        asm!(
                            "vzeroall",
                            "2:",
                            ".irp s, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11",
                            $line,
                            ".endr",
                            "dec {rounds}",
                            "jnz 2b",
                            "vzeroupper",
                            rounds = inout(reg) ROUNDS => _,
                            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
                            out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
                            out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                            options(nomem, nostack),
                        );
                    }
                })
            })+
        };
    }

    peaks! {
        avx512_fma: 32 operations in r"vfmadd231ps zmm\s, zmm14, zmm15";
        avx2_fma: 16 operations in r"vfmadd231ps ymm\s, ymm14, ymm15";
        avx512_bf16: 64 operations in r"vdpbf16ps zmm\s, zmm14, zmm15";
        avx512_vnni: 128 operations in r"vpdpbusd zmm\s, zmm14, zmm15";
        avx_vnni: 64 operations in r"{{vex}} vpdpbusd ymm\s, ymm14, ymm15";
        avx2_integers: 32 operations in "vpmaddwd ymm13, ymm14, ymm15\nvpaddd ymm\\s, ymm\\s, ymm13";
    }

    /// Layout of the tiles, as `ldtilecfg` reads it.
    #[repr(C, align(64))]
    struct TileConfig {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        row_bytes: [u16; 16],
        rows: [u8; 16],
    }

    /// Defines a function that multiplies two tiles by two, over and over. The library has asked the system for tiles when
    /// it found that the kernel is available.
    macro_rules! tile_peaks {
        ($($name:ident: $operations:literal operations in $instruction:literal;)+) => {
            $(pub fn $name() -> f64 {
                operations_per_second(4 * $operations * ROUNDS, || {
                    let (row_bytes, rows) = ([64; 16], [16; 16]);
                    let mut config = TileConfig { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows };
                    config.row_bytes[8..].fill(0);
                    config.rows[8..].fill(0);
                    // SAFETY: reads the 64 bytes of `config`; tiles start as 0 and are given back at the end.
                    unsafe {
                        asm!(
                            "ldtilecfg [{config}]",
                            "2:",
                            concat!($instruction, " tmm0, tmm4, tmm6"),
                            concat!($instruction, " tmm1, tmm4, tmm7"),
                            concat!($instruction, " tmm2, tmm5, tmm6"),
                            concat!($instruction, " tmm3, tmm5, tmm7"),
                            "dec {rounds}",
                            "jnz 2b",
                            "tilerelease",
                            config = in(reg) &raw const config,
                            rounds = inout(reg) ROUNDS => _,
                            options(readonly, nostack),
                        );
                    }
                })
            })+
        };
    }

    tile_peaks! {
        amx_int8: 32_768 operations in "tdpbusd";
        amx_bf16: 16_384 operations in "tdpbf16ps";
    }
}
