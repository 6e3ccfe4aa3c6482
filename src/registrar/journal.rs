//! Writes changes of bindings down, many in one transaction: durability costs each of them little. While the database takes
//! nothing, what was not written waits here, of each binding the newest, and lands when it takes something again.
//!
//! Must not know what a registration is: who may change what was decided before.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::RegistrarError;
use super::binding::Binding;
use super::keeper::Keeper;
use crate::vocab::PhoneId;

/// Changes waiting to be taken.
const QUEUE: usize = 8192;
/// Most changes that share one transaction.
const GROUP: usize = 512;
/// How long a transaction waits for company when the one before had some.
const GATHER: Duration = Duration::from_millis(8);
/// How long a database that others use too may take for a group before it counts as away, and how long while it does.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_WHILE_AWAY: Duration = Duration::from_secs(1);
/// How long a database that took nothing is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Addresses-of-record of which the database can't hold what was to be written: nothing of that was. Mostly none.
pub(super) type Refused = Option<Arc<HashSet<String>>>;

/// One address-of-record's change.
#[derive(Debug)]
pub(super) struct Change {
    pub aor: String,
    /// When it was decided.
    pub at: std::time::Instant,
    pub put: Vec<Binding>,
    /// What names each among the bindings of its address-of-record.
    pub removed: Vec<String>,
    /// What was not refreshed here in time.
    pub lapsed: Vec<Binding>,
    /// A phone whose lease this registration keeps alive.
    pub seen: Option<PhoneId>,
    /// Told when the change is kept, and what of those that were written with it is not.
    pub done: oneshot::Sender<Refused>,
}

impl Change {
    /// One of an address-of-record that changes nothing yet, and what is told when it is kept.
    pub(super) fn of(aor: &str) -> (Self, oneshot::Receiver<Refused>) {
        let (done, kept) = oneshot::channel();
        let (aor, at) = (aor.to_owned(), std::time::Instant::now());
        let (put, removed, lapsed) = (Vec::new(), Vec::new(), Vec::new());
        (Self { aor, at, put, removed, lapsed, seen: None, done }, kept)
    }
}

/// What is to be written of a binding.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is there, as was decided then.
    Bound(Binding, std::time::Instant),
    /// It is not, as was decided then.
    Removed(std::time::Instant),
    /// It is not, unless it was refreshed elsewhere since.
    Lapsed(Binding),
}

/// What is to be written: of each binding the newest.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// By address-of-record and what names each among its bindings.
    pub bindings: BTreeMap<(String, String), Fate>,
    /// Phones whose leases go on.
    pub seen: BTreeSet<PhoneId>,
}

impl Batch {
    fn add(&mut self, change: Change) -> oneshot::Sender<Refused> {
        let Change { aor, at, put, removed, lapsed, seen, done } = change;
        for ruid in removed {
            self.bindings.insert((aor.clone(), ruid), Fate::Removed(at));
        }
        for binding in lapsed {
            // It may have been refreshed after it was seen to lapse, and before that was told.
            let fate = self.bindings.entry((aor.clone(), binding.ruid())).or_insert(Fate::Removed(at));
            if !matches!(fate, Fate::Bound(newer, _) if newer.expires > binding.expires) {
                *fate = Fate::Lapsed(binding);
            }
        }
        for binding in put {
            self.bindings.insert((aor.clone(), binding.ruid()), Fate::Bound(binding, at));
        }
        self.seen.extend(seen);
        done
    }

    fn is_empty(&self) -> bool {
        self.bindings.is_empty() && self.seen.is_empty()
    }

    /// As much as fits one transaction.
    fn split_off_first(&mut self) -> Self {
        let rest = match self.bindings.keys().nth(GROUP).cloned() {
            Some(key) => self.bindings.split_off(&key),
            None => BTreeMap::new(),
        };
        Self { bindings: std::mem::replace(&mut self.bindings, rest), seen: std::mem::take(&mut self.seen) }
    }

    /// Two parts, an address-of-record in one of them; none of what is one thing only.
    fn parts(mut self) -> Result<[Self; 2], Self> {
        let aors = || self.bindings.keys().map(|(aor, _)| aor);
        let first = aors().next();
        let middle = aors().nth(self.bindings.len() / 2).filter(|middle| Some(*middle) != first);
        let cut = middle.or_else(|| aors().find(|aor| Some(*aor) != first)).cloned();
        let bindings = match cut {
            Some(aor) => self.bindings.split_off(&(aor, String::new())),
            None if self.bindings.is_empty() || self.seen.is_empty() => return Err(self),
            None => std::mem::take(&mut self.bindings),
        };
        Ok([self, Self { bindings, seen: BTreeSet::new() }])
    }

    /// Puts back what could not be written. What came since is newer.
    fn put_back(&mut self, older: Self) {
        for (key, value) in older.bindings {
            self.bindings.entry(key).or_insert(value);
        }
        self.seen.extend(older.seen);
    }
}

/// Where changes are handed in.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    changes: mpsc::Sender<Change>,
    has_all: watch::Receiver<bool>,
}

impl Journal {
    /// Begins to write. Ends when this and its clones are gone.
    pub(super) fn open(keeper: Keeper) -> Self {
        let (changes, queue) = mpsc::channel(QUEUE);
        let (written, has_all) = watch::channel(true);
        tokio::spawn(Writer { keeper, waiting: Batch::default(), away_since: None, written }.run(queue));
        Self { changes, has_all }
    }

    /// Where they go.
    pub(super) fn changes(&self) -> &mpsc::Sender<Change> {
        &self.changes
    }

    /// Waits until all that was handed in so far is in the database, however long that is away. True if it was.
    pub(super) async fn settle(&self) -> Result<bool, RegistrarError> {
        let (nothing, done) = Change::of("");
        self.changes.send(nothing).await.map_err(|_| RegistrarError::Stopped)?;
        done.await.map_err(|_| RegistrarError::Stopped)?;
        let mut has_all = self.has_all.clone();
        let was_away = !*has_all.borrow_and_update();
        has_all.wait_for(|has_all| *has_all).await.map_err(|_| RegistrarError::Stopped)?;
        Ok(was_away)
    }
}

struct Writer {
    keeper: Keeper,
    waiting: Batch,
    /// Since when the database takes nothing.
    away_since: Option<Instant>,
    /// Told whether the database has all that was acknowledged.
    written: watch::Sender<bool>,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Change>) {
        let mut group = Vec::with_capacity(GROUP);
        let mut had_company = false;
        let mut try_again = Instant::now();
        loop {
            if self.away_since.is_some() {
                // Acknowledged without having been written: a phone is not refused for what the database lacks.
                match timeout_at(try_again, queue.recv_many(&mut group, GROUP)).await {
                    Ok(0) => return self.write_waiting(&mut queue).await,
                    Ok(_) => self.remember(&mut group),
                    Err(_) => {
                        self.write_waiting(&mut queue).await;
                        try_again = Instant::now() + PAUSE;
                    }
                }
                continue;
            }
            if had_company {
                tokio::time::sleep(GATHER).await;
            }
            let taken = queue.recv_many(&mut group, GROUP).await;
            if taken == 0 {
                return;
            }
            had_company = taken > 1;
            self.write(&mut group).await;
            try_again = Instant::now() + PAUSE;
        }
    }

    async fn write(&mut self, group: &mut Vec<Change>) {
        let mut batch = Batch::default();
        let done: Vec<oneshot::Sender<Refused>> = group.drain(..).map(|change| batch.add(change)).collect();
        // A file of one's own is never away, however long somebody else writes to it.
        let patience = self.keeper.is_shared().then_some(PATIENCE);
        let mut refused = HashSet::new();
        if let Err((error, unwritten)) = self.put(batch, patience, &mut refused).await {
            self.is_away(&error, unwritten);
        }
        let refused: Refused = (!refused.is_empty()).then(|| Arc::new(refused));
        for done in done {
            let _ = done.send(refused.clone());
        }
    }

    /// Writes a batch; gives back what is left of it where the database is away. What it refuses is no reason to think so: the
    /// rest is written without it.
    async fn put(
        &self,
        batch: Batch,
        patience: Option<Duration>,
        refused: &mut HashSet<String>,
    ) -> Result<(), (RegistrarError, Batch)> {
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            let error = match self.try_writing(&part, patience).await {
                Ok(()) => continue,
                Err(error) => error,
            };
            if !error.is_refusal() {
                parts.push(part);
                let mut unwritten = Batch::default();
                parts.into_iter().for_each(|part| unwritten.put_back(part));
                return Err((error, unwritten));
            }
            match part.parts() {
                Ok(two) => parts.extend(two),
                Err(part) => {
                    metrics::counter!("registrar_commit_failures_total").increment(1);
                    let aor = part.bindings.keys().next().map(|(aor, _)| aor);
                    tracing::error!(%error, aor, "a registration the database can't hold: it is not kept");
                    refused.extend(part.bindings.into_keys().map(|(aor, _)| aor));
                }
            }
        }
        Ok(())
    }

    /// Writing the same twice does no harm: what came too late may have been written after all.
    async fn try_writing(&self, batch: &Batch, patience: Option<Duration>) -> Result<(), RegistrarError> {
        let writing = self.keeper.write(batch);
        match patience {
            Some(patience) => timeout(patience, writing).await.unwrap_or(Err(RegistrarError::Late)),
            None => writing.await,
        }
    }

    fn remember(&mut self, group: &mut Vec<Change>) {
        for change in group.drain(..) {
            let _ = self.waiting.add(change).send(None);
        }
        self.show();
    }

    /// Writes what waits, as far as the database goes. Nobody who comes meanwhile waits for all of it.
    async fn write_waiting(&mut self, queue: &mut mpsc::Receiver<Change>) {
        let mut group = Vec::with_capacity(GROUP);
        loop {
            // Where nothing waits, that shows whether the database is there.
            let batch = self.waiting.split_off_first();
            // Those it refuses were acknowledged, while nobody could know.
            if let Err((error, unwritten)) = self.put(batch, Some(PATIENCE_WHILE_AWAY), &mut HashSet::new()).await {
                return self.is_away(&error, unwritten);
            }
            // What fits the next transaction waits for it: else this would never end where more comes all the time.
            while self.waiting.bindings.len() > GROUP
                && group.len() < GROUP
                && let Ok(change) = queue.try_recv()
            {
                group.push(change);
            }
            self.remember(&mut group);
            if self.waiting.is_empty() {
                break;
            }
        }
        if let Some(since) = self.away_since.take() {
            self.written.send_replace(true);
            tracing::warn!(
                seconds = since.elapsed().as_secs(),
                "the database takes registrations again, and those that waited"
            );
        }
    }

    fn is_away(&mut self, error: &RegistrarError, unwritten: Batch) {
        metrics::counter!("registrar_commit_failures_total").increment(1);
        if self.away_since.is_none() {
            tracing::error!(%error, "the database takes no registrations: they are answered from memory and written later");
            self.away_since = Some(Instant::now());
            self.written.send_replace(false);
        }
        self.waiting.put_back(unwritten);
        self.show();
    }

    fn show(&self) {
        metrics::gauge!("registrar_unwritten_bindings").set(self.waiting.bindings.len() as f64);
    }
}
