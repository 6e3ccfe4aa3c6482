//! The layer's server half: requests of others and our answers to them (RFC 3261 section 17.2).

use std::time::Instant;

use super::{Entry, Layer, Machine, Output, Serving};
use crate::sip::flow::Flow;
use crate::sip::message::{Method, Request, Response};
use crate::sip::transaction::TransactionId;
use crate::sip::transaction::key::Key;
use crate::sip::transaction::server::{ServerTransaction, Step};
use crate::sip::transaction::via::way_back;

impl Layer {
    /// A request came over `flow`. Its topmost Via must already carry `received` and `rport` (`note_source`).
    pub fn receive_request(&mut self, now: Instant, request: Request, flow: Flow) {
        let Some(key) = self.keys.of_request(&request) else { return };
        if let Some(&id) = self.by_key.get(&key) {
            return self.repeat(now, id, request, flow);
        }
        match request.method {
            Method::Ack => self.outputs.push_back(Output::Acknowledged(request, flow)),
            Method::Cancel => self.cancel(now, key, &request, flow),
            _ => self.accept(now, key, request, flow),
        }
    }

    fn repeat(&mut self, now: Instant, id: u64, request: Request, flow: Flow) {
        let Some(Entry { machine: Machine::Server(serving), .. }) = self.entries.get_mut(&id) else { return };
        if request.method == Method::Ack {
            if serving.transaction.acknowledged(now, &self.timers) {
                self.schedule(id);
            } else {
                self.outputs.push_back(Output::Acknowledged(request, flow));
            }
        } else if let Step::Send(octets) = serving.transaction.retransmitted() {
            self.outputs.push_back(Output::Answer(way_back(&request.headers, flow), octets));
        }
    }

    fn accept(&mut self, now: Instant, key: Key, request: Request, flow: Flow) {
        if !self.make_room() {
            let answer = request.respond(503).with_header("Retry-After", "5");
            self.outputs.push_back(Output::Answer(way_back(&answer.headers, flow), answer.encode()));
            return;
        }
        let merge = self.keys.of_merge(&request.headers, &request.method);
        let is_merged = merge.as_ref().is_some_and(|merge| self.by_merge.contains_key(merge));
        let is_invite = request.method == Method::Invite;
        let transaction = ServerTransaction::new(is_invite, flow.transport.is_reliable());
        let merge = merge.filter(|_| !is_merged);
        let id = self.insert(key, flow, Machine::Server(Box::new(Serving { transaction, merge })));
        if is_merged {
            return self.respond(now, id, request.respond(482));
        }
        if is_invite {
            self.respond(now, id, request.respond(100));
        }
        self.outputs.push_back(Output::Request(id, request, flow));
    }

    fn cancel(&mut self, now: Instant, key: Key, request: &Request, flow: Flow) {
        if !self.make_room() {
            return;
        }
        let invite = self.keys.cancelled_by(request).and_then(|key| self.by_key.get(&key).copied());
        let transaction = ServerTransaction::new(false, flow.transport.is_reliable());
        let id = self.insert(key, flow, Machine::Server(Box::new(Serving { transaction, merge: None })));
        let Some(invite) = invite else { return self.respond(now, id, request.respond(481)) };
        self.respond(now, id, request.respond(200));
        if let Some(Entry { machine: Machine::Server(serving), .. }) = self.entries.get(&invite)
            && serving.transaction.is_open()
        {
            self.outputs.push_back(Output::Cancelled(TransactionId(invite)));
        }
    }

    /// A request is not answered: it is forgotten, unless it was answered before.
    pub fn abandon(&mut self, id: TransactionId) {
        let Some(Entry { machine: Machine::Server(serving), .. }) = self.entries.get(&id.0) else { return };
        if serving.transaction.is_open() {
            self.forget(id.0);
        }
    }

    /// Answers a request. An answer to a transaction that has ended, or a second final one, is dropped.
    pub fn respond(&mut self, now: Instant, id: TransactionId, response: Response) {
        let Some(entry) = self.entries.get_mut(&id.0) else { return };
        let Machine::Server(serving) = &mut entry.machine else { return };
        let flow = way_back(&response.headers, entry.flow);
        entry.flow = flow;
        match serving.transaction.answer(now, response.status, response.encode(), &self.timers) {
            Step::Send(octets) => self.outputs.push_back(Output::Answer(flow, octets)),
            Step::Rest | Step::End | Step::Unacknowledged => {}
        }
        if serving.transaction.only_absorbs() {
            self.answered.push_back(id.0);
        }
        self.schedule(id.0);
    }
}
