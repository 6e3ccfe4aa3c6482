//! The state of the phone's line, and the tasks that keep it alive. Plain holders; must not know the protocol.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::task::JoinSet;

use super::configuration::ConfigurationUrl;
use super::options::{Account, PhoneOptions, SipTransport};

/// What the phone is configured to be at the moment.
pub struct Line {
    /// Who the line is.
    pub account: Option<Account>,
    /// How SIP travels.
    pub transport: SipTransport,
    /// Expiry to ask for, seconds.
    pub expires: u32,
    /// The phone's address as the server sees it (RFC 3581), where it told.
    pub public: Option<SocketAddr>,
    /// Where to fetch from next.
    pub url: Option<(ConfigurationUrl, String)>,
    /// Whether check-sync always restarts the phone.
    pub always_reboots: bool,
}

impl Line {
    /// As it leaves the box.
    pub fn new(options: &PhoneOptions) -> Self {
        Self {
            account: options.account.clone(),
            transport: options.transport,
            expires: options.expires,
            public: None,
            url: options.handset_url.clone().map(|url| (ConfigurationUrl::Factory, url)),
            always_reboots: false,
        }
    }
}

/// The phone's tasks. They end with the phone: when its last [`Power`] is dropped.
#[derive(Clone)]
pub struct Tasks(Weak<Mutex<JoinSet<()>>>);

/// Keeps the phone's tasks running.
#[derive(Clone)]
pub struct Power(Arc<Mutex<JoinSet<()>>>);

impl Power {
    /// Switched on, with nothing running yet.
    pub fn on() -> Self {
        Self(Arc::new(Mutex::new(JoinSet::new())))
    }

    /// Where tasks are started.
    pub fn tasks(&self) -> Tasks {
        Tasks(Arc::downgrade(&self.0))
    }
}

impl Tasks {
    /// Runs a task for as long as the phone is on; nothing happens where it is off.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(tasks) = self.0.upgrade() {
            let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
            // Ended ones are let go, so that a phone on for years holds no more than it runs.
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }
}
