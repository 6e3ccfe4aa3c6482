//! What is wrong with a message, and the answer it deserves.

use super::Response;

/// Why octets are not a SIP message, or a value is not what its header needs.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// Neither a request line nor a status line.
    #[error("Bad start line")]
    StartLine,
    /// A version other than SIP/2.0.
    #[error("Version not supported")]
    Version,
    /// A line that is not a header.
    #[error("Bad header line")]
    HeaderLine,
    /// No empty line after the headers.
    #[error("No end of headers")]
    Unfinished,
    /// More or larger than this server takes.
    #[error("Message too large")]
    TooLarge,
    /// A header every request needs is missing.
    #[error("Missing {0}")]
    Missing(&'static str),
    /// A header that may stand once stands twice.
    #[error("More than one {0}")]
    Repeated(&'static str),
    /// A header's value can't be read.
    #[error("Bad {0}")]
    Bad(&'static str),
    /// CSeq names another method than the request line.
    #[error("CSeq method differs")]
    MethodMismatch,
    /// Content-Length is more than there is.
    #[error("Body shorter than Content-Length")]
    ShortBody,
}

/// Octets that are not a message this server can take.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// What to answer; none for a response, an ACK, or where nobody can be answered.
    pub answer: Option<Response>,
    /// What is wrong.
    pub fault: Fault,
}
