//! What changes about a finished graph: graph → graph, one optimization per file.

mod flash_attention;
mod residual;
mod rotary;

use super::{
    Graph, Value,
    build::{Node, Source},
};
use crate::{
    error::{Error, Result},
    protocol::Options,
};

/// Sides of a tile of flash attention.
pub const TILES: [u32; 2] = [64, 32];

/// Up to so many queries, keys are looked at in parts side by side: there are not enough queries to share out.
pub const FEW_QUERIES: usize = 8;

/// Refuses options that no graph can be rewritten by.
pub fn check(options: &Options) -> Result<()> {
    let size = options.flash_attention.as_ref().and_then(|flash| flash.block_size);
    match size {
        Some(size) if !TILES.contains(&size) => Err(Error::unsupported("unusable block size")
            .of("flash_attention")
            .expected("32 or 64")
            .found(size.to_string())
            .hint("without one it is chosen by the head's width and the device")),
        _ => Ok(()),
    }
}

impl Graph {
    /// Rewrites the graph: what is better in any case, and what the options ask for. Outputs keep their names; a
    /// [`super::Value`] from before names nothing any more.
    pub fn optimize(&mut self, options: &Options) -> Result<()> {
        self.fuse_residuals()?;
        self.fuse_rotary()?;
        options.flash_attention.as_ref().map_or(Ok(()), |flash| self.fuse_attention(flash))
    }

    /// Puts what `put` makes of what was found, and of its operands, in place of a node. The nodes this makes
    /// superfluous stay, and are computed only if something else needs them.
    fn replace<T>(
        &mut self,
        found: Vec<Option<(T, Vec<Source>)>>,
        put: impl Fn(&mut Self, T, Vec<Source>) -> Result<Value>,
    ) -> Result<()> {
        let old = std::mem::take(self);
        let mut place: Vec<Value> = Vec::with_capacity(found.len());
        for (node, found) in old.nodes.into_iter().zip(found) {
            let moved = |operand| match operand {
                Source::Value(Value(index)) => Source::Value(place[index]),
                param @ Source::Param(_) => param,
            };
            let value = match (found, node) {
                (Some((found, operands)), _) => put(self, found, operands.into_iter().map(moved).collect())?,
                (None, Node::Op { op, operands, shape }) => {
                    self.push(Node::Op { op, operands: operands.into_iter().map(moved).collect(), shape })
                }
                (None, Node::View { of, shape }) => self.push(Node::View { of: place[of.0], shape }),
                (None, node) => self.push(node),
            };
            place.push(value);
        }
        self.outputs = old.outputs.into_iter().map(|(name, value)| (name, place[value.0])).collect();
        self.effects = old.effects.into_iter().map(|value| place[value.0]).collect();
        Ok(())
    }

    /// How often every value is used, views and outputs included.
    fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        let read = self.nodes.iter().flat_map(|node| match node {
            Node::Op { operands, .. } => operands.iter().filter_map(as_value).collect(),
            Node::View { of, .. } => vec![*of],
            _ => Vec::new(),
        });
        for Value(index) in read.chain(self.outputs.values().copied()).chain(self.effects.iter().copied()) {
            uses[index] += 1;
        }
        uses
    }
}

fn as_value(source: &Source) -> Option<Value> {
    match source {
        Source::Value(value) => Some(*value),
        Source::Param(_) => None,
    }
}
