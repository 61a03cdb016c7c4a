//! AMX: tiles of 16 rows by 16 columns of sums, multiplied by the tile unit one line of inputs at a time; four tiles of
//! sums at once, so that each loaded tile serves twice.
//!
//! The walk over the tiles is generic in the unit that does the work, so that it is tested on machines without AMX
//! against a unit in plain Rust; only the one-line instructions of [`TileUnit`] and [`TileFormat`] are not.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::marker::PhantomData;
use std::sync::OnceLock;

use super::bf16::Bf16;
use super::finish::finish_tile;
use super::int8::Int8;
use super::{Format, LANE_BYTES, LINE_BYTES, Line, NarrowMatMul, PANEL_WIDTH};
use half::bf16;

/// Rows of a tile.
const TILE_ROWS: usize = 16;
/// Sums of two tiles by two: `[row, panel, column]`.
type Sums<Sum> = [[[Sum; PANEL_WIDTH]; 2]; 2 * TILE_ROWS];

/// What multiplies tiles: eight registers of 16 rows of 64 bytes, of which 0 to 3 serve for sums.
pub trait Unit<F: Format> {
    /// Sets the sums in tile `T` to 0.
    fn zero<const T: usize>(&mut self);

    /// Loads 16 rows of 64 bytes, `stride` lines apart, into tile `T`.
    ///
    /// # Panics
    /// If `lines` is shorter than `15 * stride + 1`.
    fn load<const T: usize>(&mut self, lines: &[Line], stride: usize);

    /// `C += A · B`: `A` holds rows of inputs, `B` groups of weights a column, `C` sums.
    fn multiply<const C: usize, const A: usize, const B: usize>(&mut self);

    /// Stores tile `T` as the sums of rows `16 * half..` and panel `panel`.
    fn store<const T: usize>(&mut self, sums: &mut Sums<F::Sum>, half: usize, panel: usize);
}

/// See [`NarrowMatMul`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub fn matmul<F: TileFormat>(task: NarrowMatMul<'_, F>) {
    walk::<F, true>(&mut TileUnit::configure(), task);
}

/// Computes `task` two tiles of rows by two panels at a time.
#[inline(always)]
fn walk<F: Format, const FMA: bool>(unit: &mut impl Unit<F>, mut task: NarrowMatMul<'_, F>) {
    let NarrowMatMul { a, b, .. } = task;
    let (rows, depth) = (a.rows(), a.lines_per_row());
    let mut sums: Sums<F::Sum> = [[[F::Sum::default(); PANEL_WIDTH]; 2]; 2 * TILE_ROWS];
    for first_panel in (0..b.panels()).step_by(2) {
        let panels = 2.min(b.panels() - first_panel);
        let weights = [b.panel(first_panel), b.panel(first_panel + panels - 1)];
        for first_row in (0..rows).step_by(2 * TILE_ROWS) {
            let tile_rows = (rows - first_row).min(2 * TILE_ROWS);
            let inputs = a.lines_from(first_row);
            if tile_rows > TILE_ROWS {
                sum::<F, true>(unit, inputs, depth, weights, &mut sums);
            } else {
                sum::<F, false>(unit, inputs, depth, weights, &mut sums);
            }
            finish_tile::<F, FMA, 2>(&mut task, (first_row, first_panel), (tile_rows, panels), &sums);
        }
    }
}

/// Sums of 16 rows by two panels, or with `BOTH` of 32; tiles 0 to 3 are sums, 4 and 5 inputs, 6 and 7 weights.
#[inline(always)]
fn sum<F: Format, const BOTH: bool>(
    unit: &mut impl Unit<F>,
    inputs: &[Line],
    depth: usize,
    weights: [&[Line]; 2],
    sums: &mut Sums<F::Sum>,
) {
    unit.zero::<0>();
    unit.zero::<1>();
    if BOTH {
        unit.zero::<2>();
        unit.zero::<3>();
    }
    for step in 0..depth {
        unit.load::<6>(&weights[0][step * TILE_ROWS..], 1);
        unit.load::<4>(&inputs[step..], depth);
        unit.multiply::<0, 4, 6>();
        unit.load::<7>(&weights[1][step * TILE_ROWS..], 1);
        unit.multiply::<1, 4, 7>();
        if BOTH {
            unit.load::<5>(&inputs[TILE_ROWS * depth + step..], depth);
            unit.multiply::<2, 5, 6>();
            unit.multiply::<3, 5, 7>();
        }
    }
    unit.store::<0>(sums, 0, 0);
    unit.store::<1>(sums, 0, 1);
    if BOTH {
        unit.store::<2>(sums, 1, 0);
        unit.store::<3>(sums, 1, 1);
    }
}

/// A format that the tile unit multiplies.
pub trait TileFormat: Format<Sum: PartialEq> {
    /// `C += A · B` in tile registers.
    ///
    /// # Safety
    /// The tiles must be configured.
    unsafe fn multiply<const C: usize, const A: usize, const B: usize>();

    /// What one row and one column add to their sum, number by number.
    fn dot(row: &Line, b: &[Line; TILE_ROWS], column: usize) -> Self::Sum;

    /// A weight of this value, which every format holds exactly.
    fn weight(value: i8) -> Self::Weight;
}

impl TileFormat for Int8 {
    #[inline(always)]
    unsafe fn multiply<const C: usize, const A: usize, const B: usize>() {
        // SAFETY: registers only; the tiles are configured.
        unsafe {
            asm!("tdpbusd tmm{c}, tmm{a}, tmm{b}", c = const C, a = const A, b = const B,
                options(nostack, preserves_flags, nomem));
        }
    }

    fn dot(row: &Line, b: &[Line; TILE_ROWS], column: usize) -> i32 {
        let groups = row.0.as_chunks::<LANE_BYTES>().0.iter().zip(b);
        groups
            .map(|(inputs, line)| {
                let weights = line.0.as_chunks::<LANE_BYTES>().0[column];
                let product = |i: usize| i32::from(inputs[i]) * i32::from(weights[i].cast_signed());
                (0..LANE_BYTES).map(product).sum::<i32>()
            })
            .sum()
    }

    fn weight(value: i8) -> i8 {
        value
    }
}

impl TileFormat for Bf16 {
    #[inline(always)]
    unsafe fn multiply<const C: usize, const A: usize, const B: usize>() {
        // SAFETY: registers only; the tiles are configured.
        unsafe {
            asm!("tdpbf16ps tmm{c}, tmm{a}, tmm{b}", c = const C, a = const A, b = const B,
                options(nostack, preserves_flags, nomem));
        }
    }

    /// In the instruction's order: the first numbers of all groups and the second ones make a sum each.
    fn dot(row: &Line, b: &[Line; TILE_ROWS], column: usize) -> f32 {
        let number = |lane: [u8; LANE_BYTES], i: usize| bf16::from_le_bytes(lane.as_chunks().0[i]).to_f32();
        let mut totals = [0.0; 2];
        for (&inputs, line) in row.0.as_chunks::<LANE_BYTES>().0.iter().zip(b) {
            let weights = line.0.as_chunks::<LANE_BYTES>().0[column];
            for (i, total) in totals.iter_mut().enumerate() {
                *total = number(inputs, i).mul_add(number(weights, i), *total);
            }
        }
        totals[0] + totals[1]
    }

    fn weight(value: i8) -> bf16 {
        bf16::from_f32(value.into())
    }
}

/// The tile unit of this CPU. Its registers are set up when it is made and released when it is dropped, also by a
/// panic: a thread's tiles are never left in use.
struct TileUnit<F>(PhantomData<F>);

/// Layout of the tiles, as `ldtilecfg` reads it.
#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl<F> TileUnit<F> {
    /// All eight tiles with 16 rows of 64 bytes. [`is_available`] must have said yes.
    fn configure() -> Self {
        let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
        row_bytes[..8].fill(LINE_BYTES as u16);
        rows[..8].fill(TILE_ROWS as u8);
        let config = TileConfig { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows };
        // SAFETY: reads 64 bytes; the layout is that of palette 1. Tiles belong to this thread.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const config, options(nostack, preserves_flags, readonly)) };
        Self(PhantomData)
    }
}

impl<F> Drop for TileUnit<F> {
    fn drop(&mut self) {
        // SAFETY: gives the tiles back; nothing reads them any more.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
    }
}

// The compiler never touches tile registers by itself, so what one block leaves in them is there for the next.
impl<F: TileFormat> Unit<F> for TileUnit<F> {
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
        // SAFETY: the tiles are configured as long as `self` lives.
        unsafe { F::multiply::<C, A, B>() };
    }

    #[inline(always)]
    fn store<const T: usize>(&mut self, sums: &mut Sums<F::Sum>, half: usize, panel: usize) {
        const { assert!(size_of::<[F::Sum; PANEL_WIDTH]>() == LINE_BYTES) };
        let rows = &mut sums[half * TILE_ROWS..(half + 1) * TILE_ROWS];
        // SAFETY: writes 16 rows of 64 bytes, two panels apart, from panel 0 or 1 on: all within `rows`.
        unsafe {
            asm!("tilestored [{to} + {stride}], tmm{t}", t = const T, to = in(reg) rows[0][panel..].as_mut_ptr(),
                stride = in(reg) 2 * LINE_BYTES, options(nostack, preserves_flags));
        }
    }
}

/// Whether the CPU has AMX for all formats, the system lets this process use it, and tiles come out as they should.
pub fn is_available() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| has_instructions() && request_tiles() && is_right::<Int8>() && is_right::<Bf16>())
}

/// Multiplies one tile and compares: a CPU, a hypervisor or a mistake of ours that gets it wrong must not cost scores.
fn is_right<F: TileFormat>() -> bool {
    is_right_on::<F>(&mut TileUnit::configure())
}

/// All numbers are small integers, so that sums are exact in any order.
fn is_right_on<F: TileFormat>(unit: &mut impl Unit<F>) -> bool {
    let pattern = |seed: usize| -> [Line; TILE_ROWS] {
        std::array::from_fn(|row| {
            let mut line = Line::ZERO;
            for (lane, bytes) in line.0.as_chunks_mut::<LANE_BYTES>().0.iter_mut().enumerate() {
                let weight = |i| F::weight((row * 67 + (lane * F::GROUP + i) * 29 + seed) as u8 as i8);
                let group: [F::Weight; LANE_BYTES] = std::array::from_fn(weight);
                *bytes = F::lane(&group[..F::GROUP]);
            }
            line
        })
    };
    let (a, b) = (pattern(11), pattern(200));
    let mut sums: Sums<F::Sum> = [[[F::Sum::default(); PANEL_WIDTH]; 2]; 2 * TILE_ROWS];
    unit.zero::<0>();
    unit.load::<4>(&a, 1);
    unit.load::<6>(&b, 1);
    unit.multiply::<0, 4, 6>();
    unit.store::<0>(&mut sums, 0, 1);
    let right = |row: usize, column: usize| sums[row][1][column] == F::dot(&a[row], &b, column);
    (0..TILE_ROWS).all(|row| (0..PANEL_WIDTH).all(|column| right(row, column)))
}

fn has_instructions() -> bool {
    const BF16: u32 = 1 << 22;
    const TILES: u32 = 1 << 24;
    const INT8: u32 = 1 << 25;
    is_x86_feature_detected!("avx512f") && {
        let features = __cpuid_count(7, 0).edx;
        features & (BF16 | TILES | INT8) == BF16 | TILES | INT8
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
    use std::ops::Add;

    use super::*;

    /// Eight tiles, those of sums apart from the others.
    pub struct Emulated<F: Format> {
        sums: [[[F::Sum; PANEL_WIDTH]; TILE_ROWS]; 4],
        lines: [[Line; TILE_ROWS]; 8],
    }

    impl<F: Format> Emulated<F> {
        fn new() -> Self {
            let sums = [[[F::Sum::default(); PANEL_WIDTH]; TILE_ROWS]; 4];
            Self { sums, lines: [[Line([0xA5; LINE_BYTES]); TILE_ROWS]; 8] }
        }
    }

    pub fn matmul<F: TileFormat<Sum: Add<Output = F::Sum>>>(task: NarrowMatMul<'_, F>) {
        walk::<F, false>(&mut Emulated::new(), task);
    }

    impl<F: TileFormat<Sum: Add<Output = F::Sum>>> Unit<F> for Emulated<F> {
        fn zero<const T: usize>(&mut self) {
            self.sums[T] = [[F::Sum::default(); PANEL_WIDTH]; TILE_ROWS];
        }

        fn load<const T: usize>(&mut self, lines: &[Line], stride: usize) {
            self.lines[T] = std::array::from_fn(|row| lines[row * stride]);
        }

        fn multiply<const C: usize, const A: usize, const B: usize>(&mut self) {
            for (row, sums) in self.sums[C].iter_mut().enumerate() {
                for (column, sum) in sums.iter_mut().enumerate() {
                    *sum = *sum + F::dot(&self.lines[A][row], &self.lines[B], column);
                }
            }
        }

        fn store<const T: usize>(&mut self, sums: &mut Sums<F::Sum>, half: usize, panel: usize) {
            for (sums, row) in sums[half * TILE_ROWS..].iter_mut().zip(&self.sums[T]) {
                sums[panel] = *row;
            }
        }
    }

    /// A unit that leaves sums as they are.
    struct Idle;

    impl<F: Format> Unit<F> for Idle {
        fn zero<const T: usize>(&mut self) {}
        fn load<const T: usize>(&mut self, _: &[Line], _: usize) {}
        fn multiply<const C: usize, const A: usize, const B: usize>(&mut self) {}
        fn store<const T: usize>(&mut self, _: &mut Sums<F::Sum>, _: usize, _: usize) {}
    }

    #[test]
    fn the_check_at_start_up_tells_right_from_wrong() {
        assert!(is_right_on::<Int8>(&mut Emulated::new()) && is_right_on::<Bf16>(&mut Emulated::new()));
        assert!(!is_right_on::<Int8>(&mut Idle) && !is_right_on::<Bf16>(&mut Idle));
    }
}
