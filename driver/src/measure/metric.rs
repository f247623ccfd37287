//! What is measured: names, units, which direction is better, how two values compare.

/// Everything known about one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// The name in samples: `infer_time`.
    pub name: &'static str,
    /// The name people read.
    pub title: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Which direction is better.
    pub better: Better,
    /// How treatment and baseline compare.
    pub compare: Compare,
    /// Whether equal work gives equal numbers, so that one sample is the truth.
    pub exact: bool,
    /// Improvements smaller than this, in percent, do not matter in practice.
    pub threshold: f64,
}

/// A unit, and with it how values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// Bytes.
    Bytes,
    /// Joules.
    Joules,
    /// A number without a unit.
    Plain,
}

/// The better direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
}

/// How a treatment is set against its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// By their ratio.
    Ratio,
    /// By their difference, in percentage points.
    Points,
    /// Not at all: each is shown for what it is.
    Shown,
}

const TIME: Metric = Metric {
    name: "",
    title: "",
    unit: Unit::Ms,
    better: Better::Lower,
    compare: Compare::Ratio,
    exact: false,
    threshold: 3.0,
};
const MEMORY: Metric = Metric { unit: Unit::Bytes, exact: true, threshold: 1.0, ..TIME };
/// A time that only one arm has.
const SHOWN_TIME: Metric = Metric { compare: Compare::Shown, ..TIME };
const ERROR: Metric = Metric { unit: Unit::Plain, exact: true, compare: Compare::Shown, ..TIME };
const AGREEMENT: Metric =
    Metric { unit: Unit::Plain, exact: true, compare: Compare::Points, better: Better::Higher, threshold: 1.0, ..TIME };

/// Every metric, in the order reports show them.
const METRICS: &[Metric] = &[
    Metric { name: "load_time", title: "Load time", ..TIME },
    Metric { name: "reload_time", title: "Load again", ..TIME },
    Metric { name: "fetch_time", title: "Load: fetching", ..TIME },
    Metric { name: "convert_time", title: "Load: converting", ..TIME },
    Metric { name: "open_time", title: "Load: until the first pass may start", ..SHOWN_TIME },
    Metric { name: "early_stages", title: "Stages computed before all weights were there", ..ERROR },
    Metric { name: "precompile_time", title: "Load: shaders", ..SHOWN_TIME },
    Metric { name: "precompiled_shaders", title: "Shaders precompiled", ..ERROR },
    Metric { name: "shader_hits", title: "First inference: shaders there", ..ERROR },
    Metric { name: "shader_misses", title: "First inference: shaders compiled", ..ERROR },
    Metric { name: "first_infer_time", title: "First inference", ..TIME },
    Metric { name: "time_to_first_infer", title: "Load and first inference", ..TIME },
    Metric { name: "infer_time", title: "Inference", ..TIME },
    Metric { name: "front_end_time", title: "Audio front end", ..TIME },
    Metric { name: "prefill_time", title: "Prefill", ..TIME },
    Metric { name: "token_time", title: "Time per token", ..TIME },
    Metric { name: "cpu_time", title: "CPU time of all processes", ..TIME },
    Metric { name: "energy", title: "Energy", unit: Unit::Joules, ..TIME },
    Metric { name: "weight_bytes", title: "Weights on the device", ..MEMORY },
    Metric { name: "bits_per_weight", title: "Bits per weight", unit: Unit::Plain, ..MEMORY },
    Metric { name: "quantized_bits_per_weight", title: "Bits per quantized weight", ..ERROR },
    Metric { name: "memory_peak", title: "Peak device memory", ..MEMORY },
    Metric { name: "memory_live", title: "Live device memory", ..MEMORY },
    Metric { name: "whole_peak", title: "Peak memory with what is on its way", ..MEMORY },
    Metric { name: "process_memory", title: "Memory of all processes", exact: false, ..MEMORY },
    Metric { name: "gpu_process_memory", title: "Memory of the GPU process", exact: false, ..MEMORY },
    Metric { name: "page_memory", title: "Page memory", exact: false, ..MEMORY },
    Metric { name: "wasm_heap", title: "WebAssembly heap", exact: false, ..MEMORY },
    Metric { name: "js_heap", title: "JavaScript heap", exact: false, ..MEMORY },
    Metric { name: "fetched_bytes", title: "Bytes fetched", ..MEMORY },
    Metric { name: "verified_bytes", title: "Bytes held against their digest", compare: Compare::Shown, ..MEMORY },
    Metric { name: "moved_bytes", title: "Weights brought during the work", compare: Compare::Shown, ..MEMORY },
    Metric { name: "weight_hits", title: "Weights that were on the device", ..ERROR },
    Metric { name: "weight_misses", title: "Weights that had to be brought", ..ERROR },
    Metric { name: "accuracy.cosine", title: "Cosine to f32 reference", ..AGREEMENT },
    Metric { name: "accuracy.top1", title: "Top-1 agreement", ..AGREEMENT },
    Metric { name: "accuracy.rank", title: "Rank correlation of similarities", ..AGREEMENT },
    Metric { name: "accuracy.kl", title: "KL divergence", ..ERROR },
    Metric { name: "accuracy.max_abs", title: "Largest absolute error", ..ERROR },
    Metric { name: "accuracy.max_rel", title: "Largest relative error", ..ERROR },
];

/// What a metric that is not in the table is taken for: a number to show.
const UNKNOWN: Metric = Metric { exact: false, ..ERROR };

impl Metric {
    /// The name of a metric taken after a prompt of so many tokens: `accuracy.kl@128`.
    #[must_use]
    pub fn at(name: &str, tokens: usize) -> String {
        format!("{name}@{tokens}")
    }

    /// Such a name's metric and tokens.
    #[must_use]
    pub fn split(name: &str) -> (&str, Option<u32>) {
        let split = name.rsplit_once('@').and_then(|(metric, tokens)| Some((metric, tokens.parse().ok()?)));
        split.map_or((name, None), |(metric, tokens)| (metric, Some(tokens)))
    }

    /// The metric called `name`; a category of memory (`memory_peak.weights`) is what its total is, and so is what was
    /// taken at some length.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let name = Self::split(name).0;
        let row = |name: &str| METRICS.iter().find(|metric| metric.name == name).copied();
        let total = || row(name.split_once('.')?.0).filter(|metric| metric.unit == Unit::Bytes);
        row(name).or_else(total).unwrap_or(UNKNOWN)
    }

    /// The metrics that can be compared, in the order reports show them.
    pub fn compared() -> impl Iterator<Item = &'static Self> {
        METRICS.iter().filter(|metric| metric.compare != Compare::Shown)
    }

    /// The title of the metric called `name`, with its category or length.
    #[must_use]
    pub fn title_of(name: &str) -> String {
        if let (metric, Some(tokens)) = Self::split(name) {
            return format!("{} after {tokens} tokens", Self::title_of(metric));
        }
        let metric = Self::named(name);
        match name.split_once('.') {
            Some((total, category)) if metric.name == total => format!("{}: {category}", metric.title),
            _ if metric.name == name => metric.title.into(),
            _ => name.into(),
        }
    }

    /// Where the metric called `name` stands in a report: by its row, what was taken at lengths in their order.
    #[must_use]
    pub fn position_of(name: &str) -> (usize, Option<u32>) {
        let metric = Self::named(name);
        let row = METRICS.iter().position(|other| other.name == metric.name);
        (row.unwrap_or(METRICS.len()), Self::split(name).1)
    }

    /// A value with its unit, short enough for a table.
    #[must_use]
    pub fn show(&self, value: f64) -> String {
        match self.unit {
            Unit::Ms if value.abs() >= 10_000.0 => format!("{:.1} s", value / 1000.0),
            Unit::Ms if value.abs() >= 100.0 => format!("{value:.0} ms"),
            Unit::Ms if value.abs() >= 10.0 => format!("{value:.1} ms"),
            Unit::Ms => format!("{value:.2} ms"),
            Unit::Bytes => show_bytes(value),
            Unit::Joules => format!("{value:.2} J"),
            Unit::Plain if value == 0.0 => "0".into(),
            Unit::Plain if value.abs() < 1e-3 => format!("{value:.1e}"),
            Unit::Plain => format!("{value:.4}"),
        }
    }
}

fn show_bytes(value: f64) -> String {
    let (unit, factor) = match value.abs() {
        bytes if bytes >= 1e9 => ("GB", 1e9),
        bytes if bytes >= 1e6 => ("MB", 1e6),
        bytes if bytes >= 1e3 => ("kB", 1e3),
        _ => return format!("{value:.0} B"),
    };
    let value = value / factor;
    if value.abs() >= 100.0 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_what_their_total_is() {
        assert_eq!(Metric::named("memory_peak.weights").unit, Unit::Bytes);
        assert_eq!(Metric::title_of("memory_peak.weights"), "Peak device memory: weights");
        assert_eq!(Metric::title_of("accuracy.cosine"), "Cosine to f32 reference");
        assert_eq!(Metric::named("brand_new").compare, Compare::Shown);
        assert_eq!(Metric::title_of("brand_new"), "brand_new");
    }

    #[test]
    fn what_is_taken_at_a_length_is_what_its_metric_is() {
        let name = Metric::at("accuracy.kl", 128);
        assert_eq!((Metric::named(&name).name, Metric::split(&name)), ("accuracy.kl", ("accuracy.kl", Some(128))));
        assert_eq!(Metric::title_of(&name), "KL divergence after 128 tokens");
        let mut names = ["accuracy.top1@128", "accuracy.kl", "accuracy.top1", "accuracy.top1@64"];
        names.sort_by_key(|name| Metric::position_of(name));
        assert_eq!(names, ["accuracy.top1", "accuracy.top1@64", "accuracy.top1@128", "accuracy.kl"]);
        assert_eq!(Metric::split("accuracy.kl@soon"), ("accuracy.kl@soon", None));
    }

    #[test]
    fn values_are_short() {
        let shown = |name, value| Metric::named(name).show(value);
        assert_eq!(shown("infer_time", 1.2345), "1.23 ms");
        assert_eq!(shown("infer_time", 12_345.0), "12.3 s");
        assert_eq!(shown("weight_bytes", 90_868_000.0), "90.9 MB");
        assert_eq!(shown("accuracy.max_abs", 0.000_012), "1.2e-5");
    }
}
