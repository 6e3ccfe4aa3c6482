//! Placing a call: INVITE, challenges, ringing, the answer or a refusal, CANCEL.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::agent::{ALLOW, Agent, resolve, token};
use super::call::{Call, CallCommand, CallPhase, CallView};
use super::client::ClientTransaction;
use super::conversation::{Conversation, finish};
use super::credentials::Credentials;
use super::dialog::Dialog;
use super::error::PhoneError;
use super::event::{Ending, PhoneEvent, Side};
use super::fields::split_host_port;
use super::line::Power;
use super::message::Message;
use super::options::Account;
use super::registration::name_addr;
use super::sdp::{LocalAudio, MediaDirection};
use super::transport::Arrived;
use super::voice::Voice;

/// A call on its way.
struct Placing {
    agent: Arc<Agent>,
    account: Account,
    local: LocalAudio,
    call_id: String,
    view: Arc<watch::Sender<CallView>>,
    commands: mpsc::Receiver<CallCommand>,
    received: mpsc::Receiver<Arrived>,
}

/// What came of an INVITE.
enum Outcome {
    Answered(Message),
    Challenged(Message),
    Ended(Ending),
}

/// Dials a number on the phone's line.
pub async fn dial(agent: &Arc<Agent>, number: &str, power: Power) -> Result<Call, PhoneError> {
    if let Some(stray) = number.chars().find(|c| !c.is_ascii_alphanumeric() && !"+*#.-_".contains(*c)) {
        return Err(PhoneError::NotAKey(stray));
    }
    let (account, _) = agent.account()?;
    let call_id = format!("{}@{}", token(), agent.transport.local().ip());
    let received = agent.open_dialog(&call_id).ok_or(PhoneError::CallOver("all lines are busy".to_owned()))?;
    let view = Arc::new(watch::Sender::new(CallView { phase: CallPhase::Dialling, heard: Vec::new() }));
    let voice = match Voice::open(agent, view.clone()).await {
        Ok(voice) => voice,
        Err(error) => {
            agent.close_dialog(&call_id);
            return Err(error);
        }
    };
    let (tell, commands) = mpsc::channel(16);
    let call = Call::new(view.subscribe(), tell, voice.recording.clone(), power);
    agent.tell(PhoneEvent::Calling { number: number.to_owned() });
    let local = offer(agent, &voice);
    let placing = Placing { agent: agent.clone(), account, local, call_id, view, commands, received };
    agent.tasks.spawn(placing.run(number.replace('#', "%23"), voice));
    Ok(call)
}

/// What this phone offers.
pub fn offer(agent: &Agent, voice: &Voice) -> LocalAudio {
    let mut address = voice.local;
    address.set_ip(agent.address().ip());
    LocalAudio {
        address,
        session: u64::from(rand::random::<u32>()),
        version: 1,
        codecs: agent.options.codecs.clone(),
        events: Some(agent.options.event_payload_type),
        direction: MediaDirection::SendRecv,
        refused: Vec::new(),
    }
}

impl Placing {
    async fn run(mut self, number: String, voice: Voice) {
        let ending = match self.place(&number).await {
            Ok((dialog, answer)) => {
                let (agent, view, call_id) = (self.agent.clone(), self.view.clone(), self.call_id.clone());
                let ending = self.converse(dialog, answer, voice).await;
                return finish(&agent, &view, &call_id, ending);
            }
            Err(Ok(ending)) => ending,
            Err(Err(error)) => Ending { by: Side::Phone, reason: error.to_string() },
        };
        finish(&self.agent, &self.view, &self.call_id, ending);
    }

    /// Gives the dialog and the 2xx, or how it ended.
    async fn place(&mut self, number: &str) -> Result<(Dialog, Message), Result<Ending, PhoneError>> {
        let over = self.agent.line().transport;
        let peer = resolve(&self.account.server).await.map_err(Err)?;
        let mut credentials = Credentials::new(&self.account);
        let tag = token();
        for sequence in 1..=4 {
            let mut invite = self.invite(number, sequence, &tag);
            invite.push("Via", self.agent.via(over));
            credentials.sign(&mut invite, &token());
            let transaction = ClientTransaction::start(&self.agent, invite, over, peer).await.map_err(Err)?;
            let (outcome, transaction) = self.await_outcome(transaction).await.map_err(Err)?;
            match outcome {
                Outcome::Answered(answer) => {
                    let dialog = Dialog::of_success(&answer, &self.account.number, (over, peer), credentials);
                    return Ok((dialog, answer));
                }
                Outcome::Challenged(response) => {
                    transaction.linger();
                    if let Err(error) = credentials.take_challenge(&response) {
                        let reason = match error {
                            PhoneError::Refused { status, reason, .. } => format!("{status} {reason}"),
                            other => other.to_string(),
                        };
                        return Err(Ok(Ending { by: Side::Server, reason }));
                    }
                }
                Outcome::Ended(ending) => {
                    transaction.linger();
                    return Err(Ok(ending));
                }
            }
        }
        Err(Err(PhoneError::CallOver("challenged too often".to_owned())))
    }

    fn invite(&self, number: &str, sequence: u32, tag: &str) -> Message {
        let (account, agent) = (&self.account, &self.agent);
        let (host, port) = split_host_port(&account.server).unwrap_or_else(|| (account.server.clone(), 5060));
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let target = if port == 5060 { format!("sip:{number}@{host}") } else { format!("sip:{number}@{host}:{port}") };
        let mut invite = Message::request("INVITE", &target);
        let own = name_addr(&account.display_name, &format!("sip:{}@{host}", account.number));
        invite.push("Max-Forwards", "70");
        invite.push("From", format!("{own};tag={tag}"));
        invite.push("To", format!("<sip:{number}@{host}>"));
        invite.push("Call-ID", self.call_id.clone());
        invite.push("CSeq", format!("{sequence} INVITE"));
        invite.push("Contact", agent.contact(&account.number));
        invite.push("User-Agent", agent.options.user_agent.clone());
        invite.push("Allow", ALLOW);
        invite.with_body("application/sdp", self.local.write())
    }

    /// Waits for the final response; tells of ringing; hangs up when told to.
    async fn await_outcome(
        &mut self,
        mut transaction: ClientTransaction,
    ) -> Result<(Outcome, ClientTransaction), PhoneError> {
        let (mut hung_up, mut cancelled, mut provisional) = (false, false, false);
        loop {
            tokio::select! {
                response = transaction.next() => {
                    let response = response?;
                    match response.status() {
                        ..200 => {
                            provisional = true;
                            self.ringing(&response);
                        }
                        200..300 => return Ok((Outcome::Answered(response), transaction)),
                        401 | 407 if !hung_up => return Ok((Outcome::Challenged(response), transaction)),
                        _ => {
                            let by = if hung_up { Side::Phone } else { Side::Server };
                            let reason = format!("{} {}", response.status(), response.reason());
                            return Ok((Outcome::Ended(Ending { by, reason }), transaction));
                        }
                    }
                }
                command = self.commands.recv(), if !hung_up => {
                    // What else is told before the answer is refused by dropping it.
                    hung_up = matches!(command, Some(CallCommand::HangUp) | None);
                }
            }
            // An INVITE may be cancelled only after a provisional response (RFC 3261 section 9.1).
            if hung_up && provisional && !cancelled {
                cancelled = true;
                let cancel = transaction.cancel().await?;
                self.agent.tasks.spawn(async move { drop(cancel.finish().await) });
            }
        }
    }

    fn ringing(&self, response: &Message) {
        let new = |view: &mut CallView| {
            let first = response.status() >= 180 && view.phase == CallPhase::Dialling;
            if first {
                view.phase = CallPhase::Ringing;
            }
            first
        };
        if self.view.send_if_modified(new) {
            self.agent.tell(PhoneEvent::Ringing);
        }
    }

    async fn converse(self, dialog: Dialog, answer: Message, voice: Voice) -> Ending {
        let mut conversation = Conversation {
            agent: self.agent,
            dialog: Arc::new(dialog),
            voice,
            local: self.local,
            view: self.view,
            commands: self.commands,
            received: self.received,
            ack: None,
            unacknowledged: None,
        };
        conversation.acknowledge(&answer).await;
        match conversation.connect(&answer.body).await {
            Ok(codec) => {
                conversation.agent.tell(PhoneEvent::Answered { codec: codec.name() });
                conversation.view.send_modify(|view| view.phase = CallPhase::Answered(codec));
                conversation.run().await
            }
            Err(_) => conversation.end_badly().await,
        }
    }
}
