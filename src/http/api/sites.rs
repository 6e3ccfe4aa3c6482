//! `/sites`: this site and its peer; and how lines and phones stand at each, in the reader's words.

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
use crate::directory::{DrForward, Phone, PhoneState, Recorded};
use crate::http::door::AdminDoor;
use crate::http::language::Reader;
use crate::http::problem::Problem;
use crate::locale::Words;
use crate::sip::Transport;
use crate::sites::{AtPeer, SitesKind, SitesSettings, SitesShown, Unknown};
use crate::vocab::{DirectoryNumber, MacAddress, PhoneId, UnixMillis};

const TAG: &str = "sites";

type View = Tagged<Recorded<SitesShown>>;

/// The settings.
pub fn settings_router() -> ApiRouter<AdminDoor> {
    ApiRouter::new().api_route(
        "/sites",
        get_with(show, |op| documented(op, TAG, "Show the settings of the sites", &[]).response::<200, View>())
            .patch_with(change, |op| {
                documented(op, TAG, "Change the settings of the sites", &[400, 409, 412, 413, 415, 422])
                    .response::<200, View>()
            }),
    )
}

/// What is seen of the sites.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new()
        .api_route("/sites/peer", get_with(peer, |op| documented(op, TAG, "Show the peer site", &[404])))
        .api_route(
            "/phones/{name}/how-to-register",
            get_with(how_to_register, |op| documented(op, "phones", "Show how to register a phone", &[400, 404])),
        )
}

async fn show(State(door): State<AdminDoor>) -> Result<View, Problem> {
    Ok(Tagged(StatusCode::OK, door.directory.settings::<SitesKind>().await?))
}

/// Changes them; calls and phones' files follow at once. Phones are told their second server at a pace.
async fn change(
    State(door): State<AdminDoor>,
    caller: Caller,
    Expected(expected): Expected,
    Patch(patch, _): Patch<SitesSettings>,
) -> Result<View, Problem> {
    let (actor, now) = (caller.actor(), UnixMillis::now());
    let kept = door.directory.change_settings::<SitesKind>(&patch, expected, &actor, now).await?;
    door.sites.reload().await?;
    Ok(Tagged(StatusCode::OK, kept))
}

/// The peer site as it is seen from here.
#[derive(Serialize, JsonSchema)]
struct PeerView {
    /// What it is called.
    name: String,
    /// Where it takes SIP.
    address: String,
    /// On which port.
    port: u16,
    /// How SIP travels there.
    transport: &'static str,
    /// True if it was answered when its API was asked last.
    is_known: bool,
    #[serde(flatten)]
    fault: FaultView,
}

/// Why something of the peer is not known.
#[derive(Default, Serialize, JsonSchema)]
struct FaultView {
    /// Why it is not known, in a word: `not-set`, `unreachable`, `refused`, `unreadable`; none where it is.
    fault: Option<&'static str>,
    /// The same in words.
    fault_text: Option<String>,
    /// What exactly was met.
    detail: Option<String>,
    /// Since when.
    since: Option<UnixMillis>,
}

impl FaultView {
    fn of(unknown: &Unknown, words: &Words) -> Self {
        let code = unknown.fault.code();
        Self {
            fault: Some(code),
            fault_text: Some(words.say(&format!("site-fault-{code}"), &[])),
            detail: Some(unknown.fault.to_string()),
            since: unknown.since,
        }
    }
}

/// The peer site, and whether it can be asked what is live there.
async fn peer(State(door): State<AdminDoor>, Reader(words): Reader) -> Result<Json<PeerView>, Problem> {
    let site = door.sites.site();
    let peer = site.peer.as_ref().ok_or_else(|| Problem::not_found("peer site"))?;
    let unknown = door.sites.fault();
    Ok(Json(PeerView {
        name: peer.name.clone(),
        address: peer.host.to_string(),
        port: peer.port,
        transport: peer.transport.as_param(),
        is_known: unknown.is_none(),
        fault: unknown.map(|unknown| FaultView::of(&unknown, &words)).unwrap_or_default(),
    }))
}

/// How a line or phone stands at one site.
#[derive(Serialize, JsonSchema)]
pub struct SiteView {
    /// What the site is called.
    name: String,
    /// True for this site.
    is_this: bool,
    /// `registered`, `not-registered`, `no-line` (nobody has the number there) or `unknown`.
    state: &'static str,
    /// The same in words.
    state_text: String,
    /// The addresses it is registered from there.
    registered_from: Vec<String>,
    #[serde(flatten)]
    fault: FaultView,
}

/// How a number on the phone with this hardware address stands at each site, this one first; `here` are the addresses it is registered from
/// here.
pub async fn sites_of(
    door: &AdminDoor,
    number: Option<&DirectoryNumber>,
    mac: Option<MacAddress>,
    here: Vec<String>,
    words: &Words,
) -> Vec<SiteView> {
    let site = door.sites.site();
    let state = if here.is_empty() { AtPeer::NotRegistered } else { AtPeer::Registered(here) };
    let mut sites = vec![SiteView::of(site.name.clone(), true, state, words)];
    if let Some(peer) = &site.peer {
        let there = match number {
            Some(number) => door.sites.at_peer(number, mac).await,
            None => Some(AtPeer::NoLine),
        };
        sites.extend(there.map(|there| SiteView::of(peer.name.clone(), false, there, words)));
    }
    sites
}

impl SiteView {
    fn of(name: String, is_this: bool, state: AtPeer, words: &Words) -> Self {
        let (state, registered_from, fault) = match state {
            AtPeer::Registered(from) => ("registered", from, FaultView::default()),
            AtPeer::NotRegistered => ("not-registered", Vec::new(), FaultView::default()),
            AtPeer::NoLine => ("no-line", Vec::new(), FaultView::default()),
            AtPeer::Unknown(unknown) => ("unknown", Vec::new(), FaultView::of(&unknown, words)),
        };
        let state_text = words.say(&format!("site-state-{state}"), &[]);
        Self { name, is_this, state, state_text, registered_from, fault }
    }
}

/// What a phone is to be set to, so that it registers; and whether it does.
#[derive(Serialize, JsonSchema)]
struct HowToRegister {
    /// The phone.
    phone: PhoneId,
    /// The user name it registers as.
    user: String,
    /// The user name of its credentials.
    auth_name: String,
    /// True if it is to register with the second server at the same time.
    uses_secondary_registration: bool,
    /// What becomes of calls to its number while it is live at the peer site only.
    dr_forward: DrForward,
    /// The server it registers with first.
    primary: RegistrationView,
    /// The second one, at the peer site, where there is one.
    secondary: Option<RegistrationView>,
}

/// A server to register with.
#[derive(Serialize, JsonSchema)]
struct RegistrationView {
    /// The address of the server.
    address: String,
    /// Its port.
    port: u16,
    /// How SIP travels: `udp`, `tcp` or `tls`.
    transport: &'static str,
    #[serde(flatten)]
    site: SiteView,
}

/// The addresses, ports and transports a phone registers with, at this site and its peer, and whether it is registered there. For
/// phones that are set up by hand; those that fetch their configuration have it from there.
async fn how_to_register(
    State(door): State<AdminDoor>,
    Named(id): Named,
    Reader(words): Reader,
) -> Result<Json<HowToRegister>, Problem> {
    let id: PhoneId = id.parse().map_err(|_| Problem::not_found("phone"))?;
    let phone = door.directory.phone(id).await?.ok_or_else(|| Problem::not_found("phone"))?;
    let number = phone.lines.first().map(|line| line.number.clone());
    let here = registered_from(&door, &phone);
    let mut sites = sites_of(&door, number.as_ref(), phone.mac, here, &words).await.into_iter();
    let Some(own) = sites.next() else { return Err(Problem::not_found("phone")) };
    let primary = primary(&door, &phone, own);
    let site = door.sites.site();
    let uses_secondary_registration =
        site.peer.is_some() && door.enrolments.uses_secondary_registration(&phone).await?;
    let secondary = site.peer.as_ref().zip(sites.next()).map(|(peer, site)| RegistrationView {
        address: peer.host.to_string(),
        port: peer.port,
        transport: peer.transport.as_param(),
        site,
    });
    let dr_forward = match &number {
        Some(number) => door.sites.dr_forward(number).await,
        None => DrForward::Off,
    };
    let own_name = number.as_ref().filter(|_| phone.is_managed).map(ToString::to_string);
    Ok(Json(HowToRegister {
        phone: phone.id,
        user: own_name.unwrap_or_else(|| phone.auth_name.clone()),
        auth_name: phone.auth_name,
        uses_secondary_registration,
        dr_forward,
        primary,
        secondary,
    }))
}

/// The addresses a phone is registered from here.
pub fn registered_from(door: &AdminDoor, phone: &Phone) -> Vec<String> {
    let bindings = door.registrar.location().of_phone(phone.id, Instant::now());
    bindings.iter().map(|(_, binding)| door.registrar.location().origin_of(binding).to_string()).collect()
}

/// The server as this phone reaches it: where it came to, or else where it would come to from the address it was first seen at.
fn primary(door: &AdminDoor, phone: &Phone, site: SiteView) -> RegistrationView {
    let bindings = door.registrar.location().of_phone(phone.id, Instant::now());
    let registered = bindings.into_iter().map(|(_, binding)| binding.flow).find(|flow| flow.local.port() != 0);
    let source = door.directory.accounts().of(phone.id).map(|account| account.source);
    let wanted = if phone.state == PhoneState::Released { Transport::Udp } else { phone.transport };
    let flow = registered.or_else(|| {
        let source = std::net::SocketAddr::new(source?, wanted.default_port());
        let mut ways = [wanted, Transport::Udp, Transport::Tcp, Transport::Tls].into_iter();
        ways.find_map(|transport| door.endpoint.flow_to(transport, source).ok())
    });
    let (address, port, transport) = match flow {
        Some(flow) => (flow.local.ip().to_string(), flow.local.port(), flow.transport),
        None => (String::new(), wanted.default_port(), wanted),
    };
    RegistrationView { address, port, transport: transport.as_param(), site }
}

#[cfg(test)]
mod tests {
    use crate::locale::Locales;
    use crate::sites::PeerFault;
    use crate::vocab::Language;

    #[test]
    fn every_state_and_fault_has_words_in_both_languages() {
        let locales = Locales::embedded().unwrap();
        for language in ["ja", "en"] {
            let words = locales.words(&language.parse::<Language>().unwrap());
            for state in ["registered", "not-registered", "no-line", "unknown"] {
                assert!(words.knows(&format!("site-state-{state}")), "{language}: {state}");
            }
            let faults = [
                PeerFault::NotSet,
                PeerFault::Unreachable(String::new()),
                PeerFault::Refused(401),
                PeerFault::Unreadable,
            ];
            for fault in faults {
                assert!(words.knows(&format!("site-fault-{}", fault.code())), "{language}: {fault}");
            }
        }
    }
}
