//! Weights that are still on their way while the first pass computes: each has its place on the device from the start,
//! and is used as soon as it has arrived.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::Poll,
};

use super::{
    Declared, Format, Weight,
    loader::{Cost, Loader, Pace},
};
use crate::{
    clock,
    device::Space,
    error::{Error, Result},
    load::{Origin, Remarks},
};

/// Which weights have arrived.
#[derive(Debug)]
pub struct Arrivals(Vec<Cell<bool>>);

impl Arrivals {
    /// So many weights, none of which is here.
    fn none(count: usize) -> Self {
        Self(vec![Cell::new(false); count])
    }

    /// A weight is complete.
    pub(super) fn mark(&self, number: usize) {
        if let Some(arrived) = self.0.get(number) {
            arrived.set(true);
        }
    }

    fn has(&self, number: usize) -> bool {
        self.0.get(number).is_some_and(Cell::get)
    }
}

/// Weights on their way.
pub struct Coming {
    origin: Rc<Origin>,
    weights: Rc<Vec<Weight>>,
    arrivals: Rc<Arrivals>,
    chunk: u64,
    state: RefCell<State>,
    early: Cell<usize>,
}

enum State {
    Loading(Pin<Box<dyn Future<Output = Result<Cost>>>>),
    Arrived(Arrived),
    Failed,
}

/// The end of a load.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// When the last weight arrived, by the clock.
    pub at: f64,
    /// What it cost.
    pub cost: Cost,
    /// Stages that were computed before.
    pub early: usize,
}

impl Coming {
    /// Starts to bring `weights`, which are all that are declared, in their order.
    pub fn start(
        origin: &Rc<Origin>,
        (declared, formats): (&[Declared], &[Format]),
        weights: Rc<Vec<Weight>>,
        pace: Pace,
        space: &Space,
    ) -> Self {
        let arrivals = Rc::new(Arrivals::none(declared.len()));
        let (from, declared, formats) = (origin.clone(), declared.to_vec(), formats.to_vec());
        let (brought, marked, space) = (weights.clone(), arrivals.clone(), space.clone());
        let loading = async move {
            let numbers: Vec<usize> = (0..declared.len()).collect();
            let loader = Loader {
                origin: &from,
                declared: &declared,
                formats: &formats,
                pace,
                space: &space,
                helped: true,
                arrivals: Some(&marked),
            };
            loader.load(&numbers, &brought).await
        };
        Self {
            origin: origin.clone(),
            weights,
            arrivals,
            chunk: pace.chunk(),
            state: RefCell::new(State::Loading(Box::pin(loading))),
            early: Cell::new(0),
        }
    }

    /// All weights; those that have arrived can be used.
    #[must_use]
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// What there is to say of how files were read.
    #[must_use]
    pub fn remarks(&self) -> Remarks {
        match &*self.origin {
            Origin::Files(checkpoint) => checkpoint.folder().remarks(),
            Origin::Synthetic(_) => Remarks::default(),
        }
    }

    /// Bytes that come together: what a stage may wait for.
    #[must_use]
    pub fn chunk(&self) -> u64 {
        self.chunk
    }

    /// Whether all have arrived.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(*self.state.borrow(), State::Arrived(_))
    }

    /// A stage was computed.
    pub fn computed(&self) {
        if !self.is_done() {
            self.early.set(self.early.get() + 1);
        }
    }

    /// Has the first requests sent.
    pub async fn begin(&self) -> Result<()> {
        poll_fn(|context| Poll::Ready(self.advance(context))).await
    }

    /// Waits for some weights.
    ///
    /// # Errors
    /// When the load fails before they are there.
    pub async fn until(&self, numbers: &[usize]) -> Result<()> {
        poll_fn(|context| {
            self.advance(context)?;
            let all = numbers.iter().all(|&number| self.arrivals.has(number));
            if all || self.is_done() { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }

    /// Waits for all weights.
    ///
    /// # Errors
    /// When the load fails.
    pub async fn finish(&self) -> Result<Arrived> {
        poll_fn(|context| {
            self.advance(context)?;
            match *self.state.borrow() {
                State::Arrived(arrived) => Poll::Ready(Ok(Arrived { early: self.early.get(), ..arrived })),
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// Lets the load go on.
    fn advance(&self, context: &mut std::task::Context<'_>) -> Result<()> {
        let mut state = self.state.borrow_mut();
        let polled = match &mut *state {
            State::Loading(loading) => loading.as_mut().poll(context),
            State::Arrived(_) => return Ok(()),
            State::Failed => return Err(Error::model("the weights did not arrive").hint("load the model again")),
        };
        match polled {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(cost)) => {
                *state = State::Arrived(Arrived { at: clock::now(), cost, early: 0 });
                Ok(())
            }
            Poll::Ready(Err(error)) => {
                *state = State::Failed;
                Err(error)
            }
        }
    }
}

/// Lets whoever waits for something look whether it is there.
pub(super) async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if paused {
            return Poll::Ready(());
        }
        paused = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
