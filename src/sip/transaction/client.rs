//! Client transactions (RFC 3261 section 17.1, RFC 6026): how a request of ours gets its answer.

use std::time::Instant;

use bytes::Bytes;

use super::{Retransmission, Timers};

/// Where a client transaction stands.
#[derive(Debug)]
enum State {
    /// Sent, not answered (timers A and B, or E and F).
    Calling { retransmission: Option<Retransmission>, ends: Instant },
    /// Answered provisionally. An INVITE waits for as long as it takes; others go on retransmitting at T2.
    Proceeding { retransmission: Option<Retransmission>, ends: Option<Instant> },
    /// INVITE answered 2xx: further 2xx go to the dialog (timer M).
    Accepted { ends: Instant },
    /// Answered finally: absorbs retransmitted answers (timers D and K). For an INVITE, each is acknowledged again.
    Completed { acknowledgement: Option<Bytes>, ends: Instant },
}

/// One request of ours.
#[derive(Debug)]
pub(super) struct ClientTransaction {
    is_invite: bool,
    is_reliable: bool,
    octets: Bytes,
    state: State,
}

/// What a transaction wants done after it was told something.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Rest,
    /// Send these octets again.
    Send(Bytes),
    /// Give the response to whoever asked.
    Deliver,
    /// Give the response to whoever asked and acknowledge it (INVITE, 300-699).
    DeliverAndAcknowledge,
    /// Ended long after the answer; forget it.
    End,
    /// No answer came in time (timers B and F).
    TimedOut,
}

impl ClientTransaction {
    pub(super) fn new(now: Instant, is_invite: bool, is_reliable: bool, octets: Bytes, timers: &Timers) -> Self {
        let retransmission = (!is_reliable).then(|| Retransmission::starting(now, timers.t1));
        Self { is_invite, is_reliable, octets, state: State::Calling { retransmission, ends: now + timers.patience() } }
    }

    /// A response arrived.
    pub(super) fn answered(&mut self, now: Instant, status: u16, timers: &Timers) -> Step {
        match &mut self.state {
            State::Calling { .. } | State::Proceeding { .. } if status < 200 => {
                self.proceed(now, timers);
                Step::Deliver
            }
            State::Calling { .. } | State::Proceeding { .. } if self.is_invite && status < 300 => {
                self.state = State::Accepted { ends: now + timers.patience() };
                Step::Deliver
            }
            State::Calling { .. } | State::Proceeding { .. } => {
                let linger = match (self.is_reliable, self.is_invite) {
                    (true, _) => std::time::Duration::ZERO,
                    (false, true) => timers.patience(),
                    (false, false) => timers.t4,
                };
                self.state = State::Completed { acknowledgement: None, ends: now + linger };
                if self.is_invite { Step::DeliverAndAcknowledge } else { Step::Deliver }
            }
            State::Accepted { .. } if (200..300).contains(&status) => Step::Deliver,
            State::Completed { acknowledgement: Some(octets), .. } if status >= 300 => Step::Send(octets.clone()),
            State::Accepted { .. } | State::Completed { .. } => Step::Rest,
        }
    }

    fn proceed(&mut self, now: Instant, timers: &Timers) {
        let (retransmission, ends) = match &self.state {
            State::Calling { ends, .. } if !self.is_invite => {
                ((!self.is_reliable).then(|| Retransmission::starting(now, timers.t2)), Some(*ends))
            }
            State::Proceeding { retransmission, ends } => (*retransmission, *ends),
            _ => (None, None),
        };
        self.state = State::Proceeding { retransmission, ends };
    }

    /// The ACK that goes out again whenever the 300-699 answer comes again.
    pub(super) fn acknowledge_with(&mut self, octets: Bytes) {
        if let State::Completed { acknowledgement, .. } = &mut self.state {
            *acknowledgement = Some(octets);
        }
    }

    /// A CANCEL goes out: if nothing comes of it either, the INVITE ends as if nobody had answered (section 9.1).
    pub(super) fn cancelled(&mut self, now: Instant, timers: &Timers) {
        if let State::Proceeding { ends: ends @ None, .. } = &mut self.state {
            *ends = Some(now + timers.patience());
        }
    }

    /// True between the first provisional answer and the final one: when an INVITE may be cancelled (section 9.1).
    pub(super) fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    /// True while nothing has been heard.
    pub(super) fn is_calling(&self) -> bool {
        matches!(self.state, State::Calling { .. })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let earliest = |retransmission: &Option<Retransmission>, ends: Option<Instant>| {
            retransmission.as_ref().map(|due| due.at).into_iter().chain(ends).min()
        };
        match &self.state {
            State::Calling { retransmission, ends } => earliest(retransmission, Some(*ends)),
            State::Proceeding { retransmission, ends } => earliest(retransmission, *ends),
            State::Accepted { ends } | State::Completed { ends, .. } => Some(*ends),
        }
    }

    pub(super) fn elapsed(&mut self, now: Instant, timers: &Timers) -> Step {
        let cap = (!self.is_invite).then_some(timers.t2);
        match &mut self.state {
            State::Accepted { ends } | State::Completed { ends, .. } => {
                if now >= *ends {
                    Step::End
                } else {
                    Step::Rest
                }
            }
            State::Calling { ends, .. } | State::Proceeding { ends: Some(ends), .. } if now >= *ends => Step::TimedOut,
            State::Calling { retransmission: Some(due), .. } | State::Proceeding { retransmission: Some(due), .. }
                if now >= due.at =>
            {
                *due = due.next(now, cap);
                Step::Send(self.octets.clone())
            }
            State::Calling { .. } | State::Proceeding { .. } => Step::Rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(is_invite: bool) -> (Vec<u128>, Step) {
        let timers = Timers::default();
        let start = Instant::now();
        let mut transaction = ClientTransaction::new(start, is_invite, false, Bytes::from_static(b"x"), &timers);
        let mut at = Vec::new();
        loop {
            let now = transaction.deadline().unwrap();
            match transaction.elapsed(now, &timers) {
                Step::Send(_) => at.push((now - start).as_millis()),
                last => return (at, last),
            }
        }
    }

    #[test]
    fn an_unanswered_invite_is_sent_seven_times_then_given_up() {
        assert_eq!(schedule(true), (vec![500, 1500, 3500, 7500, 15500, 31500], Step::TimedOut));
    }

    #[test]
    fn an_unanswered_notify_is_repeated_no_less_often_than_every_t2() {
        let (at, last) = schedule(false);
        assert_eq!(at, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
        assert_eq!(last, Step::TimedOut);
    }

    #[test]
    fn an_invite_whose_cancel_nobody_answers_is_given_up() {
        let timers = Timers::default();
        let now = Instant::now();
        let mut transaction = ClientTransaction::new(now, true, false, Bytes::from_static(b"x"), &timers);
        transaction.answered(now, 180, &timers);
        transaction.cancelled(now, &timers);
        // Ringing on changes nothing.
        transaction.answered(now, 180, &timers);
        let ends = transaction.deadline().unwrap();
        assert_eq!(ends - now, std::time::Duration::from_secs(32));
        assert_eq!(transaction.elapsed(ends, &timers), Step::TimedOut);
    }

    #[test]
    fn a_provisional_answer_stops_an_invite_from_being_sent_again() {
        let timers = Timers::default();
        let now = Instant::now();
        let mut transaction = ClientTransaction::new(now, true, false, Bytes::from_static(b"x"), &timers);
        assert_eq!(transaction.answered(now, 180, &timers), Step::Deliver);
        assert_eq!(transaction.deadline(), None);
        assert_eq!(transaction.answered(now, 486, &timers), Step::DeliverAndAcknowledge);
        transaction.acknowledge_with(Bytes::from_static(b"ack"));
        assert_eq!(transaction.answered(now, 486, &timers), Step::Send(Bytes::from_static(b"ack")));
    }
}
