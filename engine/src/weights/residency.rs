//! Weights of which only some are on the device at a time, within a budget.
//!
//! The others are fetched or made again when they are used (streaming), or are kept beside the device (offloading).
//! What makes room first is what was used longest ago; what is pinned never does.

use std::{
    cell::{Ref, RefCell},
    rc::Rc,
};

use super::{
    Declared, Format, Weight, glob,
    loader::{Flow, Loader, PIECE, Pace, blame},
    store::place,
};
use crate::{
    device::{Category, Space},
    error::{Error, Result},
    load::Origin,
};

/// What weights that are not on the device cost to bring.
pub enum Source {
    /// They come from their origin.
    Origin,
    /// They are kept beside the device: `None` for those that never leave it.
    Beside(Vec<Option<Weight>>),
}

/// Bytes that may be held.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// Of weights, and of what is on its way to become one.
    Weights(u64),
    /// Of everything.
    Everything(u64),
}

/// What went back and forth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Weights that were on the device when they were used.
    pub hits: u64,
    /// Weights that had to be brought.
    pub misses: u64,
    /// Bytes that were brought.
    pub moved_bytes: u64,
}

/// Weights, some of them on the device.
pub struct Residency {
    origin: Rc<Origin>,
    declared: Vec<Declared>,
    formats: Vec<Format>,
    source: Source,
    budget: Budget,
    space: Space,
    pace: Pace,
    /// Bytes that are needed beside a weight while it is made.
    reserve: u64,
    /// All of them; those that are away have parts without bytes.
    weights: RefCell<Vec<Weight>>,
    states: RefCell<Vec<State>>,
    traffic: RefCell<Traffic>,
}

#[derive(Clone, Copy, Default)]
struct State {
    here: bool,
    pinned: bool,
    /// Brought ahead of its use, and not used yet.
    ahead: bool,
    /// When it was used; larger is later.
    used: u64,
}

impl Residency {
    /// Weights that come from their origin whenever they are used, and are never kept for long.
    pub async fn streamed(
        origin: Rc<Origin>,
        declared: &[Declared],
        formats: &[Format],
        budget: Option<u64>,
        space: &Space,
    ) -> Result<Self> {
        let bytes = |(weight, format): (&Declared, &Format)| format.bytes(&weight.shape);
        let all: u64 = declared.iter().zip(formats).map(bytes).sum();
        let largest = declared.iter().zip(formats).map(bytes).max().unwrap_or(0);
        let goal = budget.unwrap_or(all / 3);
        let chunk = (goal / 16).clamp(64 << 10, PIECE);
        // Floats made of halves are twice as long; some matrices are gathered as a whole.
        let gathered = declared.iter().map(Declared::gathered_bytes).max().unwrap_or(0);
        let reserve = 2 * chunk + gathered.max(2 * chunk);
        let budget = budget.map_or(Budget::Weights(goal.max(largest + largest / 8 + reserve)), Budget::Everything);
        let pace = Pace::Chunks(Flow { chunk, in_flight: 2 * chunk, budget: None });
        let states = vec![State::default(); declared.len()];
        Self::new((origin, declared, formats), Source::Origin, budget, pace, reserve, states, space).await
    }

    /// Weights of which those with pinned names, and as many others as leave half of the budget, stay on the device;
    /// what beside it keeps the rest. Nothing is loaded yet: [`Residency::fill`] does.
    pub async fn offloaded(
        origin: Rc<Origin>,
        declared: &[Declared],
        formats: &[Format],
        (budget, pin): (Option<u64>, &[String]),
        pace: Pace,
        space: &Space,
    ) -> Result<Self> {
        let bytes: Vec<u64> =
            declared.iter().zip(formats).map(|(weight, format)| format.bytes(&weight.shape)).collect();
        let goal = budget.unwrap_or(bytes.iter().sum::<u64>() / 2);
        let named = |weight: &Declared| pin.iter().any(|pattern| glob::matches(pattern, &weight.name));
        let mut states: Vec<State> = declared
            .iter()
            .map(|weight| State { pinned: named(weight), here: named(weight), ..State::default() })
            .collect();
        let mut pinned: u64 = states.iter().zip(&bytes).filter(|(state, _)| state.pinned).map(|(_, bytes)| bytes).sum();
        // Whatever is pinned, the largest of the others has to find room beside it and beside what is computed.
        let largest = bytes.iter().max().copied().unwrap_or(0);
        let room = (goal / 2).min(goal.saturating_sub(largest + largest / 8) / 4 * 3);
        for (state, bytes) in states.iter_mut().zip(&bytes) {
            if !state.pinned && pinned + bytes <= room {
                (state.pinned, state.here) = (true, true);
                pinned += bytes;
            }
        }
        let largest = states.iter().zip(&bytes).filter(|(state, _)| !state.pinned).map(|(_, bytes)| *bytes).max();
        let least = pinned + largest.unwrap_or(0);
        let budget = budget.map_or(Budget::Weights(goal.max(least)), Budget::Everything);
        let create = |((weight, format), state): ((&Declared, &Format), &State)| {
            let create = || Weight::create(weight, *format, |bytes| space.create_outside(bytes));
            (!state.pinned).then(create).transpose().map_err(|error| blame(weight, error))
        };
        let kept = declared.iter().zip(formats).zip(&states).map(create).collect::<Result<Vec<_>>>()?;
        Self::new((origin, declared, formats), Source::Beside(kept), budget, pace, 0, states, space).await
    }

    async fn new(
        (origin, declared, formats): (Rc<Origin>, &[Declared], &[Format]),
        source: Source,
        budget: Budget,
        pace: Pace,
        reserve: u64,
        states: Vec<State>,
        space: &Space,
    ) -> Result<Self> {
        let here: Vec<usize> = (0..states.len()).filter(|&number| states[number].here).collect();
        let mut here = place(&here, declared, formats, space).await?.into_iter();
        let create = |((weight, format), state): ((&Declared, &Format), &State)| {
            let here = if state.here { here.next() } else { None };
            here.map_or_else(|| away(weight, *format, space), Ok)
        };
        let weights = declared.iter().zip(formats).zip(&states).map(create).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            origin,
            declared: declared.to_vec(),
            formats: formats.to_vec(),
            source,
            budget,
            space: space.clone(),
            pace,
            reserve,
            weights: RefCell::new(weights),
            states: RefCell::new(states),
            traffic: RefCell::default(),
        })
    }

    /// Loads what stays on the device and what is kept beside it.
    pub async fn fill(self) -> Result<(Self, super::loader::Cost)> {
        let Source::Beside(kept) = self.source else { return Ok((self, super::loader::Cost::default())) };
        let pinned = self.weights.take();
        let places: Vec<bool> = kept.iter().map(Option::is_some).collect();
        let (mut all, mut absent) = (Vec::with_capacity(kept.len()), Vec::new());
        for (pinned, kept) in pinned.into_iter().zip(kept) {
            match kept {
                Some(kept) => {
                    all.push(kept);
                    absent.push(pinned);
                }
                None => all.push(pinned),
            }
        }
        let numbers: Vec<usize> = (0..all.len()).collect();
        let loader = Loader {
            origin: &self.origin,
            declared: &self.declared,
            formats: &self.formats,
            pace: self.pace,
            space: &self.space,
            helped: false,
            arrivals: None,
        };
        let cost = loader.load(&numbers, &all).await?;
        let mut absent = absent.into_iter();
        let (mut kept, mut weights) = (Vec::new(), Vec::new());
        for (weight, is_kept) in all.into_iter().zip(places) {
            if is_kept {
                kept.push(Some(weight));
                weights.extend(absent.next());
            } else {
                kept.push(None);
                weights.push(weight);
            }
        }
        Ok((Self { source: Source::Beside(kept), weights: RefCell::new(weights), ..self }, cost))
    }

    /// All weights; those that were brought last can be used.
    #[must_use]
    pub fn weights(&self) -> Ref<'_, Vec<Weight>> {
        self.weights.borrow()
    }

    /// Bytes of a weight when it is on the device.
    #[must_use]
    pub fn bytes(&self, number: usize) -> u64 {
        self.formats[number].bytes(&self.declared[number].shape)
    }

    /// What went back and forth since the last call.
    pub fn take_traffic(&self) -> Traffic {
        self.traffic.take()
    }

    /// Whether a weight comes and goes.
    #[must_use]
    pub fn moves(&self, number: usize) -> bool {
        !self.states.borrow()[number].pinned
    }

    /// Bytes that weights which come and go may take, if none of them is here.
    #[must_use]
    pub fn room(&self) -> u64 {
        let states = self.states.borrow();
        let movable = (0..states.len()).filter(|&number| states[number].here && !states[number].pinned);
        (self.free() + movable.map(|number| self.bytes(number)).sum::<u64>()).saturating_sub(self.reserve)
    }

    /// Bytes that are left.
    fn free(&self) -> u64 {
        let memory = self.space.memory();
        let live = |category: Category| memory.categories.get(category.name()).map_or(0, |usage| usage.live);
        let is_streamed = matches!(self.source, Source::Origin);
        match self.budget {
            Budget::Weights(budget) => {
                let flying = if is_streamed { live(Category::InFlight) } else { 0 };
                budget.saturating_sub(live(Category::Weights) + flying)
            }
            Budget::Everything(budget) if is_streamed => budget.saturating_sub(memory.whole.live),
            Budget::Everything(budget) => budget.saturating_sub(memory.total.live),
        }
    }

    /// Brings weights that are about to be used.
    ///
    /// # Errors
    /// When the budget is too small for them, or they can't be had.
    pub async fn bring(&self, wanted: &[usize]) -> Result<()> {
        if self.make_room(wanted, &[]) {
            return self.take(wanted, false).await;
        }
        let missing: Vec<usize> = wanted.iter().copied().filter(|&number| !self.states.borrow()[number].here).collect();
        let needed: u64 = missing.iter().map(|&number| self.bytes(number)).sum();
        let (Budget::Weights(budget) | Budget::Everything(budget)) = self.budget;
        let held = budget.saturating_sub(self.free());
        let names: Vec<&str> = missing.iter().take(2).map(|&number| self.declared[number].name.as_str()).collect();
        Err(Error::out_of_memory("the budget is too small")
            .of(format!("'{}'", names.join("', '")))
            .expected(format!("room for {} bytes beside the {held} that are held", needed + self.reserve))
            .found(format!("a budget of {budget} bytes"))
            .hint("raise `budget_mb`"))
    }

    /// Brings weights that are used after those in `keep`, if there is room for both.
    pub async fn bring_ahead(&self, wanted: &[usize], keep: &[usize]) -> Result<()> {
        if self.make_room(wanted, keep) { self.take(wanted, true).await } else { Ok(()) }
    }

    /// Weights have been used. Those that come from their origin go at once, unless they are in `next`.
    pub fn used(&self, weights: &[usize], next: &[usize]) -> Result<()> {
        if !matches!(self.source, Source::Origin) {
            return Ok(());
        }
        weights.iter().filter(|number| !next.contains(number)).try_for_each(|&number| self.send_away(number))
    }

    /// Sends weights away until there is room for `wanted`, but none of those nor any of `keep`. Whether that worked.
    fn make_room(&self, wanted: &[usize], keep: &[usize]) -> bool {
        let missing = |&number: &usize| !self.states.borrow()[number].here;
        let bytes: u64 = wanted.iter().copied().filter(missing).map(|number| self.bytes(number)).sum();
        let needed = if bytes == 0 { 0 } else { bytes + self.reserve };
        while self.free() < needed {
            let oldest = {
                let states = self.states.borrow();
                let may_go = |number: &usize| {
                    let state = states[*number];
                    state.here && !state.pinned && !wanted.contains(number) && !keep.contains(number)
                };
                (0..states.len()).filter(may_go).min_by_key(|&number| states[number].used)
            };
            let Some(oldest) = oldest else { return false };
            if self.send_away(oldest).is_err() {
                return false;
            }
        }
        true
    }

    fn send_away(&self, number: usize) -> Result<()> {
        let mut states = self.states.borrow_mut();
        let state = &mut states[number];
        if state.here && !state.pinned {
            self.weights.borrow_mut()[number] = away(&self.declared[number], self.formats[number], &self.space)?;
            state.here = false;
        }
        Ok(())
    }

    /// Brings what is missing of `wanted`; there is room for it.
    async fn take(&self, wanted: &[usize], ahead: bool) -> Result<()> {
        let mut missing = Vec::new();
        {
            let mut states = self.states.borrow_mut();
            let mut traffic = self.traffic.borrow_mut();
            let mut latest = states.iter().map(|state| state.used).max().unwrap_or(0);
            for &number in wanted {
                latest += 1;
                let state = &mut states[number];
                state.used = latest;
                if !state.here {
                    missing.push(number);
                    traffic.misses += 1;
                    traffic.moved_bytes += self.bytes(number);
                } else if !ahead {
                    traffic.hits += u64::from(!state.ahead);
                    state.ahead = false;
                }
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let weights = place(&missing, &self.declared, &self.formats, &self.space).await?;
        match &self.source {
            Source::Beside(kept) => {
                for (&number, weight) in missing.iter().zip(&weights) {
                    let kept = kept[number].as_ref().ok_or_else(|| Error::internal("a pinned weight is away"))?;
                    weight.parts().zip(kept.parts()).try_for_each(|(here, kept)| here.copy_from(kept))?;
                }
            }
            Source::Origin => {
                let loader = Loader {
                    origin: &self.origin,
                    declared: &self.declared,
                    formats: &self.formats,
                    pace: self.pace,
                    space: &self.space,
                    helped: false,
                    arrivals: None,
                };
                loader.load(&missing, &weights).await?;
            }
        }
        let (mut here, mut states) = (self.weights.borrow_mut(), self.states.borrow_mut());
        for (number, weight) in missing.into_iter().zip(weights) {
            here[number] = weight;
            states[number].here = true;
            states[number].ahead = ahead;
        }
        Ok(())
    }
}

/// A weight whose parts have no bytes: its format can be asked for, its values can't.
fn away(weight: &Declared, format: Format, space: &Space) -> Result<Weight> {
    Weight::create(weight, format, |_| space.create_outside(0))
}
