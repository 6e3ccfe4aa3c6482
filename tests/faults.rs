//! Faults: kill -9 at any moment, many claims at once, guessing, trying names, forged and replayed nonces, a clock that is
//! set, TCP that fails, numbers and records that run out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "loopback/bare_call.rs"]
mod bare_call;
#[path = "loopback/caller.rs"]
mod caller;
#[path = "faults/claims.rs"]
mod claims;
#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/enumeration.rs"]
mod enumeration;
#[path = "faults/guessing.rs"]
mod guessing;
#[path = "faults/house.rs"]
mod house;
#[path = "faults/kill.rs"]
mod kill;
#[path = "faults/leases.rs"]
mod leases;
#[path = "faults/lifting.rs"]
mod lifting;
#[path = "faults/nonce.rs"]
mod nonce;
#[path = "faults/passwords.rs"]
mod passwords;
#[path = "loopback/records.rs"]
mod records;
#[path = "faults/registrant.rs"]
mod registrant;
mod support;
#[path = "faults/tcp.rs"]
mod tcp;
