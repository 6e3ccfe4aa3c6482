//! Newtypes that cannot hold a wrong value: numbers, addresses, identifiers, secrets, instants.
//!
//! The lowest floor. It knows nothing of SIP, media, databases or settings; every other room speaks in these words.
//! Text becomes one of these once, at the edge ([`std::str::FromStr`]), and is trusted from there on.

mod id;
mod language;
mod mac;
mod name;
mod number;
mod prompt;
mod schema;
mod secret;
mod site;
mod time;
mod time_zone;

pub use id::{CallId, EnrolmentId, PhoneId, RecordId, UserId};
pub use language::Language;
pub use mac::MacAddress;
pub use name::Name;
pub use number::{AuthenticationCode, DirectoryNumber, SelfServiceId};
pub use prompt::PromptId;
pub use secret::Secret;
pub use site::site;
pub use time::UnixMillis;
pub use time_zone::TimeZone;

/// Why a piece of text is not the word it was meant to be. Names the value's fault and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {fault}; {remedy}")]
pub struct VocabError {
    /// The kind of word that was being read, in the field's terms.
    pub what: &'static str,
    /// What is wrong with the text.
    pub fault: &'static str,
    /// What to write instead.
    pub remedy: &'static str,
}
