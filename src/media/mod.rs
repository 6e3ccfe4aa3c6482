//! Media: session descriptions and their negotiation, RTP, digits in all their forms, codecs, prompts, and the pacers that
//! play a prompt to thousands of calls at once.
//!
//! The voice of the program and its ears. Must not know SIP, calls, dialogues or settings: it is told what to play and where,
//! and tells which keys were pressed and when a playback is over.
//!
//! - *Agreeing:* [`negotiation`] (rules) over `sdp` (text).
//! - *Prompts:* [`prompts`] holds recordings that `decode` read, `resample` converted and [`codec`] ([`g711`], `g722`)
//!   encoded, as [`audio`].
//! - *Digits:* [`events`] (RFC 4733), [`inband`] (tones), [`info`] (SIP INFO bodies), all giving a [`digit`].
//! - *Streams:* [`engine`] hands out a [`port`] and a [`stream`]; a `pacer` thread drives it as a `paced_stream`, in one of
//!   the `slots` of its `schedule`, sending what `playout` says to its `destination` and taking what `inbound` admits, as
//!   [`rtp`].

pub mod audio;
pub mod codec;
pub mod counters;
mod decode;
mod destination;
pub mod digit;
pub mod engine;
mod error;
pub mod events;
mod filter;
pub mod g711;
mod g722;
pub mod inband;
mod inbound;
pub mod info;
pub mod negotiation;
mod paced_stream;
mod pacer;
mod playout;
pub mod port;
pub mod prompts;
mod realtime;
mod resample;
pub mod rtp;
mod schedule;
mod sdp;
mod slots;
pub mod stream;

pub use audio::EncodedAudio;
pub use codec::Codec;
pub use counters::{EngineStats, StreamStats};
pub use digit::Digit;
pub use engine::{MediaConfig, MediaEngine};
pub use error::MediaError;
pub use negotiation::{Answer, CodecOrder, Direction, LocalMedia, Negotiated, SdpError};
pub use port::{PortRange, RtpPort};
pub use prompts::PromptLibrary;
pub use stream::{MediaEvent, MediaStream, StreamParams};
