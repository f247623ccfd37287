//! `matrix host`: this process as a host, for runs without a browser.

use matrix_engine::host::Host;

use crate::cli::HostArgs;
use crate::error::{Error, ExitCode};
use crate::page::Hello;
use crate::session::serve_steps;

/// Performs steps until there are no more.
pub(crate) async fn run(args: &HostArgs) -> Result<ExitCode, Error> {
    let hello = Hello {
        user_agent: format!("matrix-engine/{}", env!("CARGO_PKG_VERSION")),
        cross_origin_isolated: true,
        visibility: "visible".into(),
        clock_step_ms: Some(1e-6),
        webgpu: false,
        hardware_concurrency: std::thread::available_parallelism().ok().and_then(|n| u32::try_from(n.get()).ok()),
    };
    let mut host = Host::new("");
    let served = serve_steps(&args.address, hello, async |step| host.perform(step).await).await;
    served.map_err(|error| Error::environment("the driver can't be reached").because(error))?;
    Ok(ExitCode::Ok)
}
