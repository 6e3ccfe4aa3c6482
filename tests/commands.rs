//! The commands operators have, as they have them: the real program called against the real server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "commands/admin.rs"]
mod admin;
#[path = "transports/authority.rs"]
mod authority;
#[path = "commands/backup.rs"]
mod backup;
#[path = "commands/called.rs"]
mod called;
#[path = "loopback/caller.rs"]
mod caller;
#[path = "commands/doctor.rs"]
mod doctor;
#[path = "commands/repetition.rs"]
mod repetition;
#[path = "commands/service.rs"]
mod service;
#[path = "commands/supervision.rs"]
mod supervision;
mod support;
