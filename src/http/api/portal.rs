//! `/portal/…`: what people who look after groups of lines may do, logged in by a session of their own. They see the lines of
//! their own groups; all others are not there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use aide::OperationInput;
use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, NoContent, Response};
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::caller::presented;
use super::document::{Named, documented};
use super::exchange::Body;
use super::line_password::{NewPassword, PasswordDraft, overwrite_password};
use super::line_status::{HistoryAsked, HistoryView, LineStatusView, history_of, message_of, status_of};
use super::lines::line_named;
use super::listing::Asked;
use super::time_zone::ZoneAsked;
use crate::directory::{
    Actor, ActorKind, Filter, FilterValue, LineGroup, LineGroups, LineRecord, Lines, Listing, Page, PortalBearer,
    PortalReminder, Recorded,
};
use crate::http::door::AdminDoor;
use crate::http::language::Reader;
use crate::http::problem::Problem;
use crate::locale::{Value, Words};
use crate::mail::Letter;
use crate::vocab::{Language, Secret, TimeZone, UnixMillis};

/// Where the portal is.
pub const PORTAL: &str = "/api/v1/portal/";
/// What is open to those who are not logged in.
const OPEN: [&str; 3] = ["login", "password-reminder", "password"];

/// The paths of the portal.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new()
        .api_route(
            "/portal/login",
            post_with(login, |op| open(documented(op, "portal", "Log in to the portal", &[400, 413, 415, 422]))),
        )
        .api_route(
            "/portal/password-reminder",
            post_with(remind, |op| {
                open(documented(op, "portal", "Ask for a password reminder", &[400, 409, 413, 415, 422]))
                    .response_with::<202, (), _>(|answer| {
                        answer.description("If there is such an account, it gets a letter.")
                    })
            }),
        )
        .api_route(
            "/portal/password",
            post_with(reset, |op| {
                open(documented(op, "portal", "Set a forgotten password", &[400, 404, 412, 413, 415, 422]))
            }),
        )
        .api_route("/portal/logout", post_with(logout, |op| documented(op, "portal", "Log out of the portal", &[])))
        .api_route("/portal/account", get_with(account, |op| documented(op, "portal", "Show one's own account", &[])))
        .api_route(
            "/portal/groups",
            get_with(groups, |op| documented(op, "portal", "List one's own line groups", &[400])),
        )
        .api_route("/portal/lines", get_with(lines, |op| documented(op, "portal", "List one's own lines", &[400])))
        .api_route(
            "/portal/lines/{name}/status",
            get_with(status, |op| documented(op, "portal", "Show the status of one's own line", &[400, 404, 409])),
        )
        .api_route(
            "/portal/lines/{name}/history",
            get_with(history, |op| documented(op, "portal", "List the history of one's own line", &[400, 404, 409])),
        )
        .api_route(
            "/portal/lines/{name}/password",
            post_with(password, |op| {
                documented(op, "portal", "Overwrite the password of one's own line", &[400, 404, 409, 413, 415, 422])
            }),
        )
}

/// Nobody needs to be somebody for that.
fn open(mut op: TransformOperation<'_>) -> TransformOperation<'_> {
    op.inner_mut().security.push(Default::default());
    op
}

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct PortalCaller {
    /// Their account.
    pub bearer: PortalBearer,
    token: Secret,
    source: String,
}

impl PortalCaller {
    /// As the audit names them.
    fn actor(&self) -> Actor {
        Actor { kind: ActorKind::PortalAccount, name: self.bearer.login.clone(), source: self.source.clone() }
    }

    /// The lines of their own groups only.
    fn own(&self, mut listing: Listing) -> Listing {
        let value = FilterValue::Text(self.bearer.login.clone());
        listing.filters.push(Filter { column: "account".to_owned(), value });
        listing
    }

    /// One of those lines; another is not there.
    async fn line(&self, door: &AdminDoor, name: &str) -> Result<LineRecord, Problem> {
        line_named(door, name, Some(&self.bearer.login)).await
    }
}

impl OperationInput for PortalCaller {}

impl<S: Sync> FromRequestParts<S> for PortalCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthorized)
    }
}

/// Lets those through who are logged in, and whoever wants to; each address, and each account, so often.
pub async fn authorize(door: AdminDoor, mut request: Request, next: Next) -> Response {
    let source = address_of(request.extensions().get::<ConnectInfo<SocketAddr>>()).to_string();
    if request.uri().path().strip_prefix(PORTAL).is_some_and(|path| OPEN.contains(&path)) {
        return match door.rates.stranger(&source) {
            Some(seconds) => Problem::too_many(seconds).into_response(),
            None => next.run(request).await,
        };
    }
    let Some(token) = presented(&request) else { return refused(&door, &source) };
    let bearer = match door.directory.portal_bearer(&token, UnixMillis::now()).await {
        Ok(Some(bearer)) => bearer,
        Ok(None) => return refused(&door, &source),
        Err(error) => return Problem::from(error).into_response(),
    };
    if let Some(seconds) = door.rates.bearer(&bearer.account) {
        return Problem::too_many(seconds).into_response();
    }
    request.extensions_mut().insert(PortalCaller { bearer, token, source });
    next.run(request).await
}

fn refused(door: &AdminDoor, source: &str) -> Response {
    door.rates.stranger(source).map_or_else(Problem::unauthorized, Problem::too_many).into_response()
}

fn address_of(connection: Option<&ConnectInfo<SocketAddr>>) -> IpAddr {
    connection.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(address)| address.ip())
}

/// Where a request comes from.
struct Source(IpAddr);

impl OperationInput for Source {}

impl<S: Sync> FromRequestParts<S> for Source {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(address_of(parts.extensions.get::<ConnectInfo<SocketAddr>>())))
    }
}

/// Who wants to log in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LoginDraft {
    /// The name the account logs in with.
    login: String,
    /// Its password.
    password: Secret,
}

/// A session that has begun.
#[derive(Serialize, JsonSchema)]
struct SessionView {
    /// Its token, for `Authorization: Bearer …`; not shown again.
    token: String,
    /// When it ends.
    expires_at: UnixMillis,
}

/// Begins a session. A login nobody has is refused as a wrong password is; after too many, none is looked at for a time.
async fn login(
    State(door): State<AdminDoor>,
    Source(source): Source,
    Body(LoginDraft { login, password }): Body<LoginDraft>,
) -> Result<Json<SessionView>, Problem> {
    let _turn = door.logins.turn(source, &login).await.map_err(|wait| {
        metrics::counter!("portal_unjudged_total").increment(1);
        Problem::too_many(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1))
    })?;
    let Some(session) = door.directory.portal_login(&login, password, UnixMillis::now()).await? else {
        door.logins.count(source, &login);
        tracing::info!(address = %source, "a wrong login or password at the portal");
        metrics::counter!("portal_wrong_logins_total").increment(1);
        return Err(Problem::wrong_login());
    };
    door.logins.forgive(source, &login);
    Ok(Json(SessionView { token: session.token.expose_secret().to_owned(), expires_at: session.expires_at }))
}

/// Who has forgotten their password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReminderDraft {
    /// The name the account logs in with.
    login: String,
}

/// Sends a letter with a token by which the password can be set anew, once and within an hour. The answer is the same, and
/// comes as soon, whether there is such an account or not.
async fn remind(
    State(door): State<AdminDoor>,
    Body(ReminderDraft { login }): Body<ReminderDraft>,
) -> Result<StatusCode, Problem> {
    if !door.mailer.is_on() {
        return Err(Problem::no_mail());
    }
    tokio::spawn(async move {
        match door.directory.portal_remind(&login, UnixMillis::now()).await {
            Ok(Some(reminder)) => {
                door.mailer.send(letter(&door, &reminder));
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "a portal account could not be reminded"),
        }
    });
    Ok(StatusCode::ACCEPTED)
}

fn letter(door: &AdminDoor, reminder: &PortalReminder) -> Letter {
    let words = door.locales.words(reminder.locale.as_ref().unwrap_or(&Language::ENGLISH));
    let token = reminder.token.expose_secret();
    let way = if door.reset_url.is_empty() { token.to_owned() } else { door.reset_url.replace("{token}", token) };
    let arguments = [("login", &reminder.login), ("way", &way), ("ends", &reminder.ends)]
        .map(|(name, text)| (name, Value::from(text)));
    Letter {
        to: reminder.mail.clone(),
        subject: words.say("mail-reminder-subject", &[]),
        text: words.say("mail-reminder-text", &arguments),
    }
}

/// A password that is set by a reminder's token.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResetDraft {
    /// The token of the letter.
    token: Secret,
    /// The new password.
    password: Secret,
}

/// Sets a forgotten password by the token of a reminder. All sessions of the account end.
async fn reset(
    State(door): State<AdminDoor>,
    Source(source): Source,
    Body(ResetDraft { token, password }): Body<ResetDraft>,
) -> Result<NoContent, Problem> {
    match door.directory.portal_reset(&token, password, &source.to_string(), UnixMillis::now()).await? {
        true => Ok(NoContent),
        false => Err(Problem::no_reminder()),
    }
}

/// Ends the session.
async fn logout(State(door): State<AdminDoor>, caller: PortalCaller) -> Result<NoContent, Problem> {
    door.directory.portal_logout(&caller.token).await?;
    Ok(NoContent)
}

/// Who is logged in.
#[derive(Serialize, JsonSchema)]
struct AccountView {
    /// The name it logs in with.
    login: String,
    /// The language it prefers.
    locale: Option<Language>,
    /// The time zone of its clocks.
    time_zone: TimeZone,
}

/// Who is logged in.
async fn account(caller: PortalCaller) -> Json<AccountView> {
    let PortalBearer { login, locale, time_zone, .. } = caller.bearer;
    Json(AccountView { login, locale, time_zone })
}

/// One's own groups of lines.
async fn groups(
    State(door): State<AdminDoor>,
    caller: PortalCaller,
    asked: Asked<LineGroups>,
) -> Result<Json<Page<Recorded<LineGroup>>>, Problem> {
    Ok(Json(door.directory.list::<LineGroups>(&caller.own(asked.0)).await?))
}

/// A line, and how it stands.
#[derive(Serialize, JsonSchema)]
struct PortalLine {
    #[serde(flatten)]
    line: LineRecord,
    /// In words: whether it is registered, and if not, why.
    message: String,
}

/// The lines of one's own groups, and how they stand.
async fn lines(
    State(door): State<AdminDoor>,
    caller: PortalCaller,
    words: OwnWords,
    asked: Asked<Lines>,
) -> Result<Json<Page<PortalLine>>, Problem> {
    door.registrar.lines().settle().await;
    let Page { items, next, total } = door.directory.list::<Lines>(&caller.own(asked.0)).await?;
    let said = |line: LineRecord| PortalLine { message: message_of(&words.0, &line), line };
    Ok(Json(Page { items: items.into_iter().map(said).collect(), next, total }))
}

/// How a line stands, in the words and on the clocks of the account unless others are asked for.
async fn status(
    State(door): State<AdminDoor>,
    Named(name): Named,
    caller: PortalCaller,
    words: OwnWords,
    ZoneAsked(zone): ZoneAsked,
) -> Result<Json<LineStatusView>, Problem> {
    let line = caller.line(&door, &name).await?;
    let zone = zone.unwrap_or(caller.bearer.time_zone);
    Ok(Json(status_of(&door, line, &words.0, &zone).await))
}

/// What happened to a line.
async fn history(
    State(door): State<AdminDoor>,
    Named(name): Named,
    caller: PortalCaller,
    words: OwnWords,
    HistoryAsked { zone, listing }: HistoryAsked,
) -> Result<Json<Page<HistoryView>>, Problem> {
    let line = caller.line(&door, &name).await?;
    let zone = zone.unwrap_or(caller.bearer.time_zone);
    Ok(Json(history_of(&door, &line, listing, &words.0, &zone).await?))
}

/// Overwrites a line's password. Its phone is told to fetch it.
async fn password(
    State(door): State<AdminDoor>,
    Named(name): Named,
    caller: PortalCaller,
    Body(draft): Body<PasswordDraft>,
) -> Result<Json<NewPassword>, Problem> {
    let line = caller.line(&door, &name).await?;
    Ok(Json(overwrite_password(&door, &line, draft, &caller.actor()).await?))
}

/// The words of the language asked for, or else of the account's.
struct OwnWords(Words);

impl OperationInput for OwnWords {}

impl FromRequestParts<AdminDoor> for OwnWords {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &AdminDoor) -> Result<Self, Problem> {
        let own = parts.extensions.get::<PortalCaller>().and_then(|caller| caller.bearer.locale.clone());
        match own {
            Some(own) if !parts.headers.contains_key(header::ACCEPT_LANGUAGE) => Ok(Self(door.locales.words(&own))),
            _ => match Reader::from_request_parts(parts, door).await {
                Ok(Reader(words)) => Ok(Self(words)),
                Err(never) => match never {},
            },
        }
    }
}
