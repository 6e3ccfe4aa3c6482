//! The two HTTP doors: the handsets' (configuration files) and the administrators' (health, metrics, API).
//!
//! Statuses and JSON are chosen here and nowhere below.

mod admin;
mod api;
mod connections;
mod door;
mod handset;
mod language;
mod logins;
mod problem;
mod rates;
mod shut_outs;

pub use admin::router as admin_router;
pub use api::Subscribers;
pub use connections::{ConnectionLimits, Entrance, serve};
pub use door::AdminDoor;
pub use handset::{HandsetDoor, router as handset_router};
pub use logins::PortalLogins;
pub use rates::{RateSettings, Rates};
pub use shut_outs::{ShutOut, ShutOutReason, ShutOuts};
