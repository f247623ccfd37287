//! Presets of models that write text.
//!
//! `small` keeps the published widths and two layers; of a large vocabulary it keeps a part, which would be
//! all there is otherwise. `tiny` is 256 wide.

use serde_json::{Value, json};

use crate::{catalog::Size, load::Config};

/// GPT-2 124M.
#[must_use]
pub fn gpt2(size: Size) -> Config {
    let full = json!({
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "activation_function": "gelu_new",
        "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024, "vocab_size": 50257,
        "layer_norm_epsilon": 1e-5, "bos_token_id": 50256, "eos_token_id": 50256,
    });
    let tiny = json!({"n_embd": 256, "n_layer": 4, "n_head": 4, "vocab_size": 4096});
    sized(full, &tiny, size)
}

/// Llama 3.2 1B.
#[must_use]
pub fn llama(size: Size) -> Config {
    let full = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "vocab_size": 128256,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 131_072, "rope_theta": 500_000.0, "tie_word_embeddings": true,
        "rope_scaling": {
            "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
        "bos_token_id": 128_000, "eos_token_id": 128_001,
    });
    let tiny = json!({
        "hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 4, "vocab_size": 4096,
        "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 32,
    });
    sized(full, &tiny, size)
}

/// Qwen2 0.5B.
#[must_use]
pub fn qwen2(size: Size) -> Config {
    let full = json!({
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu",
        "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "vocab_size": 151_936,
        "num_attention_heads": 14, "num_key_value_heads": 2, "rms_norm_eps": 1e-6,
        "max_position_embeddings": 131_072, "rope_theta": 1_000_000.0, "tie_word_embeddings": true,
        "use_sliding_window": false, "bos_token_id": 151_643, "eos_token_id": 151_643,
    });
    let tiny = json!({
        "hidden_size": 256, "intermediate_size": 1280, "num_hidden_layers": 4, "vocab_size": 4096,
        "num_attention_heads": 8,
    });
    sized(full, &tiny, size)
}

/// T5-small.
#[must_use]
pub fn t5(size: Size) -> Config {
    let full = json!({
        "architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "feed_forward_proj": "relu",
        "d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6, "num_decoder_layers": 6,
        "num_heads": 8, "vocab_size": 32128, "layer_norm_epsilon": 1e-6,
        "relative_attention_num_buckets": 32, "relative_attention_max_distance": 128,
        "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1,
    });
    let tiny = json!({
        "d_model": 256, "d_ff": 1024, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
        "vocab_size": 4096,
    });
    sized(full, &tiny, size)
}

/// Whisper tiny.
#[must_use]
pub fn whisper(size: Size) -> Config {
    let full = json!({
        "architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper",
        "activation_function": "gelu", "d_model": 384, "encoder_layers": 4, "decoder_layers": 4,
        "encoder_attention_heads": 6, "decoder_attention_heads": 6, "encoder_ffn_dim": 1536,
        "decoder_ffn_dim": 1536, "num_mel_bins": 80, "max_source_positions": 1500,
        "max_target_positions": 448, "vocab_size": 51865, "decoder_start_token_id": 50258,
        "eos_token_id": 50257,
    });
    let tiny = json!({
        "d_model": 256, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
        "decoder_attention_heads": 4, "encoder_ffn_dim": 1024, "decoder_ffn_dim": 1024,
        "vocab_size": 4096, "decoder_start_token_id": 1, "eos_token_id": 0,
        // Two seconds of sound.
        "max_source_positions": 100,
    });
    sized(full, &tiny, size)
}

/// A published configuration, shortened as a size asks for.
fn sized(mut full: Value, tiny: &Value, size: Size) -> Config {
    let changes = match size {
        Size::Tiny => tiny.clone(),
        Size::Small => shortened(&full),
        Size::Full => json!({}),
    };
    for (key, change) in changes.as_object().into_iter().flatten() {
        full[key] = change.clone();
    }
    Config::new(full)
}

/// Two layers, and at most 65536 ids.
fn shortened(full: &Value) -> Value {
    const LAYERS: [&str; 6] =
        ["n_layer", "num_hidden_layers", "num_layers", "num_decoder_layers", "encoder_layers", "decoder_layers"];
    let mut changes = json!({});
    for key in LAYERS.into_iter().filter(|key| full.get(key).is_some()) {
        changes[key] = Value::from(2);
    }
    if full["vocab_size"].as_u64() > Some(65536) {
        // Ids that end a text would lie outside.
        changes["vocab_size"] = Value::from(32768);
        changes["bos_token_id"] = Value::from(1);
        changes["eos_token_id"] = Value::from(2);
    }
    changes
}
