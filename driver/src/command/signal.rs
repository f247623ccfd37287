//! What the system says to a run: to stop, and to stop at once.

use tokio::sync::watch;

use crate::error::ExitCode;

/// Becomes true at the first interrupt, termination or loss of the terminal; the second ends the program.
pub(super) fn stop_when_asked() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        asked().await;
        stop.send_replace(true);
        asked().await;
        std::process::exit(i32::from(ExitCode::Interrupted.code()));
    });
    stopped
}

async fn asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let [terminate, hang_up] = [SignalKind::terminate(), SignalKind::hangup()].map(signal);
        let (Ok(mut terminate), Ok(mut hang_up)) = (terminate, hang_up) else { return std::future::pending().await };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
    #[cfg(not(unix))]
    // Without the handler the system ends the program, which is what was asked for.
    drop(tokio::signal::ctrl_c().await);
}
