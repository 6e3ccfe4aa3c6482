//! Calls as they are shown: those of late and those that are up. Must not know how a call goes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use super::ending::{CallEnding, EndedBy};
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
#[derive(Clone, Debug, Default)]
pub(super) struct CallRecords(Arc<Mutex<Vec<CallRecord>>>);

impl CallRecords {
    /// All of them, the newest first.
    pub(super) fn newest_first(&self) -> Vec<CallRecord> {
        self.lock().iter().rev().cloned().collect()
    }

    /// A call came in.
    pub(super) fn begin(&self, number: DirectoryNumber, phone: PhoneId) -> CallId {
        let now = UnixMillis::now();
        let id = CallId::new(now, rand::random());
        tracing::info!(call = %id, %phone, %number, "a call came in");
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
        tracing::info!(call = %id, ending = ending.code(), by = ?ending.by(), "a call ended");
        metrics::counter!("calls_ended_total", "ending" => ending.code()).increment(1);
        if let Some(record) = self.lock().iter_mut().find(|record| record.id == id) {
            record.ended_at = Some(UnixMillis::now());
            record.ending = Some(ending.code());
            record.ended_by = Some(ending.by());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<CallRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
