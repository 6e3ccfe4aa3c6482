//! Jobs waiting their turn, one after the other, and the one that runs. They end with the process; their records stay.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::fault::RowFault;
use super::import::Import;
use super::record::{ImportOptions, Job, JobRecords, JobState};
use super::store;
use crate::directory::audit::{self, Action, Change};
use crate::directory::{Actor, Directory, DirectoryError, Kind};
use crate::vocab::{RecordId, UnixMillis};

/// Jobs that wait or run, each with its file in memory.
const PLACES: usize = 4;
/// The kind of news that somebody cancels a job.
pub const CANCELLED: &str = "job-cancelled";
/// The largest file, in octets.
pub const LARGEST_FILE: usize = 32 * 1024 * 1024;

/// Jobs.
#[derive(Clone, Debug)]
pub struct Jobs {
    directory: Directory,
    queue: mpsc::Sender<Work>,
    places: Arc<Semaphore>,
    cancelled: Arc<Mutex<HashMap<RecordId, Arc<AtomicBool>>>>,
}

/// A place for a job: to be had before its file is read.
#[derive(Debug)]
pub struct JobPlace(OwnedSemaphorePermit);

/// A file to be imported.
#[derive(Debug)]
pub struct ImportFile {
    /// Its octets.
    pub octets: Vec<u8>,
    /// How they are encoded, where that was said.
    pub charset: Option<String>,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Carries the jobs out.
pub struct JobRunner(mpsc::Receiver<Work>);

impl JobRunner {
    /// One job after the other, until the last [`Jobs`] is gone.
    pub async fn run(mut self) {
        while let Some(work) = self.0.recv().await {
            work.await;
        }
    }
}

impl Jobs {
    /// Jobs of this directory. Those the last process left are noted as interrupted.
    pub async fn open(directory: Directory, now: UnixMillis) -> Result<(Self, JobRunner), DirectoryError> {
        let mut transaction = directory.db().write().await?;
        store::interrupt_all(&mut transaction, directory.db().node(), now).await?;
        transaction.commit().await?;
        let (queue, waiting) = mpsc::channel(PLACES);
        let places = Arc::new(Semaphore::new(PLACES));
        let jobs = Self { directory, queue, places, cancelled: Arc::default() };
        // Whoever isn't there now is not waited for: a job that does go on puts its record right.
        let mut missing = store::nodes_at_work(jobs.directory.db().reader()).await?;
        jobs.bury(&mut missing, now).await?;
        Ok((jobs, JobRunner(waiting)))
    }

    /// True if this node is the one that looks after what all share.
    pub fn is_on_duty(&self) -> bool {
        self.directory.db().is_on_duty()
    }

    /// A place for a job, if there is one.
    pub fn place(&self) -> Option<JobPlace> {
        self.places.clone().try_acquire_owned().ok().map(JobPlace)
    }

    /// Has a file imported; `check` refuses drafts the directory alone can't judge.
    pub async fn import<K: Kind>(
        &self,
        JobPlace(place): JobPlace,
        file: ImportFile,
        options: ImportOptions,
        check: fn(&K::Draft) -> Result<(), DirectoryError>,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<RecordId, DirectoryError> {
        let id = RecordId::new(now, rand::random());
        // PINs and passwords are hashed afterwards: that takes longer than an import may.
        let directory = self.directory.importing().await?;
        let mut transaction = self.directory.db().write().await?;
        let here = self.directory.db().node();
        store::add(&mut transaction, id, (K::TABLE.what, here), options, actor, now).await?;
        audit::write(&mut transaction, actor, &act(id, "import"), now).await?;
        transaction.commit().await?;
        let is_cancelled = self.flag(id);
        let (jobs, actor) = (self.clone(), actor.clone());
        let work = async move {
            let import =
                Import::<K> { id, directory: &directory, options, actor: &actor, check, is_cancelled: &is_cancelled };
            match import.run(file.octets, file.charset).await {
                Ok(state) => tracing::info!(job = %id, ?state, "an import ended"),
                Err(error) => jobs.failed(id, &error).await,
            }
            jobs.forget(id);
            drop(place);
        };
        // There are as many places in the queue as there are at all.
        if self.queue.try_send(Box::pin(work)).is_err() {
            self.forget(id);
            return Err(sqlx::Error::WorkerCrashed.into());
        }
        Ok(id)
    }

    /// One job, with the faults kept of it.
    pub async fn get(&self, id: RecordId) -> Result<Option<(Job, Vec<RowFault>)>, DirectoryError> {
        let Some(kept) = self.directory.find::<JobRecords>(&id.to_string()).await? else { return Ok(None) };
        Ok(Some((kept.view, store::faults(self.directory.db().reader(), id).await?)))
    }

    /// Stops a job before its next rows; false if it has ended.
    pub async fn cancel(&self, id: RecordId, actor: &Actor, now: UnixMillis) -> Result<bool, DirectoryError> {
        let flag = self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let is_elsewhere = flag.is_none() && self.is_elsewhere(id).await?;
        if flag.is_none() && !is_elsewhere {
            return Ok(false);
        }
        self.directory.note(actor, &act(id, "cancel"), now).await?;
        match flag {
            Some(flag) => flag.store(true, Ordering::Relaxed),
            None => self.directory.db().tell_nodes(CANCELLED, &id.to_string()).await?,
        }
        Ok(true)
    }

    /// Somebody has cancelled a job on another node; nothing happens if it is none of this one.
    pub fn cancelled_elsewhere(&self, id: RecordId) {
        if let Some(flag) = self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            flag.store(true, Ordering::Relaxed);
        }
    }

    /// True if another node has the job.
    async fn is_elsewhere(&self, id: RecordId) -> Result<bool, DirectoryError> {
        let db = self.directory.db();
        Ok(store::node_of_open(db.reader(), id).await?.is_some_and(|node| node != db.node()))
    }

    /// Notes the jobs of nodes that are gone as interrupted. A node is gone that was not there at the last look either:
    /// `missing` remembers.
    pub async fn bury(&self, missing: &mut Vec<String>, now: UnixMillis) -> Result<(), DirectoryError> {
        let db = self.directory.db();
        let at_work = store::nodes_at_work(db.reader()).await?;
        let living = if at_work.is_empty() { Vec::new() } else { db.living_nodes().await? };
        let (gone, suspected): (Vec<String>, Vec<String>) =
            at_work.into_iter().filter(|node| !living.contains(node)).partition(|node| missing.contains(node));
        *missing = suspected;
        for node in gone {
            let mut transaction = db.write().await?;
            store::interrupt_all(&mut transaction, &node, now).await?;
            transaction.commit().await?;
            tracing::warn!(node, "the jobs of a node that is gone were interrupted");
        }
        Ok(())
    }

    async fn failed(&self, id: RecordId, error: &DirectoryError) {
        tracing::error!(job = %id, %error, "an import failed");
        let noted = async {
            let mut transaction = self.directory.db().write().await?;
            store::end(&mut transaction, id, JobState::Failed, UnixMillis::now()).await?;
            Ok::<_, DirectoryError>(transaction.commit().await?)
        };
        if let Err(error) = noted.await {
            tracing::error!(job = %id, %error, "the end of a job could not be kept");
        }
    }

    fn flag(&self, id: RecordId) -> Arc<AtomicBool> {
        self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default().clone()
    }

    fn forget(&self, id: RecordId) {
        self.cancelled.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

fn act(id: RecordId, done: &'static str) -> Change {
    let (record, name) = (id.to_string(), id.to_string());
    Change { action: Action::Act, kind: "job", record, name, before: None, after: Some(done.into()) }
}

impl std::fmt::Debug for JobRunner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JobRunner")
    }
}
