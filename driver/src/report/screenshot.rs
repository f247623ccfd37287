//! Pictures of pages that failed, small enough to travel inside the report.

use std::collections::BTreeMap;

use base64::Engine as _;

use super::view::Measured;
use crate::error::Result;
use crate::run::event::Status;
use crate::store::Store;

/// Bytes of pictures that a page may carry.
const PICTURES: usize = 400_000;

/// The pictures of cells that failed, as long as there is room.
pub(super) fn screenshots(store: &Store, cells: &[Measured]) -> Result<BTreeMap<String, String>> {
    let mut pictures = BTreeMap::new();
    let mut room = PICTURES;
    for cell in cells.iter().filter(|cell| !cell.row.status.is_some_and(Status::is_success)) {
        for artifact in store.artifacts(cell.row.id)?.into_iter().filter(|it| it.kind == "screenshot") {
            let Some(bytes) = store.blob(&artifact.hash)?.filter(|bytes| bytes.starts_with(b"\x89PNG\r\n")) else {
                continue;
            };
            let url = format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes));
            if url.len() > room {
                continue;
            }
            room -= url.len();
            pictures.insert(cell.row.cell.id.clone(), url);
        }
    }
    Ok(pictures)
}
