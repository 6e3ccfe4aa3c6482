//! RFC 4475: messages that break SIP parsers, by their form alone; and what else a parser owes: round trips, and agreement
//! with another parser. `torture_wire.rs` sends the same messages to a server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "torture/cuts.rs"]
mod cuts;
#[path = "torture/round_trip.rs"]
mod round_trip;
#[path = "torture/script.rs"]
mod script;
#[path = "torture/sections.rs"]
mod sections;
#[path = "torture/table.rs"]
mod table;
