//! The inner loops, one implementation an instruction set, chosen at run time.
//!
//! Every operation computes each row of its output from the same row of its input, summing in a fixed order. That is
//! what makes a sequence's vector independent of its batch. Different kernels sum in different orders: bits may differ
//! between machines, never on one machine.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod copies;
mod elementwise;
pub mod narrow;
mod portable;
mod tile;

use std::fmt;

use super::pack::Panels;
use crate::model::{Activation, LayerNorm};
use narrow::{Format, Line};

/// An implementation of the inner loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kernel {
    /// AMX tiles for int8 and bf16, AVX-512 for the rest: Intel servers since 2023.
    #[cfg(target_arch = "x86_64")]
    Amx,
    /// AVX-512 with VNNI and BF16: AMD since 2022.
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
    /// AVX-512 with VNNI: Intel servers since 2019.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// AVX-512 F, BW, DQ and VL: Intel servers since 2017.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with VNNI: Intel desktops since 2021.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// AVX2 and FMA: nearly every x86-64 CPU since 2013.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Plain Rust, vectorised by the compiler for the target's baseline: any CPU.
    Portable,
}

/// `c = start + a · b`, row by row.
pub struct MatMul<'a> {
    /// Rows of `a` and `c`.
    pub rows: usize,
    /// Row `r` starts at `r * a_stride` and holds `b.inputs` values.
    pub a: &'a [f32],
    pub a_stride: usize,
    pub b: PanelView<'a>,
    /// Row `r` starts at `r * c_stride` and gets `b.outputs` values.
    pub c: &'a mut [f32],
    pub c_stride: usize,
    pub start: Start<'a>,
}

/// A packed `[inputs, outputs]` matrix; see [`Panels`].
#[derive(Clone, Copy)]
pub struct PanelView<'a> {
    pub inputs: usize,
    pub outputs: usize,
    pub values: &'a [f32],
}

impl<'a> From<&'a Panels> for PanelView<'a> {
    fn from(panels: &'a Panels) -> Self {
        Self { inputs: panels.inputs, outputs: panels.outputs, values: &panels.values }
    }
}

/// What a product is added to.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    Zero,
    /// One value an output column.
    Bias(&'a [f32]),
    /// One value an output column, and what is in `c` already.
    Add(&'a [f32]),
}

/// What becomes of the values of a linear map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// They replace what was there.
    Store,
    /// They are added to what is there: a residual connection.
    Add,
}

/// Calls one function of the kernel's module.
macro_rules! dispatch {
    ($kernel:expr, $function:ident$(::<$type:ty>)?($($argument:expr),*)) => {
        match $kernel {
            // SAFETY: a kernel other than `Portable` is only made by `detect` or after `is_available`, which find that
            // this CPU has the instructions.
            #[cfg(target_arch = "x86_64")]
            Kernel::Amx | Kernel::Avx512Bf16 | Kernel::Avx512Vnni | Kernel::Avx512 => unsafe { avx512::$function$(::<$type>)?($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kernel::AvxVnni | Kernel::Avx2 => unsafe { avx2::$function$(::<$type>)?($($argument),*) },
            Kernel::Portable => portable::$function$(::<$type>)?($($argument),*),
        }
    };
}

impl Kernel {
    /// Best first.
    const ALL: &[Self] = &[
        #[cfg(target_arch = "x86_64")]
        Self::Amx,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512Bf16,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512Vnni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
        #[cfg(target_arch = "x86_64")]
        Self::AvxVnni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        Self::Portable,
    ];

    /// The kernels that this CPU can run, best first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|kernel| kernel.is_available())
    }

    /// The best kernel that this CPU can run.
    pub fn detect() -> Self {
        Self::available().next().unwrap_or(Self::Portable)
    }

    /// Whether this CPU can run it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => Self::Avx512Bf16.is_available() && narrow::amx::is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => Self::Avx512Vnni.is_available() && is_x86_feature_detected!("avx512bf16"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => Self::Avx512.is_available() && is_x86_feature_detected!("avx512vnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => Self::Avx2.is_available() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Portable => true,
        }
    }

    /// Why it is the one that runs, for people.
    pub(super) fn why(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => "the CPU has amx-int8 and amx-bf16, and the system lets plaint use them",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => "the CPU has avx512vnni and avx512bf16, but no AMX that plaint may use",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "the CPU has avx512vnni, but no avx512bf16",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "the CPU has avx512f, bw, dq and vl, but no avx512vnni",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "the CPU has avxvnni, but no avx512f",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "the CPU has avx2 and fma, but neither avxvnni nor avx512f",
            Self::Portable => "no faster kernel for this CPU",
        }
    }

    /// Columns of a panel.
    pub(super) fn panel_width(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx | Self::Avx512Bf16 | Self::Avx512Vnni | Self::Avx512 => avx512::PANEL_WIDTH,
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni | Self::Avx2 => avx2::PANEL_WIDTH,
            Self::Portable => portable::PANEL_WIDTH,
        }
    }

    /// Matrix product; see [`MatMul`].
    pub(super) fn matmul(self, task: MatMul<'_>) {
        task.check(self.panel_width());
        dispatch!(self, matmul(task));
    }

    /// Rounds rows of `inputs` values, of their activation if there is one, to a narrower format; see
    /// [`narrow::NarrowRows`].
    fn round_rows<'a, F: Format + 'a>(
        self,
        activation: Option<Activation>,
        values: &mut [f32],
        inputs: usize,
        rows: impl Iterator<Item = (&'a mut [Line], &'a mut F::Row)>,
    ) {
        dispatch!(self, round_rows::<F>(activation, values, inputs, rows));
    }

    /// Layer norm of each row of `x` in place (Ba, Kiros & Hinton, *Layer normalization*, 2016).
    pub(super) fn layer_norm(self, x: &mut [f32], norm: &LayerNorm, eps: f32) {
        dispatch!(self, layer_norm(x, &norm.weight, &norm.bias, eps));
    }

    /// Softmax of `scale * row[..columns]` of each row of `stride` values, before it is divided by its sum: the row holds
    /// the exponentials, less its maximum, and zeros beyond `columns`; `factors` gets one over their sum.
    pub(super) fn softmax(self, x: &mut [f32], stride: usize, columns: usize, scale: f32, factors: &mut [f32]) {
        assert_eq!(factors.len() * stride, x.len());
        dispatch!(self, softmax(x, stride, columns, scale, factors));
    }

    /// Activation of every value in place.
    pub(super) fn activate(self, activation: Activation, x: &mut [f32]) {
        match activation {
            Activation::Gelu => dispatch!(self, gelu(x)),
            Activation::GeluTanh => dispatch!(self, gelu_tanh(x)),
            Activation::Relu => elementwise::relu(x),
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx => "amx",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Bf16 => "avx512-bf16",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "avx512-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "avx-vnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        })
    }
}

impl MatMul<'_> {
    /// Every bound that the kernels' unchecked accesses rely on.
    fn check(&self, width: usize) {
        let PanelView { inputs, outputs, values } = self.b;
        let spanned = |stride: usize, last: usize| if self.rows == 0 { 0 } else { (self.rows - 1) * stride + last };
        assert!(self.a.len() >= spanned(self.a_stride, inputs), "rows of a");
        assert!(self.c.len() >= spanned(self.c_stride, outputs), "rows of c");
        assert!(self.c_stride >= outputs, "rows of c overlap");
        assert!(values.len() >= outputs.div_ceil(width) * width * inputs, "panels of b");
        if let Start::Bias(bias) | Start::Add(bias) = self.start {
            assert!(bias.len() >= outputs, "bias");
        }
    }
}

/// `x += y`.
pub fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

#[cfg(test)]
mod tests;
