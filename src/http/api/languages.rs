//! `/languages`: what can be spoken and shown, and how language packs were found.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::document::documented;
use crate::cti::FoundPack;
use crate::http::door::AdminDoor;
use crate::vocab::Language;

/// Languages, and the packs in the data folder's `languages` folder.
#[derive(Serialize, JsonSchema)]
struct Languages {
    /// Those callers can be offered.
    spoken: Vec<Language>,
    /// Those of screens: problems, endings, messages.
    shown: Vec<Language>,
    /// The packs, as the service found them at its last restart.
    packs: Vec<Pack>,
}

/// A language pack.
#[derive(Serialize, JsonSchema)]
struct Pack {
    /// The name of its folder.
    folder: String,
    /// Its language; none if the folder is not named by one.
    language: Option<Language>,
    /// True if callers hear it.
    used: bool,
    /// What is wrong with it, or left over.
    faults: Vec<String>,
}

/// Its path.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new()
        .api_route("/languages", get_with(show, |op| documented(op, "languages", "Show the languages installed", &[])))
}

async fn show(State(door): State<AdminDoor>) -> Json<Languages> {
    let service = door.service.service();
    Json(Languages {
        spoken: service.voice.languages().cloned().collect(),
        shown: door.locales.languages(),
        packs: service.voice.packs().found.iter().map(pack).collect(),
    })
}

fn pack(found: &FoundPack) -> Pack {
    let folder = found.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Pack { folder, language: found.language.clone(), used: found.is_used, faults: found.faults.clone() }
}
