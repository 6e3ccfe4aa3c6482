//! Phones and their lines. A phone's identity is its own; the lines say which numbers ring on it.

use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;

use super::DirectoryError;
use crate::sip::Transport;
use crate::vocab::{DirectoryNumber, MacAddress, PhoneId, UnixMillis, UserId};

/// Where a phone stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PhoneState {
    /// It has a temporary number and reaches the route point only.
    Quarantine,
    /// It belongs to a user.
    Enrolled,
    /// It belongs to nobody and has no number any more.
    Released,
}

impl PhoneState {
    /// As the database and the API write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Enrolled => "enrolled",
            Self::Released => "released",
        }
    }
}

impl FromStr for PhoneState {
    type Err = DirectoryError;

    fn from_str(text: &str) -> Result<Self, DirectoryError> {
        match text {
            "quarantine" => Ok(Self::Quarantine),
            "enrolled" => Ok(Self::Enrolled),
            "released" => Ok(Self::Released),
            other => Err(DirectoryError::Unreadable { what: "phone state", fault: other.to_owned() }),
        }
    }
}

/// One phone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Phone {
    /// Names the record.
    pub id: PhoneId,
    /// Where it stands.
    pub state: PhoneState,
    /// Its hardware address, where it has shown one.
    pub mac: Option<MacAddress>,
    /// `audiocodes`, `yealink`, or `generic` for one that takes no configuration.
    pub vendor: String,
    /// As the phone says.
    pub model: Option<String>,
    /// For people; made from the device template.
    pub name: String,
    /// Whose it is.
    pub user: Option<UserId>,
    /// The name its user logs in with.
    pub user_id: Option<String>,
    /// What it authenticates as.
    pub auth_name: String,
    /// True if it fetches its configuration from here.
    pub is_managed: bool,
    /// How its SIP travels: as its configuration says, or for one that takes none, as it first came.
    pub transport: Transport,
    /// Its number while in quarantine.
    pub temporary_number: Option<DirectoryNumber>,
    /// Its lines, first key first.
    pub lines: Vec<Line>,
    /// The device template it was made from.
    #[serde(skip)]
    pub device_template: Option<String>,
    /// The address it was first seen at.
    pub source: IpAddr,
    /// When it was first seen.
    pub created_at: UnixMillis,
    /// When it was last heard of.
    pub seen_at: UnixMillis,
}

/// One line of a phone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, JsonSchema)]
pub struct Line {
    /// The number that rings it.
    pub number: DirectoryNumber,
    /// What the phone shows beside the key.
    pub label: String,
    /// The name callers see.
    pub display: String,
}

impl Phone {
    /// The number a caller reaches it by: line 1, or the temporary one.
    pub fn number(&self) -> Option<&DirectoryNumber> {
        self.lines.first().map(|line| &line.number).or(self.temporary_number.as_ref())
    }
}
