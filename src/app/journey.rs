//! A phone's whole way, lived by the virtual phone: what the demo shows and `tsunagu phone enrol` checks.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::prompts;
use crate::cti::Voice;
use crate::media::MediaError;
use crate::phone::{Call, HeardPrompt, Phone, PhoneError, PhoneEvent, PhoneOptions, PromptPrints};
use crate::vocab::Language;

/// How long anything spoken may take to come.
const SPOKEN: Duration = Duration::from_secs(20);
/// How long the phone may take to be back.
const BACK: Duration = Duration::from_secs(60);
/// How long a call back may take to come and to be spoken.
const RUNG_BACK: Duration = Duration::from_secs(30);

/// Every recording that says a digit.
const DIGITS: [&str; 10] =
    ["digit-0", "digit-1", "digit-2", "digit-3", "digit-4", "digit-5", "digit-6", "digit-7", "digit-8", "digit-9"];
/// The recordings of what the voice says instead of the extension.
pub const REFUSALS: [&str; 11] = [
    "wrong-credentials",
    "too-many-tries",
    "locked-out",
    "not-enabled",
    "no-primary-extension",
    "no-device-template",
    "device-limit",
    "already-provisioned",
    "phone-unknown",
    "not-now",
    "service-closing",
];

/// What is to be lived.
pub struct Journey {
    /// The phone; its handset URL or its account says how it gets in.
    pub options: PhoneOptions,
    /// The number to dial.
    pub route_point: String,
    /// The self-service ID to key in.
    pub id: String,
    /// The PIN or code to key in.
    pub pin: String,
    /// The language to choose.
    pub language: Language,
    /// Whether keys are pressed while the voice still speaks, as people who know their way do.
    pub hurries: bool,
    /// Whether a call back is part of it.
    pub expects_ring_back: bool,
}

/// What was seen at its end.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The number the voice said, and under which the phone is registered if it takes configurations.
    pub extension: String,
}

/// Why it did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum JourneyError {
    /// The phone could not go on.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// The voice refused; the recording that said so.
    #[error("the voice said {0}")]
    Refused(String),
    /// The phone came back under another number than the voice said.
    #[error("the voice said {said}, the phone came back as {registered}")]
    OtherNumber {
        /// What the voice said.
        said: String,
        /// What the phone registered.
        registered: String,
    },
    /// The recordings could not be read.
    #[error(transparent)]
    Media(#[from] MediaError),
}

/// What the recordings sound like, for the phone's ear.
pub async fn prints() -> Result<Arc<PromptPrints>, JourneyError> {
    let read = tokio::task::spawn_blocking(|| {
        let library = Voice::library(prompts::files())?;
        let recordings = library.languages().flat_map(|language| {
            let ids = library.ids(language);
            ids.filter_map(|id| Some((language.clone(), id.clone(), library.pcm(language, id)?)))
        });
        Ok::<_, MediaError>(PromptPrints::new(recordings))
    });
    let prints = read.await.map_err(|_| MediaError::Stopped)??;
    Ok(Arc::new(prints))
}

/// Lives it. Every event goes to `teller` as it happens.
pub async fn live(mut journey: Journey, teller: mpsc::Sender<PhoneEvent>) -> Result<Arrived, JourneyError> {
    let (events, told) = mpsc::channel(1024);
    let (rung_back, mut was_rung_back) = watch::channel(false);
    journey.options.events = events;
    let is_managed = journey.options.handset_url.is_some();
    tokio::spawn(listen(told, teller, rung_back));
    let phone = Phone::boot(journey.options.clone()).await?;
    if is_managed {
        phone.fetch_configuration().await?;
    }
    phone.register().await?;
    let first = phone.wait_registered(SPOKEN, |_| true).await?;
    let mut call = phone.dial(&journey.route_point).await?;
    call.wait_answered(SPOKEN).await?;
    let said = converse(&mut call, &journey).await?;
    // All is said; what follows is "you can hang up".
    call.hang_up().await;
    call.wait_ended(SPOKEN).await?;
    if is_managed {
        let registered = phone.wait_registered(BACK, |number| number != first).await?;
        if registered != said {
            return Err(JourneyError::OtherNumber { said, registered });
        }
    }
    if journey.expects_ring_back {
        let heard = tokio::time::timeout(RUNG_BACK, was_rung_back.wait_for(|heard| *heard)).await;
        if !matches!(heard, Ok(Ok(_))) {
            return Err(PhoneError::Waited { what: "the call back".to_owned(), within: RUNG_BACK }.into());
        }
        phone.wait_idle(RUNG_BACK).await?;
    }
    Ok(Arrived { extension: said })
}

/// The conversation, up to the number the voice says.
async fn converse(call: &mut Call, journey: &Journey) -> Result<String, JourneyError> {
    let asks = if journey.hurries { &["language-lead", "welcome", "ask-id"][..] } else { &["language-lead", "ask-id"] };
    let mut heard = wait(call, asks).await?;
    while heard.id.as_str() == "language-lead" {
        let is_wanted = heard.language == journey.language;
        let key = call.wait_prompt(&DIGITS, SPOKEN).await?;
        if is_wanted && let Some(key) = key.id.as_str().strip_prefix("digit-") {
            call.press(key).await?;
        }
        heard = wait(call, asks).await?;
    }
    hear_out(&heard, journey).await;
    call.press(&format!("{}#", journey.id)).await?;
    let confirm = if journey.hurries { "confirm-lead" } else { "confirm-tail" };
    hear_out(&wait(call, &[confirm]).await?, journey).await;
    call.press("#").await?;
    let asked = wait(call, &["ask-pin", "ask-pin-or-code", "ask-code", "extension-lead"]).await?;
    if asked.id.as_str() != "extension-lead" {
        hear_out(&asked, journey).await;
        call.press(&format!("{}#", journey.pin)).await?;
        wait(call, &["extension-lead"]).await?;
    }
    let mut extension = String::new();
    loop {
        let next = call.wait_prompt(&[&DIGITS[..], &["next-restart", "next-ready"]].concat(), SPOKEN).await?;
        match next.id.as_str().strip_prefix("digit-") {
            Some(digit) => extension.push_str(digit),
            None => return Ok(extension),
        }
    }
}

/// Waits, unless in a hurry, until a recording that was recognised has been spoken to its end.
async fn hear_out(heard: &HeardPrompt, journey: &Journey) {
    if !journey.hurries {
        tokio::time::sleep(Duration::from_millis(heard.length_ms)).await;
    }
}

/// Waits for one of these recordings; a refusal instead is the end.
async fn wait(call: &mut Call, wanted: &[&str]) -> Result<HeardPrompt, JourneyError> {
    let heard = call.wait_prompt(&[wanted, &REFUSALS[..]].concat(), SPOKEN).await?;
    match wanted.contains(&heard.id.as_str()) {
        true => Ok(heard),
        false => Err(JourneyError::Refused(heard.id.to_string())),
    }
}

async fn listen(
    mut told: mpsc::Receiver<PhoneEvent>,
    teller: mpsc::Sender<PhoneEvent>,
    rung_back: watch::Sender<bool>,
) {
    while let Some(event) = told.recv().await {
        if let PhoneEvent::Heard { prompts, .. } = &event
            && prompts.iter().any(|prompt| prompt == "ring-back-lead")
        {
            rung_back.send_replace(true);
        }
        let _ = teller.send(event).await;
    }
}
