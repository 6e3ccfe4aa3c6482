//! Calls phones back whose enrolment is complete, if the settings say so. How such a call goes is `cti`'s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::Instrument;

use super::config::Config;
use crate::cti::{RingBackCall, Switchboard};
use crate::enrolment::Completed;
use crate::registrar::Registrar;
use crate::sip::SipError;
use crate::vocab::Language;

/// Calls phones back whose enrolment is complete.
pub(super) struct RingBack {
    pub(super) config: Config,
    pub(super) registrar: Registrar,
    pub(super) switchboard: Switchboard,
}

impl RingBack {
    /// Follows what completes until nothing can any more.
    pub(super) async fn run(self, mut completed: mpsc::Receiver<Completed>) {
        let this = Arc::new(self);
        while let Some(completion) = completed.recv().await {
            if this.config.calls.ring_back {
                let Completed { phone, enrolment, .. } = &completion;
                let span = tracing::error_span!("ring-back", %phone, %enrolment);
                tokio::spawn(this.clone().ring(completion).instrument(span));
            }
        }
    }

    async fn ring(self: Arc<Self>, completion: Completed) {
        let bindings = self.registrar.location().of_phone(completion.phone, Instant::now());
        let service = self.switchboard.service();
        let Some(caller) = service.route.numbers.first() else { return };
        let language = completion.language.and_then(|language| language.parse().ok()).unwrap_or(Language::JAPANESE);
        let patience = Duration::from_secs(self.config.calls.ring_back_seconds);
        for (index, (_, binding)) in bindings.iter().enumerate() {
            let signalling_ip = self.registrar.location().origin_of(binding).ip();
            let call = RingBackCall {
                binding,
                signalling_ip,
                extension: &completion.extension,
                caller,
                language: &language,
                patience,
            };
            match self.switchboard.ring_back(call).await {
                // A phone may keep several flows, of which one is down.
                Err(SipError::Transport(_)) if index + 1 < bindings.len() => continue,
                Ok(ending) => tracing::info!(ending = ending.code(), "a phone was rung back"),
                Err(error) => tracing::warn!(%error, "a phone could not be rung back"),
            }
            return;
        }
    }
}
