//! Who may talk to the server: only pages it served, only on the loopback address, only with the
//! run's token. Guards against other sites in the same browser (DNS rebinding, cross-site requests).

use std::net::SocketAddr;

use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Isolation headers: shared memory, fine clocks and the memory API need them.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-embedder-policy"), HeaderValue::from_static("require-corp")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Refuses foreign hosts and origins, and marks every answer as isolated.
pub(super) async fn guard(address: SocketAddr, request: Request, next: Next) -> Response {
    let mut response = if is_ours(address, request.method(), request.headers()) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
}

fn is_ours(address: SocketAddr, method: &Method, headers: &HeaderMap) -> bool {
    let names = [address.to_string(), format!("localhost:{}", address.port())];
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let host = text(HOST).is_some_and(|host| names.iter().any(|name| name == host));
    let origin =
        text(ORIGIN).map(|origin| origin.strip_prefix("http://").is_some_and(|o| names.iter().any(|n| n == o)));
    // A browser sends Origin with every POST; the native host sends none.
    host && origin.unwrap_or(method == Method::GET || text(HeaderName::from_static("x-matrix-host")).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &Method, headers: &[(HeaderName, &str)]) -> bool {
        let headers = headers.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).expect("a value"))).collect();
        is_ours(SocketAddr::from(([127, 0, 0, 1], 4000)), method, &headers)
    }

    #[test]
    fn only_the_loopback_names_are_hosts() {
        assert!(check(&Method::GET, &[(HOST, "127.0.0.1:4000")]));
        assert!(check(&Method::GET, &[(HOST, "localhost:4000")]));
        assert!(!check(&Method::GET, &[(HOST, "evil.example:4000")]));
        assert!(!check(&Method::GET, &[]));
    }

    #[test]
    fn a_post_from_another_site_is_refused() {
        let host = (HOST, "127.0.0.1:4000");
        assert!(check(&Method::POST, &[host.clone(), (ORIGIN, "http://127.0.0.1:4000")]));
        assert!(!check(&Method::POST, &[host.clone(), (ORIGIN, "http://evil.example")]));
        assert!(!check(&Method::POST, &[host.clone(), (ORIGIN, "null")]));
        assert!(!check(&Method::POST, &[host]));
    }
}
