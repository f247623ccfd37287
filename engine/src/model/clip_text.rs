//! The inputs of CLIP's text tower: ids, mask and, derived from them, where each text ends.

use super::{InputRules, tensors::declare};
use crate::{
    block::{ClipText, ClipTextInputs},
    error::{Error, Result},
    graph::Graph,
    protocol::{InputInfo, InputKind, Tensor, Tensors},
};

/// Bounds of a text, and how its end is found.
pub struct ClipTextRules {
    rules: InputRules,
    /// The id at the end; `None` where it is the largest id, as old configurations have it.
    end: Option<i32>,
}

impl ClipTextRules {
    /// The names of what it reads.
    pub const NAMES: [&str; 2] = ["input_ids", "attention_mask"];

    /// The rules of a tower whose texts end with the id `end`, or with the largest one.
    #[must_use]
    pub fn new(text: &ClipText, end: Option<usize>) -> Self {
        let rules = InputRules { vocabulary: text.vocabulary, token_types: 1, longest: text.longest };
        Self { rules, end: end.map(|end| i32::try_from(end).unwrap_or(i32::MAX)) }
    }

    /// Checks the text among `inputs` and adds `position_ids` and `ends`.
    pub fn prepare(&self, inputs: &Tensors) -> Result<Tensors> {
        let text = inputs.iter().filter(|(name, _)| Self::NAMES.contains(&name.as_str()));
        let text = text.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        let mut complete = self.rules.prepare(&text, |ids| (0..).take(ids.len()).collect())?;
        complete.remove("token_type_ids");
        let ids = complete.get("input_ids").ok_or_else(|| Error::internal("inputs were not prepared"))?;
        let (batch, length) = (ids.shape[0], ids.shape[1]);
        let ends = ids.as_i32().unwrap_or_default().chunks(length).map(|ids| self.end(ids)).collect();
        complete.insert("ends".to_owned(), Tensor::i32(&[batch], ends));
        Ok(complete)
    }

    /// The first position of the end, or the first position where there is none.
    fn end(&self, ids: &[i32]) -> i32 {
        let end = self.end.or_else(|| ids.iter().copied().max());
        let place = ids.iter().position(|id| Some(*id) == end).unwrap_or(0);
        i32::try_from(place).unwrap_or(0)
    }

    /// Declares the inputs that [`ClipTextRules::prepare`] returns.
    pub fn declare(graph: &mut Graph, inputs: &Tensors) -> Result<ClipTextInputs> {
        Ok(ClipTextInputs {
            ids: declare(graph, inputs, "input_ids")?,
            positions: declare(graph, inputs, "position_ids")?,
            mask: declare(graph, inputs, "attention_mask")?,
            ends: declare(graph, inputs, "ends")?,
        })
    }

    /// What a usual text looks like.
    #[must_use]
    pub fn info(&self) -> Vec<InputInfo> {
        let shape = [1, self.rules.longest];
        vec![
            InputInfo::new("input_ids", &shape, InputKind::Ids, self.rules.vocabulary),
            InputInfo::new("attention_mask", &shape, InputKind::Mask, 2),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_at_the_first_end() {
        let rules = |end| ClipTextRules { rules: InputRules { vocabulary: 9, token_types: 1, longest: 9 }, end };
        assert_eq!(rules(Some(7)).end(&[1, 7, 7, 8]), 1);
        assert_eq!(rules(Some(7)).end(&[1, 2, 3]), 0);
        assert_eq!(rules(None).end(&[1, 7, 8, 8]), 2);
    }
}
