//! A host that is no page: the same conversation with the server, spoken in Rust.

use std::time::Duration;

use matrix_engine::protocol::{Outcome, Step};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::page::{Hello, Numbered};

/// Tells the server that no page is talking; pages of other sites can't send it.
const HOST_HEADER: HeaderName = HeaderName::from_static("x-matrix-host");
/// How often a host says that it lives.
const BEAT: Duration = Duration::from_secs(1);

/// Fetches steps from `address` until there are no more, and answers each with what `perform` makes of it.
///
/// # Errors
/// When the server can't be reached or refuses.
pub async fn serve_steps(
    address: &str,
    hello: Hello,
    mut perform: impl AsyncFnMut(Step) -> Outcome,
) -> Result<(), reqwest::Error> {
    let headers = HeaderMap::from_iter([(HOST_HEADER, HeaderValue::from_static("1"))]);
    let client = reqwest::Client::builder().default_headers(headers).build()?;
    client.post(format!("{address}hello")).json(&hello).send().await?.error_for_status()?;
    let beating = tokio::spawn(beat(client.clone(), format!("{address}beat")));
    let mut after = 0;
    loop {
        let answer = client.get(format!("{address}step?after={after}")).send().await?.error_for_status()?;
        if answer.status() == StatusCode::NO_CONTENT {
            continue;
        }
        let Numbered { seq, step } = answer.json().await?;
        if step == Step::Finish {
            beating.abort();
            return Ok(());
        }
        let outcome = perform(step).await;
        client.post(format!("{address}outcome/{seq}")).json(&outcome).send().await?.error_for_status()?;
        after = seq;
    }
}

async fn beat(client: reqwest::Client, address: String) {
    loop {
        tokio::time::sleep(BEAT).await;
        // A driver that is gone is noticed by the request for the next step.
        let _ = client.post(&address).json(&serde_json::json!({"visibility": "visible"})).send().await;
    }
}
