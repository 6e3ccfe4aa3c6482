//! `tsunagu phone …`: the virtual phone as the operators' smoke test, and the telling of what it lives.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::arguments::{EnrolArguments, RegisterArguments, VirtualPhone};
use super::journey::{self, Journey};
use super::output;
use crate::locale::{LocaleError, Locales, Spoken, Words};
use crate::phone::{
    Account, ConfigurationUrl, Ladder, Model, Phone, PhoneError, PhoneEvent, PhoneOptions, SipTransport,
};
use crate::sip::address_towards;
use crate::vocab::{Language, Secret};

/// `tsunagu phone enrol`
pub async fn enrol(arguments: EnrolArguments) -> ExitCode {
    let (teller, told) = mpsc::channel(1024);
    let Some(mut options) =
        options(&arguments.phone, reach(arguments.server, arguments.handset_url.as_deref()), &teller)
    else {
        return ExitCode::from(2);
    };
    options.handset_url = arguments.handset_url.clone();
    // A hardware address of digits only would be taken for a number.
    let name = format!("phone-{}", arguments.phone.mac);
    options.account = arguments.server.map(|server| Account {
        server: server.to_string(),
        number: name.clone(),
        auth_name: name.clone(),
        password: Some(Secret::from(name)),
        display_name: String::new(),
    });
    match journey::prints().await {
        Ok(prints) => options.prints = Some(prints),
        Err(error) => return output::fail(&error),
    }
    let story = match Story::begin(arguments.phone.json, told) {
        Ok(story) => story,
        Err(error) => return output::fail(&error),
    };
    let journey = Journey {
        options,
        route_point: arguments.route_point,
        id: arguments.id,
        pin: arguments.pin,
        language: arguments.lang,
        hurries: false,
        expects_ring_back: false,
    };
    let arrived = journey::live(journey, teller).await;
    let _ = story.await;
    match arrived {
        Ok(arrived) => {
            if arguments.phone.json {
                output::line(
                    &json!({ "type": "result", "verified": true, "extension": arrived.extension }).to_string(),
                );
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            if arguments.phone.json {
                output::line(&json!({ "type": "result", "verified": false, "error": error.to_string() }).to_string());
            }
            output::fail(&error)
        }
    }
}

/// `tsunagu phone register`
pub async fn register(arguments: RegisterArguments) -> ExitCode {
    let (teller, told) = mpsc::channel(1024);
    let Some(mut options) = options(&arguments.phone, Some(arguments.server), &teller) else {
        return ExitCode::from(2);
    };
    drop(teller);
    options.account = Some(Account {
        server: arguments.server.to_string(),
        auth_name: arguments.auth_name.unwrap_or_else(|| arguments.number.clone()),
        number: arguments.number,
        password: Some(Secret::from(arguments.password)),
        display_name: String::new(),
    });
    let story = match Story::begin(arguments.phone.json, told) {
        Ok(story) => story,
        Err(error) => return output::fail(&error),
    };
    let outcome = stay_registered(options, Duration::from_secs(arguments.stay)).await;
    let _ = story.await;
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::fail(&error),
    }
}

async fn stay_registered(options: PhoneOptions, stay: Duration) -> Result<(), PhoneError> {
    let phone = Phone::boot(options).await?;
    phone.register().await?;
    tokio::time::sleep(stay).await;
    phone.unregister().await
}

fn options(
    phone: &VirtualPhone,
    server: Option<SocketAddr>,
    teller: &mpsc::Sender<PhoneEvent>,
) -> Option<PhoneOptions> {
    let model = match phone.make.as_str() {
        "audiocodes" => Model::audiocodes_420hd(),
        "yealink" => Model::yealink_t46s(),
        _ => {
            output::fail(&Wrong("--make", "audiocodes or yealink"));
            return None;
        }
    };
    let transport = match phone.transport.as_str() {
        "udp" => SipTransport::Udp,
        "tcp" => SipTransport::Tcp,
        _ => {
            output::fail(&Wrong("--transport", "udp or tcp"));
            return None;
        }
    };
    let local = server.and_then(address_towards).unwrap_or(Ipv4Addr::LOCALHOST.into());
    let mut options = PhoneOptions::new(local, phone.mac, model, teller.clone());
    options.transport = transport;
    Some(options)
}

#[derive(Debug, thiserror::Error)]
#[error("{0} takes {1}")]
struct Wrong(&'static str, &'static str);

/// The server's address, from wherever it was given.
fn reach(server: Option<SocketAddr>, url: Option<&str>) -> Option<SocketAddr> {
    use std::net::ToSocketAddrs;
    let authority = || url?.strip_prefix("http://")?.split('/').next();
    server.or_else(|| {
        let authority = authority()?;
        let with_port = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
        with_port.to_socket_addrs().ok()?.next()
    })
}

/// The language of the environment: that of LANG where there are words in it, else English.
pub fn environment_language() -> Language {
    let lang = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    if lang.starts_with("ja") { Language::JAPANESE } else { Language::ENGLISH }
}

/// Tells what a phone lives, in words or as JSON lines.
pub struct Story {
    words: Words,
    is_json: bool,
    spoken: Vec<Spoken>,
    ladder: Ladder,
}

impl Story {
    /// In these words.
    pub fn new(words: Words, is_json: bool) -> Result<Self, LocaleError> {
        let locales = Locales::embedded()?;
        let spoken = locales.spoken_languages().into_iter().map(|language| locales.spoken(&language));
        Ok(Self { words, is_json, spoken: spoken.collect::<Result<_, _>>()?, ladder: Ladder::default() })
    }

    /// Begins to tell, in the words of the environment.
    fn begin(is_json: bool, told: mpsc::Receiver<PhoneEvent>) -> Result<JoinHandle<Ladder>, LocaleError> {
        let words = Locales::embedded()?.words(&environment_language());
        Ok(tokio::spawn(Self::new(words, is_json)?.tell(told)))
    }

    /// Tells every event until the phone is gone; gives the SIP ladder.
    pub async fn tell(mut self, mut told: mpsc::Receiver<PhoneEvent>) -> Ladder {
        while let Some(event) = told.recv().await {
            self.ladder.take(&event);
            if self.is_json {
                if let Ok(line) = serde_json::to_string(&event) {
                    output::line(&line);
                }
            } else if let Some(line) = self.line(&event) {
                output::line(&format!("  {line}"));
            }
        }
        self.ladder
    }

    fn line(&self, event: &PhoneEvent) -> Option<String> {
        let say = |id: &str, arguments: &[(&str, crate::locale::Value<'_>)]| Some(self.words.say(id, arguments));
        match event {
            PhoneEvent::Fetched { url_kind, bytes, took_ms, .. } => {
                let took = i64::try_from(*took_ms).unwrap_or(i64::MAX);
                let id = match url_kind {
                    ConfigurationUrl::Provisioned => "story-fetched-own",
                    ConfigurationUrl::Factory => "story-fetched-first",
                };
                say(id, &[("bytes", (*bytes).into()), ("took", took.into())])
            }
            PhoneEvent::FetchFailed { status, .. } => {
                say("story-fetch-failed", &[("status", i64::from(*status).into())])
            }
            PhoneEvent::Registered { number, expires } => {
                say("story-registered", &[("number", number.into()), ("expires", (*expires).into())])
            }
            PhoneEvent::Unregistered { number } => say("story-unregistered", &[("number", number.into())]),
            PhoneEvent::RegistrationFailed { status, reason, .. } => {
                say("story-registration-failed", &[("status", i64::from(*status).into()), ("reason", reason.into())])
            }
            PhoneEvent::Calling { number } => say("story-calling", &[("number", number.into())]),
            PhoneEvent::Ringing => say("story-ringing", &[]),
            PhoneEvent::Answered { codec } => say("story-answered", &[("codec", (*codec).into())]),
            PhoneEvent::Heard { prompts, language } => {
                say("story-heard", &[("caption", (&self.caption(prompts, language)).into())])
            }
            PhoneEvent::Pressed { digits } => say("story-pressed", &[("digits", (*digits).into())]),
            PhoneEvent::Ended(ending) => say("story-ended", &[("reason", (&ending.reason).into())]),
            PhoneEvent::Incoming { from } => say("story-incoming", &[("from", from.into())]),
            PhoneEvent::Resync { event, .. } => say("story-resync", &[("event", event.into())]),
            PhoneEvent::Sip { .. } => None,
        }
    }

    /// What the recordings say.
    fn caption(&self, prompts: &[String], language: &str) -> String {
        let spoken = self.spoken.iter().find(|spoken| spoken.language().to_string() == language);
        let text = |prompt: &String| {
            let found = spoken.and_then(|spoken| spoken.recordings().find(|(id, _)| id.as_str() == prompt));
            found.map_or_else(|| prompt.clone(), |(_, text)| text.to_owned())
        };
        prompts.iter().map(text).collect::<Vec<_>>().join(" ")
    }
}
