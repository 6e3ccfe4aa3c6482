//! A call that is up: answers what the other side asks within the dialog, does what the user tells, until somebody hangs up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use super::agent::Agent;
use super::call::{CallCommand, CallPhase, CallView, KeyPresses};
use super::client::{Due, Repetition};
use super::dialog::Dialog;
use super::error::PhoneError;
use super::event::{Ending, PhoneEvent, Side};
use super::keypad::Key;
use super::message::Message;
use super::options::Codec;
use super::sdp::{LocalAudio, MediaDirection, RemoteAudio};
use super::transport::Arrived;
use super::voice::{Path, Voice};

/// Between two keys sent by INFO.
const INFO_PAUSE: Duration = Duration::from_millis(180);
/// How long an INFO key is said to be held, milliseconds.
const INFO_HELD: u32 = 100;

/// One call that is up.
pub struct Conversation {
    /// The phone.
    pub agent: Arc<Agent>,
    /// The dialog.
    pub dialog: Arc<Dialog>,
    /// The sound.
    pub voice: Voice,
    /// What this side described last.
    pub local: LocalAudio,
    /// What users see of the call.
    pub view: Arc<watch::Sender<CallView>>,
    /// What users tell.
    pub commands: mpsc::Receiver<CallCommand>,
    /// Requests within the dialog, and repeated 2xx.
    pub received: mpsc::Receiver<Arrived>,
    /// The ACK of the last 2xx received.
    pub ack: Option<Message>,
    /// A 2xx this side sent that has no ACK yet.
    pub unacknowledged: Option<Unacknowledged>,
}

/// A 2xx that is repeated until its ACK comes.
pub struct Unacknowledged {
    /// The request it answers.
    pub arrived: Arrived,
    /// The 2xx.
    pub response: Message,
    /// When to repeat it.
    pub repetition: Repetition,
    /// Whether the ACK is to bring the other side's answer.
    pub awaits_answer: bool,
}

/// A hold or resume that was answered.
type Held = (Result<Message, PhoneError>, oneshot::Sender<Result<(), PhoneError>>);

/// Where sound goes by the other side's description; `preferred` are this side's codecs.
pub fn path(remote: &RemoteAudio, preferred: &[Codec]) -> Result<Path, PhoneError> {
    let codec = remote.codecs.iter().find(|codec| preferred.contains(codec)).ok_or(PhoneError::NoCommonAudio)?;
    let sends = matches!(remote.direction, MediaDirection::SendRecv | MediaDirection::RecvOnly);
    Ok(Path { remote: remote.address, codec: *codec, events: remote.events, sends })
}

impl Conversation {
    /// Takes the other side's description.
    pub async fn connect(&mut self, body: &[u8]) -> Result<Codec, PhoneError> {
        let path = path(&RemoteAudio::parse(body)?, &self.agent.options.codecs)?;
        self.local.codecs = vec![path.codec];
        self.local.events = path.events;
        self.voice.connect(path).await;
        Ok(path.codec)
    }

    /// Lives through the call; gives how it ended.
    pub async fn run(mut self) -> Ending {
        let (holds, mut held) = mpsc::channel::<Held>(4);
        let ending = loop {
            let due = self.unacknowledged.as_ref().map(|waiting| waiting.repetition.due());
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(CallCommand::Press(keys, how, answer)) => self.press(keys, how, answer).await,
                    Some(CallCommand::Hold(hold, answer)) => self.hold(hold, answer, holds.clone()),
                    Some(CallCommand::HangUp) | None => break self.hang_up("hung up").await,
                },
                arrived = self.received.recv() => match arrived {
                    Some(arrived) => {
                        if let Some(ending) = self.take(arrived).await {
                            break ending;
                        }
                    }
                    None => break self.hang_up("the phone is off").await,
                },
                Some(held) = held.recv() => self.held(held).await,
                () = sleep_until(due), if due.is_some() => {
                    if self.repeat().await == Due::GiveUp {
                        break self.hang_up("no ACK came").await;
                    }
                }
            }
        };
        self.voice.flush().await;
        // Requests that crossed the end still want an answer.
        while let Ok(arrived) = self.received.try_recv() {
            self.take(arrived).await;
        }
        ending
    }

    async fn press(&mut self, keys: Vec<Key>, how: KeyPresses, answer: oneshot::Sender<Result<(), PhoneError>>) {
        let (agent, dialog, digits) = (self.agent.clone(), self.dialog.clone(), keys.len());
        let in_band = how == KeyPresses::InBand || self.local.events.is_none();
        let sent = if how == KeyPresses::Info { None } else { Some(self.voice.press(keys.clone(), in_band).await) };
        self.agent.tasks.spawn(async move {
            let result = match sent {
                Some(sent) => {
                    sent.await.map_err(|_| PhoneError::CallOver("it ended while keys were pressed".to_owned()))
                }
                None => press_by_info(&agent, &dialog, &keys).await,
            };
            if result.is_ok() {
                agent.tell(PhoneEvent::Pressed { digits });
            }
            let _ = answer.send(result);
        });
    }

    fn hold(&mut self, hold: bool, answer: oneshot::Sender<Result<(), PhoneError>>, holds: mpsc::Sender<Held>) {
        self.local.direction = if hold { MediaDirection::SendOnly } else { MediaDirection::SendRecv };
        self.local.version += 1;
        let invite = self.dialog.request(&self.agent, "INVITE").with_body("application/sdp", self.local.write());
        let exchange = self.dialog.clone().exchange(self.agent.clone(), invite);
        self.agent.tasks.spawn(async move {
            let _ = holds.send((exchange.await, answer)).await;
        });
    }

    async fn held(&mut self, (result, answer): Held) {
        let result = match result {
            Ok(response) => {
                self.acknowledge(&response).await;
                self.connect(&response.body).await.map(drop)
            }
            Err(error) => Err(error),
        };
        let _ = answer.send(result);
    }

    /// Sends the ACK of a 2xx, and keeps it for the 2xx's repetitions.
    pub async fn acknowledge(&mut self, response: &Message) {
        self.dialog.refresh_target(response);
        let sequence = response.cseq().map_or(0, |(number, _)| number);
        let ack = self.dialog.ack(&self.agent, sequence);
        if let Err(error) = self.dialog.send(&self.agent, &ack).await {
            tracing::debug!(%error, "an ACK was not sent");
        }
        self.ack = Some(ack);
    }

    async fn hang_up(&mut self, reason: &str) -> Ending {
        let bye = self.dialog.request(&self.agent, "BYE");
        let exchange = self.dialog.clone().exchange(self.agent.clone(), bye);
        tokio::pin!(exchange);
        loop {
            tokio::select! {
                result = &mut exchange => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "the BYE was not accepted");
                    }
                    return Ending { by: Side::Phone, reason: reason.to_owned() };
                }
                // The other side may hang up at the same moment.
                Some(arrived) = self.received.recv() => drop(self.take(arrived).await),
            }
        }
    }

    async fn repeat(&mut self) -> Due {
        let Some(waiting) = &mut self.unacknowledged else { return Due::Nothing };
        let due = waiting.repetition.poll(Instant::now());
        if due == Due::Repeat {
            let (over, peer) = (waiting.arrived.transport, waiting.arrived.peer);
            let _ = self.agent.transport.send(over, peer, waiting.response.write()).await;
        }
        due
    }

    /// Deals with what arrived within the dialog; gives the end, if that was it.
    async fn take(&mut self, arrived: Arrived) -> Option<Ending> {
        let message = &arrived.message;
        if (200..300).contains(&message.status()) {
            // A repeated 2xx: its ACK was lost.
            let ours = self.ack.as_ref().filter(|ack| ack.cseq().map(|c| c.0) == message.cseq().map(|c| c.0));
            if let Some(ack) = ours {
                let _ = self.dialog.send(&self.agent, ack).await;
            }
            return None;
        }
        match message.method() {
            "ACK" => {
                let waited = self
                    .unacknowledged
                    .take_if(|waiting| waiting.response.cseq().map(|c| c.0) == message.cseq().map(|c| c.0));
                if waited.is_some_and(|waiting| waiting.awaits_answer) && self.connect(&message.body).await.is_err() {
                    return Some(self.end_badly().await);
                }
            }
            "BYE" => {
                let response = self.agent.response(message, 200, "OK");
                self.agent.answer(&arrived, response).await;
                let reason = message.header("Reason").unwrap_or("hung up").to_owned();
                return Some(Ending { by: Side::Server, reason });
            }
            "INVITE" => self.renegotiate(arrived).await,
            "UPDATE" if !message.body.is_empty() => self.renegotiate(arrived).await,
            "UPDATE" | "INFO" | "OPTIONS" | "NOTIFY" => {
                let response = self.agent.response(message, 200, "OK");
                self.agent.answer(&arrived, response).await;
            }
            "CANCEL" => {
                let response = self.agent.response(message, 200, "OK");
                self.agent.answer(&arrived, response).await;
            }
            "" => {}
            _ => {
                let response = self.agent.response(message, 501, "Not Implemented");
                self.agent.answer(&arrived, response).await;
            }
        }
        None
    }

    /// Ends a call whose descriptions have nothing in common.
    pub async fn end_badly(&mut self) -> Ending {
        let bye = self.dialog.request(&self.agent, "BYE");
        let _ = self.dialog.clone().exchange(self.agent.clone(), bye).await;
        Ending { by: Side::Phone, reason: "no common audio".to_owned() }
    }

    /// Answers a re-INVITE or an UPDATE with an offer; a re-INVITE without one gets this side's.
    async fn renegotiate(&mut self, arrived: Arrived) {
        let message = &arrived.message;
        self.dialog.refresh_target(message);
        self.local.version += 1;
        let awaits_answer = message.body.is_empty();
        if awaits_answer {
            self.local.codecs = self.agent.options.codecs.clone();
            self.local.events = Some(self.agent.options.event_payload_type);
            self.local.direction = MediaDirection::SendRecv;
            self.local.refused.clear();
        } else {
            let remote = RemoteAudio::parse(&message.body);
            if remote.is_err() || self.connect(&message.body).await.is_err() {
                let response = self.agent.response(message, 488, "Not Acceptable Here");
                return self.agent.answer(&arrived, response).await;
            }
            if let Ok(remote) = remote {
                self.local.direction = remote.direction.mirrored();
                self.local.refused = remote.others;
            }
        }
        let mut response = self.agent.response(message, 200, "OK").with_body("application/sdp", self.local.write());
        response.push("Contact", self.agent.contact(self.dialog.number()));
        self.agent.answer(&arrived, response.clone()).await;
        if message.method() == "INVITE" {
            let repetition = Repetition::of_success(Instant::now());
            self.unacknowledged = Some(Unacknowledged { arrived, response, repetition, awaits_answer });
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due.into()).await;
    }
}

async fn press_by_info(agent: &Arc<Agent>, dialog: &Arc<Dialog>, keys: &[Key]) -> Result<(), PhoneError> {
    for key in keys {
        let body = format!("Signal={}\r\nDuration={INFO_HELD}\r\n", key.symbol());
        let info = dialog.request(agent, "INFO").with_body("application/dtmf-relay", body);
        dialog.clone().exchange(agent.clone(), info).await?;
        tokio::time::sleep(INFO_PAUSE).await;
    }
    Ok(())
}

/// The call is over: users see it, and the phone is free again.
pub fn finish(agent: &Agent, view: &watch::Sender<CallView>, call_id: &str, ending: Ending) {
    agent.close_dialog(call_id);
    agent.tell(PhoneEvent::Ended(ending.clone()));
    view.send_modify(|view| view.phase = CallPhase::Ended(ending));
}
