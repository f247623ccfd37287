//! The processes of a session. What it starts carries a mark in its environment, so that browsers
//! which leave their driver's process group are found and ended too, with all their descendants.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use matrix_engine::protocol::Measure;
use process_wrap::tokio::{ChildWrapper, CommandWrap};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};
use tempfile::TempDir;

use super::SessionError;
use crate::machine;

/// The environment variable that marks a session's processes.
const MARK: &str = "MATRIX_SESSION";

/// The type of a browser's main process.
const BROWSER: &str = "browser";

/// Everything one session started, and its folder of temporary files.
pub(super) struct Processes {
    folder: TempDir,
    started: Vec<Started>,
}

struct Started {
    name: &'static str,
    child: Box<dyn ChildWrapper>,
}

impl Processes {
    pub(super) fn new() -> Result<Self, SessionError> {
        let folder = tempfile::Builder::new().prefix("matrix-session-").tempdir();
        let folder = folder.map_err(|error| broken(format!("no temporary folder: {error}")))?;
        Ok(Self { folder, started: Vec::new() })
    }

    /// Where the session may keep files.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a program in a process group of its own. What it prints goes to its log.
    pub(super) fn start(
        &mut self,
        name: &'static str,
        program: &Path,
        arguments: &[String],
        environment: &[(&str, String)],
    ) -> Result<(), SessionError> {
        let log = File::create(self.log_path(name)).and_then(|log| Ok((log.try_clone()?, log)));
        let (out, err) = log.map_err(|error| broken(format!("no log for {name}: {error}")))?;
        let mut command = CommandWrap::with_new(program, |command| {
            command.args(arguments).stdin(Stdio::null()).stdout(out).stderr(err);
            command.env(MARK, self.mark()).env("TMPDIR", self.folder()).envs(environment.iter().map(|(k, v)| (k, v)));
        });
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::tokio::JobObject);
        let child = command.spawn().map_err(|error| broken(format!("cannot start {}: {error}", program.display())))?;
        self.started.push(Started { name, child });
        Ok(())
    }

    /// The name of a started program that has ended, if one has.
    pub(super) fn ended(&mut self) -> Option<&'static str> {
        self.started
            .iter_mut()
            .find_map(|started| (!matches!(started.child.try_wait(), Ok(None))).then_some(started.name))
    }

    /// What a program has printed so far.
    pub(super) fn log(&self, name: &str) -> String {
        std::fs::read(self.log_path(name)).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    /// Process ids by process type, as the command lines tell, and the browser's own command line.
    pub(super) fn running(&self, browser: &Path) -> (BTreeMap<String, Vec<u32>>, Vec<String>) {
        let mut ids = BTreeMap::<String, Vec<u32>>::new();
        let mut command_line = Vec::new();
        for (pid, words) in self.ours(snapshot().as_ref()) {
            let kind = process_type(&words);
            if kind == BROWSER && command_line.is_empty() && is_program(&words, browser) {
                command_line.clone_from(&words);
            }
            ids.entry(kind).or_default().push(pid.as_u32());
        }
        (ids, command_line)
    }

    /// Bytes of memory that belong to the session, shared pages by their share: all of them, and by type of
    /// process. Linux only.
    pub(super) fn memory(&self) -> Vec<Measure> {
        let mut kinds = BTreeMap::<String, u64>::new();
        for (pid, words) in self.ours(snapshot().as_ref()) {
            if let Some(bytes) = pss(pid) {
                *kinds.entry(process_type(&words)).or_default() += bytes;
            }
        }
        if kinds.is_empty() {
            return Vec::new();
        }
        let all = Measure::bytes("process_memory", kinds.values().sum());
        let each = kinds.into_iter().map(|(kind, bytes)| Measure::bytes(&format!("process_memory.{kind}"), bytes));
        std::iter::once(all).chain(each).collect()
    }

    /// CPU time that the session's processes have used. Linux only.
    pub(super) fn cpu_time(&self) -> Option<Duration> {
        let times: Vec<Duration> =
            self.ours(snapshot().as_ref()).keys().filter_map(|pid| machine::cpu_time(pid.as_u32())).collect();
        (!times.is_empty()).then(|| times.iter().sum())
    }

    /// Browsers that run beside the session, by the names of their programs.
    pub(super) fn other_browsers(&self) -> Vec<String> {
        const BROWSERS: [&str; 8] =
            ["chrome", "chromium", "firefox", "firefox-esr", "firefox-bin", "msedge", "MiniBrowser", "Safari"];
        let system = snapshot();
        let ours = self.ours(system.as_ref());
        let all = system.iter().flat_map(System::processes);
        let others = all.filter(|(pid, process)| process.thread_kind().is_none() && !ours.contains_key(pid));
        let names = others.filter_map(|(_, process)| {
            let words = words(process.cmd());
            let program = Path::new(words.first()?).file_name()?.to_string_lossy().into_owned();
            (BROWSERS.contains(&program.as_str()) && process_type(&words) == BROWSER).then_some(program)
        });
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Ends everything, at once.
    pub(super) fn kill(&mut self) {
        for started in &mut self.started {
            // Already gone is what we want.
            let _ = started.child.start_kill();
        }
        // A process may start another while it is being ended.
        for _ in 0..3 {
            let Some(system) = snapshot() else { break };
            let left = self.ours(Some(&system));
            if left.is_empty() {
                break;
            }
            for process in left.keys().filter_map(|pid| system.process(*pid)) {
                process.kill();
            }
        }
        for started in &mut self.started {
            // Reap, so that no zombie is left while this program runs.
            let _ = started.child.try_wait();
        }
    }

    fn mark(&self) -> String {
        self.folder.path().file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn log_path(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }

    /// Every process that carries this session's mark or descends from one that does (some browsers
    /// write over the environment of their children), with its command line.
    fn ours(&self, system: Option<&System>) -> BTreeMap<Pid, Vec<String>> {
        let mark = OsString::from(format!("{MARK}={}", self.mark()));
        let Some(system) = system else { return BTreeMap::new() };
        let all = system.processes().iter().filter(|(_, process)| process.thread_kind().is_none());
        let ours = all.filter(|(_, process)| {
            let mut line = std::iter::successors(Some(*process), |process| system.process(process.parent()?));
            line.any(|process| process.environ().contains(&mark))
        });
        ours.map(|(pid, process)| (*pid, words(process.cmd()))).collect()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Every process of the machine with command line and environment; none where the system does not tell.
fn snapshot() -> Option<System> {
    let mut system = System::new().ok()?;
    let what = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always).with_environ(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
    Some(system)
}

/// A command line word by word. Some processes keep theirs in one piece.
fn words(line: &[OsString]) -> Vec<String> {
    match line {
        [one] => one.to_string_lossy().split_whitespace().map(str::to_owned).collect(),
        line => line.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
    }
}

/// `gpu-process`, `renderer`, …: Chromium says `--type=`, Firefox names the type last, the rest is known by name.
fn process_type(words: &[String]) -> String {
    if let Some(kind) = words.iter().find_map(|word| word.strip_prefix("--type=")) {
        return kind.to_owned();
    }
    if words.iter().any(|word| word == "-contentproc") {
        return words.last().cloned().unwrap_or_default();
    }
    let program = words.first().map(Path::new).and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let is_helper = ["driver", "Xvfb", "dbus", "crashpad"].iter().any(|name| program.contains(name));
    if is_helper || program.starts_with("WebKit") { program.into_owned() } else { BROWSER.into() }
}

/// Launchers are scripts: the program they start has another path, but the browser's name in it.
fn is_program(words: &[String], browser: &Path) -> bool {
    let name = browser.file_stem().unwrap_or_default().to_string_lossy();
    words.first().is_some_and(|word| word.contains(&*name) && !word.ends_with("/sh"))
}

/// Proportional set size: shared pages count by their share.
fn pss(pid: Pid) -> Option<u64> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

pub(super) fn broken(message: impl Into<String>) -> SessionError {
    SessionError::Broken(message.into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_that_left_its_group_is_ended_too() {
        let mut processes = Processes::new().expect("a folder");
        let script = ["-c".to_owned(), "setsid sleep 300 & echo started; sleep 300".to_owned()];
        processes.start("sh", Path::new("/bin/sh"), &script, &[]).expect("starts");
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if processes.ours(snapshot().as_ref()).len() >= 3 {
                break;
            }
        }
        assert!(processes.ours(snapshot().as_ref()).len() >= 3, "the shell and two sleeps");
        assert_eq!(processes.log("sh"), "started\n");
        processes.kill();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(processes.ours(snapshot().as_ref()), BTreeMap::new());
    }

    #[test]
    fn processes_are_told_by_their_command_lines() {
        let kind = |words: &[&str]| process_type(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        assert_eq!(kind(&["/usr/lib/chromium/chromium", "--type=gpu-process", "--x"]), "gpu-process");
        assert_eq!(kind(&["/usr/lib/chromium/chromium", "--headless=new"]), "browser");
        assert_eq!(kind(&["/usr/lib/firefox-esr/firefox-esr", "-contentproc", "1", "tab"]), "tab");
        assert_eq!(kind(&["/usr/lib/webkit/WebKitWebProcess", "6"]), "WebKitWebProcess");
        assert_eq!(kind(&["geckodriver", "--port", "1"]), "geckodriver");
    }
}
