//! Calls between lines: a transaction-stateful proxy (RFC 3261 section 16).
//!
//! [`context`] is the pure machine of one request on its way: its branches, what they answer, and which answer is passed on;
//! [`callees`] says whom a call is for and [`targets`] where they are, [`forwarding`] what is changed in a message that passes, [`side`] what is written into a
//! Record-Route, so that nothing of a dialog is kept here. [`passing`]
//! carries out what they say, a [`branch`] at a time.

mod best_response;
mod branch;
mod callees;
mod context;
mod forwarding;
mod passing;
mod side;
mod targets;

pub(super) use callees::Lines;
pub use forwarding::check;
pub(super) use passing::{Proxy, Requester};
