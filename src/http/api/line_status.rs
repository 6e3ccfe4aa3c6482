//! `/lines/{name}/status`, `/lines/{name}/history` and `/strangers`: why a line is down, in the reader's words and on the
//! clocks of the reader's time zone.

use aide::OperationInput;
use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::generate::GenContext;
use aide::openapi::Operation;
use aide::operation::add_parameters;
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;

use super::collection::{Shown, read_only};
use super::document::{Named, documented};
use super::lines::{line_named, registered_from};
use super::listing::Asked;
use super::sites::{SiteView, sites_of};
use super::time_zone::{ZoneAsked, zone_asked, zone_parameter};
use crate::directory::{
    DeviceType, DirectoryError, DrForward, Filter, FilterValue, LineRecord, LineStateName, Listed, Listing, Page,
};
use crate::http::door::AdminDoor;
use crate::http::language::Reader;
use crate::http::problem::Problem;
use crate::locale::Words;
use crate::registrar::{Failure, LastRegister, LineHistory, LineHistoryEntry, LineState, Sighting, Strangers};
use crate::vocab::{PhoneId, TimeZone, UnixMillis};

impl Shown for Strangers {
    const PATH: &'static str = "strangers";

    async fn settle(door: &AdminDoor) {
        door.registrar.lines().settle().await;
    }
}

/// The paths of lines' status.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new()
        .api_route(
            "/lines/{name}/status",
            get_with(status, |op| documented(op, "lines", "Show a line's status", &[400, 404, 409])),
        )
        .api_route(
            "/lines/{name}/history",
            get_with(history, |op| documented(op, "lines", "List a line's history", &[400, 404, 409])),
        )
        .merge(read_only::<Strangers>())
}

/// How a line stands, and why.
#[derive(Serialize, JsonSchema)]
pub struct LineStatusView {
    /// In words: whether it is registered, and if not, why.
    message: String,
    /// What to do; none where nothing is to be done.
    remedy: Option<String>,
    /// Names the line.
    id: String,
    /// Its number.
    number: String,
    /// Its phone.
    phone: PhoneId,
    /// The name of that phone.
    phone_name: String,
    /// The name the phone's user logs in with.
    user: Option<String>,
    /// What its phone is.
    r#type: DeviceType,
    /// The same in words.
    type_text: String,
    /// The group of its number.
    line_group: Option<String>,
    /// Where that group's phones are.
    site: String,
    /// Whether it is registered.
    state: LineStateName,
    /// Why, in a word.
    code: String,
    /// Since when it is so; none if it never was registered.
    since: Option<Moment>,
    /// Until when it is registered, unless it registers again.
    registered_until: Option<Moment>,
    /// The last REGISTER that named it; none if none was ever received.
    last_register: Option<RegisterView>,
    /// The latest error; it stays when it is over.
    latest_error: Option<ErrorView>,
    /// True while it is registered and lost again and again.
    is_flapping: bool,
    /// How often its state changed of late, within the window of the settings.
    changes: usize,
    /// How it stands at each site, this one first; another only where there is a peer site.
    sites: Vec<SiteView>,
    /// What becomes of calls to its number while it is live at the peer site only.
    dr_forward: DrForward,
    /// The time zone of the clocks.
    time_zone: String,
}

/// An instant.
#[derive(Serialize, JsonSchema)]
struct Moment {
    /// In UTC.
    at: UnixMillis,
    /// On the clocks of the time zone asked for, for example `2017-11-27 10:11:52 JST`.
    clock: String,
}

/// A REGISTER.
#[derive(Serialize, JsonSchema)]
struct RegisterView {
    #[serde(flatten)]
    moment: Moment,
    #[serde(flatten)]
    seen: SightingView,
    /// True if whoever sent it had shown to be the line's phone.
    is_proven: bool,
}

/// Where a request came from.
#[derive(Serialize, JsonSchema)]
struct SightingView {
    /// The address as seen from here.
    source: String,
    /// How it travelled: `udp`, `tcp`, …
    transport: &'static str,
    /// What its sender calls itself.
    user_agent: String,
}

/// An error of a line.
#[derive(Serialize, JsonSchema)]
struct ErrorView {
    /// Which one.
    code: &'static str,
    /// In words.
    text: String,
    /// What to do.
    remedy: Option<String>,
    #[serde(flatten)]
    moment: Moment,
    /// When it happened first in a row.
    first: Moment,
    /// How often in a row.
    count: u32,
    /// `REGISTER` or `INVITE`, or `TLS` for a handshake; none where no request brought it.
    method: Option<&'static str>,
    /// Where that came from.
    from: Option<SightingView>,
}

/// An entry of a line's history, in words.
#[derive(Serialize, JsonSchema)]
pub struct HistoryView {
    #[serde(flatten)]
    entry: LineHistoryEntry,
    /// What happened, in words.
    text: String,
    /// When it happened last, on the clocks of the time zone asked for.
    clock: String,
}

/// How a line stands: the state, the last REGISTER and the latest error, with what to do about it.
async fn status(
    State(door): State<AdminDoor>,
    Named(name): Named,
    Reader(words): Reader,
    ZoneAsked(zone): ZoneAsked,
) -> Result<Json<LineStatusView>, Problem> {
    let line = line_named(&door, &name, None).await?;
    Ok(Json(status_of(&door, line, &words, &zone.unwrap_or_default()).await))
}

/// What happened to a line: changes of its state, and errors, each with how often it happened.
async fn history(
    State(door): State<AdminDoor>,
    Named(name): Named,
    Reader(words): Reader,
    HistoryAsked { zone, listing }: HistoryAsked,
) -> Result<Json<Page<HistoryView>>, Problem> {
    let line = line_named(&door, &name, None).await?;
    Ok(Json(history_of(&door, &line, listing, &words, &zone.unwrap_or_default()).await?))
}

/// In words: whether a line is registered, and if something is the matter, what.
fn message(words: &Words, state: LineStateName, troubled: &str) -> String {
    let message = words.say(&format!("line-state-{}", state.as_str()), &[]);
    match matches!(state, LineStateName::NotRegistered) || troubled == "flapping" {
        true => format!("{message} {}", reason_text(words, troubled)),
        false => message,
    }
}

/// The same of a line as it is listed.
pub fn message_of(words: &Words, line: &LineRecord) -> String {
    message(words, line.state, if line.is_flapping { "flapping" } else { &line.code })
}

/// How a line stands at this moment.
pub async fn status_of(door: &AdminDoor, line: LineRecord, words: &Words, zone: &TimeZone) -> LineStatusView {
    let now = UnixMillis::now();
    let held = door.registrar.lines().of(vec![line.phone]).await.remove(&line.phone);
    let standing = held.and_then(|held| held.lines.into_iter().find(|held| held.position == line.position));
    let standing = standing.map(|held| held.standing).unwrap_or_default();
    let changes = door.registrar.changes_of_late(&standing, now);
    let is_supported = line.state != LineStateName::NotSupported;
    let (state, code) = match (is_supported, standing.is_registered()) {
        (false, _) => (LineStateName::NotSupported, "not-supported"),
        (true, true) => (LineStateName::Registered, standing.code()),
        (true, false) => (LineStateName::NotRegistered, standing.code()),
    };
    let moment = |at| Moment { at, clock: zone.clock(at) };
    let (since, until) = match standing.state {
        LineState::Registered { since, until } => (Some(since), Some(until)),
        LineState::NotRegistered { since, .. } => (since, None),
    };
    let troubled = if standing.is_flapping { "flapping" } else { code };
    let message = message(words, state, troubled);
    let here = registered_from(door, &line);
    let mac = line.mac.as_deref().and_then(|mac| mac.parse().ok());
    LineStatusView {
        sites: sites_of(door, Some(&line.number), mac, here, words).await,
        dr_forward: door.sites.dr_forward(&line.number).await,
        message,
        remedy: remedy(words, troubled),
        type_text: words.say(&format!("line-type-{}", line.r#type.as_str()), &[]),
        since: since.filter(|_| is_supported).map(moment),
        registered_until: until.filter(|_| is_supported).map(moment),
        last_register: standing.last_register.map(|last| RegisterView::of(last, zone)),
        latest_error: standing.failure.map(|failure| ErrorView::of(failure, words, zone)),
        is_flapping: standing.is_flapping,
        changes,
        time_zone: zone.to_string(),
        state,
        code: code.to_owned(),
        id: line.id,
        number: line.number.to_string(),
        phone: line.phone,
        phone_name: line.phone_name,
        user: line.user,
        r#type: line.r#type,
        line_group: line.line_group,
        site: line.site,
    }
}

/// A page of a line's history.
pub async fn history_of(
    door: &AdminDoor,
    line: &LineRecord,
    mut listing: Listing,
    words: &Words,
    zone: &TimeZone,
) -> Result<Page<HistoryView>, Problem> {
    // What was only counted is written now.
    door.registrar.lines().of(vec![line.phone]).await;
    let its = [
        ("phone", FilterValue::Text(line.phone.to_string())),
        ("position", FilterValue::Integer(line.position.into())),
    ];
    listing.filters.extend(its.map(|(column, value)| Filter { column: column.to_owned(), value }));
    let Page { items, next, total } = door.directory.list::<LineHistory>(&listing).await?;
    let view = |entry: LineHistoryEntry| HistoryView {
        text: reason_text(words, &entry.code),
        clock: zone.clock(entry.last_at),
        entry,
    };
    Ok(Page { items: items.into_iter().map(view).collect(), next, total })
}

fn reason_text(words: &Words, code: &str) -> String {
    words.say(&format!("line-reason-{code}"), &[])
}

fn remedy(words: &Words, code: &str) -> Option<String> {
    words.find(&format!("line-remedy-{code}"), &[])
}

impl SightingView {
    fn of(seen: Sighting) -> Self {
        let (source, transport) = (seen.source.to_string(), seen.transport.as_param());
        Self { source, transport, user_agent: seen.user_agent.into() }
    }
}

impl RegisterView {
    fn of(last: LastRegister, zone: &TimeZone) -> Self {
        let moment = Moment { at: last.at, clock: zone.clock(last.at) };
        Self { moment, seen: SightingView::of(last.seen), is_proven: last.is_proven }
    }
}

impl ErrorView {
    fn of(failure: Failure, words: &Words, zone: &TimeZone) -> Self {
        let code = failure.reason.code();
        let moment = |at| Moment { at, clock: zone.clock(at) };
        Self {
            code,
            text: reason_text(words, code),
            remedy: remedy(words, code),
            moment: moment(failure.at),
            first: moment(failure.first_at),
            count: failure.count,
            method: failure.seen.as_ref().map(|seen| seen.method.as_str()),
            from: failure.seen.map(SightingView::of),
        }
    }
}

/// What is asked of a history, and on which clocks it is shown.
#[derive(Debug)]
pub struct HistoryAsked {
    /// The time zone asked for.
    pub zone: Option<TimeZone>,
    /// Which entries.
    pub listing: Listing,
}

impl<S: Send + Sync> FromRequestParts<S> for HistoryAsked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (zone, others) = zone_asked(parts, state).await?;
        let listing = Listing::parse(LineHistory::TABLE, &others).map_err(DirectoryError::from)?;
        Ok(Self { zone, listing })
    }
}

impl OperationInput for HistoryAsked {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        <Asked<LineHistory> as OperationInput>::operation_input(ctx, operation);
        add_parameters(ctx, operation, [zone_parameter()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Locales;
    use crate::registrar::Reason;
    use crate::vocab::Language;

    #[test]
    fn every_state_reason_and_type_has_words_in_both_languages_and_every_trouble_a_remedy() {
        let locales = Locales::embedded().unwrap();
        let troubles = Reason::ALL.map(Reason::code).into_iter();
        let troubles: Vec<&str> =
            troubles.chain(["never-received", "never-registered", "unregistered", "flapping"]).collect();
        let others = ["registered", "not-supported", "steady"];
        for language in ["ja", "en"] {
            let words = locales.words(&language.parse::<Language>().unwrap());
            let own = |id: String| assert!(words.knows(&id), "{language}: {id}");
            for code in troubles.iter().chain(&others) {
                own(format!("line-reason-{code}"));
            }
            troubles.iter().for_each(|code| own(format!("line-remedy-{code}")));
            for state in [LineStateName::Registered, LineStateName::NotRegistered, LineStateName::NotSupported] {
                own(format!("line-state-{}", state.as_str()));
            }
            use DeviceType::{DeskPhone, IpTrunk, SipTrunk, Smartphone, Softphone, VideoPhone, Virtual};
            for kind in [DeskPhone, Smartphone, Softphone, VideoPhone, SipTrunk, IpTrunk, Virtual] {
                own(format!("line-type-{}", kind.as_str()));
            }
            assert_eq!(remedy(&words, "registered"), None);
        }
    }
}
