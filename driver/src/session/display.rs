//! A display that nobody looks at, for browsers that need one.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::SessionError;
use super::process::{Processes, broken};

/// Starts Xvfb on a free display; gives the value of `DISPLAY`.
pub(super) async fn start(processes: &mut Processes) -> Result<String, SessionError> {
    let program = which::which("Xvfb").map_err(|_| SessionError::Unavailable {
        reason: "Xvfb, the display for browsers that need one, is not installed".into(),
        remedy: "run: matrix setup".into(),
    })?;
    let arguments = ["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"].map(str::to_owned);
    processes.start("Xvfb", &program, &arguments, &[])?;
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let log = processes.log("Xvfb");
        if let Some(number) = log.lines().find_map(|line| line.trim().parse::<u32>().ok()) {
            return Ok(format!(":{number}"));
        }
        if processes.ended().is_some() || Instant::now() > deadline {
            return Err(broken(format!("Xvfb did not start: {}", log.trim())));
        }
        sleep(Duration::from_millis(10)).await;
    }
}
