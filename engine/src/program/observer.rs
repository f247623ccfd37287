//! Looks at what goes into linear layers while a plan runs on the CPU.

use std::{cell::RefCell, collections::BTreeMap};

use crate::weights::{Declared, importance::Importance};

/// Sums of squares of the inputs of linear layers.
#[derive(Default)]
pub struct Observer(RefCell<BTreeMap<usize, Seen>>);

/// What one weight met.
struct Seen {
    squares: Vec<f64>,
    rows: u64,
}

impl Observer {
    /// Rows `[…, inputs]` meet the weight of this number.
    pub fn see(&self, weight: usize, inputs: usize, rows: &[f32]) {
        let mut seen = self.0.borrow_mut();
        let seen = seen.entry(weight).or_insert_with(|| Seen { squares: vec![0.0; inputs], rows: 0 });
        for row in rows.chunks_exact(inputs.max(1)) {
            seen.squares.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value).powi(2));
            seen.rows += 1;
        }
    }

    /// The means of everything seen, by the names of the weights.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a mean of squares of 32-bit floats"
    )]
    pub fn importance(&self, declared: &[Declared]) -> Importance {
        let seen = self.0.borrow();
        let named = seen.iter().filter_map(|(number, seen)| {
            let means = seen.squares.iter().map(|sum| (sum / seen.rows.max(1) as f64) as f32).collect();
            Some((declared.get(*number)?.name.clone(), means))
        });
        Importance::new(named.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::{Role, Stored};

    #[test]
    fn means_are_over_all_rows_of_all_passes() {
        let declared = Declared {
            name: "a.weight".into(),
            shape: vec![3, 2],
            role: Role::Linear,
            stored: Stored::Floats,
            transposed: false,
            gain: 1.0,
            importance: None,
        };
        let observer = Observer::default();
        observer.see(0, 2, &[1.0, -2.0, 3.0, 0.0]);
        observer.see(0, 2, &[2.0, 1.0]);
        let importance = observer.importance(&[declared]);
        assert_eq!(importance.of("a.weight"), Some(&[14.0 / 3.0, 5.0 / 3.0][..]));
    }
}
