//! Calls between lines, over real sockets: phones written out by hand, baresip and SIPp call each other through the server.
//!
//! They need `sipp` (sip-tester), `baresip` (baresip-core) and `sox`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "transports/authority.rs"]
mod authority;
#[path = "clients/baresip.rs"]
mod baresip;
#[path = "calls/between_lines.rs"]
mod between_lines;
#[path = "calls/dialog.rs"]
mod dialog;
#[path = "transports/link.rs"]
mod link;
#[path = "calls/phone.rs"]
mod phone;
#[path = "calls/refusals.rs"]
mod refusals;
#[path = "calls/softphones.rs"]
mod softphones;
mod support;
#[path = "calls/transports.rs"]
mod transports;
