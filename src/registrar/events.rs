//! News for the rooms above.

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
#[derive(Clone, Debug)]
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
    /// A phone's last binding for an address-of-record is gone.
    Unregistered {
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
            Self::Admitted { phone }
            | Self::Registered { phone, .. }
            | Self::Unregistered { phone, .. }
            | Self::LeaseEnded { phone } => *phone,
        }
    }
}
