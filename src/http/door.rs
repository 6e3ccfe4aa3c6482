//! What the administrators' door needs of the rooms below.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use super::api::Subscribers;
use super::logins::PortalLogins;
use super::rates::Rates;
use super::shut_outs::ShutOuts;
use crate::cti::{ServiceControl, Switchboard};
use crate::directory::{Directory, Jobs};
use crate::enrolment::Enrolments;
use crate::locale::Locales;
use crate::mail::Mailer;
use crate::registrar::Registrar;
use crate::sip::Endpoint;
use crate::sites::Sites;

/// What the door needs.
#[derive(Clone)]
pub struct AdminDoor {
    /// Users, profiles, phones.
    pub directory: Directory,
    /// What takes longer than a request.
    pub jobs: Jobs,
    /// Who is registered.
    pub registrar: Registrar,
    /// What is being enrolled.
    pub enrolments: Enrolments,
    /// Who is speaking.
    pub switchboard: Switchboard,
    /// The self-provisioning service.
    pub service: ServiceControl,
    /// This site and its peer.
    pub sites: Sites,
    /// The way to phones.
    pub endpoint: Endpoint,
    /// Words for readers.
    pub locales: Locales,
    /// The figures.
    pub metrics: PrometheusHandle,
    /// How often everybody has asked of late.
    pub rates: Arc<Rates>,
    /// Wrong logins at the portal.
    pub logins: PortalLogins,
    /// Everybody who is kept out for a time.
    pub shut_outs: ShutOuts,
    /// Sends letters.
    pub mailer: Mailer,
    /// The page where a password is set, with `{token}` in it; empty for none.
    pub reset_url: Arc<str>,
    /// Places for those who follow events.
    pub subscribers: Subscribers,
    /// True when the server stops: streams end.
    pub stop: watch::Receiver<bool>,
    /// False while the server starts or drains.
    pub is_ready: Arc<AtomicBool>,
}
