//! `/self-provisioning`: its settings (seed 003, table 1), how it stands, and running it.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::document::documented;
use super::exchange::{Body, Expected, Patch, Tagged};
use super::parameters::Parameters;
use crate::cti::{RestartMode, SelfProvisioningDraft, SelfProvisioningSettings, ServiceFault};
use crate::directory::Kept;
use crate::http::door::AdminDoor;
use crate::http::language::Reader;
use crate::http::problem::Problem;
use crate::locale::Words;
use crate::vocab::UnixMillis;

const TAG: &str = "self-provisioning";

/// Settings and how they stand.
#[derive(Serialize, JsonSchema)]
struct Settings {
    /// What is kept.
    #[serde(flatten)]
    settings: SelfProvisioningSettings,
    /// What keeps the service from working, or deserves a thought.
    warnings: Vec<Notice>,
    /// What to tell users: which number to dial.
    instruction: Option<String>,
    /// Fields the service takes up at its next restart.
    waits_for_restart: Vec<String>,
}

/// Something to know.
#[derive(Serialize, JsonSchema)]
struct Notice {
    /// Names it.
    code: String,
    /// In words.
    text: String,
}

/// What came of a change.
#[derive(Serialize, JsonSchema)]
struct Saved {
    /// What was done, in words.
    message: String,
    /// True if the settings are kept.
    saved: bool,
    /// True if the service runs on them.
    restarted: bool,
    /// Fields that changed.
    changed: Vec<String>,
    /// The settings and how they stand.
    #[serde(flatten)]
    settings: Settings,
}

/// How the service stands.
#[derive(Serialize, JsonSchema)]
struct Status {
    /// True if self-provisioning works.
    ready: bool,
    /// "Ready", or the names of what is off.
    message: String,
    /// Whether unknown phones get a temporary number.
    auto_registration: bool,
    /// Whether the service takes calls.
    service: bool,
    /// Grows with every restart.
    generation: u64,
    /// Since when it runs on its settings.
    started_at: UnixMillis,
    /// Calls at this moment.
    calls: usize,
}

/// How a change is taken up.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Apply {
    /// Saved and restarted; conversations finish on the settings they began with.
    RestartNow,
    /// Saved; taken up at the next restart.
    #[default]
    Later,
    /// Checked and not saved.
    DryRun,
}

#[derive(Deserialize, JsonSchema)]
struct ChangeQuery {
    /// How the change is taken up.
    #[serde(default)]
    apply: Apply,
}

/// How a restart meets running conversations.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Restart {
    /// `drain` lets them finish; `now` ends them with an apology.
    #[serde(default)]
    mode: RestartMode,
}

/// The paths of the settings.
pub fn settings_router() -> ApiRouter<AdminDoor> {
    ApiRouter::new().api_route(
        "/self-provisioning",
        get_with(show, |op| {
            documented(op, TAG, "Show the settings of self-provisioning", &[]).response::<200, Tagged<Settings>>()
        })
        .patch_with(change, |op| {
            documented(op, TAG, "Change the settings of self-provisioning", &[400, 409, 412, 413, 415, 422])
                .response::<200, Tagged<Saved>>()
        }),
    )
}

/// The paths to run the service.
pub fn control_router() -> ApiRouter<AdminDoor> {
    let refusals = [400, 409, 413, 415, 422];
    ApiRouter::new()
        .api_route(
            "/self-provisioning/status",
            get_with(status, |op| documented(op, TAG, "Show how self-provisioning stands", &[])),
        )
        .api_route(
            "/self-provisioning/restart",
            post_with(restart, move |op| documented(op, TAG, "Restart self-provisioning", &refusals)),
        )
        .api_route(
            "/self-provisioning/activate",
            post_with(activate, move |op| documented(op, TAG, "Activate self-provisioning", &refusals)),
        )
        .api_route(
            "/self-provisioning/deactivate",
            post_with(deactivate, move |op| documented(op, TAG, "Deactivate self-provisioning", &refusals)),
        )
}

async fn show(State(door): State<AdminDoor>, Reader(words): Reader) -> Result<Tagged<Settings>, Problem> {
    let settings = door.service.settings().await?;
    Ok(tagged(view(&door, &words, settings).await?, |view| view.settings.version))
}

async fn change(
    State(door): State<AdminDoor>,
    Reader(words): Reader,
    Parameters(ChangeQuery { apply }): Parameters<ChangeQuery>,
    caller: Caller,
    Expected(expected): Expected,
    Patch(patch, _): Patch<SelfProvisioningDraft>,
) -> Result<Tagged<Saved>, Problem> {
    let before = door.service.settings().await?;
    let after = match apply {
        Apply::DryRun => door.service.preview(&patch, expected).await?,
        Apply::RestartNow | Apply::Later => door.service.change(&patch, expected, &caller.actor()).await?,
    };
    let changed = crate::cti::changed_fields(&after, &before);
    let mut restarted = false;
    let message = match apply {
        Apply::DryRun => words.say("service-checked", &[]),
        Apply::Later => words.say("service-saved", &[]),
        Apply::RestartNow => match door.service.restart(RestartMode::Drain, &caller.actor()).await {
            Ok(_) => {
                restarted = true;
                words.say("service-saved-restarted", &[])
            }
            Err(fault) => {
                let why = notice(&words, &fault).text;
                format!("{} {why}", words.say("service-saved-restart-failed", &[]))
            }
        },
    };
    let settings = view(&door, &words, after).await?;
    let saved = Saved { message, saved: apply != Apply::DryRun, restarted, changed, settings };
    Ok(tagged(saved, |saved| saved.settings.settings.version))
}

async fn status(State(door): State<AdminDoor>, Reader(words): Reader) -> Json<Status> {
    Json(standing(&door, &words))
}

async fn restart(
    State(door): State<AdminDoor>,
    Reader(words): Reader,
    caller: Caller,
    Body(Restart { mode }): Body<Restart>,
) -> Result<Json<Status>, Problem> {
    door.service.restart(mode, &caller.actor()).await?;
    Ok(Json(standing(&door, &words)))
}

async fn activate(
    State(door): State<AdminDoor>,
    Reader(words): Reader,
    caller: Caller,
    Body(Restart { mode }): Body<Restart>,
) -> Result<Json<Status>, Problem> {
    door.service.set_active(true, mode, &caller.actor()).await?;
    Ok(Json(standing(&door, &words)))
}

async fn deactivate(
    State(door): State<AdminDoor>,
    Reader(words): Reader,
    caller: Caller,
    Body(Restart { mode }): Body<Restart>,
) -> Result<Json<Status>, Problem> {
    door.service.set_active(false, mode, &caller.actor()).await?;
    Ok(Json(standing(&door, &words)))
}

fn tagged<T>(view: T, version: impl Fn(&T) -> u64) -> Tagged<T> {
    let version = i64::try_from(version(&view)).unwrap_or(i64::MAX);
    Tagged(StatusCode::OK, Kept { id: String::new(), version, view })
}

async fn view(door: &AdminDoor, words: &Words, settings: SelfProvisioningSettings) -> Result<Settings, Problem> {
    let faults = door.service.faults(&settings).await?;
    let mut warnings: Vec<Notice> = faults.iter().map(|fault| notice(words, fault)).collect();
    if settings.authentication == crate::enrolment::AuthenticationMode::None {
        let code = "no-authentication".to_owned();
        warnings.push(Notice { text: words.say("service-fault-no-authentication", &[]), code });
    }
    let (route, waits_for_restart) = door.service.outlook(&settings).await?;
    for codec in &route.left_out {
        let text =
            words.say("service-codec-left-out", &[("name", crate::media::Codec::from(*codec).encoding_name().into())]);
        warnings.push(Notice { code: "codec-left-out".to_owned(), text });
    }
    let instruction = (!route.numbers.is_empty()).then(|| {
        let numbers: Vec<&str> = route.numbers.iter().map(|number| number.as_str()).collect();
        words.say("service-instruction", &[("numbers", numbers.join(", ").as_str().into())])
    });
    Ok(Settings { settings, warnings, instruction, waits_for_restart })
}

fn notice(words: &Words, fault: &ServiceFault) -> Notice {
    let text = words.say(&format!("service-fault-{}", fault.code()), &[("name", fault.subject().as_str().into())]);
    Notice { code: fault.code().to_owned(), text }
}

fn standing(door: &AdminDoor, words: &Words) -> Status {
    let service = door.service.service();
    let auto_registration = door.registrar.auto_registration().settings().enabled;
    let off =
        [(auto_registration, "service-name-auto-registration"), (service.is_active, "service-name-self-provisioning")];
    let off: Vec<String> = off.iter().filter(|(on, _)| !on).map(|(_, name)| words.say(name, &[])).collect();
    let message = match off.is_empty() {
        true => words.say("service-ready", &[]),
        false => words.say("service-off", &[("names", off.join(", ").as_str().into())]),
    };
    Status {
        ready: off.is_empty(),
        message,
        auto_registration,
        service: service.is_active,
        generation: service.generation,
        started_at: service.started_at,
        calls: door.switchboard.calls(),
    }
}
