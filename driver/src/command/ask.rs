//! Questions to one page.

use std::time::Duration;

use matrix_engine::protocol::{Outcome, Step};

use crate::page::{Link, Server};
use crate::session::{Address, Session};

/// Pages of a slow machine get this long to start, and to give a sign of life.
const PATIENCE: Duration = Duration::from_secs(300);
/// And this long for an answer: a CPU that stands in for a GPU compiles all kernels in four minutes.
const ANSWER: Duration = Duration::from_secs(900);

/// A page that is open and answers.
pub(crate) struct Page {
    link: Link,
}

impl Page {
    /// Opens a fresh page; an error says what went wrong.
    pub(crate) async fn open(session: &mut dyn Session, server: &Server) -> Result<Self, String> {
        let link = server.link(PATIENCE).map_err(|error| error.to_string())?;
        session.open(&Address::of(server, &link)).await.map_err(|error| error.to_string())?;
        link.hello(PATIENCE).await.map_err(|error| error.to_string())?;
        Ok(Self { link })
    }

    /// Asks it to do one thing.
    pub(crate) async fn ask(&mut self, step: Step) -> Result<Outcome, String> {
        self.link.perform(step, ANSWER).await.map_err(|error| error.to_string())
    }
}
