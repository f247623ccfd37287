//! Columns that share a scale are made neighbours. GPTQ may quantize those that matter most first (`desc_act`), and
//! then a group is made of columns from anywhere: `g_idx` tells which.

use super::{Packed, Part};
use crate::{
    error::{Error, Result},
    load::packing,
};

impl Packed {
    /// Whether columns may lie in another order than inputs: known from the configuration, before `g_idx` is read.
    pub(super) fn is_ordered(self) -> bool {
        self.packing.reordered && self.packing.group.is_some()
    }

    /// The input that each column belongs to, by `groups`, the group of every input.
    ///
    /// # Errors
    /// When groups are not as long as the configuration says, or not where it says.
    pub(super) fn order(self, groups: &[i32]) -> Result<Vec<u32>> {
        let (columns, length) = (self.layout.columns, self.file_group());
        if !self.packing.reordered {
            self.check_trivial(groups)?;
        }
        let mut members = vec![0; columns.div_ceil(length)];
        let last = members.len().saturating_sub(1);
        for (input, &group) in groups.iter().enumerate() {
            let Some(members) = usize::try_from(group).ok().and_then(|group| members.get_mut(group)) else {
                return Err(packing::unexpected("an input of a group that does not exist")
                    .of(Part::Order.name())
                    .expected(format!("0 to {last} for input {input}"))
                    .found(group.to_string()));
            };
            *members += 1;
        }
        for (group, &members) in members.iter().enumerate() {
            let wanted = length.min(columns - group * length);
            if members != wanted {
                return Err(packing::unexpected("a group of another length")
                    .of(Part::Order.name())
                    .expected(format!("{wanted} inputs in group {group}"))
                    .found(members.to_string()));
            }
        }
        let mut inputs: Vec<(i32, u32)> = groups.iter().copied().zip(0..).collect();
        inputs.sort_unstable();
        Ok(inputs.into_iter().map(|(_, input)| input).collect())
    }

    fn check_trivial(self, groups: &[i32]) -> Result<()> {
        let length = self.file_group();
        let stray = groups.iter().enumerate().find(|&(input, &group)| usize::try_from(group) != Ok(input / length));
        let Some((input, group)) = stray else { return Ok(()) };
        Err(Error::model("its inputs were quantized in another order than they lie in")
            .of(Part::Order.name())
            .expected(format!("group {} for input {input}", input / length))
            .found(group.to_string())
            .hint("`desc_act` of config.json has to be true for these weights"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        load::packing::{Method, Packing},
        weights::integer::Layout,
    };

    fn packed(group: Option<usize>) -> Packed {
        let method = Method::Gptq { zero_offset: 1 };
        let packing = Packing { method, bits: 4, group, symmetric: true, reordered: true };
        Packed { packing, layout: Layout { rows: 8, columns: 80, bits: 4, group: 32, zeros: false } }
    }

    #[test]
    fn inputs_of_a_group_become_neighbours_and_stay_in_their_order() {
        // The last group is shorter.
        let groups: Vec<i32> = (0..80).map(|input| input * 37 % 80 / 32).collect();
        let order = packed(Some(32)).order(&groups).expect("whole groups");
        let found: Vec<i32> = order.iter().map(|&input| groups[input as usize]).collect();
        assert_eq!(found, (0..80).map(|column| column / 32).collect::<Vec<_>>());
        assert!(order.chunks(32).all(<[u32]>::is_sorted));
    }

    #[test]
    fn rows_of_one_group_have_no_order() {
        let packed = packed(None);
        assert!(!packed.is_ordered());
        assert_eq!(packed.order(&[0; 80]).expect("one group"), (0..80).collect::<Vec<_>>());
    }

    #[test]
    fn groups_that_cannot_be_are_told() {
        let usual = || (0..80).map(|input| input / 32).collect::<Vec<i32>>();
        let changed = |input: usize, group: i32| {
            let mut groups = usual();
            groups[input] = group;
            packed(Some(32)).order(&groups).expect_err("refused").to_string()
        };
        let hint = "(hint: quantization_config of config.json and the weights do not belong together)";
        let strange = |found: &str| {
            format!("g_idx: an input of a group that does not exist: expected 0 to 2 for input 5, found {found} {hint}")
        };
        assert_eq!(changed(5, -1), strange("-1"));
        assert_eq!(changed(5, 3), strange("3"));
        let uneven = format!("g_idx: a group of another length: expected 32 inputs in group 0, found 31 {hint}");
        assert_eq!(changed(5, 1), uneven);
        assert_eq!(packed(Some(32)).order(&[0; 3]).expect_err("too few").to_string(), uneven.replace("31", "3"));
    }
}
