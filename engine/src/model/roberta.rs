//! RoBERTa (Liu et al. 2019): BERT's encoder with positions that skip padding, and other heads.

use super::{InputRules, Model, Task};
use crate::{
    block::{Encoder, EncoderShape, LayerNorm, Linear, MaskedLm, SequenceHead, TokenHead},
    error::Result,
    graph::{Activation, Graph},
    load::Config,
    protocol::{InputInfo, Tensors},
    weights::Weights,
};

struct Roberta {
    rules: InputRules,
    padding: usize,
    encoder: Encoder,
    head: Head,
}

enum Head {
    None,
    MaskedLm(MaskedLm),
    Tokens(TokenHead),
    Sequence(SequenceHead),
}

/// Declares the model that `config` describes.
pub fn build(config: &Config, weights: &Weights<'_>, task: Task) -> Result<Box<dyn Model>> {
    let shape = EncoderShape::new(config, 50265, 1)?;
    let encoder = Encoder::new(&weights.at_optional("roberta"), &shape)?;
    let labels = config.labels();
    let classifier = weights.at("classifier");
    let head = match task {
        Task::Bare | Task::CausalLm => Head::None,
        Task::MaskedLm => Head::MaskedLm(masked_lm(config, weights, &encoder, &shape)?),
        Task::TokenLabels => Head::Tokens(TokenHead::new(&classifier, labels, shape.hidden)?),
        Task::SequenceLabels => Head::Sequence(SequenceHead::new(&classifier, labels, shape.hidden)?),
    };
    // Positions start behind the one that padding has.
    let Some(longest) = shape.positions.checked_sub(shape.padding + 1).filter(|&longest| longest > 0) else {
        let expected = format!("more than pad_token_id + 1 = {}", shape.padding + 1);
        return Err(Config::wrong("max_position_embeddings", &expected, shape.positions));
    };
    let rules = InputRules { vocabulary: shape.vocabulary, token_types: shape.token_types, longest };
    Ok(Box::new(Roberta { rules, padding: shape.padding, encoder, head }))
}

fn masked_lm(config: &Config, weights: &Weights<'_>, encoder: &Encoder, shape: &EncoderShape) -> Result<MaskedLm> {
    let head = weights.at("lm_head");
    let decoder = if config.flag("tie_word_embeddings", true)? {
        encoder.words().clone()
    } else {
        head.linear("decoder.weight", shape.vocabulary, shape.hidden)?
    };
    let bias = if head.has("bias") { "bias" } else { "decoder.bias" };
    Ok(MaskedLm {
        dense: Linear::new(&head.at("dense"), shape.hidden, shape.hidden)?,
        activation: Activation::Gelu,
        norm: LayerNorm::new(&head.at("layer_norm"), shape.hidden, shape.epsilon)?,
        decoder: Linear::tied(decoder, head.bias(bias, shape.vocabulary)?),
    })
}

/// Tokens count up from behind the padding id; padding keeps its own position.
pub(super) fn positions(ids: &[i32], padding: usize) -> Vec<i32> {
    let padding = i32::try_from(padding).unwrap_or(i32::MAX);
    let mut position = padding;
    let next = |&id: &i32| {
        if id == padding {
            return padding;
        }
        position += 1;
        position
    };
    ids.iter().map(next).collect()
}

impl Model for Roberta {
    fn vocabulary(&self) -> usize {
        self.rules.vocabulary
    }

    fn inputs(&self) -> Vec<InputInfo> {
        self.rules.inputs()
    }

    fn prepare(&self, inputs: &Tensors) -> Result<Tensors> {
        self.rules.prepare(inputs, |ids| positions(ids, self.padding))
    }

    fn graph(&self, inputs: &Tensors) -> Result<Graph> {
        let mut graph = Graph::new();
        let inputs = InputRules::declare(&mut graph, inputs)?;
        let (hidden, _) = self.encoder.forward(&mut graph, &inputs)?;
        let logits = match &self.head {
            Head::None => return Ok(graph),
            Head::MaskedLm(head) => head.forward(&mut graph, hidden)?,
            Head::Tokens(head) => head.forward(&mut graph, hidden)?,
            Head::Sequence(head) => head.forward(&mut graph, hidden)?,
        };
        graph.output("logits", logits);
        Ok(graph)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn padding_keeps_its_position_wherever_it_is() {
        assert_eq!(super::positions(&[0, 7, 1, 8, 1], 1), [2, 3, 1, 4, 1]);
    }
}
