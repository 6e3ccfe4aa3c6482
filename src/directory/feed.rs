//! The feed of events: told by every room, kept in the database, read by subscribers in the order of their commits.
//!
//! What happens in a transaction is told in it ([`super::tell`]); what happens beside the database (calls, registrations) is
//! queued here and written in groups. A subscriber keeps a place in the sequence and nothing else, so that none can make
//! another, or the server, wait. It must not know what is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::event_store as store;
use super::{Directory, DirectoryError, Event, Happening};
use crate::db::{Db, DbError};
use crate::vocab::UnixMillis;

/// Happenings that may wait to be written.
const QUEUE: usize = 16_384;
/// Happenings written in one transaction.
const GROUP: usize = 2048;
/// How long a group waits for company when the one before was of more than a few.
const GATHER: Duration = Duration::from_millis(100);
const FEW: usize = 16;
/// How long somebody waits for what was told to be written.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after a database did not take a group it is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// The shortest time between two looks for new events.
const PAUSE: Duration = Duration::from_millis(20);

/// Which events a subscriber wants.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EventFilter {
    /// Types; with `*` at the end, all that start so. None means all.
    pub types: Vec<String>,
    /// What they must be about.
    pub subject: Option<String>,
}

/// What a subscriber reads at once.
#[derive(Debug)]
pub struct EventPage {
    /// Events that are missing before those read, the first and the last of them: they are no longer kept.
    pub gap: Option<(i64, i64)>,
    /// The events with their places in the sequence, the oldest first.
    pub events: Vec<(i64, Event)>,
    /// The place to go on behind when they are read.
    pub read_to: i64,
}

/// The feed of a directory.
#[derive(Clone, Debug)]
pub struct Feed {
    queue: mpsc::Sender<Told>,
    lost: Arc<AtomicU64>,
    newest: watch::Sender<i64>,
}

#[derive(Debug)]
enum Told {
    Happening(UnixMillis, Happening),
    /// All that was told before this is to be written first.
    Settle(oneshot::Sender<()>),
}

impl Feed {
    /// Begins to write what is told, and to look for what was.
    pub(super) fn open(db: &Db) -> Self {
        let (queue, told) = mpsc::channel(QUEUE);
        let newest = watch::channel(0).0;
        let lost = Arc::<AtomicU64>::default();
        tokio::spawn(write_in_groups(db.clone(), told, lost.clone()));
        tokio::spawn(look(db.clone(), newest.clone()));
        Self { queue, lost, newest }
    }

    /// Tells what happened just now beside the database. Never waits: if more is told than can be written, how much was lost
    /// is told in its place.
    pub fn tell(&self, happening: Happening) {
        if self.queue.try_send(Told::Happening(UnixMillis::now(), happening)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("events_lost_total").increment(1);
        }
    }

    /// Waits, not for long, until all that was told is written: while the database is away it waits for that.
    pub async fn settle(&self) {
        let (written, is_written) = oneshot::channel();
        let settled = async {
            if self.queue.send(Told::Settle(written)).await.is_ok() {
                let _ = is_written.await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, settled).await;
    }

    /// Changes when there are new events; its value is of no use.
    pub fn news(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }
}

impl Directory {
    /// The place of the newest event there ever was; 0 if there was none.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn newest_event(&self) -> Result<i64, DirectoryError> {
        store::newest(self.db().reader()).await
    }

    /// What comes after a place in the sequence and passes a filter, at most `most` events.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn events_after(
        &self,
        after: i64,
        filter: &EventFilter,
        most: usize,
    ) -> Result<EventPage, DirectoryError> {
        let db = self.db().reader();
        let newest = store::newest(db).await?;
        let events = store::between(db, after, newest, filter, most).await?;
        // Asked last: what was forgotten before it was read is told as missing, and nothing else is.
        let oldest = store::oldest(db).await?.unwrap_or(newest + 1);
        let gap = (oldest > after + 1).then_some((after + 1, oldest - 1));
        let read_to = match events.last() {
            Some((last, _)) if events.len() == most => *last,
            _ => newest.max(after),
        };
        Ok(EventPage { gap, events, read_to })
    }

    /// Forgets a batch of the oldest events beyond the newest `kept`. Returns how many went.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_events(&self, kept: u32) -> Result<u64, DirectoryError> {
        let mut transaction = self.db().write().await?;
        let forgotten = store::forget(&mut transaction, kept).await?;
        transaction.commit().await?;
        Ok(forgotten)
    }
}

/// Many happenings share one transaction. What the database doesn't take while it is away waits for it; what it took without saying
/// so is told twice.
async fn write_in_groups(db: Db, mut told: mpsc::Receiver<Told>, lost: Arc<AtomicU64>) {
    let mut group = Vec::with_capacity(GROUP);
    while told.recv_many(&mut group, GROUP).await > 0 {
        let missing = lost.swap(0, Ordering::Relaxed);
        let is_gathering = (FEW + 1..GROUP).contains(&group.len());
        while let Err(error) = write(&db, &group, missing).await {
            if matches!(error, DirectoryError::Db(DbError::Statement(sqlx::Error::PoolClosed))) {
                return;
            }
            let is_away = matches!(&error, DirectoryError::Db(error) if !error.is_refusal());
            if !is_away {
                tracing::error!(%error, events = group.len(), "events the database can't hold: they are lost");
                metrics::counter!("events_lost_total").increment(group.len() as u64);
                lost.fetch_add(missing.saturating_add(group.len() as u64), Ordering::Relaxed);
                break;
            }
            tracing::error!(%error, events = group.len(), "events could not be written; it is tried again");
            tokio::time::sleep(AGAIN).await;
        }
        for told in group.drain(..) {
            if let Told::Settle(written) = told {
                let _ = written.send(());
            }
        }
        if is_gathering {
            tokio::time::sleep(GATHER).await;
        }
    }
}

async fn write(db: &Db, group: &[Told], missing: u64) -> Result<(), DirectoryError> {
    let mut transaction = db.write().await?;
    if missing > 0 {
        store::tell(&mut transaction, UnixMillis::now(), &Happening::EventsLost { count: missing }).await?;
    }
    let happened = group.iter().filter_map(|told| match told {
        Told::Happening(at, happening) => Some((*at, happening)),
        Told::Settle(_) => None,
    });
    store::tell_all(&mut transaction, &happened.collect::<Vec<_>>()).await?;
    Ok(transaction.commit().await?)
}

/// Looks after each commit whether it brought events, while anybody wants to know.
async fn look(db: Db, newest: watch::Sender<i64>) {
    let mut commits = db.commits();
    while commits.changed().await.is_ok() {
        if newest.is_closed() {
            continue;
        }
        match store::newest(db.reader()).await {
            Ok(found) => {
                newest.send_if_modified(|known| std::mem::replace(known, found) != found);
            }
            Err(DirectoryError::Db(DbError::Statement(sqlx::Error::PoolClosed))) => return,
            Err(error) => tracing::error!(%error, "new events could not be looked for"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{Sealer, tell};

    async fn directory(folder: &std::path::Path) -> Directory {
        let sealer = Sealer::from_file(&folder.join("key"), [7; 32]).unwrap();
        Directory::open(Db::open(&folder.join("db")).await.unwrap(), sealer).await.unwrap()
    }

    fn low(free: u64) -> Happening {
        Happening::PoolLow(super::super::PoolFill { free, total: 10 })
    }

    #[tokio::test]
    async fn what_is_told_is_read_in_order_and_what_is_rolled_back_leaves_no_hole() {
        let folder = tempfile::tempdir().unwrap();
        let directory = directory(folder.path()).await;
        directory.feed().tell(low(1));
        directory.feed().settle().await;
        let mut dropped = directory.db().write().await.unwrap();
        tell(&mut dropped, UnixMillis::new(1), &low(2)).await.unwrap();
        drop(dropped);
        directory.feed().tell(low(3));
        directory.feed().settle().await;
        let page = directory.events_after(0, &EventFilter::default(), 10).await.unwrap();
        let told: Vec<_> = page.events.iter().map(|(place, event)| (*place, event.happening.clone())).collect();
        assert_eq!((page.gap, told, page.read_to), (None, vec![(1, low(1)), (2, low(3))], 2));
    }

    #[tokio::test]
    async fn what_is_no_longer_kept_is_told_as_missing_and_the_sequence_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let directory = directory(folder.path()).await;
        (0..9).for_each(|free| directory.feed().tell(low(free)));
        directory.feed().settle().await;
        assert_eq!(directory.forget_events(3).await.unwrap(), 6);
        let all = EventFilter::default();
        let page = directory.events_after(2, &all, 10).await.unwrap();
        assert_eq!((page.gap, page.events[0].0), (Some((3, 6)), 7));
        assert_eq!(directory.events_after(6, &all, 10).await.unwrap().gap, None);
        assert_eq!(directory.forget_events(0).await.unwrap(), 3);
        let empty = directory.events_after(6, &all, 10).await.unwrap();
        assert_eq!((empty.gap, empty.read_to), (Some((7, 9)), 9));
        directory.feed().tell(low(9));
        directory.feed().settle().await;
        assert_eq!(directory.newest_event().await.unwrap(), 10);
    }

    #[tokio::test]
    async fn a_filter_lets_through_what_it_names_and_a_reader_gets_past_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let directory = directory(folder.path()).await;
        directory.feed().tell(low(1));
        directory.feed().tell(Happening::EventsLost { count: 1 });
        directory.feed().tell(Happening::ServerStopping { calls: 0 });
        directory.feed().settle().await;
        let only = |kind: &str| EventFilter { types: vec![kind.to_owned()], subject: None };
        for (kind, place) in [("pool.*", 1), ("events.lost", 2), ("server.*", 3)] {
            let page = directory.events_after(0, &only(kind), 10).await.unwrap();
            assert_eq!((page.events.len(), page.events[0].0, page.read_to), (1, place, 3));
        }
    }
}
