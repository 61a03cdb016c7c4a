//! What follows sums of bf16 on AVX-512.

use std::arch::x86_64::{__m512, _mm512_add_ps, _mm512_loadu_ps};

use super::super::{Line, PANEL_WIDTH};

/// As [`Bf16::values`](super::Format::values).
///
/// # Safety
/// The CPU must have AVX-512 F.
#[inline(always)]
pub unsafe fn add_bias(sums: __m512, (): &(), _: &[Line], bias: &[f32; PANEL_WIDTH]) -> __m512 {
    // SAFETY: 16 values.
    unsafe { _mm512_add_ps(sums, _mm512_loadu_ps(bias.as_ptr())) }
}
