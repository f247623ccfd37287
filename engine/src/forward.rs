//! One pass from inputs to outputs, as a plan.

use crate::{
    error::Result,
    graph::Plan,
    model::Model,
    protocol::{Options, Tensors},
};

/// The plan of `outputs` from inputs as [`Model::prepare`] returns them. Those that are `resident` on the device are
/// read where they are.
///
/// # Errors
/// When the model has no such output, or can't take these inputs.
pub fn plan(
    model: &dyn Model,
    inputs: &Tensors,
    resident: &[String],
    outputs: &[String],
    options: &Options,
) -> Result<Plan> {
    let mut graph = model.graph(inputs)?;
    resident.iter().for_each(|name| graph.reside(name));
    graph.optimize(options)?;
    Plan::new(&graph, outputs)
}
