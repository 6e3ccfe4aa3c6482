//! Calls phones back whose enrolment is complete, if the settings say so. How such a call goes is `cti`'s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::config::Config;
use crate::cti::{self, MediaAddresses, Voice};
use crate::enrolment::Completed;
use crate::media::MediaEngine;
use crate::registrar::Registrar;
use crate::sip::Endpoint;
use crate::vocab::Language;

/// Calls phones back whose enrolment is complete.
pub(super) struct RingBack {
    pub(super) config: Config,
    pub(super) endpoint: Endpoint,
    pub(super) engine: MediaEngine,
    pub(super) voice: Voice,
    pub(super) registrar: Registrar,
    pub(super) addresses: MediaAddresses,
}

impl RingBack {
    /// Follows what completes until nothing can any more.
    pub(super) async fn run(self, mut completed: mpsc::Receiver<Completed>) {
        let this = Arc::new(self);
        while let Some(completion) = completed.recv().await {
            if this.config.calls.ring_back {
                tokio::spawn(this.clone().ring(completion));
            }
        }
    }

    async fn ring(self: Arc<Self>, completion: Completed) {
        let bindings = self.registrar.location().of_phone(completion.phone, Instant::now());
        let (Some((_, binding)), Some(caller)) = (bindings.first(), self.config.route_point.numbers.first()) else {
            return;
        };
        let language = completion.language.and_then(|language| language.parse().ok()).unwrap_or(Language::JAPANESE);
        let patience = Duration::from_secs(self.config.calls.ring_back_seconds);
        let call =
            cti::RingBackCall { binding, extension: &completion.extension, caller, language: &language, patience };
        match cti::ring_back(&self.endpoint, &self.engine, &self.voice, self.addresses, call).await {
            Ok(ending) => tracing::info!(phone = %completion.phone, ending = ending.code(), "a phone was rung back"),
            Err(error) => tracing::warn!(phone = %completion.phone, %error, "a phone could not be rung back"),
        }
    }
}
