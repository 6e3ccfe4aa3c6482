//! Why an administrator can't start, cancel or undo an enrolment.

use super::rules::Refusal;

/// Why not. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Objection {
    /// A rule that callers are held to as well.
    #[error("the phone was not given to its user: {}", .0.as_str())]
    Refused(Refusal),
    /// No phone has this name.
    #[error("there is no phone with the identifier, hardware address or temporary number \"{0}\"")]
    NoSuchPhone(String),
    /// Several have it.
    #[error("several phones that wait have the name \"{name}\": {}; name one by its identifier", names.join(", "))]
    SeveralPhones {
        /// As given.
        name: String,
        /// Their identifiers.
        names: Vec<String>,
    },
    /// No user has this name.
    #[error("there is no user with the user ID, self-service ID or extension \"{0}\"")]
    NoSuchUser(String),
    /// Several have it.
    #[error("several users have the name \"{name}\": {}; give a user ID only one of them has", names.join(", "))]
    SeveralUsers {
        /// As given.
        name: String,
        /// Their user IDs.
        names: Vec<String>,
    },
    /// It has ended.
    #[error("the enrolment has ended already")]
    Ended,
    /// The phone was never given to anybody.
    #[error("the phone was not given to anybody in this enrolment")]
    NotBound,
    /// It was undone or cancelled before.
    #[error("the enrolment was undone already")]
    Undone,
    /// The time in which it can be undone is over.
    #[error("the phone was given to its user more than {0} seconds ago; release the phone instead")]
    TooLate(u64),
    /// The phone is not what this enrolment made it any more.
    #[error("the phone was released or given to somebody else since then")]
    ChangedSince,
    /// Nobody's phone needs a temporary number, and none is free.
    #[error("no temporary number is free for the phone; release the phone instead")]
    NoNumber,
}

impl Objection {
    /// Names it in the API; `problem-detail-enrolment-<code>` says it in words. A rule's is the rule's own.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.as_str(),
            Self::NoSuchPhone(_) => "no-such-phone",
            Self::SeveralPhones { .. } => "several-phones",
            Self::NoSuchUser(_) => "no-such-user",
            Self::SeveralUsers { .. } => "several-users",
            Self::Ended => "ended",
            Self::NotBound => "not-bound",
            Self::Undone => "undone",
            Self::TooLate(_) => "too-late",
            Self::ChangedSince => "changed-since",
            Self::NoNumber => "no-number",
        }
    }

    /// The field of the request it is about.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::NoSuchPhone(_) | Self::SeveralPhones { .. } => Some("phone"),
            Self::NoSuchUser(_) | Self::SeveralUsers { .. } => Some("user"),
            Self::Refused(Refusal::AlreadyProvisioned | Refusal::PhoneUnknown) => Some("phone"),
            Self::Refused(_) => Some("user"),
            Self::Ended | Self::NotBound | Self::Undone | Self::TooLate(_) | Self::ChangedSince | Self::NoNumber => {
                None
            }
        }
    }

    /// What its words need.
    pub fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoSuchPhone(name) | Self::NoSuchUser(name) => vec![("name", name.clone())],
            Self::SeveralPhones { name, names } | Self::SeveralUsers { name, names } => {
                vec![("name", name.clone()), ("names", names.join(", "))]
            }
            Self::TooLate(seconds) => vec![("seconds", seconds.to_string())],
            _ => Vec::new(),
        }
    }
}
