//! What the wire between server and page is like: as fast as the machine, or as slow as a scenario wants it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, sleep, sleep_until};

use crate::plan::Network;

/// A network in use.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    network: Network,
    all: Lane,
}

/// When something that passes bytes one after the other is free again.
#[derive(Clone, Debug)]
struct Lane(Arc<Mutex<Instant>>);

/// Bytes that are sent at once: small enough for an even flow.
const PIECE: usize = 16 << 10;

impl Wire {
    pub(super) fn new(network: Network) -> Self {
        Self { network, all: Lane::new() }
    }

    pub(super) fn network(&self) -> Network {
        self.network
    }

    /// An answer as it comes over this wire.
    pub(super) async fn carry(&self, response: Response) -> Response {
        if self.network == Network::default() {
            return response;
        }
        sleep(Duration::from_millis(self.network.latency_ms.into())).await;
        let (parts, body) = response.into_parts();
        let (network, one, all) = (self.network, Lane::new(), self.all.clone());
        let pieces = body.into_data_stream().flat_map(|read| {
            stream::iter(match read {
                Ok(bytes) => (0..bytes.len())
                    .step_by(PIECE)
                    .map(|from| Ok(bytes.slice(from..bytes.len().min(from + PIECE))))
                    .collect::<Vec<_>>(),
                Err(error) => vec![Err(error)],
            })
        });
        let paced = pieces.then(move |piece| {
            let (one, all) = (one.clone(), all.clone());
            async move {
                let bytes = piece.as_ref().map_or(0, axum::body::Bytes::len);
                let through = [one.pass(bytes, network.mbps), all.pass(bytes, network.total_mbps)];
                if let Some(until) = through.into_iter().flatten().max() {
                    sleep_until(until).await;
                }
                piece
            }
        });
        Response::from_parts(parts, Body::from_stream(paced))
    }
}

impl Lane {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// When so many bytes, which come behind all before them, are through.
    fn pass(&self, bytes: usize, mbps: Option<u32>) -> Option<Instant> {
        let mbps = mbps?;
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        #[expect(clippy::cast_precision_loss, reason = "a piece is small")]
        let takes = Duration::from_secs_f64(bytes as f64 * 8.0 / (f64::from(mbps.max(1)) * 1e6));
        *free = (*free).max(Instant::now()) + takes;
        Some(*free)
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    #[test]
    fn bytes_pass_one_after_the_other() {
        let (lane, megabyte, started) = (Lane::new(), 1_000_000, Instant::now());
        let first = lane.pass(megabyte, Some(8)).expect("limited");
        let second = lane.pass(megabyte, Some(8)).expect("limited");
        assert!(first >= started + Duration::from_secs(1));
        assert_eq!(second - first, Duration::from_secs(1));
        assert_eq!(lane.pass(megabyte, None), None, "without a limit nothing is waited for");
    }

    #[tokio::test]
    async fn an_answer_arrives_as_it_was() {
        let wire = Wire::new(Network { latency_ms: 1, mbps: Some(100_000), total_mbps: Some(100_000) });
        let sent: Vec<u8> = (0..100_003_u32).map(|i| i.to_le_bytes()[0]).collect();
        let response = wire.carry(sent.clone().into_response()).await;
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        assert_eq!(body, sent);
    }
}
