//! The machine below every browser.

use std::sync::LazyLock;

use sysinfo::{CpuRefreshKind, RefreshKind, System};

/// What of a machine decides numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Operating system and version.
    pub os: String,
    /// CPU model.
    pub cpu: String,
    /// Logical CPUs.
    pub cores: u32,
}

impl Machine {
    /// This machine.
    #[must_use]
    pub fn here() -> &'static Self {
        static HERE: LazyLock<Machine> = LazyLock::new(|| {
            let refresh = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
            let system = System::new_with_specifics(refresh).ok();
            let os = [System::long_os_version(), System::kernel_version()].into_iter().flatten();
            let cpu = system.as_ref().and_then(|system| system.cpus().first());
            let cpu = cpu.map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default();
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            Machine { os: os.collect::<Vec<_>>().join(", kernel "), cpu, cores: u32::try_from(cores).unwrap_or(1) }
        });
        &HERE
    }
}
