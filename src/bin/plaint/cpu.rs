//! What the processor offers to kernels.

/// Names of features as Linux writes them, and whether this processor has them; `None` where nobody tells.
pub fn features() -> Vec<(&'static str, Option<bool>)> {
    detected()
}

#[cfg(target_arch = "x86_64")]
fn detected() -> Vec<(&'static str, Option<bool>)> {
    use std::arch::is_x86_feature_detected as detected;
    let mut features = vec![
        ("avx2", Some(detected!("avx2"))),
        ("fma", Some(detected!("fma"))),
        ("avx512f", Some(detected!("avx512f"))),
        ("avx512bw", Some(detected!("avx512bw"))),
        ("avx512vl", Some(detected!("avx512vl"))),
        ("avx512_vnni", Some(detected!("avx512vnni"))),
        ("avx512_bf16", Some(detected!("avx512bf16"))),
    ];
    // Stable Rust does not detect these; the kernel of Linux does.
    let flags = std::fs::read_to_string("/proc/cpuinfo").ok();
    let flags = flags.as_deref().and_then(|info| info.lines().find(|line| line.starts_with("flags")));
    for name in ["amx_tile", "amx_int8", "amx_bf16"] {
        features.push((name, flags.map(|flags| flags.split_whitespace().any(|flag| flag == name))));
    }
    features
}

#[cfg(target_arch = "aarch64")]
fn detected() -> Vec<(&'static str, Option<bool>)> {
    use std::arch::is_aarch64_feature_detected as detected;
    vec![
        ("neon", Some(detected!("neon"))),
        ("dotprod", Some(detected!("dotprod"))),
        ("i8mm", Some(detected!("i8mm"))),
        ("bf16", Some(detected!("bf16"))),
    ]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detected() -> Vec<(&'static str, Option<bool>)> {
    Vec::new()
}
