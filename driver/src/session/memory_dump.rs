//! What a Chrome's GPU process says of its memory: a memory dump in the trace event format (the categories of
//! `disabled-by-default-memory-infra`).

use std::collections::BTreeMap;

use matrix_engine::protocol::Measure;
use serde::Deserialize;
use serde_json::Value;

/// The process whose memory is that of WebGPU.
const GPU_PROCESS: &str = "GPU Process";

#[derive(Deserialize)]
struct Trace {
    #[serde(rename = "traceEvents")]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    name: String,
    ph: String,
    #[serde(default)]
    pid: i64,
    #[serde(default)]
    args: Value,
}

/// Bytes that only the GPU process has, and those of its allocators: `gpu_process_memory`,
/// `gpu_process_memory.<allocator>`. Bytes of an allocator that belong to another one do not count twice.
/// Nothing when the trace has no dump of that process.
pub(super) fn gpu_process(trace: &str) -> Vec<Measure> {
    let Ok(Trace { events }) = serde_json::from_str(trace) else { return Vec::new() };
    let is_gpu = |event: &&Event| event.name == "process_name" && event.args["name"] == GPU_PROCESS;
    let Some(gpu) = events.iter().find(is_gpu).map(|event| event.pid) else { return Vec::new() };
    let mut bytes = BTreeMap::new();
    for dump in events.iter().filter(|event| event.ph == "v" && event.pid == gpu).map(|event| &event.args["dumps"]) {
        if let Some(total) = hexadecimal(&dump["process_totals"]["private_footprint_bytes"]) {
            bytes.insert("gpu_process_memory".to_owned(), total);
        }
        // Names with a slash are parts of those without.
        let whole = dump["allocators"].as_object().into_iter().flatten().filter(|(name, _)| !name.contains('/'));
        for (name, allocator) in whole {
            let attributes = &allocator["attrs"];
            let held = ["effective_size", "size"].iter().find_map(|key| hexadecimal(&attributes[*key]["value"]));
            if let Some(held) = held.filter(|held| *held > 0) {
                bytes.insert(format!("gpu_process_memory.{name}"), held);
            }
        }
    }
    bytes.iter().map(|(name, bytes)| Measure::bytes(name, *bytes)).collect()
}

fn hexadecimal(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gpu_process_is_told_from_the_others() {
        let measures = gpu_process(include_str!("memory_dump/swiftshader.json"));
        let lines = measures.iter().map(|measure| format!("{} {}", measure.metric, measure.value));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
        gpu_process_memory 101056512
        gpu_process_memory.gpu 130150
        gpu_process_memory.malloc 84279936
        gpu_process_memory.shared_memory 399997
        ");
    }

    #[test]
    fn what_is_no_dump_says_nothing() {
        assert_eq!(gpu_process(""), []);
        assert_eq!(gpu_process(r#"{"traceEvents": []}"#), []);
        let unnamed = r#"{"traceEvents": [{"ph": "v", "pid": 1, "args": {"dumps": 3}}]}"#;
        assert_eq!(gpu_process(unnamed), []);
        let odd = r#"{"traceEvents": [{"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "GPU Process"}},
            {"ph": "v", "pid": 1, "args": {"dumps": {"process_totals": {"private_footprint_bytes": "x"}, "allocators": []}}}]}"#;
        assert_eq!(gpu_process(odd), []);
    }
}
