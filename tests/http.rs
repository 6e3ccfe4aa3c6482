//! The two HTTP doors: what administrators are told, and what nobody gets out of the phones' door.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "http/api.rs"]
mod api;
#[path = "loopback/caller.rs"]
mod caller;
#[path = "http/connections.rs"]
mod connections;
#[path = "http/events.rs"]
mod events;
#[path = "http/handset.rs"]
mod handset;
#[path = "faults/house.rs"]
mod house;
#[path = "http/imports.rs"]
mod imports;
#[path = "http/line_status.rs"]
mod line_status;
#[path = "http/portal.rs"]
mod portal;
#[path = "http/quick_add.rs"]
mod quick_add;
#[path = "http/raw.rs"]
mod raw;
#[path = "http/records.rs"]
mod records;
#[path = "faults/registrant.rs"]
mod registrant;
#[path = "http/settings.rs"]
mod settings;
#[path = "http/shared_files.rs"]
mod shared_files;
#[path = "http/shared_number.rs"]
mod shared_number;
mod support;
