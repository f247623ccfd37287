//! BERT (Devlin et al. 2018).

use super::{InputRules, Model, Task};
use crate::{
    block::{Encoder, EncoderShape, LayerNorm, Linear, MaskedLm, TokenHead},
    error::{Error, Result},
    graph::{Activation, Graph},
    load::Config,
    protocol::{InputInfo, Tensors},
    weights::Weights,
};

struct Bert {
    rules: InputRules,
    encoder: Encoder,
    head: Head,
}

enum Head {
    None,
    MaskedLm(MaskedLm),
    /// On every position.
    Tokens(TokenHead),
    /// On the pooled first position.
    Pooled(TokenHead),
}

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, task: Task) -> Result<Box<dyn Model>> {
    let shape = EncoderShape::new(config, 30522, 0)?;
    let encoder = Encoder::new(&weights.at_optional("bert"), &shape)?;
    let labels = || TokenHead::new(&weights.at("classifier"), config.labels(), shape.hidden);
    let head = match task {
        Task::Bare | Task::CausalLm => Head::None,
        Task::MaskedLm => Head::MaskedLm(masked_lm(config, weights, &encoder, &shape)?),
        Task::TokenLabels => Head::Tokens(labels()?),
        Task::SequenceLabels => Head::Pooled(labels()?),
    };
    let rules = InputRules { vocabulary: shape.vocabulary, token_types: shape.token_types, longest: shape.positions };
    Ok(Box::new(Bert { rules, encoder, head }))
}

fn masked_lm(config: &Config, weights: &Weights<'_>, encoder: &Encoder, shape: &EncoderShape) -> Result<MaskedLm> {
    let predictions = weights.at("cls.predictions");
    let transform = predictions.at("transform");
    let decoder = if config.flag("tie_word_embeddings", true)? {
        encoder.words().clone()
    } else {
        predictions.linear("decoder.weight", shape.vocabulary, shape.hidden)?
    };
    let bias = if predictions.has("bias") { "bias" } else { "decoder.bias" };
    Ok(MaskedLm {
        dense: Linear::new(&transform.at("dense"), shape.hidden, shape.hidden)?,
        activation: Activation::parse("hidden_act", config.word("hidden_act", "gelu")?)?,
        norm: LayerNorm::new(&transform.at("LayerNorm"), shape.hidden, shape.epsilon)?,
        decoder: Linear::tied(decoder, predictions.bias(bias, shape.vocabulary)?),
    })
}

impl Model for Bert {
    fn vocabulary(&self) -> usize {
        self.rules.vocabulary
    }

    fn inputs(&self) -> Vec<InputInfo> {
        self.rules.inputs()
    }

    fn prepare(&self, inputs: &Tensors) -> Result<Tensors> {
        self.rules.prepare(inputs, |ids| (0..).take(ids.len()).collect())
    }

    fn graph(&self, inputs: &Tensors) -> Result<Graph> {
        let mut graph = Graph::new();
        let inputs = InputRules::declare(&mut graph, inputs)?;
        let (hidden, pooled) = self.encoder.forward(&mut graph, &inputs)?;
        let logits = match &self.head {
            Head::None => return Ok(graph),
            Head::MaskedLm(head) => head.forward(&mut graph, hidden)?,
            Head::Tokens(head) => head.forward(&mut graph, hidden)?,
            Head::Pooled(head) => {
                let pooled = pooled.ok_or_else(|| Error::model("a classifier of sequences needs 'pooler.dense'"))?;
                head.forward(&mut graph, pooled)?
            }
        };
        graph.output("logits", logits);
        Ok(graph)
    }
}
