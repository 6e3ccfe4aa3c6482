//! Taking a call: rings for a while, answers by itself, listens until the caller hangs up.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use super::agent::Agent;
use super::call::{CallPhase, CallView};
use super::client::{Due, Repetition};
use super::conversation::{Conversation, Unacknowledged, finish, path};
use super::credentials::Credentials;
use super::dialling::offer;
use super::dialog::Dialog;
use super::event::{Ending, PhoneEvent, Side};
use super::fields::{param, uri, user};
use super::message::Message;
use super::options::SipTransport;
use super::sdp::RemoteAudio;
use super::transport::Arrived;
use super::voice::Voice;

/// Takes an INVITE that opens a call.
pub async fn ring(agent: Arc<Agent>, invite: Arrived) {
    let no = |status, reason| agent.response(&invite.message, status, reason);
    let Ok((account, over)) = agent.account() else {
        return refuse(&agent, &invite, no(480, "Temporarily Unavailable")).await;
    };
    let call_id = invite.message.call_id().to_owned();
    let Some(mut received) = agent.open_dialog(&call_id) else {
        return refuse(&agent, &invite, no(486, "Busy Here")).await;
    };
    let remote = RemoteAudio::parse(&invite.message.body);
    let awaits_answer = invite.message.body.is_empty();
    if remote.is_err() && !awaits_answer {
        agent.close_dialog(&call_id);
        return refuse(&agent, &invite, no(488, "Not Acceptable Here")).await;
    }
    let from = user(uri(invite.message.header("From").unwrap_or_default())).to_owned();
    agent.tell(PhoneEvent::Incoming { from });
    let view = Arc::new(watch::Sender::new(CallView { phase: CallPhase::Ringing, heard: Vec::new() }));
    let Ok(voice) = Voice::open(&agent, view.clone()).await else {
        agent.close_dialog(&call_id);
        return refuse(&agent, &invite, no(500, "Server Internal Error")).await;
    };

    let mut ringing = agent.response(&invite.message, 180, "Ringing");
    ringing.push("Contact", agent.contact(&account.number));
    agent.answer(&invite, ringing.clone()).await;
    if let Err(ending) = rings_out(&agent, &invite, &ringing, &mut received).await {
        return finish(&agent, &view, &call_id, ending);
    }

    let mut local = offer(&agent, &voice);
    let path = remote.as_ref().ok().and_then(|remote| path(remote, &agent.options.codecs).ok());
    if let (Some(path), Ok(remote)) = (path, remote) {
        local.codecs = vec![path.codec];
        local.events = path.events;
        local.direction = remote.direction.mirrored();
        local.refused = remote.others;
        voice.connect(path).await;
    }
    // The tag of the 180 goes on in the 200.
    let mut response = agent.response(&invite.message, 200, "OK").with_body("application/sdp", local.write());
    response.set("To", ringing.header("To").unwrap_or_default());
    response.push("Contact", agent.contact(&account.number));
    let way = (over, invite.peer);
    let dialog = Dialog::of_invite(&invite.message, &response, &account.number, way, Credentials::new(&account));
    agent.answer(&invite, response.clone()).await;
    let codec = path.map_or_else(|| agent.options.codecs.first().copied(), |path| Some(path.codec));
    if let Some(codec) = codec {
        agent.tell(PhoneEvent::Answered { codec: codec.name() });
        view.send_modify(|view| view.phase = CallPhase::Answered(codec));
    }
    let repetition = Repetition::of_success(Instant::now());
    // Nobody holds this call's handle: it lasts until the caller ends it. The sender is kept, or it would hang up.
    let (_told, commands) = mpsc::channel(1);
    let conversation = Conversation {
        agent: agent.clone(),
        dialog: Arc::new(dialog),
        voice,
        local,
        view: view.clone(),
        commands,
        received,
        ack: None,
        unacknowledged: Some(Unacknowledged { arrived: invite, response, repetition, awaits_answer }),
    };
    let ending = conversation.run().await;
    finish(&agent, &view, &call_id, ending);
}

/// Rings; an error is how the call ended before it was answered.
async fn rings_out(
    agent: &Arc<Agent>,
    invite: &Arrived,
    told: &Message,
    received: &mut mpsc::Receiver<Arrived>,
) -> Result<(), Ending> {
    let ringing = tokio::time::sleep(agent.options.ring_time);
    tokio::pin!(ringing);
    loop {
        tokio::select! {
            () = &mut ringing => return Ok(()),
            arrived = received.recv() => match arrived {
                Some(arrived) if arrived.message.method() == "CANCEL" => {
                    let response = agent.response(&arrived.message, 200, "OK");
                    agent.answer(&arrived, response).await;
                    let mut refusal = agent.response(&invite.message, 487, "Request Terminated");
                    refusal.set("To", told.header("To").unwrap_or_default());
                    refuse(agent, invite, refusal).await;
                    return Err(Ending { by: Side::Server, reason: "cancelled".to_owned() });
                }
                Some(_) => {}
                None => return Err(Ending { by: Side::Phone, reason: "the phone is off".to_owned() }),
            },
        }
    }
}

/// Refuses an INVITE; on UDP again and again until its ACK comes (RFC 3261 section 17.2.1, timers G and H).
async fn refuse(agent: &Arc<Agent>, invite: &Arrived, response: Message) {
    let (over, peer, bytes) = (invite.transport, invite.peer, response.write());
    let key = param(invite.message.header("Via").unwrap_or_default(), "branch").map(|branch| format!("{branch} ACK"));
    let key = key.filter(|_| over == SipTransport::Udp);
    let acknowledged = key.map(|key| (agent.expect(key.clone()), key));
    agent.answer(invite, response).await;
    let Some((mut acknowledged, key)) = acknowledged else { return };
    let repeating = agent.clone();
    agent.tasks.spawn(async move {
        let mut repetition = Repetition::of_success(Instant::now());
        loop {
            tokio::select! {
                _ = acknowledged.recv() => break,
                () = tokio::time::sleep_until(repetition.due().into()) => match repetition.poll(Instant::now()) {
                    Due::Nothing => {}
                    Due::Repeat => drop(repeating.transport.send(over, peer, bytes.clone()).await),
                    Due::GiveUp => break,
                },
            }
        }
        repeating.expect_no_more(&key);
    });
}
