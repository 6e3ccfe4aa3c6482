//! An enrolment as it is kept and shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Step;
use crate::directory::{Column, ColumnKind, Listed, Table};
use crate::vocab::{EnrolmentId, PhoneId, UnixMillis, UserId};

/// A phone's way from its box to its user.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Enrolment {
    /// Names it.
    pub id: EnrolmentId,
    /// The phone.
    pub phone: PhoneId,
    /// Whose it became; none again if there is no such user any more.
    pub user: Option<UserId>,
    /// The name that user logged in with at that time.
    pub user_id: Option<String>,
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
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TimelineStep {
    /// When.
    pub at: UnixMillis,
    /// What: a name from the catalogue.
    pub step: String,
    /// More of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// An enrolment of a list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EnrolmentRow {
    /// Names the record.
    pub id: EnrolmentId,
}

/// Enrolments as lists know them.
#[derive(Debug)]
pub struct EnrolmentRows;

impl Listed for EnrolmentRows {
    const TABLE: &'static Table = &ENROLMENTS;
    type View = EnrolmentRow;
}

static ENROLMENTS: Table = Table {
    name: "enrolments",
    what: "enrolment",
    key: "id",
    sort: "-created_at",
    columns: &[
        Column::read_only("phone", ColumnKind::Text),
        Column::read_only("user", ColumnKind::Text),
        Column::read_only("user_id", ColumnKind::Text),
        Column::read_only("language", ColumnKind::Text),
        Column::read_only("ending", ColumnKind::Text),
        Column::read_only("started_at", ColumnKind::Instant),
        Column::read_only("ended_at", ColumnKind::Instant),
    ],
    usages: &[],
};

/// Puts steps in the order they happened, given in the order of (when they happened, when they were noted): within one
/// millisecond, what can only follow another follows it.
pub(super) fn put_in_order(steps: &mut [TimelineStep]) {
    let place = |step: &TimelineStep| step.step.parse().map_or(u8::MAX, Step::place);
    steps.sort_by_key(|step| (step.at, place(step)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(steps: &[(i64, Step)]) -> Vec<Step> {
        let step = |(at, step): &(i64, Step)| TimelineStep {
            at: UnixMillis::new(*at),
            step: step.as_str().to_owned(),
            detail: String::new(),
        };
        let mut steps: Vec<_> = steps.iter().map(step).collect();
        put_in_order(&mut steps);
        steps.iter().map(|step| step.step.parse().unwrap()).collect()
    }

    #[test]
    fn a_whole_way_within_one_millisecond_is_in_order_however_it_was_noted() {
        let way = [
            Step::Fetched,
            Step::Registered,
            Step::Called,
            Step::Identified,
            Step::Authenticated,
            Step::Bound,
            Step::Notified,
            Step::FetchedAgain,
            Step::RegisteredAgain,
            Step::Complete,
        ];
        for turn in 0..way.len() {
            let mut noted: Vec<_> = way.iter().map(|step| (7, *step)).collect();
            // What one call does is noted in one go, one after the other.
            noted.sort_by_key(|(_, step)| (step.place() + u8::try_from(turn).unwrap()) % 8);
            assert_eq!(ordered(&noted), way, "{noted:?}");
        }
    }

    #[test]
    fn tries_of_one_millisecond_stay_as_they_were_noted() {
        let tries = [Step::Identified, Step::Refused, Step::Identified, Step::Authenticated, Step::Bound];
        assert_eq!(ordered(&tries.map(|step| (3, step))), tries);
    }

    #[test]
    fn time_goes_before_everything_else() {
        assert_eq!(ordered(&[(5, Step::Called), (9, Step::Fetched)]), [Step::Called, Step::Fetched]);
    }
}
