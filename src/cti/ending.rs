//! How a call ended: one catalogue for logs, metrics and the API.

use serde::Serialize;

/// Who ended a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndedBy {
    /// The other side.
    Caller,
    /// This server.
    Server,
    /// Neither: messages were lost.
    Network,
}

/// Why a call ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallEnding {
    /// The other side hung up.
    HungUp,
    /// The other side cancelled before it was answered.
    Cancelled,
    /// The other side put the call on hold, which a conversation with a machine doesn't outlive (seed 003).
    Held,
    /// The other side tried to transfer the call.
    Transferred,
    /// The application was done; how, in its own words.
    Released(&'static str),
    /// The other side never acknowledged the answer.
    NotAcknowledged,
    /// The session was not refreshed in time (RFC 4028).
    SessionExpired,
    /// The other side's answer could not be used.
    Unusable,
    /// A call of ours was not answered, or refused with this status.
    NotAnswered(u16),
}

impl CallEnding {
    /// Who ended it.
    pub fn by(&self) -> EndedBy {
        match self {
            Self::HungUp | Self::Cancelled | Self::Held | Self::Transferred | Self::NotAnswered(_) => EndedBy::Caller,
            Self::Released(_) | Self::Unusable => EndedBy::Server,
            Self::NotAcknowledged | Self::SessionExpired => EndedBy::Network,
        }
    }

    /// Its name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HungUp => "hung-up",
            Self::Cancelled => "cancelled",
            Self::Held => "held",
            Self::Transferred => "transferred",
            Self::Released(how) => how,
            Self::NotAcknowledged => "not-acknowledged",
            Self::SessionExpired => "session-expired",
            Self::Unusable => "unusable",
            Self::NotAnswered(_) => "not-answered",
        }
    }
}
