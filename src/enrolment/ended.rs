//! What is counted and logged of enrolments, once what happened is committed. Must not know how they are kept.

use super::{EnrolmentEnding, Step};
use crate::vocab::{EnrolmentId, UnixMillis, UserId};

/// An enrolment that was ended in a transaction; [`Self::note`] it when that is committed.
#[derive(Debug)]
#[must_use = "an ending counts when it is committed"]
pub(super) struct Ended {
    pub enrolment: EnrolmentId,
    pub user: Option<UserId>,
    pub language: Option<String>,
    pub started_at: UnixMillis,
    pub bound_at: Option<UnixMillis>,
    pub ended_at: UnixMillis,
    pub ending: EnrolmentEnding,
}

impl Ended {
    /// Counts it, and how long it took.
    pub(super) fn note(&self) {
        let language = self.language.clone().unwrap_or_else(|| "none".to_owned());
        let ending = self.ending.as_str();
        metrics::counter!("enrolments_ended_total", "ending" => ending, "language" => language.clone()).increment(1);
        if self.ending == EnrolmentEnding::Complete {
            let since = |then: UnixMillis| self.ended_at.since(then).as_secs_f64();
            metrics::histogram!("enrolment_duration_seconds", "language" => language).record(since(self.started_at));
            if let Some(bound_at) = self.bound_at {
                metrics::histogram!("enrolment_return_seconds").record(since(bound_at));
            }
        }
        let took = self.ended_at.since(self.started_at);
        tracing::info!(enrolment = %self.enrolment, step = last_step(self.ending).as_str(), ending, ?took, "an enrolment ended");
    }
}

/// The step an ending is in the timeline.
pub(super) fn last_step(ending: EnrolmentEnding) -> Step {
    if ending == EnrolmentEnding::Complete { Step::Complete } else { Step::Ended }
}

/// Logs a step that is committed; which enrolment's, the span says.
pub(super) fn log_step(step: Step, detail: &str) {
    tracing::info!(step = step.as_str(), detail, "an enrolment went on");
}
