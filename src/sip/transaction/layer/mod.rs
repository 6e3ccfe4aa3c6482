//! All transactions of one endpoint: finds the one a message belongs to, and gathers what is to be done.

mod incoming;
mod outgoing;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::client::{ClientTransaction, Step as ClientStep};
use super::key::{Key, Keys};
use super::server::{ServerTransaction, Step as ServerStep};
use super::{Timers, TransactionId};
use crate::sip::flow::Flow;
use crate::sip::message::{Request, Response};

/// What the layer wants done. Drained with [`Layer::next_output`] after every call.
#[derive(Debug)]
pub enum Output {
    /// Send these octets of a request of ours over this flow.
    Ask(Flow, Bytes),
    /// Send these octets of an answer of ours over this flow.
    Answer(Flow, Bytes),
    /// A new request for the rooms above, to be answered with [`Layer::respond`].
    Request(TransactionId, Request, Flow),
    /// An ACK for a 2xx: it belongs to a dialog.
    Acknowledged(Request, Flow),
    /// The INVITE of this transaction was cancelled: answer it 487.
    Cancelled(TransactionId),
    /// A response to a request of ours.
    Response(TransactionId, Response),
    /// A request of ours was not answered in time.
    TimedOut(TransactionId),
    /// A request of ours could not be sent.
    NotSent(TransactionId),
    /// No further answer to a request of ours is delivered.
    Ended(TransactionId),
}

#[derive(Debug)]
enum Machine {
    Server(Box<Serving>),
    Client(Box<Asking>),
}

#[derive(Debug)]
struct Serving {
    transaction: ServerTransaction,
    merge: Option<Key>,
}

#[derive(Debug)]
struct Asking {
    transaction: ClientTransaction,
    request: Request,
    branch: String,
}

#[derive(Debug)]
struct Entry {
    key: Key,
    flow: Flow,
    machine: Machine,
}

/// The transactions of one endpoint.
#[derive(Debug)]
pub struct Layer {
    timers: Timers,
    most: usize,
    next_id: u64,
    entries: HashMap<u64, Entry>,
    keys: Keys,
    by_key: HashMap<Key, u64>,
    by_merge: HashMap<Key, u64>,
    /// Those that are answered and only absorb retransmissions, in the order of their answers; some may have ended.
    answered: VecDeque<u64>,
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    outputs: VecDeque<Output>,
}

impl Layer {
    /// A layer that keeps at most `most` transactions. Beyond that the request answered longest ago is forgotten, and where
    /// none is answered, the new one is answered 503.
    pub fn new(timers: Timers, most: usize) -> Self {
        Self {
            timers,
            most,
            next_id: 1,
            entries: HashMap::new(),
            keys: Keys::default(),
            by_key: HashMap::new(),
            by_merge: HashMap::new(),
            answered: VecDeque::new(),
            deadlines: BinaryHeap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// The next thing to do, oldest first.
    pub fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The way of a transaction that is alive.
    pub fn flow_of(&self, id: TransactionId) -> Option<Flow> {
        self.entries.get(&id.0).map(|entry| entry.flow)
    }

    /// How many transactions are alive.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when none is alive.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn insert(&mut self, key: Key, flow: Flow, machine: Machine) -> TransactionId {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        if let Machine::Server(serving) = &machine
            && let Some(merge) = serving.merge
        {
            self.by_merge.insert(merge, id);
        }
        self.by_key.insert(key, id);
        self.entries.insert(id, Entry { key, flow, machine });
        TransactionId(id)
    }

    /// When [`Layer::elapsed`] wants to be called next.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// Time has passed: whatever is due at `now` happens.
    pub fn elapsed(&mut self, now: Instant) {
        while let Some(&Reverse((at, id))) = self.deadlines.peek() {
            if at > now {
                return;
            }
            self.deadlines.pop();
            self.expire(now, id);
        }
    }

    fn expire(&mut self, now: Instant, id: u64) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let flow = entry.flow;
        let ended = match &mut entry.machine {
            Machine::Server(serving) => match serving.transaction.elapsed(now, &self.timers) {
                ServerStep::Send(octets) => {
                    self.outputs.push_back(Output::Answer(flow, octets));
                    false
                }
                ServerStep::Rest => false,
                ServerStep::End | ServerStep::Unacknowledged => true,
            },
            Machine::Client(asking) => match asking.transaction.elapsed(now, &self.timers) {
                ClientStep::Send(octets) => {
                    self.outputs.push_back(Output::Ask(flow, octets));
                    false
                }
                ClientStep::TimedOut => {
                    self.outputs.push_back(Output::TimedOut(TransactionId(id)));
                    true
                }
                ClientStep::End => {
                    self.outputs.push_back(Output::Ended(TransactionId(id)));
                    true
                }
                ClientStep::Rest | ClientStep::Deliver | ClientStep::DeliverAndAcknowledge => false,
            },
        };
        if ended { self.forget(id) } else { self.schedule(id) }
    }

    /// Makes room for one more transaction; false if there is none.
    fn make_room(&mut self) -> bool {
        while self.entries.len() >= self.most {
            let Some(id) = self.answered.pop_front() else { return false };
            self.forget(id);
        }
        true
    }

    fn forget(&mut self, id: u64) {
        let Some(entry) = self.entries.remove(&id) else { return };
        while self.answered.front().is_some_and(|id| !self.entries.contains_key(id)) {
            self.answered.pop_front();
        }
        self.by_key.remove(&entry.key);
        if let Machine::Server(serving) = entry.machine
            && let Some(merge) = serving.merge
        {
            self.by_merge.remove(&merge);
        }
    }

    /// Deadlines are only ever added: one that is out of date finds nothing due and asks again.
    fn schedule(&mut self, id: u64) {
        let deadline = self.entries.get(&id).and_then(|entry| match &entry.machine {
            Machine::Server(serving) => serving.transaction.deadline(),
            Machine::Client(asking) => asking.transaction.deadline(),
        });
        if let Some(at) = deadline {
            self.deadlines.push(Reverse((at, id)));
        }
    }
}

#[cfg(test)]
mod tests;
