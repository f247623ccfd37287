//! Ranges that a browser keeps from one start to the next, in the private file system of the page's origin.
//!
//! A range is known by the hash of its file's content, as the server tells it, so that another file is never taken
//! for it. A browser without such a file system, or without room in it, keeps nothing and says why; nothing that is
//! loaded fails because of it.

use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions, FileSystemGetFileOptions,
    FileSystemSyncAccessHandle, WorkerGlobalScope,
};

/// The folder of ranges.
const FOLDER: &str = "matrix-weights";

/// The name of a range, if its file is known by its content.
pub fn name(version: &str, start: u64, length: u64) -> Option<String> {
    let (_, hash) = version.split_once("\"sha256-")?;
    let hash = hash.strip_suffix('"').filter(|hash| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some(format!("{hash}-{start}-{length}"))
}

/// The bytes of a range that was kept.
pub async fn get(name: &str, length: u64) -> Option<Uint8Array> {
    let folder = folder().await.ok()?;
    let handle: FileSystemFileHandle = JsFuture::from(folder.get_file_handle(name)).await.ok()?.unchecked_into();
    let file: File = JsFuture::from(handle.get_file()).await.ok()?.unchecked_into();
    let bytes = Uint8Array::new(&JsFuture::from(file.array_buffer()).await.ok()?);
    // What was only half written is no range.
    (u64::from(bytes.length()) == length).then_some(bytes)
}

/// Keeps a range, or says why it can't.
pub async fn put(name: &str, bytes: &Uint8Array) -> Result<(), String> {
    let folder = folder().await.map_err(|error| said(&error))?;
    let Err(error) = write(&folder, name, bytes).await else { return Ok(()) };
    // The room is for others; what is left of it is in the way.
    let _ = JsFuture::from(folder.remove_entry(name)).await;
    Err(said(&error))
}

/// What a browser says, which may be anything.
fn said(error: &JsValue) -> String {
    let field = |name: &str| js_sys::Reflect::get(error, &name.into()).ok().and_then(|field| field.as_string());
    let told = [field("name"), field("message")].into_iter().flatten().collect::<Vec<_>>().join(": ");
    told.chars().take(200).collect()
}

async fn write(folder: &FileSystemDirectoryHandle, name: &str, bytes: &Uint8Array) -> Result<(), JsValue> {
    let options = FileSystemGetFileOptions::new();
    options.set_create(true);
    let handle = JsFuture::from(folder.get_file_handle_with_options(name, &options)).await?;
    let handle: FileSystemFileHandle = handle.unchecked_into();
    let access: FileSystemSyncAccessHandle = JsFuture::from(handle.create_sync_access_handle()).await?.unchecked_into();
    let written = access.write_with_buffer_source(bytes).and_then(|written| access.flush().map(|()| written));
    access.close();
    let written = written?;
    if written < f64::from(bytes.length()) { Err(js_sys::Error::new("only a part was written").into()) } else { Ok(()) }
}

async fn folder() -> Result<FileSystemDirectoryHandle, JsValue> {
    let scope = js_sys::global().unchecked_into::<WorkerGlobalScope>();
    let storage = js_sys::Reflect::get(scope.navigator().as_ref(), &"storage".into())?;
    if js_sys::Reflect::get(&storage, &"getDirectory".into())?.is_undefined() {
        return Err(js_sys::Error::new("no private files here").into());
    }
    let root = JsFuture::from(scope.navigator().storage().get_directory()).await?;
    let root: FileSystemDirectoryHandle = root.unchecked_into();
    let options = FileSystemGetDirectoryOptions::new();
    options.set_create(true);
    Ok(JsFuture::from(root.get_directory_handle_with_options(FOLDER, &options)).await?.unchecked_into())
}
