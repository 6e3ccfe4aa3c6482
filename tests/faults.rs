//! Faults: kill -9 at any moment, many claims at once, guessing, forged nonces.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "loopback/bare_call.rs"]
mod bare_call;
#[path = "loopback/caller.rs"]
mod caller;
#[path = "faults/claims.rs"]
mod claims;
#[path = "faults/guessing.rs"]
mod guessing;
#[path = "faults/house.rs"]
mod house;
#[path = "faults/kill.rs"]
mod kill;
#[path = "faults/nonce.rs"]
mod nonce;
#[path = "loopback/records.rs"]
mod records;
mod support;
