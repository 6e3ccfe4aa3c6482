//! What is known of a line at the peer site, and since when it is not.

use std::sync::{Arc, Mutex, PoisonError};

use crate::vocab::UnixMillis;

/// Why the peer could not be asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PeerFault {
    /// The settings don't say where its API is, or have no token.
    #[error("the settings of the sites name no API of the peer, or no token")]
    NotSet,
    /// It doesn't answer.
    #[error("the peer's API does not answer: {0}")]
    Unreachable(String),
    /// It doesn't take the token.
    #[error("the peer's API refuses the token ({0})")]
    Refused(u16),
    /// It answers something else.
    #[error("the peer's API answers what is no list of lines")]
    Unreadable,
}

impl PeerFault {
    /// In a word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotSet => "not-set",
            Self::Unreachable(_) => "unreachable",
            Self::Refused(_) => "refused",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Why something is not known, and since when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unknown {
    /// Why.
    pub fault: PeerFault,
    /// Since when the peer can't be asked; none where it never was.
    pub since: Option<UnixMillis>,
}

/// How a number stands at the peer site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AtPeer {
    /// It is registered there, from these addresses.
    Registered(Vec<String>),
    /// It is a line there and is not registered.
    NotRegistered,
    /// It is no line there.
    NoLine,
    /// It can't be asked.
    Unknown(Unknown),
}

/// Whether the peer answers. Pure.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach(Arc<Mutex<Option<Unknown>>>);

impl Reach {
    /// It has answered.
    pub(super) fn answered(&self) {
        if self.lock().take().is_some() {
            tracing::info!("the peer site answers again");
        }
    }

    /// It has not: since then, or since before.
    pub(super) fn failed(&self, fault: PeerFault, now: UnixMillis) -> Unknown {
        let mut known = self.lock();
        let since = match &*known {
            Some(known) => known.since,
            None => {
                tracing::warn!(%fault, "the peer site can't be asked");
                Some(now)
            }
        };
        let unknown = Unknown { fault, since };
        *known = Some(unknown.clone());
        unknown
    }

    /// Why it can't be asked, if it can't.
    pub(super) fn fault(&self) -> Option<Unknown> {
        self.lock().clone()
    }

    /// Nothing is known any more: it is another peer.
    pub(super) fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Unknown>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_away_since_it_first_failed_whatever_it_fails_of_later() {
        let reach = Reach::default();
        let at = |millis| UnixMillis::new(millis);
        assert_eq!(reach.failed(PeerFault::Refused(401), at(1)).since, Some(at(1)));
        let later = reach.failed(PeerFault::Unreadable, at(2));
        assert_eq!((later.since, later.fault.code()), (Some(at(1)), "unreadable"));
        assert_eq!(reach.fault(), Some(later));
        reach.answered();
        assert_eq!(reach.failed(PeerFault::Unreadable, at(3)).since, Some(at(3)));
    }
}
