//! Whether two environments are one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::run::environment::Environment;
use crate::run::fingerprint::lasting;

/// The facts in which two environments differ: name, the first, the second. The engine's hash is none of them: it is what
/// is compared.
#[must_use]
pub fn differences(before: &Environment, after: &Environment) -> Vec<(String, String, String)> {
    let (before, after) = (facts(before), facts(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |facts: &BTreeMap<String, String>, name: &String| facts.get(name).cloned().unwrap_or_default();
    let pairs = names.into_iter().map(|name| (name.clone(), of(&before, name), of(&after, name)));
    pairs.filter(|(_, before, after)| before != after).collect()
}

/// Everything that the fingerprint is made of, by name: `os`, `device.description`, `notes.gpu_driver`.
fn facts(environment: &Environment) -> BTreeMap<String, String> {
    let stable = Environment {
        id: String::new(),
        engine_hash: String::new(),
        process_ids: BTreeMap::new(),
        session_ms: 0.0,
        load_average: 0.0,
        other_browsers: Vec::new(),
        ..lasting(environment)
    };
    let mut facts = BTreeMap::new();
    flatten("", &serde_json::to_value(&stable).unwrap_or_default(), &mut facts);
    facts
}

fn flatten(name: &str, value: &Value, facts: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(&name, value, facts);
            }
        }
        Value::String(text) => drop(facts.insert(name.into(), text.clone())),
        other => drop(facts.insert(name.into(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_and_the_moment_make_no_difference_and_the_browser_does() {
        let before = Environment { os: "Linux".into(), engine_hash: "a".into(), ..Environment::default() };
        let after = Environment { engine_hash: "b".into(), load_average: 3.0, id: "x".into(), ..before.clone() };
        assert!(differences(&before, &after).is_empty());
        let other = Environment { browser_version: "2".into(), ..after };
        assert_eq!(differences(&before, &other), [("browser_version".into(), String::new(), "2".into())]);
    }
}
