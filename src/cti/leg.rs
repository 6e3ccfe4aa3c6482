//! One call as it runs: the pure machines of its signalling and its conversation, fed from the wire, the media and the clock.

use std::net::IpAddr;
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use super::call::{Call, Input, Output};
use super::ending::CallEnding;
use super::phase::Phase;
use super::self_provisioning;
use super::voice::Voice;
use crate::enrolment::Enrolments;
use crate::ivr::{self, Dialogue, DialogueSettings, Key, PlayTag};
use crate::media::{MediaEngine, MediaEvent, MediaStream, Negotiated, RtpPort, StreamParams};
use crate::sip::message::{Method, Request, Response};
use crate::sip::{Endpoint, Flow, Responder};
use crate::vocab::{Language, PhoneId, UnixMillis};

/// Events of one call's media that may wait.
const MEDIA_EVENTS: usize = 64;

/// Something for a call that is up.
pub(super) enum ForLeg {
    Request(Request, Responder),
    Acknowledged(Request),
}

/// What a leg needs.
pub(super) struct Surroundings {
    pub endpoint: Endpoint,
    pub engine: MediaEngine,
    pub voice: Voice,
    pub enrolments: Enrolments,
    pub dialogue: DialogueSettings,
    pub phase: watch::Receiver<Phase>,
}

/// A call being served.
pub(super) struct Leg {
    pub call: Call,
    pub flow: Flow,
    pub phone: Option<PhoneId>,
    pub port: Option<RtpPort>,
    pub responder: Responder,
    pub inbox: mpsc::Receiver<ForLeg>,
    pub surroundings: Surroundings,
}

/// What the conversation and the wire tell the leg.
struct Channels {
    verdicts: mpsc::Sender<ivr::Verdict>,
    answers: mpsc::Sender<(Method, Response)>,
    media: mpsc::Sender<MediaEvent>,
}

struct Running {
    leg: Leg,
    dialogue: Dialogue,
    stream: Option<MediaStream>,
    channels: Channels,
    language: Language,
    ending: Option<CallEnding>,
}

impl Leg {
    /// Serves the call to its end, and says how it ended.
    pub(super) async fn run(self, outputs: Vec<Output>) -> CallEnding {
        let (verdicts, mut given_verdicts) = mpsc::channel(4);
        let (answers, mut given_answers) = mpsc::channel(4);
        let (media, mut media_events) = mpsc::channel(MEDIA_EVENTS);
        let dialogue = Dialogue::new(self.surroundings.dialogue.clone(), Instant::now());
        let language = self.surroundings.dialogue.languages.first().cloned().unwrap_or(Language::JAPANESE);
        let mut phase = self.surroundings.phase.clone();
        let mut running = Running {
            leg: self,
            dialogue,
            stream: None,
            channels: Channels { verdicts, answers, media },
            language,
            ending: None,
        };
        running.carry_out(outputs, None).await;
        let mut is_told = false;
        loop {
            if let (Some(ending), true) = (&running.ending, running.leg.call.deadline().is_none()) {
                return ending.clone();
            }
            let deadline = running.leg.call.deadline().into_iter().chain(running.dialogue.deadline()).min();
            tokio::select! {
                message = running.leg.inbox.recv() => match message {
                    Some(message) => running.message(message).await,
                    None => return CallEnding::HungUp,
                },
                () = running.leg.responder.cancelled() => running.signal(Input::Cancelled).await,
                Some((method, response)) = given_answers.recv() => running.signal(Input::Answered(method, response)).await,
                Some(event) = media_events.recv() => running.media(event).await,
                Some(verdict) = given_verdicts.recv() => running.converse(ivr::Input::Verdict(verdict)).await,
                () = closing(&mut phase), if !is_told => {
                    is_told = true;
                    running.converse(ivr::Input::ServiceClosing).await;
                }
                () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => {
                    running.elapsed().await;
                }
            }
        }
    }
}

impl Running {
    async fn message(&mut self, message: ForLeg) {
        let now = Instant::now();
        match message {
            ForLeg::Acknowledged(ack) => self.signal(Input::Acknowledged(ack)).await,
            ForLeg::Request(request, responder) => {
                let is_invite = request.method == Method::Invite;
                let outputs = self.leg.call.handle(now, Input::Request(request));
                let is_taken =
                    outputs.iter().any(|output| matches!(output, Output::Answer(answer) if answer.status < 300));
                let responder = self.carry_out(outputs, Some(responder)).await;
                // A 2xx of a re-INVITE is repeated through the re-INVITE's own transaction.
                if let (true, Some(responder)) = (is_invite && is_taken, responder) {
                    self.leg.responder = responder;
                }
            }
        }
    }

    async fn signal(&mut self, input: Input) {
        let outputs = self.leg.call.handle(Instant::now(), input);
        self.carry_out(outputs, None).await;
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
                self.converse(ivr::Input::PromptDone { tag }).await;
            }
        }
    }

    /// Does what the signalling says, in order. Gives the responder back after its use.
    async fn carry_out(&mut self, outputs: Vec<Output>, mut responder: Option<Responder>) -> Option<Responder> {
        for output in outputs {
            match output {
                Output::Respond(response) => self.leg.responder.respond(response).await,
                Output::Answer(response) => {
                    if let Some(responder) = &mut responder {
                        responder.respond(response).await;
                    }
                }
                Output::Send(request) => self.send(request).await,
                Output::Acknowledge(ack) => {
                    let _ = self.leg.surroundings.endpoint.acknowledge(ack, self.leg.flow).await;
                }
                Output::Media(negotiated) => self.start_media(&negotiated),
                Output::Redirect(remote) => {
                    if let Some(stream) = &self.stream {
                        stream.redirect(remote);
                    }
                }
                Output::Established => Box::pin(self.converse(ivr::Input::Answered)).await,
                Output::Digit(digit) => Box::pin(self.media(MediaEvent::Digit(digit))).await,
                Output::Ended(ending) => {
                    self.stream = None;
                    self.ending = Some(ending);
                    self.dialogue.handle(Instant::now(), ivr::Input::HungUp);
                }
            }
        }
        responder
    }

    /// Does what the conversation says.
    async fn converse(&mut self, input: ivr::Input) {
        for output in self.dialogue.handle(Instant::now(), input) {
            match output {
                ivr::Output::Play { tag, lines } => self.play(tag, &lines),
                ivr::Output::StopPlaying => {
                    if let Some(stream) = &self.stream {
                        stream.stop();
                    }
                }
                ivr::Output::Ask(question) => self.ask(question),
                ivr::Output::HangUp(ending) => {
                    metrics::counter!("ivr_conversations_total", "ending" => ending.code(), "language" => self.language.to_string())
                        .increment(1);
                    let outputs =
                        self.leg.call.handle(Instant::now(), Input::Release(CallEnding::Released(ending.code())));
                    Box::pin(self.carry_out(outputs, None)).await;
                }
            }
        }
    }

    fn play(&mut self, tag: PlayTag, lines: &[ivr::Line]) {
        // All lines of one playing are in one language, but for the menu of languages.
        if let [line] = lines {
            self.language = line.language.clone();
        }
        let Some(stream) = &self.stream else { return };
        let recordings = self.leg.surroundings.voice.recordings_of(lines, stream.codec());
        if let Err(error) = stream.play(recordings, tag.0.into()) {
            tracing::error!(%error, "a prompt could not be played");
        }
    }

    fn ask(&self, question: ivr::Question) {
        let surroundings = &self.leg.surroundings;
        let enrolments = surroundings.enrolments.clone();
        let patience = surroundings.dialogue.answer_within;
        let (phone, language) = (self.leg.phone, self.language.clone());
        let verdicts = self.channels.verdicts.clone();
        tokio::spawn(async move {
            let verdict = self_provisioning::answer(enrolments, phone, language, question, patience).await;
            let _ = verdicts.send(verdict).await;
        });
    }

    /// Requests of ours are followed in the background: the call goes on meanwhile, and a BYE may outlive it.
    async fn send(&self, request: Request) {
        let method = request.method.clone();
        let answers = self.channels.answers.clone();
        match self.leg.surroundings.endpoint.send(request, self.leg.flow).await {
            Ok(mut exchange) => {
                tokio::spawn(async move {
                    if let Ok(response) = exchange.answer().await {
                        let _ = answers.send((method, response)).await;
                    }
                });
            }
            Err(error) => tracing::error!(%error, %method, "a request could not be sent"),
        }
    }

    fn start_media(&mut self, negotiated: &Negotiated) {
        let Some(port) = self.leg.port.take() else { return };
        let params = stream_params(negotiated, self.leg.flow.peer.ip(), self.channels.media.clone());
        match self.leg.surroundings.engine.start_stream(port, params) {
            Ok(stream) => self.stream = Some(stream),
            Err(error) => tracing::error!(%error, "media could not be started"),
        }
    }
}

/// Waits until the service closes.
async fn closing(phase: &mut watch::Receiver<Phase>) {
    if phase.wait_for(|phase| *phase == Phase::Closing).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// How a stream is run for what was agreed: digits as events where they were agreed on, else as tones.
pub(super) fn stream_params(
    negotiated: &Negotiated,
    signalling_ip: IpAddr,
    events: mpsc::Sender<MediaEvent>,
) -> StreamParams {
    StreamParams {
        remote: negotiated.remote,
        signalling_ip,
        codec: negotiated.codec,
        payload_type: negotiated.payload_type,
        event_payload_type: negotiated.event_payload_type,
        detect_inband: negotiated.event_payload_type.is_none(),
        entropy: rand::random(),
        events,
    }
}

/// What is due once a call is over: the phone it was made from may have been bound.
pub(super) async fn after(enrolments: &Enrolments, phone: PhoneId) {
    if let Err(error) = enrolments.call_ended(phone, UnixMillis::now()).await {
        tracing::error!(%error, %phone, "a phone could not be told to fetch its configuration");
    }
}
