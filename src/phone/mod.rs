//! The virtual phone: a SIP user agent with real sockets that fetches its configuration, registers, dials, keys in digits,
//! hears prompts and answers, as a desk phone does.
//!
//! Operators run it as a smoke test, the demo drives it, and it is the *second, independent* implementation of the wire:
//! it must not use the `sip` room, nor know the registrar, the directory or the dialogue. What it says of a server is only
//! what a phone on a desk could say. It reads and writes SIP with `rsip` where that is sound ([`message`] says where not).
//!
//! [`Phone::boot`] starts one; everything it does and sees is told as [`PhoneEvent`]s.

mod agent;
mod answering;
mod call;
mod challenge;
mod client;
mod configuration;
mod conversation;
mod credentials;
mod device;
mod dialling;
mod dialog;
mod digest;
mod ear;
mod error;
mod event;
mod fetch;
mod fields;
mod incoming;
mod keypad;
mod ladder;
mod line;
#[cfg(test)]
mod loopback;
mod message;
mod options;
mod prints;
mod recogniser;
mod registration;
mod resync;
mod rtp;
mod sdp;
mod spectrum;
#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod synthetic;
mod transport;
mod voice;
mod waveform;

pub use call::{Call, CallPhase, KeyPresses};
pub use configuration::ConfigurationUrl;
pub use device::Phone;
pub use error::PhoneError;
pub use event::{Direction, Ending, PhoneEvent, Side};
pub use ladder::Ladder;
pub use options::{Account, Codec, MacCase, Make, Model, PhoneOptions, SipTransport};
pub use prints::PromptPrints;
pub use recogniser::{HeardPrompt, Recogniser};
