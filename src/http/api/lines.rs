//! `/lines`

use std::time::Instant;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::caller::Caller;
use super::document::{Named, documented};
use super::exchange::{Expected, Patch, Tagged};
use super::line_status::message_of;
use super::listing::Asked;
use crate::directory::{Filter, FilterValue, Kept, LinePatch, LineRecord, Lines, Listed, Listing, Page};
use crate::http::door::AdminDoor;
use crate::http::language::Reader;
use crate::http::problem::Problem;
use crate::locale::Words;
use crate::vocab::UnixMillis;

/// Lines of one number that are named when it doesn't say which is meant.
const MOST_NAMED: usize = 6;

/// A line, and where it is registered.
#[derive(Serialize, JsonSchema)]
struct LineView {
    #[serde(flatten)]
    line: LineRecord,
    /// In words: whether it is registered, and if not, why.
    message: String,
    /// True if its phone is registered on it, or by its own name where it takes no configuration.
    is_registered: bool,
    /// The addresses it is registered from.
    registered_from: Vec<String>,
}

/// The paths of lines.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new().api_route("/lines", get_with(list, |op| documented(op, "lines", "List lines", &[400]))).api_route(
        "/lines/{name}",
        get_with(show, |op| documented(op, "lines", "Show a line", &[400, 404]).response::<200, Tagged<LineView>>())
            .patch_with(change, |op| {
                documented(op, "lines", "Change a line", &[400, 404, 412, 413, 415, 422])
                    .response::<200, Tagged<LineView>>()
            }),
    )
}

fn view(door: &AdminDoor, words: &Words, line: LineRecord) -> LineView {
    let registered_from = registered_from(door, &line);
    LineView { message: message_of(words, &line), is_registered: !registered_from.is_empty(), registered_from, line }
}

/// A line by its identifier, or by its number where only one line has it.
/// Of an account, if one is given: a line of nobody's or somebody else's is not there then.
pub async fn line_named(door: &AdminDoor, name: &str, account: Option<&str>) -> Result<LineRecord, Problem> {
    if let Some(kept) = door.directory.find::<Lines>(name).await?
        && (account.is_none() || account == kept.view.account.as_deref())
    {
        return Ok(kept.view);
    }
    let filter =
        |column: &str, text: &str| Filter { column: column.to_owned(), value: FilterValue::Text(text.to_owned()) };
    let filters = [filter("number", name)].into_iter().chain(account.map(|account| filter("account", account)));
    let listing = Listing { limit: MOST_NAMED, filters: filters.collect(), ..Listing::all(Lines::TABLE) };
    let mut lines = door.directory.list::<Lines>(&listing).await?.items;
    match lines.pop() {
        Some(line) if lines.is_empty() => Ok(line),
        Some(line) => {
            let names: Vec<String> = lines.into_iter().chain([line]).map(|line| line.id).collect();
            Err(Problem::ambiguous(name, &names.join(", ")))
        }
        None => Err(Problem::not_found("line")),
    }
}

/// The addresses a line is registered from.
pub fn registered_from(door: &AdminDoor, line: &LineRecord) -> Vec<String> {
    let account = door.directory.accounts().of(line.phone);
    // A phone without a password of ours has the name it was set up with, whatever number rings on it.
    let own_name = account.filter(|account| account.secret.is_none()).map(|account| account.auth_name.clone());
    let bindings = door.registrar.location().of_phone(line.phone, Instant::now());
    let is_on_it = |aor: &String| line.number.as_str() == aor || own_name.as_deref() == Some(aor.as_str());
    bindings
        .iter()
        .filter(|(aor, _)| is_on_it(aor))
        .map(|(_, binding)| door.registrar.location().origin_of(binding).to_string())
        .collect()
}

/// Numbers on the keys of phones, and where they are registered.
async fn list(
    State(door): State<AdminDoor>,
    Reader(words): Reader,
    asked: Asked<Lines>,
) -> Result<Json<Page<LineView>>, Problem> {
    door.registrar.lines().settle().await;
    let Page { items, next, total } = door.directory.list::<Lines>(&asked.0).await?;
    Ok(Json(Page { items: items.into_iter().map(|line| view(&door, &words, line)).collect(), next, total }))
}

/// One line.
async fn show(
    State(door): State<AdminDoor>,
    Named(id): Named,
    Reader(words): Reader,
) -> Result<Tagged<LineView>, Problem> {
    found(&door, &words, &id).await
}

async fn found(door: &AdminDoor, words: &Words, id: &str) -> Result<Tagged<LineView>, Problem> {
    door.registrar.lines().settle().await;
    let kept = door.directory.find::<Lines>(id).await?.ok_or_else(|| Problem::not_found("line"))?;
    let Kept { id, version, view: line } = kept;
    Ok(Tagged(StatusCode::OK, Kept { id, version, view: view(door, words, line) }))
}

/// Gives a line a label or name of its own; `null` makes it the template's again. Its phone is told.
async fn change(
    State(door): State<AdminDoor>,
    Named(id): Named,
    caller: Caller,
    Reader(words): Reader,
    Expected(expected): Expected,
    Patch(patch, _): Patch<LinePatch>,
) -> Result<Tagged<LineView>, Problem> {
    door.directory.change_line(&id, patch, expected, &caller.actor(), UnixMillis::now()).await?;
    door.enrolments.follow_directory().await?;
    found(&door, &words, &id).await
}
