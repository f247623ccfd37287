//! The page's files, embedded: the driver's build wrote the engine's.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// Name, media type, content.
type File = (&'static str, &'static str, &'static [u8]);

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const WASM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/engine_bg.wasm"));

const FILES: &[File] = &[
    ("index.html", "text/html; charset=utf-8", include_bytes!("web/index.html")),
    ("page.js", JAVASCRIPT, include_bytes!("web/page.js")),
    ("worker.js", JAVASCRIPT, include_bytes!("web/worker.js")),
    ("loader.js", JAVASCRIPT, include_bytes!("web/loader.js")),
    ("engine.js", JAVASCRIPT, include_bytes!(concat!(env!("OUT_DIR"), "/engine.js"))),
    ("engine_bg.wasm", "application/wasm", WASM),
];

/// A file of the page by name; the empty name is the page itself.
pub(super) fn file(name: &str) -> Option<(&'static str, &'static [u8])> {
    let name = if name.is_empty() { "index.html" } else { name };
    FILES.iter().find(|(known, ..)| *known == name).map(|(_, media, content)| (*media, *content))
}

/// Hash of every file of the page: the identity of what was measured.
#[must_use]
pub fn engine_hash() -> &'static str {
    static HASH: LazyLock<String> = LazyLock::new(|| {
        let mut hash = Sha256::new();
        for (name, _, content) in FILES {
            hash.update(name);
            hash.update([0]);
            hash.update(content);
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    });
    &HASH
}

/// Size of the engine's WebAssembly module.
#[must_use]
pub fn wasm_bytes() -> usize {
    WASM.len()
}
