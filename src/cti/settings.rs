//! Settings of route points and calls.

use serde::{Deserialize, Serialize};

use crate::directory::CodecName;
use crate::media::Codec;
use crate::vocab::DirectoryNumber;

/// The route point of self-provisioning after the first start.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoutePointSettings {
    /// The numbers that reach it; more than one may.
    pub numbers: Vec<DirectoryNumber>,
    /// Codecs, the preferred first: `PCMU`, `PCMA`, `G722`, `L16`.
    pub codecs: Vec<CodecName>,
    /// Greatest number of calls at once to this route point.
    pub calls: u32,
    /// Ports of the self-provisioning service: calls in its conversation at once.
    pub ports: u32,
}

impl Default for RoutePointSettings {
    fn default() -> Self {
        Self { numbers: "2000".parse().into_iter().collect(), codecs: CodecName::all(), calls: 5000, ports: 100 }
    }
}

impl From<CodecName> for Codec {
    fn from(name: CodecName) -> Self {
        match name {
            CodecName::Pcmu => Self::Pcmu,
            CodecName::Pcma => Self::Pcma,
            CodecName::G722 => Self::G722,
            CodecName::L16 => Self::L16,
            CodecName::G729 => Self::G729,
        }
    }
}

/// Settings of calls.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CtiSettings {
    /// The address RTP is sent from and taken on; empty takes the one the caller's signalling reached.
    pub rtp_address: String,
    /// The first RTP port, even.
    pub rtp_first_port: u16,
    /// The last RTP port.
    pub rtp_last_port: u16,
    /// Seconds a session lives without a refresh (RFC 4028), at least 90.
    pub session_seconds: u32,
    /// Ask the system for real-time scheduling of the voice.
    pub realtime: bool,
    /// Call a phone back when its enrolment is complete, to say its number.
    pub ring_back: bool,
    /// Seconds a phone is rung when it is called back.
    pub ring_back_seconds: u64,
}

impl Default for CtiSettings {
    fn default() -> Self {
        Self {
            rtp_address: String::new(),
            rtp_first_port: 16_384,
            rtp_last_port: 32_767,
            session_seconds: 1800,
            realtime: true,
            ring_back: true,
            ring_back_seconds: 30,
        }
    }
}
