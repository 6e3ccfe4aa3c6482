//! What can go wrong in this room outside of negotiation (which has its own [`SdpError`](super::SdpError)).

use std::io;
use std::net::IpAddr;

use super::codec::Codec;

/// Why audio could not be read, a port not opened or a stream not started.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// A recording is larger than a prompt may be.
    #[error("the recording is too large: at most {limit} {unit}; shorten it")]
    RecordingTooLarge {
        /// The most there may be.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// A recording encoded elsewhere ends within a packet, or is empty.
    #[error("the recording is not a whole number of 20 ms packets of {codec}; encode it again")]
    NotWholePackets {
        /// The codec.
        codec: super::Codec,
    },
    /// A recording could not be decoded.
    #[error("the recording is not readable FLAC or WAV audio: {0}")]
    UnreadableRecording(String),
    /// The sample rate cannot be converted.
    #[error("cannot convert audio from {from} Hz to {to} Hz: {reason}")]
    Resample {
        /// Sample rate of the input.
        from: u32,
        /// Sample rate asked for.
        to: u32,
        /// What the resampler says.
        reason: String,
    },
    /// Every port pair of the range is in use on this address.
    #[error("no free RTP port pair on {ip} in {range}; widen the port range or end calls")]
    NoPort {
        /// The address that was to be bound.
        ip: IpAddr,
        /// The configured range.
        range: super::port::PortRange,
    },
    /// The configured range holds no even port with its odd neighbour.
    #[error("the RTP port range {first}-{last} holds no even port and the odd one after it")]
    EmptyPortRange {
        /// First port of the range.
        first: u16,
        /// Last port of the range.
        last: u16,
    },
    /// The operating system refused a socket or a thread.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The audio was encoded for another codec than the stream's.
    #[error("audio encoded as {audio} cannot be played on a stream of {stream}")]
    WrongCodec {
        /// Codec of the audio.
        audio: Codec,
        /// Codec of the stream.
        stream: Codec,
    },
    /// The pacer of this stream has ended.
    #[error("the media engine has stopped")]
    Stopped,
}

impl MediaError {
    pub(super) fn system(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { doing, source }
    }
}
