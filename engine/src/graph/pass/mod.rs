//! What options change about a finished graph: graph → graph, one optimization per file.

mod flash_attention;

use super::Graph;
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
    /// Rewrites the graph as the options ask for. Outputs keep their names; a [`super::Value`] from before
    /// names nothing any more.
    pub fn optimize(&mut self, options: &Options) -> Result<()> {
        options.flash_attention.as_ref().map_or(Ok(()), |flash| self.fuse_attention(flash))
    }
}
