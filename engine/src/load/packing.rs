//! Checkpoints whose linear layers are integers already: what `quantization_config` says of how they are packed.

use serde_json::Value;

use super::Config;
use crate::error::{Error, Result};

const KEY: &str = "quantization_config";

/// How the integers of a checkpoint lie in its files, which hold `qweight`, `qzeros` and `scales` instead of a
/// `weight`. A weight is `(code − zero) · scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// Who packed them.
    pub method: Method,
    /// Bits of a code: 4 or 8.
    pub bits: u32,
    /// Inputs that share a scale, a multiple of 32; all of a row where it is `None`.
    pub group: Option<usize>,
    /// Whether every zero point is the middle of the codes.
    pub symmetric: bool,
    /// Whether inputs may have been quantized in another order than they lie in.
    pub reordered: bool,
}

/// The layouts there are. Codes of a word start at its lowest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GPTQ (Frantar et al. 2022) as `AutoGPTQ` writes it: `qweight` `[inputs / codes of a word, outputs]`.
    Gptq {
        /// What has to be added to a stored zero point.
        zero_offset: u32,
    },
    /// AWQ (Lin et al. 2023) in the version `gemm`: `qweight` `[inputs, outputs / 8]`, outputs in the order
    /// 0, 2, 4, 6, 1, 3, 5, 7.
    Awq,
}

impl Packing {
    /// What a configuration says, if its weights are quantized.
    ///
    /// # Errors
    /// Where they are quantized in a way the engine doesn't read.
    pub fn read(config: &Config) -> Result<Option<Self>> {
        let Some(said) = config.part(KEY)? else { return Ok(None) };
        let refused = |key: &str, expected: &str, found: &str| {
            let error = Config::unsupported(&format!("{KEY}.{key}"), expected, found);
            error.hint("load the model's unquantized weights, and let the engine quantize them")
        };
        let bits = said.index("bits", 4)?;
        let method = match said.word("quant_method", "")? {
            "gptq" => {
                let format = said.word("checkpoint_format", "gptq")?;
                let zero_offset = match format {
                    _ if said.flag("is_marlin_format", false)? => {
                        return Err(refused("is_marlin_format", "false", "true"));
                    }
                    "gptq" => 1,
                    "gptq_v2" => 0,
                    other => {
                        return Err(refused("checkpoint_format", "'gptq' or 'gptq_v2'", &format!("'{other}'")));
                    }
                };
                if ![4, 8].contains(&bits) {
                    return Err(refused("bits", "4 or 8", &bits.to_string()));
                }
                Method::Gptq { zero_offset }
            }
            "awq" => {
                let version = said.word("version", "gemm")?;
                if !version.eq_ignore_ascii_case("gemm") {
                    return Err(refused("version", "'gemm'", &format!("'{version}'")));
                }
                if bits != 4 {
                    return Err(refused("bits", "4", &bits.to_string()));
                }
                Method::Awq
            }
            other => return Err(refused("quant_method", "'gptq' or 'awq'", &format!("'{other}'"))),
        };
        Ok(Some(Self {
            method,
            bits: if bits == 8 { 8 } else { 4 },
            group: group(&said)?,
            symmetric: matches!(method, Method::Gptq { .. }) && said.flag("sym", false)?,
            reordered: said.flag("desc_act", false)?,
        }))
    }
}

fn group(said: &Config) -> Result<Option<usize>> {
    let size = said.value().get("group_size").unwrap_or(&Value::Null);
    if size.as_i64() == Some(-1) {
        return Ok(None);
    }
    let usable = |&size: &u64| size > 0 && size <= 1 << 20 && size.is_multiple_of(32);
    match size.as_u64().filter(usable).and_then(|size| usize::try_from(size).ok()) {
        Some(size) => Ok(Some(size)),
        None => Err(Config::unsupported(&format!("{KEY}.group_size"), "-1 or a multiple of 32", size)),
    }
}

/// An error about a tensor that is not what `quantization_config` lets expect.
#[must_use]
pub fn unexpected(what: &str) -> Error {
    Error::model(what).hint(format!("{KEY} of config.json and the weights do not belong together"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(said: &Value) -> Result<Option<Packing>> {
        Packing::read(&Config::new(json!({ KEY: said })))
    }

    #[test]
    fn both_layouts_are_read() {
        let gptq = json!({"quant_method": "gptq", "bits": 8, "group_size": -1, "sym": true, "desc_act": true});
        let method = Method::Gptq { zero_offset: 1 };
        let want = Packing { method, bits: 8, group: None, symmetric: true, reordered: true };
        assert_eq!(read(&gptq).expect("known"), Some(want));
        let method = Method::Gptq { zero_offset: 0 };
        let second = json!({"quant_method": "gptq", "bits": 4, "group_size": 96, "checkpoint_format": "gptq_v2"});
        let want = Packing { method, bits: 4, group: Some(96), symmetric: false, reordered: false };
        assert_eq!(read(&second).expect("known"), Some(want));
        let awq = json!({"quant_method": "awq", "bits": 4, "group_size": 128, "version": "GEMM", "zero_point": true});
        let want = Packing { method: Method::Awq, group: Some(128), ..want };
        assert_eq!(read(&awq).expect("known"), Some(want));
        assert_eq!(Packing::read(&Config::new(json!({}))).expect("nothing said"), None);
    }

    #[test]
    fn what_is_not_read_is_told() {
        let gptq = |key: &str, value: Value| {
            let mut said = json!({"quant_method": "gptq", "bits": 4, "group_size": 128});
            said[key] = value;
            said
        };
        let awq = |key: &str, value: Value| {
            let mut said = gptq(key, value);
            said["quant_method"] = json!("awq");
            said
        };
        let cases = [
            json!({"quant_method": "bitsandbytes", "load_in_4bit": true}),
            json!({"bits": 4}),
            gptq("bits", json!(3)),
            gptq("bits", json!("four")),
            gptq("checkpoint_format", json!("marlin")),
            gptq("is_marlin_format", json!(true)),
            gptq("group_size", json!(48)),
            gptq("group_size", json!(null)),
            awq("version", json!("gemv")),
            awq("bits", json!(8)),
            json!("awq"),
        ];
        let hint = " (hint: load the model's unquantized weights, and let the engine quantize them)";
        let told = cases.map(|said| read(&said).expect_err("refused").to_string().replace(hint, ", hint"));
        let of = |key: &str| format!("config.json: 'quantization_config.{key}': unsupported value: expected");
        let want = [
            format!("{} 'gptq' or 'awq', found 'bitsandbytes', hint", of("quant_method")),
            format!("{} 'gptq' or 'awq', found '', hint", of("quant_method")),
            format!("{} 4 or 8, found 3, hint", of("bits")),
            "config.json: 'bits': unusable value: expected an integer from 0 to 2097152, found \"four\"".to_owned(),
            format!("{} 'gptq' or 'gptq_v2', found 'marlin', hint", of("checkpoint_format")),
            format!("{} false, found true, hint", of("is_marlin_format")),
            format!("{} -1 or a multiple of 32, found 48", of("group_size")),
            format!("{} -1 or a multiple of 32, found null", of("group_size")),
            format!("{} 'gemm', found 'gemv', hint", of("version")),
            format!("{} 4, found 8, hint", of("bits")),
            "config.json: 'quantization_config': unusable value: expected an object, found \"awq\"".to_owned(),
        ];
        assert_eq!(told, want);
    }
}
