//! What the phone tells of itself, as it happens; one JSON line each where asked for.
//!
//! Never holds a secret: no digits pressed, no header values that carry credentials, no bodies.

use serde::Serialize;

use super::configuration::ConfigurationUrl;

/// Which way a message went, seen from the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the phone.
    Sent,
    /// To the phone.
    Received,
}

/// One end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// This phone.
    Phone,
    /// The other side: the server.
    Server,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// Who ended it.
    pub by: Side,
    /// Why, as the wire said it: `hung up`, `486 Busy Here`.
    pub reason: String,
}

/// Something the phone did or saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PhoneEvent {
    /// A configuration was fetched.
    Fetched {
        /// Which of its URLs it was fetched from; never the URL, which may hold a token.
        url_kind: ConfigurationUrl,
        /// Size of the body.
        bytes: usize,
        /// SHA-256 of the body, hexadecimal.
        sha256: String,
        /// Time from the request to the last byte, milliseconds.
        took_ms: u64,
    },
    /// A configuration could not be fetched.
    FetchFailed {
        /// Which of its URLs was asked.
        url_kind: ConfigurationUrl,
        /// The HTTP status; 0 where no whole answer came.
        status: u16,
    },
    /// The line is registered, for the first time or after it was not; refreshes are told too.
    Registered {
        /// The number registered.
        number: String,
        /// Seconds granted.
        expires: u32,
    },
    /// The line is no longer registered, at the phone's own wish.
    Unregistered {
        /// The number that was registered.
        number: String,
    },
    /// A registration failed.
    RegistrationFailed {
        /// Status of the final response; 0 where none came.
        status: u16,
        /// Its reason phrase.
        reason: String,
        /// Its Warning header.
        warning: Option<String>,
    },
    /// A number was dialled.
    Calling {
        /// The number.
        number: String,
    },
    /// The other side rings.
    Ringing,
    /// The call is up.
    Answered {
        /// The codec negotiated.
        codec: &'static str,
    },
    /// A row of prompts was heard, in this order, up to a silence.
    Heard {
        /// The recordings' ids.
        prompts: Vec<String>,
        /// Their language (BCP 47).
        language: String,
    },
    /// Keys were pressed. How many, never which.
    Pressed {
        /// The number of keys.
        digits: usize,
    },
    /// A call ended or was not taken.
    Ended(Ending),
    /// Somebody calls.
    Incoming {
        /// The caller: user part of the From URI.
        from: String,
    },
    /// The server asked the phone to fetch its configuration again.
    Resync {
        /// The Event header, for example `check-sync;reboot=true`.
        event: String,
        /// Whether the phone restarts for it.
        reboot: bool,
    },
    /// A SIP message went over the wire.
    Sip {
        /// Which way.
        direction: Direction,
        /// `REGISTER sip:…`, or `200 OK (REGISTER)`.
        summary: String,
        /// The other side's address.
        peer: String,
        /// Milliseconds since the phone's boot.
        at_ms: u64,
    },
}
