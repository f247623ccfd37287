//! A bias on attention by the distance of key and query, in buckets that widen with it (Raffel et al. 2020).

use crate::{
    error::Result,
    graph::{Graph, Value},
    load::Config,
    protocol::Tensor,
    weights::{Param, Weights},
};

/// One bias per bucket and head.
pub struct RelativeBias {
    table: Param,
    buckets: usize,
    farthest: usize,
    both_ways: bool,
}

impl RelativeBias {
    /// Declares the table under `weights`. With `both_ways` keys behind the query have buckets of their own.
    pub fn new(config: &Config, weights: &Weights<'_>, heads: usize, both_ways: bool) -> Result<Self> {
        let buckets = config.size("relative_attention_num_buckets", 32)?;
        if !buckets.is_multiple_of(4) {
            return Err(Config::wrong("relative_attention_num_buckets", "a multiple of 4", buckets));
        }
        let farthest = config.size("relative_attention_max_distance", 128)?;
        if farthest <= buckets / 2 {
            let expected = format!("more than half of relative_attention_num_buckets {buckets}");
            return Err(Config::wrong("relative_attention_max_distance", &expected, farthest));
        }
        Ok(Self { table: weights.table("weight", &[buckets, heads])?, buckets, farthest, both_ways })
    }

    /// The bias of every distance from -`farthest` to `farthest` `[distances, heads]`; beyond them nothing changes.
    pub fn of(&self, graph: &mut Graph) -> Result<Value> {
        let distances = (0..=2 * self.farthest).map(|index| index.cast_signed() - self.farthest.cast_signed());
        let buckets: Vec<i32> = distances.map(|distance| self.bucket(distance)).collect();
        let buckets = graph.constant(Tensor::i32(&[buckets.len()], buckets));
        graph.gather(buckets, &self.table)
    }

    /// The bucket of a key `distance` behind the query.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "f32 as the reference has it")]
    fn bucket(&self, distance: isize) -> i32 {
        let (buckets, start, distance) = match (self.both_ways, distance > 0) {
            (true, later) => {
                let half = self.buckets / 2;
                (half, if later { half } else { 0 }, distance.unsigned_abs())
            }
            (false, true) => (self.buckets, 0, 0),
            (false, false) => (self.buckets, 0, distance.unsigned_abs()),
        };
        let exact = buckets / 2;
        let offset = if distance < exact {
            distance as i32
        } else {
            let spread = (self.farthest as f64 / exact as f64).ln() as f32;
            let wide = (distance as f32 / exact as f32).ln() / spread * (buckets - exact) as f32;
            (exact as i32).saturating_add(wide as i32).min(buckets as i32 - 1)
        };
        start as i32 + offset
    }
}
