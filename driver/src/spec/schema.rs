//! The JSON Schema of matrix files (draft 2020-12), made from the tables that files are checked with.

use matrix_engine::catalog::{Family, Size};
use matrix_engine::protocol::Platform;
use serde_json::{Map, Value, json};

use super::combination::Rule;
use super::expected::Outcome;
use super::gate::{FailOn, LAST_GREEN};
use super::goal::GOALS;
use super::include::WITH;
use super::optimization::{OPTIMIZATIONS, Optimization};
use super::scenario::{MAX_LATENCY_MS, MAX_LENGTHS, MAX_MBPS, MAX_SECONDS, MAX_TEMPERATURE, MAX_TOKENS};
use super::setting::{Kind, Value as Setting};
use super::word::Word;
use super::written;
use crate::browser::BrowserId;
use crate::measure::Metric;
use crate::plan::Profile;

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let mut properties = Map::new();
    for key in written::KEYS {
        properties.insert(key.into(), property(key));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A matrix: models × optimizations × browsers",
        "type": "object",
        "properties": properties,
        "required": ["models", "optimizations"],
        "additionalProperties": false,
        "$defs": {
            "selection": object(&selection(), &[]),
            "seconds": { "type": "number", "minimum": 1 },
            "percent": { "type": "string", "pattern": "%$" },
        },
    })
}

fn property(key: &str) -> Value {
    let described = |text: &str, value: Value| with(value, "description", json!(text));
    match key {
        "name" => described("What reports call it", text()),
        "browsers" => described("Rows of the table; see `matrix doctor`", list(words::<BrowserId>())),
        "platforms" => described("Which device in the browser", list(words::<Platform>())),
        "models" => described(
            "A preset (`bert`, `llama-tiny`), named weights (`minilm`), or a map",
            list(json!({ "anyOf": [text(), model()] })),
        ),
        "optimizations" => described("What is measured, and how it is set", optimizations()),
        "combinations" => described(
            "Which optimizations run together",
            json!({ "anyOf": [words::<Rule>(), list(list(optimization_words()))] }),
        ),
        "scenario" => described("What is computed", scenario()),
        "sampling" => described("How often", sampling()),
        "include" => described("Cells added", included()),
        "exclude" => described("Cells removed", selections()),
        "expect" => described("Outcomes known", json!({ "type": "array", "items": expected() })),
        "gate" => described("What the run is held against when it is over", gate()),
        "timeouts" => described(
            "How long it may take",
            object(&["load_s", "cell_s", "heartbeat_s"].map(|key| (key, json!({ "$ref": "#/$defs/seconds" }))), &[]),
        ),
        _ => json!({}),
    }
}

fn model() -> Value {
    let fields = [
        ("name", text()),
        ("family", words::<Family>()),
        ("size", words::<Size>()),
        ("seed", count(0, u32::MAX)),
        ("path", text()),
        ("weights", text()),
    ];
    let any = ["family", "path", "weights"].map(|key| json!({ "required": [key] }));
    with(object(&fields, &[]), "anyOf", json!(any))
}

fn optimizations() -> Value {
    let all: Vec<(&str, Value)> = OPTIMIZATIONS.iter().map(|row| (row.word, settings(row))).collect();
    with(object(&all, &[]), "minProperties", json!(1))
}

fn settings(row: &Optimization) -> Value {
    let mut fields: Vec<(&str, Value)> = Vec::new();
    // `prune.keep` is written as `prune: {keep: …}`.
    let mut inside: Vec<(&str, Vec<(&str, Value)>)> = Vec::new();
    for setting in row.settings {
        let value = with(kind(&setting.kind), "default", default_of(&(setting.default)()));
        match setting.key.split_once('.') {
            None => fields.push((setting.key, value)),
            Some((outer, inner)) => match inside.iter_mut().find(|(name, _)| *name == outer) {
                Some((_, fields)) => fields.push((inner, value)),
                None => inside.push((outer, vec![(inner, value)])),
            },
        }
    }
    fields.extend(inside.into_iter().map(|(outer, fields)| (outer, object(&fields, &[]))));
    let limit = json!({ "type": "string", "description": "a limit such as `-70%` or `<5%`" });
    let goals: Vec<(&str, Value)> = GOALS.iter().map(|(word, ..)| (*word, limit.clone())).collect();
    fields.push(("expect", object(&goals, &[])));
    let object = with(object(&fields, &[]), "description", json!(row.title));
    with(object, "type", json!(["object", "null"]))
}

fn scenario() -> Value {
    let tokens = count(1, MAX_TOKENS);
    let drawn = object(
        &[
            ("tokens", tokens.clone()),
            ("temperature", json!({ "type": "number", "minimum": 0.01, "maximum": MAX_TEMPERATURE })),
            ("top_k", count(1, u32::MAX)),
            ("top_p", json!({ "type": "number", "minimum": 0.01, "maximum": 1 })),
            ("seed", count(0, u32::MAX)),
        ],
        &[],
    );
    let network =
        [("latency_ms", count(0, MAX_LATENCY_MS)), ("mbps", count(1, MAX_MBPS)), ("total_mbps", count(1, MAX_MBPS))];
    object(
        &[
            ("texts", list(text())),
            ("tokens", tokens.clone()),
            ("lengths", with(list(tokens.clone()), "maxItems", json!(MAX_LENGTHS))),
            ("decode", json!({ "anyOf": [tokens, drawn] })),
            ("image", text()),
            ("audio", text()),
            ("seconds", count(1, MAX_SECONDS)),
            ("video", text()),
            ("network", object(&network, &[])),
        ],
        &[],
    )
}

fn sampling() -> Value {
    let blocks = json!({ "type": "integer", "minimum": 1 });
    object(
        &[
            ("min", blocks.clone()),
            ("max", blocks.clone()),
            ("target_half_width", json!({ "$ref": "#/$defs/percent" })),
            ("budget_s", json!({ "type": "number", "exclusiveMinimum": 0 })),
            ("pages", blocks),
            ("strict", json!({ "type": "boolean" })),
            ("memory_profile", json!({ "type": "boolean" })),
            ("trace", json!({ "type": "boolean" })),
            ("profile", with(words::<Profile>(), "default", json!(Profile::default().name()))),
        ],
        &[],
    )
}

fn gate() -> Value {
    let loss = json!({ "$ref": "#/$defs/percent", "description": "a loss that is allowed" });
    let metrics: Vec<&str> = Metric::compared().map(|metric| metric.name).collect();
    let thresholds: Vec<(&str, Value)> = metrics.iter().map(|name| (*name, loss.clone())).collect();
    object(
        &[
            ("against", with(text(), "default", json!(LAST_GREEN))),
            ("threshold", loss),
            ("thresholds", object(&thresholds, &[])),
            ("metrics", one_or_more(json!({ "enum": metrics }))),
            ("across", one_or_more(text())),
            ("fail_on", with(words::<FailOn>(), "default", json!(FailOn::default().name()))),
            ("expectations", text()),
        ],
        &[],
    )
}

fn expected() -> Value {
    let mut fields = selection();
    fields.push(("status", words::<Outcome>()));
    fields.push(("why", text()));
    object(&fields, &["status", "why"])
}

/// A selection, whose optimizations may be set otherwise.
fn included() -> Value {
    let mut fields = selection();
    fields.push((WITH, optimizations()));
    json!({ "type": "array", "items": object(&fields, &[]) })
}

fn selections() -> Value {
    json!({ "type": "array", "items": { "$ref": "#/$defs/selection" } })
}

fn selection() -> Vec<(&'static str, Value)> {
    super::selector::KEYS
        .into_iter()
        .map(|key| {
            let value = match key {
                "browser" => words::<BrowserId>(),
                "platform" => words::<Platform>(),
                "optimization" => optimization_words(),
                _ => text(),
            };
            (key, one_or_more(value))
        })
        .collect()
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Word(words) => json!({ "enum": words }),
        Kind::PowerOfTwo(least, most) => {
            let allowed = (0..31).map(|n| 1_u32 << n).filter(|n| (least..=most).contains(&n));
            json!({ "enum": allowed.collect::<Vec<_>>() })
        }
        Kind::Either(word, numbers) => {
            let numbers = numbers.iter().map(|number| json!(number));
            json!({ "enum": std::iter::once(json!(word)).chain(numbers).collect::<Vec<_>>() })
        }
        Kind::CountOr(word, least, most) => json!({ "anyOf": [{ "const": word }, count(*least, *most)] }),
        Kind::Count(least, most) => count(*least, *most),
        Kind::Switch(words) => json!({ "enum": words }),
        Kind::Share => json!({ "type": ["string", "number"], "description": "a share such as `50%` or 0.5" }),
        Kind::Names | Kind::Texts => json!({ "type": "array", "items": text() }),
    }
}

fn default_of(value: &Setting) -> Value {
    match value {
        Setting::Word(word) => json!(word),
        Setting::Count(count) => json!(count),
        Setting::Share(percent) => json!(format!("{percent}%")),
        Setting::Names(names) => json!(names),
    }
}

fn optimization_words() -> Value {
    json!({ "enum": OPTIMIZATIONS.iter().map(|row| row.word).collect::<Vec<_>>() })
}

fn words<T: Word>() -> Value {
    json!({ "enum": T::all().iter().map(|value| value.word()).collect::<Vec<_>>() })
}

fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn count(least: u32, most: u32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

fn list(items: Value) -> Value {
    with(json!({ "type": "array", "minItems": 1 }), "items", items)
}

fn one_or_more(value: Value) -> Value {
    json!({ "anyOf": [value.clone(), list(value)] })
}

fn object(fields: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if required.is_empty() { object } else { with(object, "required", json!(required)) }
}

/// The object with one more entry; what is no object stays as it is.
fn with(mut value: Value, key: &str, of: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.insert(key.into(), of);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the schema says a value may be, for the few keywords used here.
    fn is_valid(schema: &Value, value: &Value, root: &Value) -> bool {
        if let Some(reference) = schema["$ref"].as_str() {
            return is_valid(root.pointer(&reference[1..]).expect("a definition"), value, root);
        }
        let any = schema["anyOf"].as_array().is_none_or(|all| all.iter().any(|one| is_valid(one, value, root)));
        let one_of = schema["enum"].as_array().is_none_or(|all| all.contains(value));
        let is = |kind: &str| match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            _ => value.is_number(),
        };
        let kind = match &schema["type"] {
            Value::String(kind) => is(kind),
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(is),
            _ => true,
        };
        let required = schema["required"]
            .as_array()
            .is_none_or(|keys| keys.iter().all(|key| value.get(key.as_str().expect("a key")).is_some()));
        let fields = value.as_object().zip(schema["properties"].as_object()).is_none_or(|(fields, known)| {
            fields.iter().all(|(key, value)| known.get(key).is_some_and(|schema| is_valid(schema, value, root)))
        });
        let items = value
            .as_array()
            .zip(schema.get("items"))
            .is_none_or(|(items, schema)| items.iter().all(|item| is_valid(schema, item, root)));
        let least = schema["minimum"].as_f64().zip(value.as_f64()).is_none_or(|(least, value)| value >= least);
        any && one_of && kind && required && fields && items && least
    }

    #[test]
    fn every_matrix_of_the_project_is_valid_and_mistakes_are_not() {
        let schema = schema();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut checked = 0;
        for folder in ["../matrices", "tests/input"] {
            for entry in std::fs::read_dir(root.join(folder)).expect("a folder") {
                let path = entry.expect("an entry").path();
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                let Ok(value) = std::fs::read_to_string(&path).map(|text| serde_yaml::from_str::<Value>(&text)) else {
                    continue;
                };
                let Ok(value) = value else { continue };
                if !name.starts_with("err_") {
                    assert!(is_valid(&schema, &value, &schema), "{name}");
                    checked += 1;
                }
                for mistake in [
                    "err_unknown_key",
                    "err_unknown_browser",
                    "err_unknown_option",
                    "err_expect_word",
                    "err_missing_models",
                    "err_group_size.",
                ] {
                    assert!(!name.starts_with(mistake) || !is_valid(&schema, &value, &schema), "{name}");
                }
            }
        }
        assert!(checked >= 5, "{checked} files");
    }
}
