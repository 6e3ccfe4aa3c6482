//! One call to a route point as it runs: the pure machines of its signalling and its conversation, fed from the wire, the media
//! and the clock.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tracing::Instrument;

use super::call::{Call, Input, Output};
use super::callers::{CallOff, called_off};
use super::dialogs::ForCall;
use super::ending::CallEnding;
use super::phase::{self, Phase};
use super::self_provisioning;
use super::speaker::Speaker;
use super::timings::{Cause, Timings};
use super::voice::Voice;
use super::wire::Wire;
use crate::enrolment::{Enrolments, Proof};
use crate::ivr::{self, Dialogue, DialogueSettings, Key, PlayTag};
use crate::media::{MediaEngine, MediaEvent, RtpPort};
use crate::sip::{Endpoint, Flow, Responder};
use crate::vocab::{Language, PhoneId};

/// Events of one call's media that may wait.
const MEDIA_EVENTS: usize = 64;

/// What a leg needs.
pub(super) struct Surroundings {
    pub endpoint: Endpoint,
    pub engine: MediaEngine,
    pub voice: Voice,
    pub enrolments: Enrolments,
    pub dialogue: DialogueSettings,
    /// What callers have to prove.
    pub proof: Arc<Proof>,
    /// The longest session interval.
    pub session_seconds: u32,
    pub phase: watch::Receiver<Phase>,
}

/// A call being served.
pub(super) struct Leg {
    pub call: Call,
    pub flow: Flow,
    /// Where the caller is.
    pub signalling_ip: IpAddr,
    pub phone: Option<PhoneId>,
    pub port: RtpPort,
    pub responder: Responder,
    pub inbox: mpsc::Receiver<ForCall>,
    pub call_off: CallOff,
    pub surroundings: Surroundings,
}

struct Running {
    call: Call,
    wire: Wire,
    dialogue: Dialogue,
    speaker: Speaker,
    enrolments: Enrolments,
    settings: DialogueSettings,
    proof: Arc<Proof>,
    phone: Option<PhoneId>,
    verdicts: mpsc::Sender<ivr::Verdict>,
    language: Language,
    timings: Timings,
    ending: Option<CallEnding>,
}

impl Leg {
    /// Serves the call to its end, and says how it ended.
    pub(super) async fn run(self, outputs: Vec<Output>) -> CallEnding {
        let Self { call, flow, signalling_ip, phone, port, responder, mut inbox, mut call_off, surroundings } = self;
        let Surroundings { endpoint, engine, voice, enrolments, dialogue: settings, proof, mut phase, .. } =
            surroundings;
        let (verdicts, mut given_verdicts) = mpsc::channel(4);
        let (media, mut media_events) = mpsc::channel(MEDIA_EVENTS);
        let (wire, mut answers) = Wire::new(endpoint, flow, Some(responder));
        let mut running = Running {
            call,
            wire,
            dialogue: Dialogue::new(settings.clone(), Instant::now()),
            speaker: Speaker::new(engine, voice, port, signalling_ip, media),
            enrolments,
            phone,
            verdicts,
            language: settings.languages.first().cloned().unwrap_or(Language::JAPANESE),
            settings,
            proof,
            timings: Timings::default(),
            ending: None,
        };
        running.carry_out(outputs).await;
        let (mut is_told, mut is_off) = (false, false);
        loop {
            if let (Some(ending), true) = (&running.ending, running.call.deadline().is_none()) {
                return ending.clone();
            }
            let deadline = running.call.deadline().into_iter().chain(running.dialogue.deadline()).min();
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => running.message(message).await,
                    None => return CallEnding::HungUp,
                },
                () = running.wire.cancelled() => running.signal(Input::Cancelled).await,
                Some((method, response)) = answers.recv() => running.signal(Input::Answered(method, response)).await,
                Some(event) = media_events.recv() => running.media(event).await,
                Some(verdict) = given_verdicts.recv() => running.converse(ivr::Input::Verdict(verdict)).await,
                () = phase::reached(&mut phase, Phase::Closing), if !is_told => {
                    is_told = true;
                    running.converse(ivr::Input::ServiceClosing).await;
                }
                () = called_off(&mut call_off), if !is_off => {
                    is_off = true;
                    running.converse(ivr::Input::CalledOff).await;
                }
                () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => {
                    running.elapsed().await;
                }
            }
        }
    }
}

impl Running {
    async fn message(&mut self, message: ForCall) {
        match message {
            ForCall::Acknowledged(ack) => self.signal(Input::Acknowledged(ack)).await,
            ForCall::Request(request, responder) => {
                self.wire.answer_by(responder);
                self.signal(Input::Request(request)).await;
            }
        }
    }

    async fn signal(&mut self, input: Input) {
        let outputs = self.call.handle(Instant::now(), input);
        self.carry_out(outputs).await;
    }

    async fn elapsed(&mut self) {
        self.signal(Input::Elapsed).await;
        self.converse(ivr::Input::Elapsed).await;
    }

    async fn media(&mut self, event: MediaEvent) {
        match event {
            MediaEvent::Digit(digit) => {
                if let Ok(key) = Key::try_from(digit.as_char()) {
                    metrics::counter!("ivr_digits_total").increment(1);
                    self.converse(ivr::Input::Digit(key)).await;
                }
            }
            MediaEvent::PlaybackFinished { tag } => {
                let tag = PlayTag(u32::try_from(tag).unwrap_or(u32::MAX));
                self.speaker.finished(tag);
                self.converse(ivr::Input::PromptDone { tag }).await;
            }
        }
    }

    /// Does what the signalling says, in order.
    async fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match self.wire.carry_out(output).await {
                Some(Output::Media(agreed)) => self.speaker.follow(agreed),
                Some(Output::Established) => Box::pin(self.converse(ivr::Input::Answered)).await,
                Some(Output::Digit(digit)) => Box::pin(self.media(MediaEvent::Digit(digit))).await,
                Some(Output::Ended(ending)) => {
                    self.speaker.close();
                    self.ending = Some(ending);
                    // A conversation that was over already says nothing more.
                    for output in self.dialogue.handle(Instant::now(), ivr::Input::HungUp) {
                        if let ivr::Output::HangUp(ending) = output {
                            self.count(ending);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Does what the conversation says.
    async fn converse(&mut self, input: ivr::Input) {
        let (now, cause, before) = (Instant::now(), Cause::from(&input), self.dialogue.question());
        let outputs = self.dialogue.handle(now, input);
        let seen = self.timings.observe(now, cause, before, self.dialogue.question(), &outputs);
        if !seen.is_empty() {
            let language = self.language_label();
            seen.into_iter().for_each(|observation| observation.count(&language));
        }
        for output in outputs {
            match output {
                ivr::Output::Play { tag, lines } => self.play(tag, lines),
                ivr::Output::StopPlaying => self.speaker.stop(),
                ivr::Output::Ask(question) => self.ask(question),
                ivr::Output::HangUp(ending) => {
                    self.count(ending);
                    Box::pin(self.signal(Input::Release(CallEnding::Released(ending.code())))).await;
                }
            }
        }
    }

    /// The language of the conversation, for figures.
    fn language_label(&self) -> String {
        self.dialogue.language().map_or_else(|| "none".to_owned(), Language::to_string)
    }

    /// Counts how the conversation ended.
    fn count(&self, ending: ivr::DialogueEnding) {
        let language = self.language_label();
        metrics::counter!("ivr_conversations_total", "ending" => ending.code(), "language" => language).increment(1);
    }

    fn play(&mut self, tag: PlayTag, lines: Vec<ivr::Line>) {
        // All lines of one playing are in one language, but for the menu of languages.
        if let [line] = &lines[..] {
            self.language = line.language.clone();
        }
        self.speaker.play(tag, lines);
    }

    fn ask(&self, question: ivr::Question) {
        let enrolments = self.enrolments.clone();
        let patience = self.settings.answer_within;
        let (phone, proof, language) = (self.phone, self.proof.clone(), self.language.clone());
        let verdicts = self.verdicts.clone();
        let answered = async move {
            let verdict = self_provisioning::answer(enrolments, phone, proof, language, question, patience).await;
            let _ = verdicts.send(verdict).await;
        };
        tokio::spawn(answered.in_current_span());
    }
}

/// What is due once a call is over: the phone it was made from may have been bound.
pub(super) async fn after(enrolments: &Enrolments, phone: PhoneId) {
    if let Err(error) = enrolments.call_ended(phone).await {
        tracing::error!(%error, "a phone could not be told to fetch its configuration");
    }
}
