//! News for the rooms above.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::vocab::{PhoneId, UnixMillis};

/// A piece of news.
#[derive(Clone, Debug)]
pub struct RegistrarNews {
    /// When it happened; it may be heard of later.
    pub at: UnixMillis,
    /// What happened.
    pub event: RegistrarEvent,
}

/// What happened to a phone's registration. Refreshes are not news.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum RegistrarEvent {
    /// A phone nobody knew was given a temporary number because it registered.
    Admitted {
        /// The phone.
        phone: PhoneId,
    },
    /// A phone is registered under an address-of-record it was not registered under before.
    Registered {
        /// The phone.
        phone: PhoneId,
        /// The user part of the address-of-record.
        aor: String,
    },
    /// A phone was not seen for the time of its lease: its temporary number went back.
    LeaseEnded {
        /// The phone.
        phone: PhoneId,
    },
}

impl RegistrarEvent {
    /// The phone it is about.
    pub fn phone(&self) -> PhoneId {
        match self {
            Self::Admitted { phone } | Self::Registered { phone, .. } | Self::LeaseEnded { phone } => *phone,
        }
    }
}

/// News that waits to be heard. Of what happens again only the last time is kept: there is never more of it than there are phones
/// and lines, and whoever tells waits for nobody.
#[derive(Clone, Debug, Default)]
pub struct NewsQueue {
    waiting: Arc<Mutex<HashMap<RegistrarEvent, UnixMillis>>>,
    is_any: Arc<Notify>,
}

impl NewsQueue {
    pub(super) fn tell(&self, event: RegistrarEvent) {
        self.waiting().insert(event, UnixMillis::now());
        self.is_any.notify_one();
    }

    /// Waits for news, and takes all there is, the oldest first. One listens.
    pub async fn next(&self) -> Vec<RegistrarNews> {
        loop {
            let taken = std::mem::take(&mut *self.waiting());
            if !taken.is_empty() {
                let mut news: Vec<_> = taken.into_iter().map(|(event, at)| RegistrarNews { at, event }).collect();
                news.sort_by_key(|news| news.at);
                return news;
            }
            self.is_any.notified().await;
        }
    }

    /// Puts back what could not be dealt with; what came since is newer.
    pub fn put_back(&self, news: Vec<RegistrarNews>) {
        let mut waiting = self.waiting();
        for RegistrarNews { at, event } in news {
            waiting.entry(event).or_insert(at);
        }
        drop(waiting);
        self.is_any.notify_one();
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<RegistrarEvent, UnixMillis>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
