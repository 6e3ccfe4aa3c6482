//! The two HTTP doors: the handsets' (configuration files) and the administrators' (health, metrics, API).
//!
//! Statuses and JSON are chosen here and nowhere below.

mod admin;
mod api;
mod door;
mod handset;
mod language;
mod problem;
mod rates;

pub use admin::router as admin_router;
pub use door::AdminDoor;
pub use handset::{ConnectionLimits, HandsetDoor, router as handset_router, serve as serve_handsets};
pub use rates::{RateSettings, Rates};
