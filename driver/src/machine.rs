//! The machine below every browser.

use std::sync::LazyLock;
use std::time::Duration;

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

/// CPU time that all programs of this machine have used since it started. Linux only.
#[must_use]
pub fn busy_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks = text.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let ticks: Vec<u64> = ticks.map_while(|tick| tick.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal: all but the two that are idle.
    let idle: u64 = ticks.get(3..5)?.iter().sum();
    Some(from_ticks(ticks.iter().take(8).sum::<u64>().saturating_sub(idle)))
}

/// CPU time that this program has used.
#[must_use]
pub fn own_cpu_time() -> Option<Duration> {
    cpu_time(std::process::id())
}

/// CPU time that a process has used. Linux only.
#[must_use]
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name may hold spaces and parentheses; utime and stime are the 14th and 15th field.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(from_ticks(ticks()? + ticks()?))
}

/// Linux tells every program a hundred ticks a second, whatever the kernel counts in.
fn from_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 10)
}

/// Load average of the last minute; 0 where the system has none.
#[must_use]
pub fn load_average() -> f64 {
    System::load_average().map_or(0.0, |average| average.one)
}

/// Counters of the energy that CPU packages have used (Linux powercap, Intel RAPL and its like).
#[derive(Clone, Debug)]
pub struct Energy(Vec<Counter>);

#[derive(Clone, Debug)]
struct Counter {
    microjoules: u64,
    /// Where it starts again at 0.
    range: u64,
}

impl Energy {
    /// Reads the counters; none where the system has none or keeps them to itself.
    #[must_use]
    pub fn now() -> Option<Self> {
        let zones = std::fs::read_dir("/sys/class/powercap").ok()?.filter_map(Result::ok);
        // `intel-rapl:0` is a package, `intel-rapl:0:0` a part of it.
        let packages = zones.filter(|zone| zone.file_name().to_string_lossy().matches(':').count() == 1);
        let read = |path: std::path::PathBuf| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let counters = packages.filter_map(|zone| {
            let range = read(zone.path().join("max_energy_range_uj"))?;
            Some(Counter { microjoules: read(zone.path().join("energy_uj"))?, range })
        });
        let counters: Vec<Counter> = counters.collect();
        (!counters.is_empty()).then_some(Self(counters))
    }

    /// Joules used between two readings.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "microjoules of minutes")]
    pub fn joules_until(&self, later: &Self) -> Option<f64> {
        (self.0.len() == later.0.len()).then(|| {
            let used = self.0.iter().zip(&later.0).map(|(before, after)| {
                if after.microjoules >= before.microjoules {
                    after.microjoules - before.microjoules
                } else {
                    after.microjoules + before.range.saturating_sub(before.microjoules)
                }
            });
            used.sum::<u64>() as f64 / 1e6
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn cpu_time_goes_on() {
        let (all, own) = (busy_time().expect("Linux"), own_cpu_time().expect("Linux"));
        let started = std::time::Instant::now();
        let mut sum = 0_u64;
        while started.elapsed() < Duration::from_millis(60) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(own_cpu_time().expect("Linux") > own);
        assert!(busy_time().expect("Linux") > all);
        assert!(cpu_time(u32::MAX).is_none());
    }

    #[test]
    fn a_counter_that_started_again_has_gone_on() {
        let at = |microjoules| Energy(vec![Counter { microjoules, range: 10_000_000 }]);
        assert_eq!(at(9_000_000).joules_until(&at(500_000)), Some(1.5));
        assert_eq!(at(1_000_000).joules_until(&at(3_000_000)), Some(2.0));
    }
}
