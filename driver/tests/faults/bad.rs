//! A server of weights that does what a fault says. Hand-made, because libraries don't send what is wrong.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What goes wrong with ranges of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    /// The connection ends in the middle of so many answers.
    Drops(u32),
    /// Every answer is shorter than it says.
    Short,
    /// Every answer is from another place.
    Elsewhere,
    /// The file is gone after its header was read.
    Gone,
    /// The file is another after its header was read.
    Changed,
    /// No ranges at all.
    Whole,
    /// A byte of so many answers is another than the digest says.
    Damaged(u32),
}

/// The server.
pub struct Bad {
    folder: PathBuf,
    fault: Mutex<Fault>,
    left: AtomicU32,
    /// Ranges of weights that were asked for.
    pub asked: AtomicU32,
    /// What the file is called by.
    pub tag: Mutex<String>,
}

impl Bad {
    pub async fn start(folder: PathBuf) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}/", listener.local_addr().expect("bound"));
        let bad = Arc::new(Self {
            folder,
            fault: Mutex::new(Fault::None),
            left: AtomicU32::new(0),
            asked: AtomicU32::new(0),
            tag: Mutex::new("one".into()),
        });
        let server = Arc::clone(&bad);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&server);
                // A page that goes away is no matter.
                tokio::spawn(async move { drop(server.answer(stream).await) });
            }
        });
        (bad, address)
    }

    /// What goes wrong from now on.
    pub fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        let times = if let Fault::Drops(times) | Fault::Damaged(times) = fault { times } else { 0 };
        self.left.store(times, Ordering::SeqCst);
    }

    /// One request and its answer; the connection is closed behind it.
    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await?);
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let name = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
        let common = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: range, want-content-digest\r\n\
            Access-Control-Expose-Headers: content-range, etag, content-digest\r\nConnection: close\r\nCache-Control: no-store\r\n";
        let Ok(bytes) = std::fs::read(self.folder.join(&name)) else {
            return stream
                .write_all(format!("HTTP/1.1 404 Gone\r\n{common}Content-Length: 0\r\n\r\n").as_bytes())
                .await;
        };
        if request.starts_with("OPTIONS") {
            return stream.write_all(format!("HTTP/1.1 204 Fine\r\n{common}\r\n").as_bytes()).await;
        }
        let range =
            request.lines().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        let range = range.as_deref().and_then(|range| range.split_once('-'));
        let (first, last): (usize, usize) =
            range.map_or((0, bytes.len() - 1), |(a, b)| (a.parse().expect("a number"), b.parse().expect("a number")));
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        // Headers are read rightly: what is wrong comes with the weights.
        let header = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
        let is_weights = name.ends_with(".safetensors") && first as u64 >= 8 + header;
        self.asked.fetch_add(u32::from(is_weights), Ordering::SeqCst);
        let one = self.tag.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fault = if is_weights { fault } else { Fault::None };
        let (mut from, mut tag) = (first, one.as_str());
        let digest = if request.to_lowercase().contains("want-content-digest: sha-256=") {
            let digest = STANDARD.encode(Sha256::digest(&bytes[first..=last]));
            format!("Content-Digest: sha-256=:{digest}:\r\n")
        } else {
            String::new()
        };
        let mut damaged = bytes[first..=last].to_vec();
        let mut sent = &bytes[first..=last];
        let hit = || self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        match fault {
            Fault::None => {}
            Fault::Drops(_) => {
                if hit() {
                    sent = &sent[..sent.len() / 2];
                }
            }
            Fault::Short => sent = &sent[..sent.len() / 2],
            Fault::Elsewhere => from += 4,
            Fault::Gone => {
                let gone = format!("HTTP/1.1 404 Gone\r\n{common}Content-Length: 0\r\n\r\n");
                return stream.write_all(gone.as_bytes()).await;
            }
            Fault::Changed => tag = "two",
            Fault::Damaged(_) => {
                if hit() {
                    // The lowest bits of a mantissa: nothing but the digest tells.
                    damaged[0] ^= 1;
                    sent = &damaged;
                }
            }
            Fault::Whole => {
                let head = format!("HTTP/1.1 200 Fine\r\n{common}Content-Length: {}\r\n\r\n", bytes.len());
                stream.write_all(head.as_bytes()).await?;
                return stream.write_all(&bytes).await;
            }
        }
        let told = if fault == Fault::Short { sent.len() } else { last - first + 1 };
        let head = format!(
            "HTTP/1.1 206 Part\r\n{common}ETag: \"{tag}\"\r\nContent-Range: bytes {from}-{last}/{}\r\nContent-Length: {told}\r\n{digest}\r\n",
            bytes.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(sent).await?;
        stream.flush().await
    }
}
