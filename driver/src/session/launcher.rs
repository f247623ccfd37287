//! Opens real sessions: finds the browser, picks how it is talked to.

use futures_util::future::BoxFuture;

use super::native::Native;
use super::webdriver::WebDriver;
use super::{Session, SessionError, Sessions};
use crate::browser::{self, BrowserId, Missing};

/// What the user may choose about how browsers are started.
#[derive(Clone, Copy, Debug, Default)]
pub struct LaunchSettings {
    /// With windows.
    pub headed: bool,
}

/// Starts the browsers of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Launcher {
    /// How.
    pub settings: LaunchSettings,
}

impl Sessions for Launcher {
    fn start(&self, id: BrowserId) -> BoxFuture<'_, Result<Box<dyn Session>, SessionError>> {
        Box::pin(async move {
            if id == BrowserId::Native {
                return Ok(Box::new(Native::new()?) as Box<dyn Session>);
            }
            let found = browser::find(id).await;
            let found = found.map_err(|Missing { reason, remedy, .. }| SessionError::Unavailable { reason, remedy })?;
            Ok(Box::new(WebDriver::start(&found, &self.settings).await?) as Box<dyn Session>)
        })
    }
}
