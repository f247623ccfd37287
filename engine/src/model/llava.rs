//! LLaVA (Liu et al. 2023) and LLaVA-NeXT (Liu et al. 2024): features of images take the place of words.

use super::{
    Model, PixelRules, Task,
    llama::{self, Llama},
    llava_inputs::{ImageRules, ORDER, PIXELS, ROWS, SIZES},
    prompt::{Generate, Pass, Prompt, Text},
    tensors,
    tiles::Extent,
};
use crate::{
    block::{ClipVision, Linear},
    cache::{Cache, Stateless},
    error::Result,
    graph::{Activation, Element, Graph, Value},
    load::Config,
    protocol::{InputInfo, Tensors},
    weights::{Param, Weights},
};

struct Llava {
    text: Llama,
    vision: ClipVision,
    /// Which hidden state of the vision tower.
    layer: usize,
    projector: [Linear; 2],
    activation: Activation,
    images: ImageRules,
    /// Behind every row of a map of tiles.
    newline: Option<Param>,
}

/// Declares the LLaVA that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, _: Task) -> Result<Box<dyn Model>> {
    Ok(Box::new(Llava::new(config, weights, None, None)?))
}

/// Declares the LLaVA-NeXT that `config` describes.
pub fn build_next(config: &Config, weights: &Weights<'_>, _: Task) -> Result<Box<dyn Model>> {
    let pinpoints = config.pairs("image_grid_pinpoints")?;
    let width = config.required("text_config")?.size("hidden_size", 4096)?;
    let newline = weights.at_optional("model").bias("image_newline", width)?.reshaped(&[1, width]);
    Ok(Box::new(Llava::new(config, weights, Some(pinpoints), Some(newline))?))
}

impl Llava {
    fn new(
        config: &Config,
        weights: &Weights<'_>,
        pinpoints: Option<Vec<Extent>>,
        newline: Option<Param>,
    ) -> Result<Self> {
        const STRATEGY: &str = "vision_feature_select_strategy";
        let [vision_config, text_config] = [config.required("vision_config")?, config.required("text_config")?];
        let towers = weights.at_optional("model");
        // Newer files hold the towers under `model` and the head beside it; in older ones the head is the tower's.
        let head = if weights.has("lm_head.weight") { weights.at("") } else { weights.at("language_model") };
        let text = llama::inside(&text_config, &towers.at("language_model"), &head)?;
        let vision = ClipVision::new(&vision_config, &towers.at("vision_tower.vision_model"))?;
        let states = vision_config.size("num_hidden_layers", 12)? + 1;
        let (from, to) = (vision.patches_shape.hidden, text_config.size("hidden_size", 4096)?);
        let projector = towers.at("multi_modal_projector");
        let biased = config.flag("multimodal_projector_bias", true)?;
        let linear = |name: &str, inputs| Linear::optional(&projector.at(name), to, inputs, biased);
        let patches_only = match (config.word(STRATEGY, "default")?, &pinpoints) {
            ("default", _) => true,
            ("full", None) => false,
            (other, _) => return Err(Config::unsupported(STRATEGY, "'default'", format!("'{other}'"))),
        };
        let default = config.index("image_token_index", 32000)?;
        let image = config.index("image_token_id", default)?;
        let patches = vision.patches_shape;
        let images = ImageRules {
            pixels: PixelRules { channels: patches.channels, size: patches.image, fixed: true, frames: None },
            side: [0, 1].map(|axis| patches.image[axis] / patches.patch[axis]),
            patches_only,
            image: i32::try_from(image).unwrap_or(i32::MAX),
            pinpoints,
        };
        Ok(Self {
            layer: config.place("vision_feature_layer", -2, states)?,
            projector: [linear("linear_1", from)?, linear("linear_2", to)?],
            activation: Activation::parse("projector_hidden_act", config.word("projector_hidden_act", "gelu")?)?,
            text,
            vision,
            images,
            newline,
        })
    }

    fn forward(&self, inputs: &Tensors, cache: &dyn Cache) -> Result<Graph> {
        let mut graph = Graph::new();
        let text = Text::declare(&mut graph, inputs)?;
        let mut x = self.text.embed(&mut graph, text.ids)?;
        if inputs.contains_key(PIXELS) {
            let features = self.features(&mut graph, inputs)?;
            let [batch, length, hidden] = [graph.shape(x)[0], graph.shape(x)[1], graph.shape(x)[2]];
            let words = graph.reshape(x, &[batch * length, hidden])?;
            let all = graph.concat(words, features, 0)?;
            let rows = graph.input(ROWS, &[batch, length], Element::I32);
            x = graph.gather_rows(rows, all)?;
        }
        self.text.forward(&mut graph, x, &text, cache)?;
        Ok(graph)
    }

    /// Images → features in the order in which they are used `[F, H]`
    fn features(&self, graph: &mut Graph, inputs: &Tensors) -> Result<Value> {
        let pixels = PixelRules::declare(graph, inputs)?;
        let mut x = self.vision.hidden_states(graph, pixels)?[self.layer];
        if self.images.patches_only {
            x = graph.slice(x, 1, 1, self.images.tokens())?;
        }
        let inner = self.projector[0].forward(graph, x, Some(self.activation))?;
        let x = self.projector[1].forward(graph, inner, None)?;
        let [images, tokens, hidden] = [graph.shape(x)[0], graph.shape(x)[1], graph.shape(x)[2]];
        let mut x = graph.reshape(x, &[images * tokens, hidden])?;
        if let Some(newline) = &self.newline {
            let newline = graph.permute(newline, &[0, 1])?;
            let all = graph.concat(x, newline, 0)?;
            let order = tensors::declare(graph, inputs, ORDER)?;
            x = graph.gather_rows(order, all)?;
        }
        graph.output("image_features", x);
        Ok(x)
    }
}

impl Model for Llava {
    fn vocabulary(&self) -> usize {
        self.text.vocabulary()
    }

    fn inputs(&self) -> Vec<InputInfo> {
        self.images.info(self.vocabulary())
    }

    fn prepare(&self, inputs: &Tensors) -> Result<Tensors> {
        let inputs = self.images.mention(inputs)?;
        let mut text = self.text.rules().whole(&inputs, &[PIXELS, SIZES])?;
        let more = self.images.place(&inputs, &text)?;
        text.extend(more);
        Ok(text)
    }

    fn graph(&self, inputs: &Tensors) -> Result<Graph> {
        self.forward(inputs, &Stateless)
    }

    fn generator(&self) -> Option<&dyn Generate> {
        Some(self)
    }
}

impl Generate for Llava {
    fn prompt(&self, inputs: &Tensors) -> Result<Prompt> {
        let inputs = self.images.mention(inputs)?;
        let mut prompt = self.text.rules().prompt(&inputs, &[PIXELS, SIZES], &[])?;
        let text = Tensors::from([("input_ids".to_owned(), prompt.ids.clone())]);
        prompt.first = self.images.place(&inputs, &text)?;
        Ok(prompt)
    }

    fn pass(&self, inputs: &Tensors, cache: &dyn Cache, _: Pass) -> Result<Graph> {
        self.forward(inputs, cache)
    }
}
