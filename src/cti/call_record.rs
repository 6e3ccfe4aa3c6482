//! Calls as they are shown: those of late and those that are up. Must not know how a call goes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use super::ending::{CallEnding, EndedBy};
use crate::directory::{Directory, Happening};
use crate::vocab::{CallId, DirectoryNumber, PhoneId, UnixMillis};

/// Ended calls that are remembered.
const REMEMBERED: usize = 1000;

/// A call as it is shown.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CallRecord {
    /// Names it.
    pub id: CallId,
    /// The number called.
    pub number: DirectoryNumber,
    /// The phone it came from.
    pub phone: PhoneId,
    /// When it came in.
    pub started_at: UnixMillis,
    /// When it ended.
    pub ended_at: Option<UnixMillis>,
    /// Why it ended.
    pub ending: Option<&'static str>,
    /// Who ended it.
    pub ended_by: Option<EndedBy>,
}

/// The records, oldest first.
#[derive(Clone, Debug)]
pub(super) struct CallRecords {
    records: Arc<Mutex<Vec<CallRecord>>>,
    directory: Directory,
}

impl CallRecords {
    /// None yet. What becomes of them is told in the directory's feed.
    pub(super) fn new(directory: Directory) -> Self {
        Self { records: Arc::default(), directory }
    }

    /// All of them, the newest first.
    pub(super) fn newest_first(&self) -> Vec<CallRecord> {
        self.lock().iter().rev().cloned().collect()
    }

    /// A call came in.
    pub(super) fn begin(&self, number: DirectoryNumber, phone: PhoneId) -> CallId {
        let now = UnixMillis::now();
        let id = CallId::new(now, rand::random());
        let enrolment = self.directory.under_way().of(phone);
        let begun = Happening::CallBegun { call: id, phone, number: number.clone(), enrolment };
        self.directory.feed().tell(begun);
        metrics::counter!("calls_total").increment(1);
        let mut records = self.lock();
        if records.len() >= REMEMBERED {
            let oldest = records.iter().position(|record| record.ended_at.is_some()).unwrap_or(0);
            records.remove(oldest);
        }
        records.push(CallRecord { id, number, phone, started_at: now, ended_at: None, ending: None, ended_by: None });
        id
    }

    /// A call ended.
    pub(super) fn end(&self, id: CallId, ending: &CallEnding) {
        let now = UnixMillis::now();
        tracing::info!(ending = ending.code(), by = ?ending.by(), "a call ended");
        metrics::counter!("calls_ended_total", "ending" => ending.code()).increment(1);
        let mut records = self.lock();
        let Some(record) = records.iter_mut().find(|record| record.id == id) else { return };
        record.ended_at = Some(now);
        record.ending = Some(ending.code());
        record.ended_by = Some(ending.by());
        let seconds = now.since(record.started_at).as_secs_f64();
        metrics::histogram!("call_duration_seconds").record(seconds);
        let (phone, number) = (record.phone, record.number.clone());
        let ended = Happening::CallEnded { call: id, phone, number, ending: ending.code().to_owned(), seconds };
        self.directory.feed().tell(ended);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CallRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
