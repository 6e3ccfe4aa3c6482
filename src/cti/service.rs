//! The self-provisioning service as it runs: one generation of settings. A conversation keeps the generation it began with.

use std::sync::Arc;

use tokio::sync::watch;

use super::phase::Phase;
use super::service_settings::{SELF_PROVISIONING, SelfProvisioningKind, SelfProvisioningSettings};
use super::voice::Voice;
use crate::directory::{
    ApplicationUsers, CodecName, CredentialHash, Directory, DirectoryError, RoutePoint, RoutePoints,
};
use crate::enrolment::{AuthenticationMode, Proof};
use crate::ivr::{Authentication, DialogueDraft, DialogueError, DialogueSettings};
use crate::vocab::{DirectoryNumber, Language, UnixMillis};

/// Why the service can't run on its settings.
#[derive(Debug, thiserror::Error)]
pub enum ServiceFault {
    /// None is chosen.
    #[error("no route point is selected; choose one in the settings of self-provisioning")]
    NoRoutePoint,
    /// The one chosen has no number.
    #[error("no directory number is assigned to the route point \"{0}\"; assign one")]
    NoNumber(String),
    /// None is chosen.
    #[error("no application user is selected; choose one in the settings of self-provisioning")]
    NoApplicationUser,
    /// The one chosen may not control calls.
    #[error("the application user \"{0}\" does not have the role \"standard CTI enabled\"; give it the role")]
    NoCtiRole(String),
    /// The one chosen has no password.
    #[error("the application user \"{0}\" has no valid credentials; set its password")]
    NoCredentials(String),
    /// A language without recordings.
    #[error("there are no recordings in {0}; choose languages that are installed")]
    Unspoken(Language),
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The conversation's settings can't be used.
    #[error("dialogue: {0}")]
    Dialogue(#[from] DialogueError),
}

impl ServiceFault {
    /// Its name in the API; `service-fault-<name>` says it in words.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRoutePoint => "no-route-point",
            Self::NoNumber(_) => "no-number",
            Self::NoApplicationUser => "no-application-user",
            Self::NoCtiRole(_) => "no-cti-role",
            Self::NoCredentials(_) => "no-credentials",
            Self::Unspoken(_) => "unspoken",
            Self::Directory(_) | Self::Dialogue(_) => "failed",
        }
    }

    /// What it is about, for its words.
    pub fn subject(&self) -> String {
        match self {
            Self::NoNumber(name) | Self::NoCtiRole(name) | Self::NoCredentials(name) => name.clone(),
            Self::Unspoken(language) => language.to_string(),
            _ => String::new(),
        }
    }
}

/// How the service is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// The numbers that reach it.
    pub numbers: Vec<DirectoryNumber>,
    /// Codecs, the preferred first.
    pub codecs: Vec<CodecName>,
    /// Codecs of the route point some chosen language has no recordings in.
    pub left_out: Vec<CodecName>,
    /// The most calls at once.
    pub most_calls: usize,
}

/// One generation of the service.
pub struct Service {
    /// Which one: grows with every restart.
    pub generation: u64,
    /// Since when it takes calls.
    pub started_at: UnixMillis,
    /// The settings it was started with.
    pub settings: SelfProvisioningSettings,
    /// True if it takes calls.
    pub is_active: bool,
    /// How it is reached.
    pub route: Route,
    pub(super) dialogue: DialogueSettings,
    /// What its callers have to prove.
    pub proof: Arc<Proof>,
    /// What it speaks with.
    pub voice: Voice,
    pub(super) phase: watch::Sender<Phase>,
}

impl Service {
    /// Reads the settings and checks that the service can run on them. One that is not active runs on any.
    pub async fn prepare(
        directory: &Directory,
        voice: Voice,
        generation: u64,
        now: UnixMillis,
    ) -> Result<Self, ServiceFault> {
        let settings = settings(directory).await?;
        if settings.active
            && let Some(fault) = faults(directory, &settings, &voice).await?.into_iter().next()
        {
            return Err(fault);
        }
        let service = Self::on(directory, settings, voice, generation, now).await?;
        if let Some(preferred) = service.route.codecs.first() {
            let (voice, codec) = (service.voice.clone(), (*preferred).into());
            tokio::task::spawn_blocking(move || voice.prepare(codec));
        }
        Ok(service)
    }

    /// One that takes no calls, whatever the settings say.
    pub async fn idle(
        directory: &Directory,
        voice: Voice,
        generation: u64,
        now: UnixMillis,
    ) -> Result<Self, ServiceFault> {
        let settings = settings(directory).await?;
        Ok(Self { is_active: false, ..Self::on(directory, settings, voice, generation, now).await? })
    }

    async fn on(
        directory: &Directory,
        settings: SelfProvisioningSettings,
        voice: Voice,
        generation: u64,
        now: UnixMillis,
    ) -> Result<Self, ServiceFault> {
        let route = Route::of(directory, &settings, &voice).await?;
        for codec in &route.left_out {
            tracing::warn!(?codec, "a language has no recordings in this codec: the service goes without it");
        }
        let code = code_hash(directory).await?;
        Ok(Self {
            generation,
            started_at: now,
            is_active: settings.active,
            route,
            dialogue: dialogue(&settings)?,
            proof: Arc::new(Proof { mode: settings.authentication, code }),
            voice,
            phase: watch::channel(Phase::Open).0,
            settings,
        })
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("generation", &self.generation)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// The settings as they are kept.
pub async fn settings(directory: &Directory) -> Result<SelfProvisioningSettings, DirectoryError> {
    Ok(directory.settings::<SelfProvisioningKind>().await?.view)
}

/// Everything that keeps the service from running on these settings.
pub async fn faults(
    directory: &Directory,
    settings: &SelfProvisioningSettings,
    voice: &Voice,
) -> Result<Vec<ServiceFault>, DirectoryError> {
    let mut faults = Vec::new();
    match (&settings.route_point, route_point(directory, settings).await?) {
        (Some(name), Some(point)) if point.numbers.is_empty() => faults.push(ServiceFault::NoNumber(name.clone())),
        (Some(_), Some(_)) => {}
        _ => faults.push(ServiceFault::NoRoutePoint),
    }
    let user = match &settings.application_user {
        Some(name) => directory.find::<ApplicationUsers>(name).await?.map(|kept| kept.view.fields),
        None => None,
    };
    match user {
        None => faults.push(ServiceFault::NoApplicationUser),
        Some(user) => {
            if !user.cti_enabled {
                faults.push(ServiceFault::NoCtiRole(user.name.clone()));
            }
            if user.password_set_at.is_none() {
                faults.push(ServiceFault::NoCredentials(user.name));
            }
        }
    }
    let unspoken = settings.dialogue.languages.iter().filter(|language| !voice.speaks(language));
    faults.extend(unspoken.cloned().map(ServiceFault::Unspoken));
    Ok(faults)
}

async fn route_point(
    directory: &Directory,
    settings: &SelfProvisioningSettings,
) -> Result<Option<RoutePoint>, DirectoryError> {
    match &settings.route_point {
        Some(name) => Ok(directory.find::<RoutePoints>(name).await?.map(|kept| kept.view.fields)),
        None => Ok(None),
    }
}

impl Route {
    /// By the route point chosen; without one, nothing reaches the service.
    pub async fn of(
        directory: &Directory,
        settings: &SelfProvisioningSettings,
        voice: &Voice,
    ) -> Result<Self, DirectoryError> {
        let point = route_point(directory, settings).await?;
        let most = settings.ports.min(point.as_ref().map_or(u32::MAX, |point| point.calls));
        let (numbers, codecs) = point.map_or_else(Default::default, |point| (point.numbers, point.codecs));
        let languages = &settings.dialogue.languages;
        let is_spoken = |codec: &CodecName| languages.iter().all(|language| voice.speaks_in(language, (*codec).into()));
        let (codecs, left_out) = codecs.into_iter().partition(is_spoken);
        Ok(Self { numbers, codecs, left_out, most_calls: usize::try_from(most).unwrap_or(usize::MAX) })
    }
}

fn dialogue(settings: &SelfProvisioningSettings) -> Result<DialogueSettings, DialogueError> {
    let authentication = match settings.authentication {
        AuthenticationMode::UsersOnly => Authentication::Users,
        AuthenticationMode::UsersAndAdministrators => Authentication::UsersAndAdministrators,
        AuthenticationMode::AdministratorsOnly => Authentication::Administrators,
        AuthenticationMode::None => Authentication::None,
    };
    DialogueSettings::try_from(DialogueDraft { authentication, ..settings.dialogue.clone().into() })
}

async fn code_hash(directory: &Directory) -> Result<Option<CredentialHash>, DirectoryError> {
    let hash: Option<String> = sqlx::query_scalar("SELECT code_hash FROM self_provisioning WHERE name = $1")
        .bind(SELF_PROVISIONING)
        .fetch_one(directory.db().reader())
        .await?;
    Ok(hash.map(CredentialHash::from_stored))
}
