//! Tsunagu: a new phone becomes its user's phone. See ARCHITECTURE.md for a walk through one enrolment.
//!
//! A room may name only rooms on a lower floor. Rooms on one floor meet in the floor above.
//!
//! ```text
//! app           7  wiring, configuration, first run, commands, start, drain, stop
//! http          6  the handsets' door, the administrators' door
//! cti           5  route points and the applications behind them, calls and their legs
//! enrolment     4  who may claim which phone, the bind, completion
//! ivr           4  the dialogue as a pure machine: digits and ticks in, sentences and questions out
//! sites         3  this site, its peer, and what is live there
//! registrar     3  bindings, digest decisions, auto-registration
//! provisioning  3  identify a phone, render its configuration, resync
//! directory     2  users, profiles, templates, phones, lines, secrets
//! phone         2  the virtual phone: a second, independent implementation of the wire
//! sip           1  messages, transactions, dialogs, digest, transports
//! mail          1  letters to people, by SMTP
//! media         1  SDP, RTP, DTMF, codecs, prompts, the pacer
//! db            1  the database, migrations
//! locale        0  words on screen and words spoken
//! vocab         0  newtypes that cannot hold a wrong value
//! ```

#![warn(missing_docs)]

pub mod app;
pub mod cti;
pub mod db;
pub mod directory;
pub mod enrolment;
pub mod http;
pub mod ivr;
pub mod locale;
pub mod mail;
pub mod media;
pub mod phone;
pub mod provisioning;
pub mod registrar;
pub mod sip;
pub mod sites;
pub mod vocab;
