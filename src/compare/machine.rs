//! The machine that a record is of.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What decides on speed. What the system does not tell is empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// Threads that programs may use.
    pub cores: usize,
    /// Instruction sets that kernels look for.
    pub features: Vec<String>,
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Operating system and its version.
    pub system: String,
    /// Processes that wanted to run before anything was done, mean of a minute. Above a few tenths, others were at work.
    pub load: Option<f64>,
    /// Whether it counts the energy of the processor (RAPL).
    pub counts_energy: bool,
}

/// Instruction sets that decide which kernels run, here and in other programs.
const FEATURES: [&str; 16] = [
    "avx2",
    "fma",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimddp",
    "i8mm",
    "bf16",
];

impl Machine {
    /// This machine, now.
    pub fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let flags = field("flags").or(field("Features")).unwrap_or_default();
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cpu: field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            features: FEATURES.iter().filter(|name| flags.contains(name)).map(|&name| name.to_owned()).collect(),
            memory: status_bytes(Path::new("/proc/meminfo"), "MemTotal:"),
            system: format!("{} {}", std::env::consts::OS, release.trim()).trim().to_owned(),
            load: fs::read_to_string("/proc/loadavg").ok().and_then(|load| load.split(' ').next()?.parse().ok()),
            counts_energy: energy().is_some(),
        }
    }

    /// Whether speeds of both may be compared.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.cpu, self.cores, &self.features) == (&other.cpu, other.cores, &other.features)
    }
}

/// Greatest memory in use so far of a process and all that it has started, in bytes; `None` where the system does not tell.
pub(super) fn peak_memory(process: u32) -> Option<u64> {
    let mut total = status_bytes(&PathBuf::from(format!("/proc/{process}/status")), "VmHWM:")?;
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|id| id.parse().ok()) {
        total += peak_memory(child).unwrap_or(0);
    }
    Some(total)
}

/// A line such as `VmHWM:   123 kB`.
fn status_bytes(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// Joules that all processor packages have used since some moment (RAPL); `None` where the system does not tell. The
/// counters start anew at times: then a later reading is less than an earlier one.
pub(super) fn energy() -> Option<f64> {
    let zones = fs::read_dir("/sys/class/powercap").ok()?.flatten().map(|entry| entry.path());
    let packages = zones.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix("intel-rapl:").is_some_and(|number| !number.contains(':'))
    });
    let microjoules: Option<Vec<f64>> =
        packages.map(|path| fs::read_to_string(path.join("energy_uj")).ok()?.trim().parse().ok()).collect();
    microjoules.filter(|found| !found.is_empty()).map(|found| found.into_iter().sum::<f64>() * 1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_has_cores_and_memory_and_this_process_uses_some() {
        let machine = Machine::here();
        assert!(machine.cores > 0 && machine.memory > Some(1 << 20) && machine.load.is_some());
        assert!(machine.system.starts_with("linux ") && machine.is_like(&Machine::here()));
        let peak = peak_memory(std::process::id()).unwrap();
        assert!((1 << 20..machine.memory.unwrap()).contains(&peak), "{peak}");
        assert_eq!(peak_memory(u32::MAX), None);
    }
}
