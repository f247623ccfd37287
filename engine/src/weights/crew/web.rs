//! Web Workers: each has an instance of this module and answers over a channel of its own for every job.

use std::cell::Cell;

use js_sys::{Array, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{MessageChannel, MessageEvent, Worker, WorkerOptions, WorkerType};

use super::{Brought, Job};
use crate::{
    error::{Error, Result},
    load::{Chunk, Folder, Remarks},
    protocol::FailureKind,
    weights::{integer::Factors, made::Made},
};

/// The script of a worker, beside the one of the engine's.
const SCRIPT: &str = "loader.js";

/// Workers; they end when it is dropped.
pub struct Crew {
    workers: Vec<Worker>,
    /// Resolved when a worker can't go on.
    broken: Promise,
    next: Cell<usize>,
}

impl Crew {
    /// So many workers.
    pub async fn start(count: usize) -> Result<Self> {
        let unable = |error: JsValue| Error::unsupported(format!("no worker can be started: {}", text(&error)));
        if Reflect::get(&js_sys::global(), &"Worker".into()).map_err(unable)?.is_undefined() {
            return Err(Error::unsupported("no worker can be started: a worker has none of its own here"));
        }
        let mut workers = Vec::with_capacity(count);
        for _ in 0..count.max(1) {
            let options = WorkerOptions::new();
            options.set_type(WorkerType::Module);
            let worker = Worker::new_with_options(SCRIPT, &options).map_err(unable)?;
            let hello = object(&[("module", &wasm_bindgen::module())]);
            worker.post_message(&hello).map_err(unable)?;
            workers.push(worker);
        }
        let broken = Promise::new(&mut |resolve, _| {
            workers.iter().for_each(|worker| worker.set_onerror(Some(&resolve)));
        });
        Ok(Self { workers, broken, next: Cell::new(0) })
    }

    /// Has a job done, and tells what is worth telling of how.
    pub async fn perform(&self, job: Job) -> Result<(Brought, Remarks)> {
        let failed = |error: JsValue| Error::internal(format!("a worker does not answer: {}", text(&error)));
        let plain = job.is_plain();
        let turn = self.next.replace((self.next.get() + 1) % self.workers.len());
        let job = serde_json::to_string(&job).map_err(|error| Error::internal(error.to_string()))?;
        let channel = MessageChannel::new().map_err(failed)?;
        let ours = channel.port1();
        let answered = Promise::new(&mut |resolve, _| ours.set_onmessage(Some(&resolve)));
        let message = object(&[("job", &JsValue::from(job)), ("port", &channel.port2())]);
        self.workers[turn].post_message_with_transfer(&message, &Array::of1(&channel.port2())).map_err(failed)?;
        let answer = JsFuture::from(Promise::race(&Array::of2(&answered, &self.broken))).await;
        ours.close();
        let event: MessageEvent = answer.map_err(failed)?.dyn_into().map_err(failed)?;
        let data = event.data();
        let field = |name: &str| Reflect::get(&data, &name.into()).unwrap_or(JsValue::UNDEFINED);
        if let Some(error) = field("error").as_string() {
            // What the engine in the worker said comes as it was.
            return Err(match serde_json::from_str::<(FailureKind, String)>(&error) {
                Ok((kind, message)) => Error::told(kind, message),
                Err(_) => Error::internal(format!("a worker failed: {error}")),
            });
        }
        let parts: Vec<Uint8Array> = field("parts")
            .dyn_into::<Array>()
            .map_err(failed)?
            .iter()
            .filter_map(|part| part.dyn_into().ok())
            .collect();
        let short = || Error::internal("a worker left something out");
        let remarks = field("remarks").as_string().and_then(|remarks| serde_json::from_str(&remarks).ok());
        let remarks: Remarks = remarks.ok_or_else(short)?;
        if plain {
            let bytes = parts.into_iter().next().ok_or_else(short)?;
            return Ok((Brought::Bytes(Chunk::of(bytes)), remarks));
        }
        let made = |part: &[Uint8Array]| match part {
            [words, scales, zeros] => {
                let factors = Factors::from_bytes(&scales.to_vec(), &zeros.to_vec());
                Ok(Made { words: Chunk::of(words.clone()), factors })
            }
            _ => Err(short()),
        };
        let made = parts.chunks(3).map(made).collect::<Result<Vec<_>>>()?;
        Ok((Brought::Made(made), remarks))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.workers.iter().for_each(Worker::terminate);
    }
}

/// One job of a worker, for the caller to hand on: `parts` are arrays, three for each of the job's rows (words, scales,
/// zero points), or one of everything where nothing has to be made; `remarks` is JSON.
pub async fn perform(job: &str) -> Result<JsValue> {
    let job: Job = serde_json::from_str(job).map_err(|error| Error::internal(format!("no job: {error}")))?;
    let (chunk, remarks) = Folder::read_at(&job.place, job.start, job.length).await?;
    let parts = Array::new();
    if job.is_plain() {
        parts.push(&chunk.take());
    } else {
        for rows in &job.rows {
            let (words, factors) = rows.make(&chunk.part(rows.offset, rows.length))?;
            let (scales, zeros) = factors.bytes();
            for bytes in [words, scales, zeros] {
                parts.push(&Uint8Array::from(bytes.as_slice()));
            }
        }
    }
    let remarks = serde_json::to_string(&remarks).map_err(|error| Error::internal(error.to_string()))?;
    Ok(object(&[("parts", &parts), ("remarks", &remarks.into())]))
}

fn object(fields: &[(&str, &JsValue)]) -> JsValue {
    let object = js_sys::Object::new();
    for (name, value) in fields {
        // Setting a field of a new object can't fail.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}

fn text(error: &JsValue) -> String {
    let message = Reflect::get(error, &"message".into()).ok().and_then(|message| message.as_string());
    message.unwrap_or_else(|| format!("{error:?}"))
}
