//! Queries, keys, values and weights of one head of attention as lines of bf16.

use super::super::{NarrowLinear, NarrowRows, PANEL_WIDTH};
use super::Bf16;
use crate::encoder::cpu::kernel::Kernel;

/// Rows of one head: row `r` starts at `r * stride` and holds `size` values.
#[derive(Debug, Clone, Copy)]
pub struct HeadRows<'a> {
    pub values: &'a [f32],
    pub stride: usize,
    pub size: usize,
    /// Number of rows.
    pub count: usize,
}

impl<'a> HeadRows<'a> {
    /// All rows, in order.
    pub fn iter(self) -> impl Iterator<Item = &'a [f32]> {
        self.values.chunks(self.stride).take(self.count).map(move |row| &row[..self.size])
    }

    /// At most `most` values of row `row` from value `from` on; none if there is no such row.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn part(self, row: usize, from: usize, most: usize) -> &'a [f32] {
        if row >= self.count {
            return &[];
        }
        &self.values[row * self.stride..][..self.size][from..self.size.min(from + most)]
    }
}

/// Proof that this CPU has AVX-512 BF16, by which heads are rounded and packed.
#[derive(Debug, Clone, Copy)]
pub struct HeadLines {
    /// There is no value of this type where there are no such instructions.
    #[cfg(not(target_arch = "x86_64"))]
    never: std::convert::Infallible,
    #[cfg(target_arch = "x86_64")]
    _private: (),
}

impl Kernel {
    /// How to compute attention in bf16, if that is faster than in f32.
    pub(in crate::encoder::cpu) fn head_lines(self) -> Option<HeadLines> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx | Self::Avx512Bf16 => Some(HeadLines { _private: () }),
            _ => None,
        }
    }
}

/// Calls a function of `avx512_heads`.
macro_rules! call {
    ($lines:expr, $function:ident($($argument:expr),*)) => {{
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `HeadLines` is only made for kernels of CPUs that have the instructions.
        unsafe {
            super::avx512_heads::$function($($argument),*);
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = ($($argument),*);
            match $lines.never {}
        }
    }};
}

impl HeadLines {
    /// Rounds rows, multiplied by a factor.
    pub fn round(self, rows: HeadRows<'_>, factor: f32, to: &mut NarrowRows<Bf16>) {
        call!(self, round(rows, factor, to));
    }

    /// Rounds the softmax to base 2 of the first `columns` values of each row of `stride`, whole panels; `scores` hold anything
    /// thereafter.
    pub fn softmax2(self, scores: &mut [f32], stride: usize, columns: usize, to: &mut NarrowRows<Bf16>) {
        assert!(
            stride.is_multiple_of(PANEL_WIDTH)
                && (1..=stride).contains(&columns)
                && scores.len().is_multiple_of(stride)
        );
        call!(self, softmax2(scores, stride, columns, to));
    }

    /// Packs keys so that a product with them is one value a key, and 0 for those that fill the last panel.
    pub fn pack_keys(self, keys: HeadRows<'_>, to: &mut NarrowLinear<Bf16>) {
        call!(self, pack_keys(keys, to));
    }

    /// Packs values so that a product with them is a sum of values, one weight a value.
    pub fn pack_values(self, values: HeadRows<'_>, to: &mut NarrowLinear<Bf16>) {
        call!(self, pack_values(values, to));
    }
}
