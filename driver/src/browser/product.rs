//! One value per browser and system: what it is called, where it lives, how it is driven.
//! Adding a browser is a row of [`PRODUCTS`].

use super::id::BrowserId;

/// Operating systems with rows of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Linux with any desktop or none.
    Linux,
    /// macOS.
    Mac,
    /// Windows.
    Windows,
}

impl System {
    /// The system this program runs on.
    #[must_use]
    pub fn current() -> Self {
        if cfg!(target_os = "macos") {
            Self::Mac
        } else if cfg!(windows) {
            Self::Windows
        } else {
            Self::Linux
        }
    }
}

/// How a browser is talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `goog:chromeOptions` by chromedriver.
    Chrome,
    /// `ms:edgeOptions` by msedgedriver.
    Edge,
    /// `moz:firefoxOptions` by geckodriver.
    Firefox,
    /// `safaridriver`: no options at all, one session per machine.
    Safari,
    /// `webkitgtk:browserOptions` by `WebKitWebDriver`.
    WebKitGtk,
}

impl Kind {
    /// Whether DevTools can be attached.
    #[must_use]
    pub fn has_devtools(self) -> bool {
        matches!(self, Self::Chrome | Self::Edge)
    }

    /// Whether it needs a display even for tests.
    #[must_use]
    pub fn needs_display(self) -> bool {
        matches!(self, Self::WebKitGtk)
    }
}

/// A browser on one system.
#[derive(Debug)]
pub struct Product {
    /// The row of the table it fills.
    pub id: BrowserId,
    /// What it is: `Chromium`, `WebKitGTK MiniBrowser`.
    pub name: &'static str,
    /// Where it exists.
    pub system: System,
    /// Whether it fills a row that is named after another product.
    pub stand_in: bool,
    /// How it is talked to.
    pub kind: Kind,
    /// Names on the PATH, or absolute places, best first.
    pub binaries: &'static [&'static str],
    /// The WebDriver server, likewise.
    pub drivers: &'static [&'static str],
}

const fn row(
    id: BrowserId,
    name: &'static str,
    system: System,
    kind: Kind,
    binaries: &'static [&'static str],
    drivers: &'static [&'static str],
) -> Product {
    Product { id, name, system, stand_in: false, kind, binaries, drivers }
}

/// Every browser that can be launched, best first within a row of the table.
pub const PRODUCTS: &[Product] = &[
    row(
        BrowserId::Chrome,
        "Chrome",
        System::Linux,
        Kind::Chrome,
        &["google-chrome-stable", "google-chrome", "/opt/google/chrome/chrome"],
        &["chromedriver", "/usr/lib/chromium-browser/chromedriver"],
    ),
    Product {
        stand_in: true,
        ..row(
            BrowserId::Chrome,
            "Chromium",
            System::Linux,
            Kind::Chrome,
            &["chromium", "chromium-browser", "/snap/bin/chromium"],
            &["chromedriver", "/snap/bin/chromium.chromedriver", "/usr/lib/chromium-browser/chromedriver"],
        )
    },
    row(
        BrowserId::Chrome,
        "Chrome",
        System::Mac,
        Kind::Chrome,
        &["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"],
        &["chromedriver", "/opt/homebrew/bin/chromedriver", "/usr/local/bin/chromedriver"],
    ),
    row(
        BrowserId::Chrome,
        "Chrome",
        System::Windows,
        Kind::Chrome,
        &[
            r"C:\Program Files\Google\Chrome\Application\chrome.exe",
            r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
        ],
        &["chromedriver.exe"],
    ),
    row(
        BrowserId::Edge,
        "Edge",
        System::Linux,
        Kind::Edge,
        &["microsoft-edge-stable", "microsoft-edge", "/opt/microsoft/msedge/msedge"],
        &["msedgedriver"],
    ),
    row(
        BrowserId::Edge,
        "Edge",
        System::Mac,
        Kind::Edge,
        &["/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge"],
        &["msedgedriver", "/opt/homebrew/bin/msedgedriver", "/usr/local/bin/msedgedriver"],
    ),
    row(
        BrowserId::Edge,
        "Edge",
        System::Windows,
        Kind::Edge,
        &[
            r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
            r"C:\Program Files\Microsoft\Edge\Application\msedge.exe",
        ],
        &["msedgedriver.exe"],
    ),
    row(
        BrowserId::Firefox,
        "Firefox",
        System::Linux,
        Kind::Firefox,
        &["firefox-esr", "firefox", "/snap/bin/firefox"],
        &["geckodriver", "/snap/bin/geckodriver"],
    ),
    row(
        BrowserId::Firefox,
        "Firefox",
        System::Mac,
        Kind::Firefox,
        &["/Applications/Firefox.app/Contents/MacOS/firefox"],
        &["geckodriver", "/opt/homebrew/bin/geckodriver", "/usr/local/bin/geckodriver"],
    ),
    row(
        BrowserId::Firefox,
        "Firefox",
        System::Windows,
        Kind::Firefox,
        &[r"C:\Program Files\Mozilla Firefox\firefox.exe", r"C:\Program Files (x86)\Mozilla Firefox\firefox.exe"],
        &["geckodriver.exe"],
    ),
    row(
        BrowserId::Safari,
        "Safari",
        System::Mac,
        Kind::Safari,
        &["/Applications/Safari.app/Contents/MacOS/Safari"],
        &["/usr/bin/safaridriver"],
    ),
    Product {
        stand_in: true,
        ..row(
            BrowserId::Safari,
            "WebKitGTK MiniBrowser",
            System::Linux,
            Kind::WebKitGtk,
            &[
                "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
                "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
                "/usr/lib/x86_64-linux-gnu/webkitgtk-6.0/MiniBrowser",
                "/usr/lib/aarch64-linux-gnu/webkitgtk-6.0/MiniBrowser",
                "/usr/libexec/webkit2gtk-4.1/MiniBrowser",
                "/usr/libexec/webkitgtk-6.0/MiniBrowser",
                "/usr/lib/webkit2gtk-4.1/MiniBrowser",
                "/usr/lib/webkitgtk-6.0/MiniBrowser",
            ],
            &["WebKitWebDriver"],
        )
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_browser_but_native_has_a_product_somewhere() {
        for id in BrowserId::ALL.into_iter().filter(|id| *id != BrowserId::Native) {
            assert!(PRODUCTS.iter().any(|product| product.id == id), "{} has no row", id.name());
        }
    }

    #[test]
    fn stand_ins_come_after_what_they_stand_in_for() {
        let linux_chrome: Vec<_> =
            PRODUCTS.iter().filter(|p| p.id == BrowserId::Chrome && p.system == System::Linux).collect();
        assert_eq!(linux_chrome.iter().map(|p| p.stand_in).collect::<Vec<_>>(), [false, true]);
    }
}
