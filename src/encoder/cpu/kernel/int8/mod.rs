//! Products of 8-bit integers: `c = after(scale · (a - zero point) · b + bias)`, with sums in 32 bits.
//!
//! Integer sums are exact, so every kernel gives the same sums, whatever its tiles; what follows them is computed value
//! by value. A row of `c` depends on its row of `a` alone.

#[cfg(target_arch = "x86_64")]
pub mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512_vnni;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
mod finish;
mod pack;
mod portable;
pub mod rows;
mod tile;

use super::{After, Kernel};
pub use pack::Int8Linear;
pub use rows::{QuantizedRows, Scale};

/// Bytes of a vector of AVX-512 and of a row of an AMX tile.
const LINE_BYTES: usize = 64;
/// Output columns of a panel.
const PANEL_WIDTH: usize = 16;
/// Inputs that one 32-bit lane multiplies and adds at once.
const GROUP: usize = 4;

/// Inputs are summed in 32 bits, which hold 65,536 products of 255 and 127.
pub const MAX_INPUTS: usize = 1 << 16;

/// Eight-bit integers, aligned so that a vector of 64 never straddles two cache lines.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Line(pub [u8; LINE_BYTES]);

impl Line {
    pub const ZERO: Self = Self([0; LINE_BYTES]);
}

/// One product.
pub struct Int8MatMul<'a> {
    pub a: &'a QuantizedRows,
    pub b: &'a Int8Linear,
    /// Row `r` starts at `r * b.outputs()`.
    pub c: &'a mut [f32],
    pub after: After,
}

impl Kernel {
    /// See [`Int8MatMul`].
    pub(in super::super::super) fn int8_matmul(self, task: Int8MatMul<'_>) {
        let rows = task.a.rows();
        assert_eq!(task.a.lines_per_row(), task.b.lines_per_column(), "inputs");
        assert_eq!(task.c.len(), rows * task.b.outputs(), "rows of c");
        match self {
            // SAFETY: a kernel other than `Portable` is only made by `detect` or after `is_available`, which find that
            // this CPU has the instructions, and for AMX that the system lets this process use the tiles.
            #[cfg(target_arch = "x86_64")]
            Self::Amx => unsafe { amx::matmul(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => unsafe { avx512_vnni::matmul(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => unsafe { avx_vnni::matmul(task) },
            // SAFETY: as above; CPUs with AVX-512 have AVX2.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 | Self::Avx2 => unsafe { avx2::matmul(task) },
            Self::Portable => portable::matmul(task),
        }
    }
}

#[cfg(test)]
mod tests;
