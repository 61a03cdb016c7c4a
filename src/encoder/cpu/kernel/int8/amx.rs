//! AMX: tiles of 16 rows by 16 columns of sums, multiplied by the tile unit 64 inputs at a time; four tiles of sums at
//! once, so that each loaded tile serves twice.
//!
//! The walk over the tiles is generic in the unit that does the work, so that it is tested on machines without AMX
//! against a unit in plain Rust; only the one-line instructions of [`TileUnit`] are not.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::sync::OnceLock;

use super::finish::finish_tile;
use super::{GROUP, Int8MatMul, LINE_BYTES, Line, PANEL_WIDTH};

/// Rows of a tile.
const TILE_ROWS: usize = 16;
/// Sums of two tiles by two: `[row, panel, column]`.
type Sums = [[[i32; PANEL_WIDTH]; 2]; 2 * TILE_ROWS];

/// What multiplies tiles: eight registers of 16 rows of 64 bytes.
pub trait Unit {
    /// Sets the sums in tile `T` to 0.
    fn zero<const T: usize>(&mut self);

    /// Loads 16 rows of 64 bytes, `stride` lines apart, into tile `T`.
    ///
    /// # Panics
    /// If `lines` is shorter than `15 * stride + 1`.
    fn load<const T: usize>(&mut self, lines: &[Line], stride: usize);

    /// `C += A · B`: `A` holds rows of unsigned bytes, `B` groups of 4 signed bytes a column, `C` 32-bit sums.
    fn multiply<const C: usize, const A: usize, const B: usize>(&mut self);

    /// Stores tile `T` as the sums of rows `16 * half..` and panel `panel`.
    fn store<const T: usize>(&mut self, sums: &mut Sums, half: usize, panel: usize);
}

/// See [`Int8MatMul`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub fn matmul(task: Int8MatMul<'_>) {
    walk::<true>(&mut TileUnit::configure(), task);
}

/// Computes `task` two tiles of rows by two panels at a time.
#[inline(always)]
fn walk<const FMA: bool>(unit: &mut impl Unit, mut task: Int8MatMul<'_>) {
    let Int8MatMul { a, b, .. } = task;
    let (rows, depth) = (a.rows(), a.lines_per_row());
    let mut sums: Sums = [[[0; PANEL_WIDTH]; 2]; 2 * TILE_ROWS];
    for first_panel in (0..b.panels()).step_by(2) {
        let panels = 2.min(b.panels() - first_panel);
        let weights = [b.panel(first_panel), b.panel(first_panel + panels - 1)];
        for first_row in (0..rows).step_by(2 * TILE_ROWS) {
            let tile_rows = (rows - first_row).min(2 * TILE_ROWS);
            let inputs = a.lines_from(first_row);
            if tile_rows > TILE_ROWS {
                two_by_two(unit, inputs, depth, weights, &mut sums);
            } else {
                one_by_two(unit, inputs, depth, weights, &mut sums);
            }
            finish_tile::<FMA, 2>(&mut task, (first_row, first_panel), (tile_rows, panels), &sums);
        }
    }
}

/// Sums of 32 rows by two panels; tiles 0 to 3 are sums, 4 and 5 inputs, 6 and 7 weights.
#[inline(always)]
fn two_by_two(unit: &mut impl Unit, inputs: &[Line], depth: usize, weights: [&[Line]; 2], sums: &mut Sums) {
    unit.zero::<0>();
    unit.zero::<1>();
    unit.zero::<2>();
    unit.zero::<3>();
    for step in 0..depth {
        unit.load::<6>(&weights[0][step * TILE_ROWS..], 1);
        unit.load::<4>(&inputs[step..], depth);
        unit.multiply::<0, 4, 6>();
        unit.load::<7>(&weights[1][step * TILE_ROWS..], 1);
        unit.multiply::<1, 4, 7>();
        unit.load::<5>(&inputs[TILE_ROWS * depth + step..], depth);
        unit.multiply::<2, 5, 6>();
        unit.multiply::<3, 5, 7>();
    }
    unit.store::<0>(sums, 0, 0);
    unit.store::<1>(sums, 0, 1);
    unit.store::<2>(sums, 1, 0);
    unit.store::<3>(sums, 1, 1);
}

/// Sums of 16 rows by two panels.
#[inline(always)]
fn one_by_two(unit: &mut impl Unit, inputs: &[Line], depth: usize, weights: [&[Line]; 2], sums: &mut Sums) {
    unit.zero::<0>();
    unit.zero::<1>();
    for step in 0..depth {
        unit.load::<6>(&weights[0][step * TILE_ROWS..], 1);
        unit.load::<4>(&inputs[step..], depth);
        unit.multiply::<0, 4, 6>();
        unit.load::<7>(&weights[1][step * TILE_ROWS..], 1);
        unit.multiply::<1, 4, 7>();
    }
    unit.store::<0>(sums, 0, 0);
    unit.store::<1>(sums, 0, 1);
}

/// The tile unit of this CPU. Its registers are set up when it is made and released when it is dropped, also by a
/// panic: a thread's tiles are never left in use.
struct TileUnit(());

/// Layout of the tiles, as `ldtilecfg` reads it.
#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl TileUnit {
    /// All eight tiles with 16 rows of 64 bytes. [`is_available`] must have said yes.
    fn configure() -> Self {
        let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
        row_bytes[..8].fill(LINE_BYTES as u16);
        rows[..8].fill(TILE_ROWS as u8);
        let config = TileConfig { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows };
        // SAFETY: reads 64 bytes; the layout is that of palette 1. Tiles belong to this thread.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack, preserves_flags, readonly)) };
        Self(())
    }
}

impl Drop for TileUnit {
    fn drop(&mut self) {
        // SAFETY: gives the tiles back; nothing reads them any more.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
    }
}

// The compiler never touches tile registers by itself, so what one block leaves in them is there for the next.
impl Unit for TileUnit {
    #[inline(always)]
    fn zero<const T: usize>(&mut self) {
        // SAFETY: the tiles are configured as long as `self` lives.
        unsafe { asm!("tilezero tmm{t}", t = const T, options(nostack, preserves_flags, nomem)) };
    }

    #[inline(always)]
    fn load<const T: usize>(&mut self, lines: &[Line], stride: usize) {
        assert!(lines.len() > (TILE_ROWS - 1) * stride);
        // SAFETY: reads 16 lines, which lie in `lines`; the tiles are configured.
        unsafe {
            asm!("tileloadd tmm{t}, [{from} + {stride}]", t = const T, from = in(reg) lines.as_ptr(),
                stride = in(reg) stride * LINE_BYTES, options(nostack, preserves_flags, readonly));
        }
    }

    #[inline(always)]
    fn multiply<const C: usize, const A: usize, const B: usize>(&mut self) {
        // SAFETY: registers only; the tiles are configured.
        unsafe {
            asm!("tdpbusd tmm{c}, tmm{a}, tmm{b}", c = const C, a = const A, b = const B,
                options(nostack, preserves_flags, nomem));
        }
    }

    #[inline(always)]
    fn store<const T: usize>(&mut self, sums: &mut Sums, half: usize, panel: usize) {
        let rows = &mut sums[half * TILE_ROWS..(half + 1) * TILE_ROWS];
        // SAFETY: writes 16 rows of 64 bytes, two panels apart, from panel 0 or 1 on: all within `rows`.
        unsafe {
            asm!("tilestored [{to} + {stride}], tmm{t}", t = const T, to = in(reg) rows[0][panel..].as_mut_ptr(),
                stride = in(reg) size_of::<[[i32; PANEL_WIDTH]; 2]>(), options(nostack, preserves_flags));
        }
    }
}

/// Whether the CPU has AMX for integers, the system lets this process use it, and a tile comes out as it should.
pub fn is_available() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| has_instructions() && request_tiles() && is_right())
}

/// Multiplies one tile and compares: a CPU, a hypervisor or a mistake of ours that gets it wrong must not cost scores.
fn is_right() -> bool {
    let pattern = |seed: usize| -> [Line; TILE_ROWS] {
        std::array::from_fn(|row| Line(std::array::from_fn(|byte| ((row * 67 + byte * 29 + seed) % 256) as u8)))
    };
    let (a, b) = (pattern(11), pattern(200));
    let mut sums: Sums = [[[0; PANEL_WIDTH]; 2]; 2 * TILE_ROWS];
    let mut unit = TileUnit::configure();
    unit.zero::<0>();
    unit.load::<4>(&a, 1);
    unit.load::<6>(&b, 1);
    unit.multiply::<0, 4, 6>();
    unit.store::<0>(&mut sums, 0, 1);
    drop(unit);
    let right = |row: usize, column: usize| sums[row][1][column] == dot(&a[row], &b, column);
    (0..TILE_ROWS).all(|row| (0..PANEL_WIDTH).all(|column| right(row, column)))
}

/// One sum of a tile, number by number.
fn dot(row: &Line, b: &[Line; TILE_ROWS], column: usize) -> i32 {
    let product = |k: usize| {
        let weight = b[k / GROUP].0[GROUP * column + k % GROUP].cast_signed();
        i32::from(row.0[k]) * i32::from(weight)
    };
    (0..LINE_BYTES).map(product).sum()
}

fn has_instructions() -> bool {
    const TILES: u32 = 1 << 24;
    const INT8: u32 = 1 << 25;
    is_x86_feature_detected!("avx512f") && {
        let features = __cpuid_count(7, 0).edx;
        features & TILES != 0 && features & INT8 != 0
    }
}

/// Linux saves and restores tiles only for a process that asked for it.
#[cfg(target_os = "linux")]
fn request_tiles() -> bool {
    const ARCH_PRCTL: usize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    const XFEATURE_XTILEDATA: usize = 18;
    let refused: isize;
    // SAFETY: arch_prctl(ARCH_REQ_XCOMP_PERM, 18) touches no memory; a kernel that does not know it returns an error.
    unsafe {
        asm!("syscall", inlateout("rax") ARCH_PRCTL => refused, in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    refused == 0
}

/// Other systems have rules of their own, which nobody has tried.
#[cfg(not(target_os = "linux"))]
fn request_tiles() -> bool {
    false
}

/// The tile unit in plain Rust, for tests.
#[cfg(test)]
pub mod emulated {
    use super::*;

    /// Eight tiles.
    pub struct Emulated([[Line; TILE_ROWS]; 8]);

    pub fn matmul(task: Int8MatMul<'_>) {
        walk::<false>(&mut Emulated([[Line([0xA5; LINE_BYTES]); TILE_ROWS]; 8]), task);
    }

    fn sum(line: &Line, column: usize) -> i32 {
        i32::from_le_bytes(line.0[4 * column..][..4].try_into().unwrap())
    }

    impl Unit for Emulated {
        fn zero<const T: usize>(&mut self) {
            self.0[T] = [Line::ZERO; TILE_ROWS];
        }

        fn load<const T: usize>(&mut self, lines: &[Line], stride: usize) {
            self.0[T] = std::array::from_fn(|row| lines[row * stride]);
        }

        fn multiply<const C: usize, const A: usize, const B: usize>(&mut self) {
            let [a, b] = [self.0[A], self.0[B]];
            for (row, sums) in self.0[C].iter_mut().enumerate() {
                for column in 0..PANEL_WIDTH {
                    let total = sum(sums, column) + dot(&a[row], &b, column);
                    sums.0[4 * column..][..4].copy_from_slice(&total.to_le_bytes());
                }
            }
        }

        fn store<const T: usize>(&mut self, sums: &mut Sums, half: usize, panel: usize) {
            for (sums, line) in sums[half * TILE_ROWS..].iter_mut().zip(&self.0[T]) {
                sums[panel] = std::array::from_fn(|column| sum(line, column));
            }
        }
    }
}
