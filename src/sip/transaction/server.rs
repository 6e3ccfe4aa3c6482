//! Server transactions (RFC 3261 section 17.2, RFC 6026): how an answer reaches whoever asked.

use std::time::Instant;

use bytes::Bytes;

use super::{Retransmission, Timers};

/// Where a server transaction stands.
#[derive(Debug)]
enum State {
    /// Not answered yet.
    Trying,
    /// Answered provisionally: a retransmitted request gets the same again.
    Proceeding { provisional: Bytes },
    /// INVITE, answered 2xx: the dialog retransmits; we only absorb (RFC 6026 section 7.1, timer L).
    Accepted { ends: Instant },
    /// INVITE, answered 300-699: sent until acknowledged (timers G and H). Otherwise: answers retransmissions (timer J).
    Completed { answer: Bytes, retransmission: Option<Retransmission>, ends: Instant },
    /// INVITE, 300-699 acknowledged: absorbs further ACKs (timer I).
    Confirmed { ends: Instant },
}

/// One request being answered.
#[derive(Debug)]
pub(super) struct ServerTransaction {
    is_invite: bool,
    is_reliable: bool,
    state: State,
}

/// What a transaction wants done after it was told something.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Rest,
    /// Send these octets.
    Send(Bytes),
    /// It has ended; forget it.
    End,
    /// It has ended because no ACK came for a 300-699 answer (timer H).
    Unacknowledged,
}

impl ServerTransaction {
    pub(super) fn new(is_invite: bool, is_reliable: bool) -> Self {
        Self { is_invite, is_reliable, state: State::Trying }
    }

    /// The same request again.
    pub(super) fn retransmitted(&self) -> Step {
        match &self.state {
            State::Proceeding { provisional } => Step::Send(provisional.clone()),
            State::Completed { answer, .. } => Step::Send(answer.clone()),
            State::Trying | State::Accepted { .. } | State::Confirmed { .. } => Step::Rest,
        }
    }

    /// Our side answers. An answer after the final one is not sent.
    pub(super) fn answer(&mut self, now: Instant, status: u16, octets: Bytes, timers: &Timers) -> Step {
        // RFC 6026 section 7.1: every 2xx of the dialog passes through the accepted state.
        if matches!(self.state, State::Accepted { .. }) && (200..300).contains(&status) {
            return Step::Send(octets);
        }
        if !matches!(self.state, State::Trying | State::Proceeding { .. }) {
            return Step::Rest;
        }
        self.state = match status {
            100..200 => State::Proceeding { provisional: octets.clone() },
            200..300 if self.is_invite => State::Accepted { ends: now + timers.patience() },
            _ if self.is_invite => State::Completed {
                answer: octets.clone(),
                retransmission: (!self.is_reliable).then(|| Retransmission::starting(now, timers.t1)),
                ends: now + timers.patience(),
            },
            _ => State::Completed {
                answer: octets.clone(),
                retransmission: None,
                ends: if self.is_reliable { now } else { now + timers.patience() },
            },
        };
        Step::Send(octets)
    }

    /// An ACK for a 300-699 answer. True if this transaction took it; an ACK for a 2xx belongs to the dialog.
    pub(super) fn acknowledged(&mut self, now: Instant, timers: &Timers) -> bool {
        match self.state {
            State::Completed { .. } if self.is_invite => {
                let ends = if self.is_reliable { now } else { now + timers.t4 };
                self.state = State::Confirmed { ends };
                true
            }
            State::Confirmed { .. } => true,
            _ => false,
        }
    }

    /// True until a final answer was given: what a CANCEL can still stop.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Trying | State::Proceeding { .. })
    }

    /// True when nothing but the answer to a retransmission can come of it, or nothing at all: it can be forgotten where there is
    /// no room. Over a connection a refused INVITE only waits for its ACK.
    pub(super) fn only_absorbs(&self) -> bool {
        (!self.is_invite || self.is_reliable) && matches!(self.state, State::Completed { .. })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Trying | State::Proceeding { .. } => None,
            State::Accepted { ends } | State::Confirmed { ends } => Some(*ends),
            State::Completed { retransmission, ends, .. } => {
                Some(retransmission.as_ref().map_or(*ends, |retransmission| retransmission.at.min(*ends)))
            }
        }
    }

    pub(super) fn elapsed(&mut self, now: Instant, timers: &Timers) -> Step {
        match &mut self.state {
            State::Trying | State::Proceeding { .. } => Step::Rest,
            State::Accepted { ends } | State::Confirmed { ends } => {
                if now >= *ends {
                    Step::End
                } else {
                    Step::Rest
                }
            }
            State::Completed { answer, retransmission, ends } => {
                if now >= *ends {
                    return if self.is_invite { Step::Unacknowledged } else { Step::End };
                }
                match retransmission {
                    Some(due) if now >= due.at => {
                        *due = due.next(now, Some(timers.t2));
                        Step::Send(answer.clone())
                    }
                    _ => Step::Rest,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMERS: Timers = Timers {
        t1: std::time::Duration::from_millis(500),
        t2: std::time::Duration::from_secs(4),
        t4: std::time::Duration::from_secs(5),
    };

    fn sent(step: Step) -> bool {
        matches!(step, Step::Send(_))
    }

    #[test]
    fn a_refused_invite_is_answered_again_at_doubling_intervals_until_acknowledged() {
        let start = Instant::now();
        let mut transaction = ServerTransaction::new(true, false);
        assert!(sent(transaction.answer(start, 486, Bytes::from_static(b"busy"), &TIMERS)));
        let mut at = Vec::new();
        let mut now = start;
        for _ in 0..5 {
            now = transaction.deadline().unwrap();
            assert!(sent(transaction.elapsed(now, &TIMERS)));
            at.push((now - start).as_millis());
        }
        assert_eq!(at, [500, 1500, 3500, 7500, 11500]);
        assert!(transaction.acknowledged(now, &TIMERS));
        assert_eq!(transaction.elapsed(now + TIMERS.t4, &TIMERS), Step::End);
    }

    #[test]
    fn an_invite_nobody_acknowledges_ends_after_64_t1() {
        let start = Instant::now();
        let mut transaction = ServerTransaction::new(true, true);
        transaction.answer(start, 486, Bytes::from_static(b"busy"), &TIMERS);
        assert_eq!(transaction.deadline(), Some(start + TIMERS.patience()));
        assert_eq!(transaction.elapsed(start + TIMERS.patience(), &TIMERS), Step::Unacknowledged);
    }

    #[test]
    fn only_one_final_answer_leaves() {
        let now = Instant::now();
        let mut transaction = ServerTransaction::new(false, false);
        assert!(sent(transaction.answer(now, 200, Bytes::from_static(b"ok"), &TIMERS)));
        assert_eq!(transaction.answer(now, 500, Bytes::from_static(b"no"), &TIMERS), Step::Rest);
        assert_eq!(transaction.retransmitted(), Step::Send(Bytes::from_static(b"ok")));
        assert_eq!(transaction.elapsed(now + TIMERS.patience(), &TIMERS), Step::End);
    }

    #[test]
    fn an_accepted_invite_lets_the_dialog_repeat_its_2xx() {
        let now = Instant::now();
        let mut transaction = ServerTransaction::new(true, false);
        assert!(sent(transaction.answer(now, 200, Bytes::from_static(b"ok"), &TIMERS)));
        assert!(sent(transaction.answer(now, 200, Bytes::from_static(b"ok"), &TIMERS)));
        assert_eq!(transaction.answer(now, 487, Bytes::from_static(b"no"), &TIMERS), Step::Rest);
        assert!(!transaction.acknowledged(now, &TIMERS));
        assert_eq!(transaction.retransmitted(), Step::Rest);
    }
}
