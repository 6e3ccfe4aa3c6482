//! Calls between lines, over real sockets: phones written out by hand, and two of baresip, call each other through one server, or
//! through two at two sites.
//!
//! They need `baresip` (baresip-core) and `sox`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "transports/authority.rs"]
mod authority;
#[path = "clients/baresip.rs"]
mod baresip;
#[path = "calls/between_lines.rs"]
mod between_lines;
#[path = "calls/dialog.rs"]
mod dialog;
#[path = "calls/gruus.rs"]
mod gruus;
#[path = "transports/link.rs"]
mod link;
#[path = "calls/phone.rs"]
mod phone;
#[path = "calls/refusals.rs"]
mod refusals;
#[path = "calls/sites.rs"]
mod sites;
#[path = "calls/softphones.rs"]
mod softphones;
mod support;
#[path = "calls/transactions.rs"]
mod transactions;
#[path = "calls/transports.rs"]
mod transports;
