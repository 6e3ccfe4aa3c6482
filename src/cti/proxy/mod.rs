//! Calls between lines: a transaction-stateful proxy (RFC 3261 section 16).
//!
//! [`context`] is the pure machine of one request on its way: its branches, what they answer, and which answer is passed on;
//! [`targets`] says where a number rings, [`forwarding`] what is changed in a message that passes, [`side`] what is written into a
//! Record-Route, so that nothing of a dialog is kept here. [`passing`] carries out what they say.

mod best_response;
mod context;
mod forwarding;
mod passing;
mod side;
mod targets;

pub(super) use forwarding::check;
pub(super) use passing::{Lines, Proxy, Requester};
