//! What options change about a finished graph: graph → graph, one optimization per file.

mod flash_attention;

use super::Graph;
use crate::{
    error::{Error, Result},
    protocol::Options,
};

/// Sides of a tile of flash attention.
pub const TILES: [u32; 2] = [64, 32];

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
    /// Rewrites the graph as the options ask for. Names and values of its outputs stay what they are.
    pub fn optimize(&mut self, options: &Options) {
        if let Some(flash) = &options.flash_attention {
            self.fuse_attention(flash);
        }
    }
}
