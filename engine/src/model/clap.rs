//! CLAP (Wu et al. 2022): sounds and texts as vectors in one space.

use super::{
    InputRules, Model, Task,
    roberta::positions,
    tensors::{declare, floats, known},
};
use crate::{
    block::{Encoder, EncoderShape, Htsat, Linear},
    error::{Error, Result},
    graph::{Activation, Graph, Value},
    load::Config,
    protocol::{InputInfo, InputKind, Tensor, Tensors},
    weights::{Param, Weights},
};

struct Clap {
    rules: InputRules,
    padding: usize,
    audio: Htsat,
    text: Encoder,
    audio_projection: Projection,
    text_projection: Projection,
    audio_scale: Param,
    text_scale: Param,
}

/// Two linear layers, then vectors of length 1.
struct Projection {
    inner: Linear,
    outer: Linear,
    activation: Activation,
}

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, _: Task) -> Result<Box<dyn Model>> {
    let [audio_config, text_config] = [config.required("audio_config")?, config.required("text_config")?];
    let shape = EncoderShape::new(&text_config, 50265, 1)?;
    let audio = Htsat::new(&audio_config, &weights.at("audio_model.audio_encoder"))?;
    let width = config.size("projection_dim", 512)?;
    let activation = Activation::parse("projection_hidden_act", config.word("projection_hidden_act", "relu")?)?;
    let project = |name: &str, inputs| Projection::new(&weights.at(name), width, inputs, activation);
    // Positions start behind the one that padding has.
    let Some(longest) = shape.positions.checked_sub(shape.padding + 1).filter(|&longest| longest > 0) else {
        let expected = format!("more than pad_token_id + 1 = {}", shape.padding + 1);
        return Err(Config::wrong("max_position_embeddings", &expected, shape.positions));
    };
    Ok(Box::new(Clap {
        rules: InputRules { vocabulary: shape.vocabulary, token_types: shape.token_types, longest },
        padding: shape.padding,
        text: Encoder::new(&weights.at("text_model"), &shape)?,
        audio_projection: project("audio_projection", audio.width)?,
        text_projection: project("text_projection", shape.hidden)?,
        audio_scale: weights.number("logit_scale_a")?,
        text_scale: weights.number("logit_scale_t")?,
        audio,
    }))
}

impl Projection {
    fn new(weights: &Weights<'_>, width: usize, inputs: usize, activation: Activation) -> Result<Self> {
        Ok(Self {
            inner: Linear::new(&weights.at("linear1"), width, inputs)?,
            outer: Linear::new(&weights.at("linear2"), width, width)?,
            activation,
        })
    }

    fn forward(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        let x = self.inner.forward(graph, x, Some(self.activation))?;
        let x = self.outer.forward(graph, x, None)?;
        graph.normalize(x)
    }
}

impl Clap {
    const AUDIO: [&str; 2] = ["input_features", "is_longer"];

    /// Checks spectrograms and adds which of them are longer than one version holds, and which are not.
    fn prepare_audio(&self, inputs: &Tensors) -> Result<Tensors> {
        let axes = [
            ("batch", None),
            ("versions", Some(self.audio.channels)),
            ("frames", None),
            ("bins", Some(self.audio.bins)),
        ];
        let features = floats(inputs, "input_features", &axes)?;
        if features.shape[2] > self.audio.longest() {
            return Err(Error::model("too many frames")
                .of("input_features")
                .expected(format!("at most {}", self.audio.longest()))
                .found(features.shape[2].to_string()));
        }
        let shape = [features.shape[0], 1];
        let longer = match inputs.get("is_longer") {
            Some(longer) => super::inputs::check(longer, &shape, 2).map_err(|error| error.of("is_longer"))?,
            None => Tensor::i32(&shape, vec![0; shape[0]]),
        };
        let mut complete = Tensors::from([("input_features".to_owned(), features)]);
        if self.audio.channels > 1 {
            let shorter = longer.as_i32().unwrap_or_default().iter().map(|longer| 1 - longer).collect();
            complete.insert("is_longer".to_owned(), longer);
            complete.insert("is_shorter".to_owned(), Tensor::i32(&shape, shorter));
        }
        Ok(complete)
    }

    fn sounds(&self, graph: &mut Graph, inputs: &Tensors) -> Result<Value> {
        let features = declare(graph, inputs, "input_features")?;
        let lengths = if inputs.contains_key("is_longer") {
            Some([declare(graph, inputs, "is_longer")?, declare(graph, inputs, "is_shorter")?])
        } else {
            None
        };
        let pooled = self.audio.forward(graph, features, lengths, "audio_")?;
        let embeds = self.audio_projection.forward(graph, pooled)?;
        graph.output("audio_embeds", embeds);
        Ok(embeds)
    }

    fn texts(&self, graph: &mut Graph, inputs: &Tensors) -> Result<Value> {
        let inputs = InputRules::declare(graph, inputs)?;
        let (_, pooled) = self.text.forward_named(graph, &inputs, "text_")?;
        let pooled = pooled.ok_or_else(|| Error::model("the text tower needs 'pooler.dense'"))?;
        let embeds = self.text_projection.forward(graph, pooled)?;
        graph.output("text_embeds", embeds);
        Ok(embeds)
    }
}

impl Model for Clap {
    fn vocabulary(&self) -> usize {
        self.rules.vocabulary
    }

    fn inputs(&self) -> Vec<InputInfo> {
        // Ten seconds.
        let frames = self.audio.longest().min(1001);
        let shape = [1, self.audio.channels, frames, self.audio.bins];
        let mut inputs = vec![InputInfo::new("input_features", &shape, InputKind::Features, 0)];
        if self.audio.channels > 1 {
            inputs.push(InputInfo::new("is_longer", &[1, 1], InputKind::Mask, 2));
        }
        inputs.extend(self.rules.inputs());
        inputs
    }

    fn prepare(&self, inputs: &Tensors) -> Result<Tensors> {
        known(inputs, &["input_features", "is_longer", "input_ids", "attention_mask"])?;
        // Either tower works alone.
        let mut complete = Tensors::new();
        let text: Tensors =
            inputs.clone().into_iter().filter(|(name, _)| !Self::AUDIO.contains(&name.as_str())).collect();
        if text.contains_key("input_ids") || !inputs.contains_key("input_features") {
            complete = self.rules.prepare(&text, |ids| positions(ids, self.padding))?;
        }
        if inputs.contains_key("input_features") {
            complete.extend(self.prepare_audio(inputs)?);
        }
        Ok(complete)
    }

    fn graph(&self, inputs: &Tensors) -> Result<Graph> {
        let mut graph = Graph::new();
        let sounds = if inputs.contains_key("input_features") { Some(self.sounds(&mut graph, inputs)?) } else { None };
        let texts = if inputs.contains_key("input_ids") { Some(self.texts(&mut graph, inputs)?) } else { None };
        if let (Some(sounds), Some(texts)) = (sounds, texts) {
            for (name, a, b, scale) in [
                ("logits_per_audio", sounds, texts, &self.audio_scale),
                ("logits_per_text", texts, sounds, &self.text_scale),
            ] {
                let products = graph.products(a, b)?;
                let logits = graph.scale_exp(products, scale)?;
                graph.output(name, logits);
            }
        }
        Ok(graph)
    }
}
