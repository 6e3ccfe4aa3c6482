//! Running the service: activate, deactivate, restart, and save its settings. What restarts takes new calls at once on the new
//! settings; conversations finish on those they began with.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::service::{Route, Service, ServiceFault, faults, settings};
use super::service_settings::{SELF_PROVISIONING, SelfProvisioningKind, SelfProvisioningSettings, changed_fields};
use super::switchboard::Switchboard;
use super::voices::Voices;
use crate::directory::{Action, Actor, Change, Directory, DirectoryError, Happening, Listed, ServiceGeneration};
use crate::vocab::UnixMillis;

/// How running conversations are met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartMode {
    /// They finish on the settings they began with.
    #[default]
    Drain,
    /// They end with an apology.
    Now,
}

impl RestartMode {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Now => "now",
        }
    }
}

/// Runs the service.
#[derive(Clone)]
pub struct ServiceControl {
    inner: Arc<Inner>,
}

struct Inner {
    directory: Directory,
    switchboard: Switchboard,
    voices: Voices,
    /// One restart at a time.
    turn: Mutex<()>,
}

impl ServiceControl {
    /// Over the switchboard that has the first generation.
    pub fn new(directory: Directory, switchboard: Switchboard, voices: Voices) -> Self {
        Self { inner: Arc::new(Inner { directory, switchboard, voices, turn: Mutex::default() }) }
    }

    /// The generation that takes calls.
    pub fn service(&self) -> Arc<Service> {
        self.inner.switchboard.service()
    }

    /// The settings as they are kept.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn settings(&self) -> Result<SelfProvisioningSettings, DirectoryError> {
        settings(&self.inner.directory).await
    }

    /// How the service would be reached on these settings, and in which fields they differ from those it runs on.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn outlook(&self, settings: &SelfProvisioningSettings) -> Result<(Route, Vec<String>), DirectoryError> {
        let service = self.service();
        let route = Route::of(&self.inner.directory, settings, &service.voice).await?;
        let mut waiting = changed_fields(settings, &service.settings);
        // What the route point says is the service's too; how many calls it takes follows from the ports as well.
        let (is_said, runs) = (&route, &service.route);
        let is_other = (&is_said.numbers, &is_said.codecs) != (&runs.numbers, &runs.codecs);
        let is_more = is_said.most_calls != runs.most_calls && !waiting.iter().any(|field| field == "ports");
        if (is_other || is_more) && !waiting.iter().any(|field| field == "route_point") {
            waiting.push("route_point".to_owned());
        }
        Ok((route, waiting))
    }

    /// Starts the service anew on the settings kept. If it can't, the one before goes on.
    ///
    /// # Errors
    /// What keeps it from running.
    pub async fn restart(&self, mode: RestartMode, actor: &Actor) -> Result<Arc<Service>, ServiceFault> {
        let _turn = self.inner.turn.lock().await;
        let before = self.service();
        let (generation, now) = (before.generation + 1, UnixMillis::now());
        let voice = self.inner.voices.voice(Some(&before.voice)).await;
        let service = match Service::prepare(&self.inner.directory, voice, generation, now).await {
            Ok(service) => Arc::new(service),
            Err(fault) => {
                metrics::counter!("service_restart_failures_total").increment(1);
                let (fault_text, actor) = (fault.to_string(), actor.name.clone());
                self.tell(Happening::ServiceRestartFailed { fault: fault_text, actor });
                return Err(fault);
            }
        };
        self.inner.switchboard.put(service.clone(), mode == RestartMode::Now);
        tracing::info!(generation, ?mode, active = service.is_active, actor = actor.name, "the service was restarted");
        metrics::counter!("service_restarts_total").increment(1);
        let generation_told =
            ServiceGeneration { generation, mode: mode.as_str().to_owned(), actor: actor.name.clone() };
        self.tell(match (before.is_active, service.is_active) {
            (false, true) => Happening::ServiceActivated(generation_told),
            (true, false) => Happening::ServiceDeactivated(generation_told),
            _ => Happening::ServiceRestarted(generation_told),
        });
        let change = Change {
            action: Action::Act,
            kind: SelfProvisioningKind::TABLE.what,
            record: String::new(),
            name: SELF_PROVISIONING.to_owned(),
            before: None,
            after: Some(json!({ "restart": mode, "generation": generation })),
        };
        self.inner.directory.note(actor, &change, now).await?;
        Ok(service)
    }

    /// Switches the service on or off and has it so at once. If it can't run, it stays as it was.
    ///
    /// # Errors
    /// What keeps it from running.
    pub async fn set_active(
        &self,
        active: bool,
        mode: RestartMode,
        actor: &Actor,
    ) -> Result<Arc<Service>, ServiceFault> {
        let before = self.settings().await?.active;
        self.change(&json!({ "active": active }), None, actor).await?;
        let outcome = self.restart(mode, actor).await;
        if outcome.is_err() && before != active {
            self.change(&json!({ "active": before }), None, actor).await?;
        }
        outcome
    }

    /// Changes the settings kept; the service goes on with those it runs on.
    ///
    /// # Errors
    /// What can't be taken.
    pub async fn change(
        &self,
        patch: &Value,
        expected: Option<i64>,
        actor: &Actor,
    ) -> Result<SelfProvisioningSettings, DirectoryError> {
        let directory = &self.inner.directory;
        let now = UnixMillis::now();
        let before = self.settings().await?;
        let kept = directory.change_settings::<SelfProvisioningKind>(patch, expected, actor, now).await?;
        let fields = changed_fields(&kept.view, &before);
        if !fields.is_empty() {
            self.tell(Happening::ServiceSettingsChanged { fields, actor: actor.name.clone() });
        }
        Ok(kept.view)
    }

    fn tell(&self, happening: Happening) {
        self.inner.directory.feed().tell(happening);
    }

    /// What the settings would be after a change, checked and not kept.
    ///
    /// # Errors
    /// What can't be taken.
    pub async fn preview(
        &self,
        patch: &Value,
        expected: Option<i64>,
    ) -> Result<SelfProvisioningSettings, DirectoryError> {
        let directory = &self.inner.directory;
        let now = UnixMillis::now();
        Ok(directory.preview_settings::<SelfProvisioningKind>(patch, expected, now).await?.view)
    }

    /// What keeps the service from running on these settings.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn faults(&self, settings: &SelfProvisioningSettings) -> Result<Vec<ServiceFault>, DirectoryError> {
        faults(&self.inner.directory, settings, &self.service().voice).await
    }
}

impl std::fmt::Debug for ServiceControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceControl").field("service", &self.service()).finish_non_exhaustive()
    }
}
