//! The inputs of text models: what a user may leave out, and what cannot be.

use crate::{
    block::TextInputs,
    error::{Error, Result},
    graph::{Element, Graph},
    protocol::{InputInfo, InputKind, Tensor, Tensors},
};

/// Bounds of a text model's inputs.
pub struct InputRules {
    /// Ids are below this.
    pub vocabulary: usize,
    /// Token types are below this.
    pub token_types: usize,
    /// The longest sequence.
    pub longest: usize,
}

impl InputRules {
    /// What a usual text looks like.
    #[must_use]
    pub fn inputs(&self) -> Vec<InputInfo> {
        let shape = [1, self.longest.min(128)];
        vec![
            InputInfo::new("input_ids", &shape, InputKind::Ids, self.vocabulary),
            InputInfo::new("attention_mask", &shape, InputKind::Mask, 2),
        ]
    }

    /// Checks `input_ids`, fills in `attention_mask` and `token_type_ids`, and adds `position_ids` as
    /// `positions` gives them for one sequence.
    pub fn prepare(&self, inputs: &Tensors, positions: impl Fn(&[i32]) -> Vec<i32>) -> Result<Tensors> {
        const KNOWN: [&str; 3] = ["input_ids", "attention_mask", "token_type_ids"];
        if let Some(other) = inputs.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(Error::model("unknown input").expected(KNOWN.join(", ")).found(format!("'{other}'")));
        }
        let Some(ids) = inputs.get("input_ids") else {
            return Err(Error::model("missing input").expected("'input_ids'"));
        };
        let &[batch, length] = ids.shape.as_slice() else {
            return Err(Error::model("wrong shape")
                .of("input_ids")
                .expected("[batch, length]")
                .found(format!("{:?}", ids.shape)));
        };
        if batch == 0 || length == 0 || length > self.longest {
            return Err(Error::model("unusable shape")
                .of("input_ids")
                .expected(format!("a batch of at least 1 and a length from 1 to {}", self.longest))
                .found(format!("{:?}", ids.shape)));
        }
        let mut complete = Tensors::new();
        for (name, default, bound) in
            [("input_ids", 0, self.vocabulary), ("attention_mask", 1, 2), ("token_type_ids", 0, self.token_types)]
        {
            let tensor = match inputs.get(name) {
                Some(tensor) => check(tensor, &ids.shape, bound).map_err(|error| error.of(name))?,
                None => Tensor::i32(&ids.shape, vec![default; batch * length]),
            };
            complete.insert(name.to_owned(), tensor);
        }
        let values = ids.as_i32().unwrap_or_default().chunks(length).flat_map(positions).collect();
        complete.insert("position_ids".to_owned(), Tensor::i32(&ids.shape, values));
        Ok(complete)
    }

    /// Declares the inputs that [`InputRules::prepare`] returns.
    pub fn declare(graph: &mut Graph, inputs: &Tensors) -> Result<TextInputs> {
        let shape = &inputs.get("input_ids").ok_or_else(|| Error::internal("inputs were not prepared"))?.shape;
        let mut input = |name: &str| graph.input(name, shape, Element::I32);
        Ok(TextInputs {
            ids: input("input_ids"),
            positions: input("position_ids"),
            token_types: input("token_type_ids"),
            mask: input("attention_mask"),
        })
    }
}

/// Checks integers of a shape and below a bound.
pub(super) fn check(tensor: &Tensor, shape: &[usize], bound: usize) -> Result<Tensor> {
    let Some(values) = tensor.as_i32() else {
        return Err(Error::model("wrong element type").expected("i32").found("f32"));
    };
    if tensor.shape != shape || values.len() != shape.iter().product::<usize>() {
        let expected = format!("{shape:?} as input_ids has");
        return Err(Error::model("wrong shape").expected(expected).found(format!("{:?}", tensor.shape)));
    }
    let outside = |&&value: &&i32| usize::try_from(value).map_or(true, |value| value >= bound);
    if let Some(value) = values.iter().find(outside) {
        return Err(Error::model("value out of range")
            .expected(format!("0 to {}", bound - 1))
            .found(value.to_string()));
    }
    Ok(tensor.clone())
}
