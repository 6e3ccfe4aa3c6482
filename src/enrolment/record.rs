//! An enrolment as it is kept and shown.

use serde::Serialize;

use crate::vocab::{EnrolmentId, PhoneId, UnixMillis, UserId};

/// A phone's way from its box to its user.
#[derive(Clone, Debug, Serialize)]
pub struct Enrolment {
    /// Names it.
    pub id: EnrolmentId,
    /// The phone.
    pub phone: PhoneId,
    /// Whose it became.
    pub user: Option<UserId>,
    /// The language the caller chose.
    pub language: Option<String>,
    /// When it began.
    pub started_at: UnixMillis,
    /// When the phone was bound.
    pub bound_at: Option<UnixMillis>,
    /// When it ended; open until then.
    pub ended_at: Option<UnixMillis>,
    /// How it ended: a name from the catalogue.
    pub ending: Option<String>,
    /// What happened, oldest first.
    pub steps: Vec<TimelineStep>,
}

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
pub struct TimelineStep {
    /// When.
    pub at: UnixMillis,
    /// What: a name from the catalogue.
    pub step: String,
    /// More of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}
