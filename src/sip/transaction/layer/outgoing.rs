//! The layer's client half: requests of ours and the answers to them (RFC 3261 section 17.1).

use std::time::Instant;

use super::{Asking, Entry, Layer, Machine, Output};
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Request, Response};
use crate::sip::transaction::TransactionId;
use crate::sip::transaction::client::{ClientTransaction, Step};
use crate::sip::transaction::via::own_via;

impl Layer {
    /// Sends a request of ours over `flow`: puts our Via on top with `branch`, which must be unique and start with `z9hG4bK`.
    pub fn send_request(&mut self, now: Instant, mut request: Request, flow: Flow, branch: &str) -> TransactionId {
        request.headers.prepend("Via", &own_via(flow, branch));
        let octets = request.encode();
        let is_invite = request.method == Method::Invite;
        let transaction =
            ClientTransaction::new(now, is_invite, flow.transport.is_reliable(), octets.clone(), &self.timers);
        let key = self.keys.of_client(branch, &request.method);
        let asking = Asking { transaction, request, branch: branch.to_owned() };
        let id = self.insert(key, flow, Machine::Client(Box::new(asking)));
        self.outputs.push_back(Output::Ask(flow, octets));
        self.schedule(id.0);
        id
    }

    /// Sends an ACK for a 2xx: no transaction, the caller repeats it when the 2xx comes again (RFC 3261 section 13.2.2.4).
    pub fn send_acknowledgement(&mut self, mut request: Request, flow: Flow, branch: &str) {
        request.headers.prepend("Via", &own_via(flow, branch));
        self.outputs.push_back(Output::Ask(flow, request.encode()));
    }

    /// Cancels an INVITE of ours that was answered provisionally (section 9.1), for this reason (RFC 3326) if one is given. False
    /// if there is nothing to cancel.
    pub fn cancel_request(&mut self, now: Instant, id: TransactionId, reason: Option<&str>) -> bool {
        let Some(Entry { flow, machine: Machine::Client(asking), .. }) = self.entries.get_mut(&id.0) else {
            return false;
        };
        let Asking { transaction, request: invite, branch } = &mut **asking;
        if !transaction.is_proceeding() {
            return false;
        }
        transaction.cancelled(now, &self.timers);
        let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
        copy_headers(invite, &mut cancel, &["Route", "From", "To", "Call-ID", "Max-Forwards"]);
        let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
        cancel.headers.set("CSeq", &format!("{number} CANCEL"));
        if let Some(reason) = reason {
            cancel.headers.set("Reason", reason);
        }
        let (flow, branch) = (*flow, branch.clone());
        self.schedule(id.0);
        self.send_request(now, cancel, flow, &branch);
        true
    }

    /// A response came. One that belongs to no request of ours is dropped.
    pub fn receive_response(&mut self, now: Instant, response: Response) {
        let Some(&id) = self.keys.of_response(&response).and_then(|key| self.by_key.get(&key)) else { return };
        let Some(Entry { flow, machine: Machine::Client(asking), .. }) = self.entries.get_mut(&id) else { return };
        let Asking { transaction, request, branch } = &mut **asking;
        match transaction.answered(now, response.status, &self.timers) {
            Step::Deliver => self.outputs.push_back(Output::Response(TransactionId(id), response)),
            Step::DeliverAndAcknowledge => {
                let octets = acknowledgement(request, &response, &own_via(*flow, branch)).encode();
                transaction.acknowledge_with(octets.clone());
                self.outputs.push_back(Output::Ask(*flow, octets));
                self.outputs.push_back(Output::Response(TransactionId(id), response));
            }
            Step::Send(octets) => self.outputs.push_back(Output::Ask(*flow, octets)),
            Step::Rest | Step::End | Step::TimedOut => {}
        }
        self.schedule(id);
    }

    /// The transport could not deliver a request of ours, as far as it knows: a transaction that has heard nothing ends
    /// at once (RFC 3261 section 17.1.4). One that has heard something was delivered.
    pub fn transport_failed(&mut self, id: TransactionId) {
        let Some(Entry { machine: Machine::Client(asking), .. }) = self.entries.get(&id.0) else { return };
        if asking.transaction.is_calling() {
            self.outputs.push_back(Output::NotSent(id));
            self.forget(id.0);
        }
    }
}

/// The ACK of a 300-699 answer: inside the transaction, so with the INVITE's own Via (section 17.1.1.3).
fn acknowledgement(invite: &Request, response: &Response, via: &str) -> Request {
    let mut ack = Request::new(Method::Ack, invite.uri.clone());
    ack.headers.push("Via", via);
    copy_headers(invite, &mut ack, &["Route", "From", "Call-ID", "Max-Forwards"]);
    ack.headers.set("To", response.headers.get("To").unwrap_or_default());
    let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
    ack.headers.set("CSeq", &format!("{number} ACK"));
    ack
}

fn copy_headers(from: &Request, to: &mut Request, names: &[&str]) {
    for name in names {
        for value in from.headers.all(name) {
            to.headers.push(name, value);
        }
    }
}
