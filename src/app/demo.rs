//! `tsunagu demo`: a server of its own, and a virtual phone that lives the whole way on it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::arguments::DemoArguments;
use super::config::Config;
use super::demo_directory::{self, DemoUser};
use super::journey::{self, Journey, JourneyError};
use super::output;
use super::phone_command::{Story, environment_language};
use super::server::{self, Running, StartError};
use crate::directory::{DirectoryError, Listed, Listing, Phones};
use crate::enrolment::{Enrolment, EnrolmentRows};
use crate::locale::{LocaleError, Locales, Words};
use crate::phone::{Model, PhoneOptions};
use crate::sip::address_towards;
use crate::vocab::{Language, MacAddress, Secret};

/// The demo's phone.
const MAC: [u8; 6] = [0x00, 0x90, 0x8f, 0x42, 0x0d, 0x01];

/// An address that is nobody's (RFC 5737), reached like any other.
const THE_WORLD: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("cannot make a temporary folder: {0}")]
    Folder(#[from] std::io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Locale(#[from] LocaleError),
    #[error(transparent)]
    Journey(#[from] JourneyError),
    #[error("the server did not see the enrolment complete")]
    Unverified,
}

/// A folder that goes away with the demo.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn make() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("tsunagu-demo-{:016x}", rand::random::<u64>()));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the demo.
pub async fn run(arguments: DemoArguments) -> ExitCode {
    let language = arguments.lang.clone().unwrap_or_else(environment_language);
    match show(&arguments, language).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::fail(&error),
    }
}

async fn show(arguments: &DemoArguments, language: Language) -> Result<(), DemoError> {
    let started = Instant::now();
    // Before anything is announced: whoever hears of the server may stop it at once.
    let mut stop = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let words = Locales::embedded()?.words(&language);
    let folder = TemporaryFolder::make()?;
    let running = server::start(config(arguments.keep, &language), &folder.0).await?;
    let mut users = demo_directory::fill(&running.directory).await?;
    let own = users.pop().ok_or(DemoError::Unverified)?;
    let token = running.token.clone().unwrap_or_else(|| Secret::from(String::new()));
    let place = Place::of(&running, arguments.keep);
    if arguments.json {
        output::line(&place.ready(&token, &users).to_string());
    } else {
        output::line(&words.say("story-title", &[]));
        let server = [
            ("sip", (&place.sip).into()),
            ("handset", (&place.handset_url).into()),
            ("admin", (&place.admin_url).into()),
        ];
        output::line(&words.say("story-server", &server));
    }
    let story = tokio::select! {
        story = tell(arguments, &running, &own, &language, &words, started) => Some(story),
        () = stopped(&mut stop) => None,
    };
    if let (true, Some(Ok(()))) = (arguments.keep, &story) {
        if !arguments.json {
            invite(&words, &place, &token, &users);
        }
        stopped(&mut stop).await;
    }
    running.drain().await;
    story.unwrap_or(Ok(()))
}

/// Waits for a signal to stop.
async fn stopped(stop: &mut (tokio::signal::unix::Signal, tokio::signal::unix::Signal)) {
    tokio::select! {
        _ = stop.0.recv() => {}
        _ = stop.1.recv() => {}
    }
}

/// The story: lived by the phone, checked at the server.
async fn tell(
    arguments: &DemoArguments,
    running: &Running,
    own: &DemoUser,
    language: &Language,
    words: &Words,
    started: Instant,
) -> Result<(), DemoError> {
    let (teller, told) = mpsc::channel(1024);
    let mut options =
        PhoneOptions::new(Ipv4Addr::LOCALHOST.into(), MacAddress::from(MAC), Model::audiocodes_420hd(), teller.clone());
    options.handset_url = Some(format!("http://127.0.0.1:{}", running.handset.port()));
    options.prints = Some(journey::prints().await?);
    options.ring_time = Duration::from_millis(300);
    let journey = Journey {
        options,
        route_point: "2000".to_owned(),
        id: own.self_service_id.clone(),
        pin: own.pin.clone(),
        language: language.clone(),
        hurries: true,
        expects_ring_back: true,
    };
    let story = tokio::spawn(Story::new(words.clone(), arguments.json)?.tell(told));
    let arrived = journey::live(journey, teller).await;
    let ladder = story.await.unwrap_or_default();
    let verified = match &arrived {
        Ok(_) => enrolled(running).await,
        Err(_) => None,
    };
    if arguments.json {
        let result = json!({
            "type": "result",
            "verified": verified.is_some(),
            "error": arrived.as_ref().err().map(ToString::to_string),
            "enrolment": verified,
        });
        output::line(&result.to_string());
    } else {
        output::line(&format!("\n{}\n{ladder}", words.say("story-ladder", &[])));
        if let Some(enrolment) = &verified {
            show_timeline(words, enrolment);
        }
        let line = match (&arrived, &verified) {
            (Ok(arrived), Some(_)) => words.say(
                "story-verified",
                &[
                    ("seconds", i64::try_from(started.elapsed().as_secs()).unwrap_or(0).into()),
                    ("user", (&own.name).into()),
                    ("extension", (&arrived.extension).into()),
                ],
            ),
            (Ok(_), None) => words.say("story-failed", &[("why", (&DemoError::Unverified.to_string()).into())]),
            (Err(error), _) => words.say("story-failed", &[("why", (&error.to_string()).into())]),
        };
        output::line(&line);
    }
    arrived?;
    verified.map(|_| ()).ok_or(DemoError::Unverified)
}

/// The demo's enrolment, if the server saw it complete.
async fn enrolled(running: &Running) -> Option<Enrolment> {
    let query = [("mac".to_owned(), MacAddress::from(MAC).to_string())];
    let phones = Listing::parse(Phones::TABLE, &query).ok()?;
    let phone = running.directory.phones(&phones).await.ok()?.items.pop()?;
    let query = [("phone".to_owned(), phone.id.to_string())];
    let enrolments = Listing::parse(EnrolmentRows::TABLE, &query).ok()?;
    let enrolments = running.enrolments.list(&enrolments).await.ok()?;
    enrolments
        .items
        .into_iter()
        .find(|enrolment| enrolment.phone == phone.id && enrolment.ending.as_deref() == Some("complete"))
}

fn show_timeline(words: &Words, enrolment: &Enrolment) {
    output::line(&words.say("story-timeline", &[]));
    for step in &enrolment.steps {
        let after = step.at.since(enrolment.started_at);
        let what = words.say(&format!("step-{}", step.step), &[]);
        output::line(&format!("{:>6}.{:03}    {what}  {}", after.as_secs(), after.subsec_millis(), step.detail));
    }
    output::line("");
}

fn invite(words: &Words, place: &Place, token: &Secret, users: &[DemoUser]) {
    output::line(&format!("\n{}", words.say("try-title", &[])));
    let generic = [("sip", (&place.sip).into()), ("number", "2000".into())];
    output::line(&format!("  {}", words.say("try-generic", &generic)));
    output::line(&format!("  {}", words.say("try-handset", &[("url", (&place.handset_url).into())])));
    output::line(&format!("  {}", words.say("try-users", &[])));
    for user in users {
        let user = [
            ("name", (&user.name).into()),
            ("id", (&user.self_service_id).into()),
            ("pin", (&user.pin).into()),
            ("extension", (&user.extension).into()),
        ];
        output::line(&format!("    {}", words.say("try-user", &user)));
    }
    let admin = [("token", token.expose_secret().into()), ("url", (&place.admin_url).into())];
    output::line(&format!("  {}", words.say("try-admin", &admin)));
    output::line(&words.say("try-stop", &[]));
}

/// Where everything is, as others reach it.
struct Place {
    sip: String,
    handset_url: String,
    admin_url: String,
}

impl Place {
    fn of(running: &Running, is_open: bool) -> Self {
        let ip = if is_open { own_address() } else { Ipv4Addr::LOCALHOST.into() };
        let sip = running.sip.first().map_or(0, |(_, address)| address.port());
        Self {
            sip: SocketAddr::new(ip, sip).to_string(),
            handset_url: format!("http://{}", SocketAddr::new(ip, running.handset.port())),
            admin_url: format!("http://{}", running.admin),
        }
    }

    fn ready(&self, token: &Secret, users: &[DemoUser]) -> serde_json::Value {
        json!({
            "sip": self.sip,
            "handset_url": self.handset_url,
            "admin_url": self.admin_url,
            "token": token.expose_secret(),
            "route_point": "2000",
            "users": users,
        })
    }
}

/// The address phones on the same network reach this machine by: that on the way to the world. Loopback where there is no network.
fn own_address() -> IpAddr {
    address_towards(THE_WORLD).unwrap_or(Ipv4Addr::LOCALHOST.into())
}

/// The demo's settings: both languages, the story's first, auto-registration on. On loopback, or with `is_open` for phones on the network too,
/// at the usual ports where they are free.
fn config(is_open: bool, first: &Language) -> Config {
    let mut config = Config::default();
    let ip: IpAddr = if is_open { Ipv4Addr::UNSPECIFIED.into() } else { Ipv4Addr::LOCALHOST.into() };
    let sip = if is_open { free_port(ip, 5060) } else { free_port(ip, 0) };
    config.listen.sip_udp = vec![SocketAddr::new(ip, sip)];
    config.listen.sip_tcp = vec![SocketAddr::new(ip, sip)];
    let door = |ip, usual| SocketAddr::new(ip, if is_open { free_port(ip, usual) } else { 0 });
    config.listen.handset = door(ip, 8081);
    config.listen.admin = door(Ipv4Addr::LOCALHOST.into(), 8080);
    config.self_provisioning.active = true;
    config.auto_registration.enabled = true;
    config.auto_registration.per_address_per_minute = 600;
    let mut dialogue: crate::ivr::DialogueDraft = config.dialogue.clone().into();
    dialogue.languages = match *first == Language::JAPANESE {
        true => vec![Language::JAPANESE, Language::ENGLISH],
        false => vec![Language::ENGLISH, Language::JAPANESE],
    };
    if let Ok(dialogue) = dialogue.try_into() {
        config.dialogue = dialogue;
    }
    config.limits.drain_seconds = 1;
    config
}

/// `usual` if UDP and TCP are free there, else a port that is.
fn free_port(ip: IpAddr, usual: u16) -> u16 {
    let is_free = |port| UdpSocket::bind((ip, port)).is_ok() && TcpListener::bind((ip, port)).is_ok();
    if usual != 0 && is_free(usual) {
        return usual;
    }
    let any = || UdpSocket::bind((ip, 0)).and_then(|socket| socket.local_addr()).map_or(0, |address| address.port());
    (0..16).map(|_| any()).find(|port| is_free(*port)).unwrap_or(0)
}
