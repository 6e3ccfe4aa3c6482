//! The server on PostgreSQL: what holds on SQLite holds here, several nodes are one house, and a database that is away
//! comes back. Every server of this program uses PostgreSQL ([`support::postgres::is_wanted`]).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "http/api.rs"]
mod api;
#[path = "transports/authority.rs"]
mod authority;
#[path = "loopback/by_hand.rs"]
mod by_hand;
#[path = "loopback/caller.rs"]
mod caller;
#[path = "ground/comeback.rs"]
mod comeback;
#[path = "postgres/commands.rs"]
mod commands;
#[path = "calls/dialog.rs"]
mod dialog;
#[path = "postgres/edge.rs"]
mod edge;
#[path = "postgres/edge_transports.rs"]
mod edge_transports;
#[path = "http/events.rs"]
mod events;
#[path = "faults/house.rs"]
mod house;
#[path = "http/imports.rs"]
mod imports;
#[path = "postgres/kamailio.rs"]
mod kamailio;
#[path = "http/records.rs"]
mod kinds;
#[path = "http/line_status.rs"]
mod line_status;
#[path = "transports/link.rs"]
mod link;
#[path = "ground/neighbours.rs"]
mod neighbours;
#[path = "postgres/nodes.rs"]
mod nodes;
#[path = "postgres/outage.rs"]
mod outage;
#[path = "calls/phone.rs"]
mod phone;
#[path = "http/portal.rs"]
mod portal;
#[path = "http/quick_add.rs"]
mod quick_add;
#[path = "loopback/records.rs"]
mod records;
#[path = "faults/registrant.rs"]
mod registrant;
#[path = "http/settings.rs"]
mod settings;
mod support;

use caller::Place;
use support::server::Server;

/// A server that speaks English, with these settings on top.
fn server(settings: &str) -> Server {
    Server::start(&format!("dialogue.languages = [\"en\"]\n{settings}"))
}

fn place(server: &Server) -> Place {
    Place { sip: server.sip, handset: server.handset }
}
