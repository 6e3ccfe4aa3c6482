//! What can keep the phone from doing what it was told. Knows nothing of how it is shown to people.

use std::net::SocketAddr;
use std::time::Duration;

/// Why the phone could not do it.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// No socket could be had on the local address.
    #[error("no SIP or RTP port could be opened: {0}")]
    Port(#[source] std::io::Error),
    /// The other side could not be reached at the transport.
    #[error("{peer} could not be reached: {source}")]
    Unreachable {
        /// Where the phone tried to send.
        peer: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A name or URI that gives no address.
    #[error("no address found for {0}")]
    NoAddress(String),
    /// Bytes that are no SIP message.
    #[error("not a SIP message: {0}")]
    NotSip(&'static str),
    /// A session description the phone cannot use.
    #[error("the session description has no audio this phone can use")]
    NoCommonAudio,
    /// The phone has no line: nothing was configured or typed in.
    #[error("the phone has no account; fetch a configuration or give one")]
    NoAccount,
    /// The phone was given no address to fetch its configuration from.
    #[error("the phone knows no configuration URL")]
    NoConfigurationUrl,
    /// The configuration door answered, but not with a configuration.
    #[error("the configuration was refused with HTTP status {0}")]
    FetchRefused(u16),
    /// The configuration door gave no whole answer.
    #[error("the configuration could not be fetched: {0}")]
    Fetch(String),
    /// No final response within the transaction's time (RFC 3261 timers B and F).
    #[error("{method} got no answer from {peer}")]
    NoAnswer {
        /// The request's method.
        method: String,
        /// Where it went.
        peer: SocketAddr,
    },
    /// A final response other than 2xx.
    #[error("{method} was refused: {status} {reason}")]
    Refused {
        /// The request's method.
        method: String,
        /// The status code, 300 to 699.
        status: u16,
        /// The reason phrase as received.
        reason: String,
        /// The Warning header, as received.
        warning: Option<String>,
    },
    /// What was waited for did not happen in time.
    #[error("{what} did not happen within {within:?}")]
    Waited {
        /// What was waited for.
        what: String,
        /// How long.
        within: Duration,
    },
    /// The call ended before what was waited for.
    #[error("the call has ended: {0}")]
    CallOver(String),
    /// A key that is not on a keypad.
    #[error("{0:?} is not a key: use 0-9, *, # and A-D")]
    NotAKey(char),
    /// The phone was switched off.
    #[error("the phone is off")]
    Off,
}
