//! Real SIP clients against the real server: SIPp and baresip live a phone's way from its box to its user, and meet the
//! server's refusals.
//!
//! They need `sipp` (sip-tester), `baresip` (baresip-core), `sox` and Python's `websockets`; SIPp plays captures through a raw socket, so as root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "transports/authority.rs"]
mod authority;
#[path = "clients/baresip.rs"]
mod baresip;
#[path = "clients/generic.rs"]
mod generic;
#[path = "clients/keys.rs"]
mod keys;
#[path = "clients/managed.rs"]
mod managed;
#[path = "clients/renegotiation.rs"]
mod renegotiation;
#[path = "clients/ring_back.rs"]
mod ring_back;
#[path = "clients/signalling.rs"]
mod signalling;
#[path = "clients/sipp.rs"]
mod sipp;
#[path = "clients/softphone.rs"]
mod softphone;
#[path = "clients/story.rs"]
mod story;
mod support;
#[path = "clients/web_socket.rs"]
mod web_socket;
