//! A virtual phone in a test's hands: taken from its box, registered, heard and driven through the conversation.
//!
//! It knows the recordings by their names and nothing of the server but its addresses.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OnceCell, mpsc};
use tsunagu::app::REFUSALS;
use tsunagu::cti::Voice;
use tsunagu::phone::{
    Account, Call, KeyPresses, Make, Model, Phone, PhoneError, PhoneEvent, PhoneOptions, PromptPrints, SipTransport,
};
use tsunagu::vocab::{MacAddress, Secret};

/// How long anything may take that takes seconds at the most.
pub const SOON: Duration = Duration::from_secs(30);
/// How long the ear may doubt which recording it heard.
const LONGEST_DOUBT: Duration = Duration::from_millis(1200);
/// The number that reaches the voice.
pub const ROUTE_POINT: &str = "2000";

/// Where a server is reached.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its SIP address.
    pub sip: SocketAddr,
    /// Its door for phones.
    pub handset: SocketAddr,
}

/// What the English recordings sound like; made once for all tests of a program.
pub async fn prints() -> Arc<PromptPrints> {
    static PRINTS: OnceCell<Arc<PromptPrints>> = OnceCell::const_new();
    let read = || async { tokio::task::spawn_blocking(read_prints).await.unwrap() };
    PRINTS.get_or_init(read).await.clone()
}

fn read_prints() -> Arc<PromptPrints> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/en");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        (format!("en/{}", path.file_name().unwrap().to_string_lossy()), std::fs::read(&path).unwrap())
    });
    let library = Voice::library(files).unwrap();
    let recordings = library.languages().flat_map(|language| {
        library.ids(language).filter_map(|id| Some((language.clone(), id.clone(), library.pcm(language, id)?)))
    });
    Arc::new(PromptPrints::new(recordings))
}

/// A phone as it leaves its box. The last octets of its hardware address are `number`.
pub fn factory_new(place: &Place, make: Make, number: u16) -> PhoneOptions {
    let [high, low] = number.to_be_bytes();
    let (model, vendor) = match make {
        Make::AudioCodes => (Model::audiocodes_420hd(), [0x00, 0x90, 0x8f]),
        Make::Yealink => (Model::yealink_t46s(), [0x80, 0x5e, 0xc0]),
    };
    let mac = MacAddress::from([vendor[0], vendor[1], vendor[2], 0x20, high, low]);
    let local = loopback_beside(place.sip);
    let mut options = PhoneOptions::new(local, mac, model, mpsc::channel(1).0);
    options.handset_url = Some(format!("http://{}", place.handset));
    options.boot_time = Duration::from_millis(100);
    options.ring_time = Duration::from_millis(100);
    options
}

/// A phone that takes no configuration: only the server's address was typed in, and a name.
pub fn generic(place: &Place, name: &str, transport: SipTransport) -> PhoneOptions {
    let mut options = factory_new(place, Make::AudioCodes, 0);
    options.handset_url = None;
    options.transport = transport;
    options.user_agent = "Softphone/1.0".to_owned();
    options.account = Some(account(place, name, name, "anything at all"));
    options
}

/// A line as somebody types it in.
pub fn account(place: &Place, number: &str, auth_name: &str, password: &str) -> Account {
    Account {
        server: place.sip.to_string(),
        number: number.to_owned(),
        auth_name: auth_name.to_owned(),
        password: Some(Secret::from(password.to_owned())),
        display_name: String::new(),
    }
}

fn loopback_beside(server: SocketAddr) -> IpAddr {
    match server {
        SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    }
}

/// A phone that is on, with an ear, and all it told.
pub struct Handset {
    /// The phone.
    pub phone: Phone,
    told: Arc<Mutex<Vec<PhoneEvent>>>,
}

impl Handset {
    /// Switches it on.
    pub async fn switch_on(mut options: PhoneOptions) -> Self {
        let (events, mut telling) = mpsc::channel(1024);
        options.events = events;
        options.prints = Some(prints().await);
        let told = Arc::new(Mutex::new(Vec::new()));
        let keeper = told.clone();
        tokio::spawn(async move {
            while let Some(event) = telling.recv().await {
                keeper.lock().unwrap().push(event);
            }
        });
        Self { phone: Phone::boot(options).await.unwrap(), told }
    }

    /// Switches it on and lets it do what it does by itself: fetch, if it knows from where, and register.
    pub async fn plug_in(options: PhoneOptions) -> Result<Self, PhoneError> {
        let fetches = options.handset_url.is_some();
        let handset = Self::switch_on(options).await;
        if fetches {
            handset.phone.fetch_configuration().await?;
        }
        handset.phone.register().await?;
        Ok(handset)
    }

    /// Everything it told so far.
    pub fn events(&self) -> Vec<PhoneEvent> {
        self.told.lock().unwrap().clone()
    }

    /// Waits until it has told something of that kind, and gives that.
    pub async fn tells<T>(&self, what: &str, mut wanted: impl FnMut(&PhoneEvent) -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + SOON;
        loop {
            if let Some(found) = self.events().iter().find_map(&mut wanted) {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "the phone did not tell {what}: {:?}", self.events());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Dials the route point and waits for the voice to answer.
    pub async fn call_in(&self) -> Call {
        let mut call = self.phone.dial(ROUTE_POINT).await.unwrap();
        call.wait_answered(SOON).await.unwrap();
        call
    }

    /// A whole call: claims the phone, hears the verdict out and hangs up. Gives the extension the voice said, or the
    /// recording of its refusal.
    pub async fn claim(&self, id: &str, credential: &str) -> Result<String, String> {
        let mut call = self.call_in().await;
        let verdict = key_in(&mut call, id, credential, KeyPresses::Events).await;
        match verdict.is_ok() {
            true => call.hang_up().await,
            // It is the server that hangs up after a refusal; a first wrong PIN is none yet.
            false if verdict == Err("wrong-credentials".to_owned()) => call.hang_up().await,
            false => {}
        }
        call.wait_ended(SOON).await.unwrap();
        verdict
    }
}

/// Goes through the conversation in English as far as a verdict. Gives the extension the voice said, or the recording of
/// its refusal.
pub async fn key_in(call: &mut Call, id: &str, credential: &str, how: KeyPresses) -> Result<String, String> {
    wait(call, &["welcome", "ask-id"]).await?;
    call.press_as(&format!("{id}#"), how).await.unwrap();
    wait(call, &["confirm-lead"]).await?;
    call.press_as("#", how).await.unwrap();
    let asked = wait(call, &["ask-pin", "ask-pin-or-code", "ask-code", "extension-lead"]).await?;
    if asked != "extension-lead" {
        call.press_as(&format!("{credential}#"), how).await.unwrap();
        wait(call, &["extension-lead"]).await?;
    }
    let next = wait(call, &["next-restart", "next-ready"]).await?;
    // A short recording may be reported later than a long one that follows it.
    tokio::time::sleep(LONGEST_DOUBT).await;
    let begin = |id: &str| call.heard().iter().rev().find(|prompt| prompt.id.as_str() == id).map(|prompt| prompt.at_ms);
    let (lead, next) = (begin("extension-lead"), begin(&next));
    let mut said = call.heard();
    said.retain(|prompt| Some(prompt.at_ms) > lead && Some(prompt.at_ms) < next);
    said.sort_by_key(|prompt| prompt.at_ms);
    Ok(said.iter().filter_map(|prompt| prompt.id.as_str().strip_prefix("digit-")).collect())
}

/// Waits for one of these recordings; a refusal instead is the end.
pub async fn wait(call: &mut Call, wanted: &[&str]) -> Result<String, String> {
    let heard = call.wait_prompt(&[wanted, &REFUSALS[..]].concat(), SOON).await;
    let heard = heard.unwrap_or_else(|error| panic!("waiting for {wanted:?}: {error}; heard {:?}", call.heard())).id;
    match wanted.contains(&heard.as_str()) {
        true => Ok(heard.to_string()),
        false => Err(heard.to_string()),
    }
}
