//! The catalogues: what can happen in an enrolment, and how one can end.

use std::str::FromStr;

/// Something that happened in an enrolment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// The phone fetched its first configuration.
    Fetched,
    /// The phone registered on its temporary number.
    Registered,
    /// The phone called the route point.
    Called,
    /// The caller said who they are.
    Identified,
    /// The caller proved it.
    Authenticated,
    /// They chose another PIN, because theirs was due.
    PinChanged,
    /// The caller was refused; the detail says why.
    Refused,
    /// The phone is its user's in the directory.
    Bound,
    /// The phone took the notification to fetch its configuration.
    Notified,
    /// The phone could not be notified; the detail says why.
    NotNotified,
    /// The phone fetched its new configuration; the detail is its SHA-256.
    FetchedAgain,
    /// The phone registered on its user's extension.
    RegisteredAgain,
    /// The phone answered on its user's extension (one that takes no configuration).
    Answered,
    /// Seen to be done.
    Complete,
    /// It ended otherwise; the detail is the ending.
    Ended,
}

impl Step {
    const ALL: [Self; 15] = [
        Self::Fetched,
        Self::Registered,
        Self::Called,
        Self::Identified,
        Self::Authenticated,
        Self::PinChanged,
        Self::Refused,
        Self::Bound,
        Self::Notified,
        Self::NotNotified,
        Self::FetchedAgain,
        Self::RegisteredAgain,
        Self::Answered,
        Self::Complete,
        Self::Ended,
    ];

    /// Its name in the database and the API; `step-<name>` says it in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Registered => "registered",
            Self::Called => "called",
            Self::Identified => "identified",
            Self::Authenticated => "authenticated",
            Self::PinChanged => "pin-changed",
            Self::Refused => "refused",
            Self::Bound => "bound",
            Self::Notified => "notified",
            Self::NotNotified => "not-notified",
            Self::FetchedAgain => "fetched-again",
            Self::RegisteredAgain => "registered-again",
            Self::Answered => "answered",
            Self::Complete => "complete",
            Self::Ended => "ended",
        }
    }

    /// How far along the way it is. Of two steps of one millisecond that are noted by different tasks, the one further along
    /// was the later one; steps of one place are noted one after the other.
    pub(super) fn place(self) -> u8 {
        match self {
            Self::Fetched => 0,
            Self::Registered => 1,
            Self::Called => 2,
            Self::Identified | Self::Authenticated | Self::PinChanged | Self::Refused | Self::Bound => 3,
            Self::Notified | Self::NotNotified => 4,
            Self::FetchedAgain => 5,
            Self::RegisteredAgain | Self::Answered => 6,
            Self::Complete | Self::Ended => 7,
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|step| step.as_str() == text).ok_or_else(|| format!("no step is called {text}"))
    }
}

/// How an enrolment ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EnrolmentEnding {
    /// The phone was seen to be its user's phone.
    Complete,
    /// The phone went away before anybody claimed it.
    Abandoned,
    /// A newer enrolment of the same phone took its place.
    Replaced,
    /// Bound, but the phone could not be told to fetch its configuration.
    NotReachable,
    /// Bound and told, but it did not fetch.
    DidNotFetch,
    /// It fetched, but did not register on its extension.
    DidNotRegister,
}

impl EnrolmentEnding {
    /// Every ending.
    pub const ALL: [Self; 6] =
        [Self::Complete, Self::Abandoned, Self::Replaced, Self::NotReachable, Self::DidNotFetch, Self::DidNotRegister];

    /// Its name in the database and the API; `enrolment-ending-<name>` says it in words, `enrolment-remedy-<name>` what to do.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Abandoned => "abandoned",
            Self::Replaced => "replaced",
            Self::NotReachable => "not-reachable",
            Self::DidNotFetch => "did-not-fetch",
            Self::DidNotRegister => "did-not-register",
        }
    }

    /// How an enrolment that was bound but did not come back ended, by what was seen of it.
    pub fn of_unfinished(steps: &[Step]) -> Self {
        let seen = |step| steps.contains(&step);
        match (seen(Step::FetchedAgain), seen(Step::Notified)) {
            (true, _) => Self::DidNotRegister,
            (false, true) => Self::DidNotFetch,
            (false, false) => Self::NotReachable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_read_back() {
        for step in Step::ALL {
            assert_eq!(step.as_str().parse(), Ok(step));
        }
    }

    #[test]
    fn an_unfinished_enrolment_says_where_it_stopped() {
        let of = EnrolmentEnding::of_unfinished;
        assert_eq!(of(&[Step::Bound, Step::NotNotified]), EnrolmentEnding::NotReachable);
        assert_eq!(of(&[Step::Bound, Step::Notified]), EnrolmentEnding::DidNotFetch);
        assert_eq!(of(&[Step::Bound, Step::Notified, Step::FetchedAgain]), EnrolmentEnding::DidNotRegister);
    }
}
