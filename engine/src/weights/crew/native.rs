//! Threads.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use futures_channel::oneshot;

use super::{Brought, Job};
use crate::{
    error::{Error, Result},
    load::{Chunk, Folder, Remarks},
    weights::{integer::Factors, made::Made},
};

type Answer = Result<Vec<(Vec<u8>, Factors)>>;
type Task = (Job, oneshot::Sender<Answer>);

/// Threads that wait for jobs; they end when it is dropped.
pub struct Crew(Sender<Task>);

impl Crew {
    /// So many threads.
    pub async fn start(workers: usize) -> Result<Self> {
        let (give, take) = mpsc::channel::<Task>();
        let take = Arc::new(Mutex::new(take));
        for number in 0..workers.max(1) {
            let take = take.clone();
            let worker = thread::Builder::new().name(format!("loader {number}")).spawn(move || work(&take));
            worker.map_err(|error| Error::unsupported(format!("no thread can be started: {error}")))?;
        }
        Ok(Self(give))
    }

    /// Has a job done, and tells what is worth telling of how.
    pub async fn perform(&self, job: Job) -> Result<(Brought, Remarks)> {
        let gone = || Error::internal("the threads that load are gone");
        let plain = job.is_plain();
        let (answer, answered) = oneshot::channel();
        self.0.send((job, answer)).map_err(|_| gone())?;
        let mut made = answered.await.map_err(|_| gone())??.into_iter();
        if plain {
            let (bytes, _) = made.next().ok_or_else(gone)?;
            return Ok((Brought::Bytes(Chunk::of(bytes)), Remarks::default()));
        }
        let made = made.map(|(words, factors)| Made { words: Chunk::of(words), factors });
        Ok((Brought::Made(made.collect()), Remarks::default()))
    }
}

fn work(take: &Mutex<Receiver<Task>>) {
    loop {
        let task = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((job, answer)) = task else { return };
        // Whoever asked may have given up.
        let _ = answer.send(perform(&job));
    }
}

fn perform(job: &Job) -> Answer {
    let bytes = Folder::read_at(&job.place, job.start, job.length)?;
    if job.is_plain() {
        return Ok(vec![(bytes, Factors::default())]);
    }
    job.rows.iter().map(|rows| rows.make(&bytes[rows.offset..rows.offset + rows.length])).collect()
}
