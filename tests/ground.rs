//! Standing its ground: floods, guessing, trying names, replays and slow clients, with good phones beside the attacker, from the
//! same address too; and whom the server then keeps out, as operators see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, reason = "what is measured is for people")]

#[path = "transports/authority.rs"]
mod authority;
#[path = "ground/comeback.rs"]
mod comeback;
#[path = "ground/flood.rs"]
mod flood;
#[path = "faults/house.rs"]
mod house;
#[path = "transports/link.rs"]
mod link;
#[path = "transports/registrant.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of it")]
mod link_registrant;
#[path = "ground/neighbours.rs"]
mod neighbours;
#[path = "faults/registrant.rs"]
mod registrant;
#[path = "ground/replay.rs"]
mod replay;
#[path = "ground/shut_outs.rs"]
mod shut_outs;
#[path = "ground/sipvicious.rs"]
mod sipvicious;
#[path = "ground/slow.rs"]
mod slow;
mod support;
