//! How many bytes may be on their way at once: as many as were asked for, or fewer where memory is scarce.

use crate::device::{Category, Space, machine};

/// Room for bytes on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many there may be at once, beside everything else that is held.
    pub bytes: u64,
    /// What would be exceeded otherwise.
    pub of: &'static str,
}

/// What memory may run out of.
pub trait Pressure {
    /// The room there is now; `None` where nothing is known of it.
    fn room(&self) -> Option<Room>;
}

/// What a slot may hold, and what page or machine have left.
pub struct Held<'a> {
    /// The slot's account.
    pub space: &'a Space,
    /// Bytes that it may hold, those on their way among them.
    pub budget: Option<u64>,
}

impl Pressure for Held<'_> {
    fn room(&self) -> Option<Room> {
        let budget = self.budget.map(|budget| {
            let memory = self.space.memory();
            let flying = memory.categories.get(Category::InFlight.name()).map_or(0, |usage| usage.live);
            Room { bytes: budget.saturating_sub(memory.whole.live - flying), of: "the budget" }
        });
        // The rest is for others, and figures of a machine are rough. What is on its way already is not part of it.
        let left = machine::left().map(|(bytes, of)| Room { bytes: bytes / 2, of });
        [budget, left].into_iter().flatten().min_by_key(|room| room.bytes)
    }
}

/// How far memory kept bytes on their way below what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// Bytes that were on their way when no more were let in; the fewest, if that happened more than once.
    pub to: u64,
    /// Bytes that were asked for.
    pub from: u64,
    /// What had no more room.
    pub of: &'static str,
}

/// Lets requests pass as long as there is room for them.
pub struct Gate<'a> {
    most: u64,
    pressure: &'a dyn Pressure,
    narrowed: Option<Narrowed>,
}

impl<'a> Gate<'a> {
    /// At most so many bytes on their way at once, and fewer under pressure.
    pub fn new(most: u64, pressure: &'a dyn Pressure) -> Self {
        Self { most, pressure, narrowed: None }
    }

    /// Whether a request of `next` bytes may start while `flying` bytes are on their way. One always may: what is to be
    /// loaded has to come somehow.
    pub fn admits(&mut self, flying: u64, next: u64) -> bool {
        if flying == 0 {
            return true;
        }
        if flying + next > self.most {
            return false;
        }
        let Some(room) = self.pressure.room().filter(|room| room.bytes < flying + next) else { return true };
        if self.narrowed.is_none_or(|before| flying < before.to) {
            self.narrowed = Some(Narrowed { to: flying, from: self.most, of: room.of });
        }
        false
    }

    /// How far requests had to wait for room, if they had to.
    pub fn narrowed(&self) -> Option<Narrowed> {
        self.narrowed
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::device::Device;

    /// Pressure by a script.
    struct Told(Cell<Option<u64>>);

    impl Pressure for Told {
        fn room(&self) -> Option<Room> {
            self.0.get().map(|bytes| Room { bytes, of: "the script" })
        }
    }

    /// Requests of 10 bytes that are on their way at once.
    fn at_once(gate: &mut Gate<'_>) -> u64 {
        let mut flying = 0;
        while gate.admits(flying, 10) {
            flying += 10;
        }
        flying
    }

    #[test]
    fn requests_follow_the_room_between_one_and_what_was_asked_for() {
        let told = Told(Cell::new(None));
        let mut gate = Gate::new(45, &told);
        assert_eq!(at_once(&mut gate), 40, "nothing is known");
        told.0.set(Some(1000));
        assert_eq!(at_once(&mut gate), 40, "there is room for all");
        assert_eq!(gate.narrowed(), None);
        for (room, expected) in [(39, 30), (20, 20), (5, 10), (0, 10), (25, 20), (1000, 40)] {
            told.0.set(Some(room));
            assert_eq!(at_once(&mut gate), expected, "{room} bytes");
        }
        assert_eq!(gate.narrowed(), Some(Narrowed { to: 10, from: 45, of: "the script" }));
    }

    #[test]
    fn a_request_larger_than_everything_comes_alone() {
        let told = Told(Cell::new(None));
        let mut gate = Gate::new(5, &told);
        assert_eq!(at_once(&mut gate), 10);
        assert_eq!(gate.narrowed(), None, "as was asked for");
    }

    #[test]
    fn a_budget_is_for_everything_but_what_is_on_its_way() {
        let space = Space::new(Device::Cpu);
        let held = Held { space: &space, budget: Some(100) };
        let _weights = space.create(Category::Weights, 64).expect("room");
        let _flying = space.in_flight(16);
        assert_eq!(held.room(), Some(Room { bytes: 36, of: "the budget" }));
        let _more = space.create(Category::Weights, 64).expect("room");
        assert_eq!(held.room(), Some(Room { bytes: 0, of: "the budget" }));
    }
}
