//! What arrives at the phone: hands responses to who waits for them, and answers requests.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::agent::Agent;
use super::answering::ring;
use super::challenge;
use super::device::Command;
use super::event::{Direction, PhoneEvent};
use super::fields::{param, split_outside};
use super::message::{Message, Start};
use super::transport::Arrived;

/// Deals with all that arrives, until the phone is off.
pub async fn receive(agent: Arc<Agent>, mut inbox: mpsc::Receiver<Arrived>, commands: mpsc::Sender<Command>) {
    while let Some(arrived) = inbox.recv().await {
        agent.tell_sip(Direction::Received, &arrived.message, arrived.peer);
        match arrived.message.start {
            Start::Response { .. } => {
                // A repeated 2xx to an INVITE has no transaction any more, but a dialog.
                if let Some(arrived) = agent.hand_response(arrived)
                    && arrived.message.method() == "INVITE"
                {
                    let _ = agent.hand_to_dialog(arrived);
                }
            }
            Start::Request { .. } => take_request(&agent, arrived, &commands).await,
        }
    }
}

async fn take_request(agent: &Arc<Agent>, arrived: Arrived, commands: &mpsc::Sender<Command>) {
    let message = &arrived.message;
    if message.method() == "ACK" {
        // The ACK of a refusal belongs to its transaction, that of a 2xx to the dialog.
        if let Some(arrived) = agent.hand_response(arrived) {
            let _ = agent.hand_to_dialog(arrived);
        }
        return;
    }
    let whole = ["Via", "From", "To", "Call-ID", "CSeq"].iter().all(|name| message.header(name).is_some());
    if !whole || message.cseq().is_none_or(|(_, method)| method != message.method()) {
        let response = agent.response(message, 400, "Bad Request");
        return agent.answer(&arrived, response).await;
    }
    if !agent.begin_answer(&arrived).await {
        return;
    }
    if let Some(extension) = required(message) {
        let mut response = agent.response(message, 420, "Bad Extension");
        response.push("Unsupported", extension);
        return agent.answer(&arrived, response).await;
    }
    let within_dialog = param(message.header("To").unwrap_or_default(), "tag").is_some();
    match message.method() {
        "INVITE" if !within_dialog => {
            agent.tasks.spawn(ring(agent.clone(), arrived));
        }
        "NOTIFY" => notified(agent, arrived, commands).await,
        "OPTIONS" if !within_dialog => {
            let mut response = agent.response(message, 200, "OK");
            response.push("Accept", "application/sdp");
            agent.answer(&arrived, response).await;
        }
        "CANCEL" | "BYE" | "INVITE" | "UPDATE" | "INFO" | "OPTIONS" => {
            if let Some(arrived) = agent.hand_to_dialog(arrived) {
                let response = agent.response(&arrived.message, 481, "Call/Transaction Does Not Exist");
                agent.answer(&arrived, response).await;
            }
        }
        "REGISTER" | "SUBSCRIBE" | "PUBLISH" | "MESSAGE" | "REFER" | "PRACK" => {
            let response = agent.response(message, 405, "Method Not Allowed");
            agent.answer(&arrived, response).await;
        }
        _ => {
            let response = agent.response(message, 501, "Not Implemented");
            agent.answer(&arrived, response).await;
        }
    }
}

/// The phone supports no extension that has to be required.
fn required(message: &Message) -> Option<String> {
    if message.method() == "CANCEL" {
        return None;
    }
    message.header("Require").filter(|list| !list.is_empty()).map(str::to_owned)
}

/// `check-sync` and `resync` have the phone fetch its configuration again; other events it doesn't know.
async fn notified(agent: &Agent, arrived: Arrived, commands: &mpsc::Sender<Command>) {
    let event = arrived.message.header("Event").unwrap_or_default().to_owned();
    let package = split_outside(&event, ';').first().copied().unwrap_or_default().to_ascii_lowercase();
    if !matches!(package.as_str(), "check-sync" | "resync") {
        let response = agent.response(&arrived.message, 489, "Bad Event");
        return agent.answer(&arrived, response).await;
    }
    if agent.options.challenges_notify
        && let Some(refusal) = challenge::refusal(agent, &arrived.message)
    {
        return agent.answer(&arrived, refusal).await;
    }
    let response = agent.response(&arrived.message, 200, "OK");
    agent.answer(&arrived, response).await;
    let asked = param(&event, "reboot").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let reboot = asked || agent.line().always_reboots;
    agent.tell(PhoneEvent::Resync { event, reboot });
    // One that cannot be queued is already being done.
    let _ = commands.try_send(Command::Resync { reboot });
}
