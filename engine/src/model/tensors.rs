//! The inputs of models of images and sounds: what is checked before anything is computed.

use crate::{
    error::{Error, Result},
    graph::{Element, Graph, Value},
    protocol::{InputInfo, InputKind, Tensor, Tensors},
};

/// Refuses inputs a model does not have.
pub fn known(inputs: &Tensors, names: &[&str]) -> Result<()> {
    match inputs.keys().find(|name| !names.contains(&name.as_str())) {
        Some(other) => Err(Error::model("unknown input").expected(names.join(", ")).found(format!("'{other}'"))),
        None => Ok(()),
    }
}

/// The floats called `name`, whose axes are as `axes` says: a size, or any of at least 1.
pub fn floats(inputs: &Tensors, name: &str, axes: &[(&str, Option<usize>)]) -> Result<Tensor> {
    let Some(tensor) = inputs.get(name) else {
        return Err(Error::model("missing input").expected(format!("'{name}'")));
    };
    let fits = tensor.shape.len() == axes.len()
        && tensor.shape.iter().zip(axes).all(|(&size, (_, want))| size > 0 && want.is_none_or(|want| want == size));
    if !fits {
        let axes = axes.iter().map(|(axis, size)| size.map_or_else(|| (*axis).to_owned(), |size| format!("{size}")));
        return Err(Error::model("wrong shape")
            .of(name)
            .expected(format!("[{}]", axes.collect::<Vec<_>>().join(", ")))
            .found(format!("{:?}", tensor.shape)));
    }
    match tensor.as_f32() {
        _ if tensor.is_float() => Ok(tensor.clone()),
        Some(_) => Err(Error::model("values and shape differ").of(name)),
        None => Err(Error::model("wrong element type").of(name).expected("f32").found("i32")),
    }
}

/// Declares the input called `name`.
pub fn declare(graph: &mut Graph, inputs: &Tensors, name: &str) -> Result<Value> {
    let tensor = inputs.get(name).ok_or_else(|| Error::internal("inputs were not prepared").of(name))?;
    let element = if tensor.as_i32().is_some() { Element::I32 } else { Element::F32 };
    Ok(graph.input(name, &tensor.shape, element))
}

/// Bounds of `pixel_values` `[B, channels, height, width]`, or `[B, frames, channels, height, width]`.
pub struct PixelRules {
    /// Colours.
    pub channels: usize,
    /// Height and width that are usual.
    pub size: [usize; 2],
    /// Whether no other size will do.
    pub fixed: bool,
    /// Frames of a video.
    pub frames: Option<usize>,
}

impl PixelRules {
    const NAME: &str = "pixel_values";

    /// Checks `pixel_values`.
    pub fn check(&self, inputs: &Tensors) -> Result<Tensor> {
        let [height, width] = self.size.map(|size| self.fixed.then_some(size));
        let image = [("channels", Some(self.channels)), ("height", height), ("width", width)];
        let mut axes = vec![("batch", None)];
        axes.extend(self.frames.map(|frames| ("frames", Some(frames))));
        axes.extend(image);
        floats(inputs, Self::NAME, &axes)
    }

    /// Checks that `pixel_values` are all there is.
    pub fn only(&self, inputs: &Tensors) -> Result<Tensors> {
        known(inputs, &[Self::NAME])?;
        Ok(Tensors::from([(Self::NAME.to_owned(), self.check(inputs)?)]))
    }

    /// Declares `pixel_values`.
    pub fn declare(graph: &mut Graph, inputs: &Tensors) -> Result<Value> {
        declare(graph, inputs, Self::NAME)
    }

    /// What a usual input looks like.
    #[must_use]
    pub fn info(&self) -> InputInfo {
        let mut shape = vec![1];
        shape.extend(self.frames);
        shape.extend([self.channels, self.size[0], self.size[1]]);
        InputInfo::new(Self::NAME, &shape, InputKind::Pixels, 0)
    }
}
