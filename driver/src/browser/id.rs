//! The browsers a matrix may name.

use serde::{Deserialize, Serialize};

/// A row of the compatibility table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BrowserId {
    /// Google Chrome; on Linux Chromium may stand in.
    Chrome,
    /// Microsoft Edge.
    Edge,
    /// Mozilla Firefox.
    Firefox,
    /// Apple Safari; on Linux WebKitGTK stands in.
    Safari,
    /// No browser: the engine in a child process.
    Native,
}

impl BrowserId {
    /// Every browser, in the order tables show them.
    pub const ALL: [Self; 5] = [Self::Chrome, Self::Edge, Self::Firefox, Self::Safari, Self::Native];

    /// The word used in matrix files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chrome => "chrome",
            Self::Edge => "edge",
            Self::Firefox => "firefox",
            Self::Safari => "safari",
            Self::Native => "native",
        }
    }

    /// The name people know it by.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Chrome => "Chrome",
            Self::Edge => "Edge",
            Self::Firefox => "Firefox",
            Self::Safari => "Safari",
            Self::Native => "Native",
        }
    }
}
