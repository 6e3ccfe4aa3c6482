//! Identifiers of the things the directory keeps: time-ordered UUIDs (RFC 9562, version 7), made where time and entropy are at hand.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::{UnixMillis, VocabError};

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier made at `now`; `entropy` must be random, or two made in one millisecond collide.
            pub fn new(now: UnixMillis, entropy: [u8; 10]) -> Self {
                let millis = u64::try_from(now.get()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.simple(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = VocabError;

            fn from_str(text: &str) -> Result<Self, VocabError> {
                Uuid::try_parse(text).map(Self).map_err(|_| VocabError {
                    what: $what,
                    fault: "not an identifier",
                    remedy: "give the 32 hexadecimal digits a list or an event shows",
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier!(
    /// One end user of the directory.
    UserId,
    "user"
);
identifier!(
    /// One phone: the device itself, whatever number it has.
    PhoneId,
    "phone"
);
identifier!(
    /// One enrolment: a phone's way from its box to its user.
    EnrolmentId,
    "enrolment"
);
identifier!(
    /// One record of the directory: a profile, a template, a route point and their like.
    RecordId,
    "record"
);
identifier!(
    /// One call this server answered or placed (not the SIP Call-ID).
    CallId,
    "call"
);
