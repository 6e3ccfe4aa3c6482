//! The response context of one request that passes (RFC 3261 section 16.7): its branches, what they answered, and what is passed on.
//! Pure: answers and the clock go in, what is to be done comes out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::best_response::{as_passed_on, better};
use super::targets::Target;
use crate::sip::message::{Method, Request, Response};

/// How long a phone may ring after it was last heard of (timer C, section 16.6: more than three minutes).
pub(super) const TIMER_C: Duration = Duration::from_secs(190);
/// How long a branch that was cancelled may take to say so (64 T1).
const FAREWELL: Duration = Duration::from_secs(32);
/// Told to phones that stop ringing because another answered: no missed call (RFC 3326).
pub(super) const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

/// Names a branch within its context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BranchId(pub usize);

/// Why a branch has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// Nothing came in the time the RFC gives.
    TimedOut,
    /// It could not be sent.
    NotSent,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Output {
    /// Send the request there, as this branch.
    Send(BranchId, Target),
    /// Pass this on to whoever asked.
    Respond(Response),
    /// Cancel a branch, and say why if there is a reason.
    Cancel(BranchId, Option<&'static str>),
}

/// Where a branch stands.
#[derive(Debug)]
enum State {
    /// Nothing heard yet.
    Trying,
    /// Heard of: it rings until then (timer C).
    Proceeding { until: Instant },
    /// Cancelled; its answer is waited for until then.
    Cancelling { until: Instant },
    /// Nothing heard yet and nothing waited for: to be cancelled once it is heard of.
    Unwanted { why: Option<&'static str> },
    /// Answered, or given up.
    Over,
}

#[derive(Debug)]
struct Branch {
    /// Further ways to the same phone, tried when this one leads nowhere (RFC 5626 section 7).
    others: VecDeque<Target>,
    state: State,
}

/// One request on its way through.
#[derive(Debug)]
pub(super) struct Context {
    request: Request,
    branches: Vec<Branch>,
    /// Where it goes when nothing is heard of any branch.
    last_resort: Option<Target>,
    best: Option<Response>,
    is_heard: bool,
    is_answered: bool,
    is_cancelled: bool,
}

impl Context {
    /// The request goes to the first target of each group at once; the others of a group are further ways to the same phone.
    /// `best` is what is answered unless something better comes.
    pub(super) fn new(
        request: Request,
        groups: Vec<VecDeque<Target>>,
        last_resort: Option<Target>,
        best: Option<Response>,
    ) -> (Self, Vec<Output>) {
        let mut context = Self {
            request,
            branches: Vec::new(),
            last_resort,
            best,
            is_heard: false,
            is_answered: false,
            is_cancelled: false,
        };
        let mut outputs = Vec::new();
        groups.into_iter().for_each(|group| context.start(group, &mut outputs));
        context.conclude(&mut outputs);
        (context, outputs)
    }

    /// An answer came.
    pub(super) fn answered(&mut self, now: Instant, id: BranchId, response: Response) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.is_heard = true;
        match response.status {
            ..200 => self.provisional(now, id, response, &mut outputs),
            200..300 => self.accepted(now, id, response, &mut outputs),
            status => {
                let Some(branch) = self.branches.get_mut(id.0) else { return outputs };
                if matches!(std::mem::replace(&mut branch.state, State::Over), State::Over) {
                    return outputs;
                }
                // What a flow that leads nowhere is answered with by the proxy before it.
                if !(matches!(status, 408 | 430) && self.next_way(id, &mut outputs)) {
                    if status >= 600 {
                        self.cancel_all(now, None, &mut outputs);
                    }
                    self.consider(response);
                }
            }
        }
        self.conclude(&mut outputs);
        outputs
    }

    /// No answer will come.
    pub(super) fn failed(&mut self, id: BranchId, failure: Failure) -> Vec<Output> {
        let mut outputs = Vec::new();
        let Some(branch) = self.branches.get_mut(id.0) else { return outputs };
        let before = std::mem::replace(&mut branch.state, State::Over);
        if matches!(before, State::Over | State::Unwanted { .. }) {
            return outputs;
        }
        if !self.next_way(id, &mut outputs) {
            let status = if failure == Failure::NotSent { 480 } else { 408 };
            self.consider(self.request.respond(status));
        }
        self.conclude(&mut outputs);
        outputs
    }

    /// Whoever asked has cancelled.
    pub(super) fn cancelled(&mut self, now: Instant) -> Vec<Output> {
        let mut outputs = Vec::new();
        if !self.is_answered {
            self.is_cancelled = true;
            self.cancel_all(now, None, &mut outputs);
            self.conclude(&mut outputs);
        }
        outputs
    }

    /// When [`Context::elapsed`] wants to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadlines = self.branches.iter().filter_map(|branch| match branch.state {
            State::Proceeding { until } | State::Cancelling { until } => Some(until),
            State::Trying | State::Unwanted { .. } | State::Over => None,
        });
        deadlines.min()
    }

    /// Time has passed.
    pub(super) fn elapsed(&mut self, now: Instant) -> Vec<Output> {
        let mut outputs = Vec::new();
        let mut given_up = false;
        for (index, branch) in self.branches.iter_mut().enumerate() {
            match branch.state {
                State::Proceeding { until } if until <= now => {
                    branch.state = State::Cancelling { until: now + FAREWELL };
                    branch.others.clear();
                    outputs.push(Output::Cancel(BranchId(index), None));
                }
                State::Cancelling { until } if until <= now => {
                    branch.state = State::Over;
                    given_up = true;
                }
                _ => {}
            }
        }
        if given_up {
            self.consider(self.request.respond(408));
        }
        self.conclude(&mut outputs);
        outputs
    }

    fn provisional(&mut self, now: Instant, id: BranchId, response: Response, outputs: &mut Vec<Output>) {
        let Some(branch) = self.branches.get_mut(id.0) else { return };
        match branch.state {
            State::Trying | State::Proceeding { .. } => branch.state = State::Proceeding { until: now + TIMER_C },
            State::Unwanted { why } => {
                branch.state = State::Cancelling { until: now + FAREWELL };
                return outputs.push(Output::Cancel(id, why));
            }
            State::Cancelling { .. } | State::Over => return,
        }
        // 100 is for this hop; to anything but an INVITE nothing provisional is passed on (RFC 4320 section 4.1).
        if response.status > 100 && self.request.method == Method::Invite && !self.is_answered {
            outputs.push(self.respond(response));
        }
    }

    fn accepted(&mut self, now: Instant, id: BranchId, response: Response, outputs: &mut Vec<Output>) {
        if let Some(branch) = self.branches.get_mut(id.0) {
            branch.state = State::Over;
            branch.others.clear();
        }
        // Every 2xx to an INVITE is passed on, and as often as it comes: each is a dialog of its own until the caller ends it.
        if self.request.method == Method::Invite || !self.is_answered {
            self.is_answered = true;
            outputs.push(self.respond(response));
            self.cancel_all(now, Some(ELSEWHERE), outputs);
        }
    }

    fn start(&mut self, mut group: VecDeque<Target>, outputs: &mut Vec<Output>) {
        let Some(target) = group.pop_front() else { return };
        outputs.push(Output::Send(BranchId(self.branches.len()), target));
        self.branches.push(Branch { others: group, state: State::Trying });
    }

    /// Tries the next way to the phone of a branch that led nowhere, if there is one.
    fn next_way(&mut self, id: BranchId, outputs: &mut Vec<Output>) -> bool {
        let others = self.branches.get_mut(id.0).map(|branch| std::mem::take(&mut branch.others)).unwrap_or_default();
        if others.is_empty() || self.is_answered || self.is_cancelled {
            return false;
        }
        self.start(others, outputs);
        true
    }

    fn cancel_all(&mut self, now: Instant, why: Option<&'static str>, outputs: &mut Vec<Output>) {
        self.last_resort = None;
        for (index, branch) in self.branches.iter_mut().enumerate() {
            branch.others.clear();
            match branch.state {
                State::Trying => branch.state = State::Unwanted { why },
                State::Proceeding { .. } if self.request.method == Method::Invite => {
                    branch.state = State::Cancelling { until: now + FAREWELL };
                    outputs.push(Output::Cancel(BranchId(index), why));
                }
                _ => {}
            }
        }
    }

    fn consider(&mut self, response: Response) {
        self.best = Some(match self.best.take() {
            Some(best) => better(best, response),
            None => response,
        });
    }

    /// Passes the best answer on once nothing more is to come.
    fn conclude(&mut self, outputs: &mut Vec<Output>) {
        let is_awaited = |branch: &Branch| !matches!(branch.state, State::Over | State::Unwanted { .. });
        if self.is_answered || self.branches.iter().any(is_awaited) {
            return;
        }
        if let Some(target) = self.last_resort.take()
            && !self.is_heard
        {
            return self.start([target].into(), outputs);
        }
        self.is_answered = true;
        let best = self.best.take();
        let answer = match best {
            Some(best) if !self.is_cancelled || best.status >= 600 => as_passed_on(best),
            _ => self.request.respond(if self.is_cancelled { 487 } else { 480 }),
        };
        outputs.push(self.respond(answer));
    }

    /// A response as whoever asked gets it: with the Vias of the request, whatever the answer has made of them (section 16.7, step 3).
    fn respond(&self, mut response: Response) -> Output {
        response.headers.remove("Via");
        for via in self.request.headers.all("Via").collect::<Vec<_>>().into_iter().rev() {
            response.headers.prepend("Via", via);
        }
        Output::Respond(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cti::proxy::targets::Way;
    use crate::sip::{Flow, Transport};

    fn request(method: Method) -> Request {
        let mut request = Request::new(method, "sip:1002@tsunagu".parse().unwrap());
        request.headers.push("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa");
        request.headers.push("To", "<sip:1002@tsunagu>");
        request
    }

    fn target(port: u16) -> Target {
        let flow = Flow {
            transport: Transport::Udp,
            local: "192.0.2.9:5060".parse().unwrap(),
            peer: ([192, 0, 2, 2], port).into(),
        };
        Target { uri: "sip:1002@192.0.2.2".parse().unwrap(), routes: Vec::new(), way: Way::Flow(flow), phone: None }
    }

    fn forked(groups: &[&[u16]]) -> (Context, Vec<Output>) {
        let groups = groups.iter().map(|ports| ports.iter().map(|port| target(*port)).collect()).collect();
        Context::new(request(Method::Invite), groups, None, None)
    }

    /// What was done, in short: `>port` sent, `status` passed on, `!branch` cancelled, `!branch~` for another answered.
    fn shown(outputs: Vec<Output>) -> String {
        let one = |output| match output {
            Output::Send(BranchId(id), Target { way: Way::Flow(flow), .. }) => format!(">{id}:{}", flow.peer.port()),
            Output::Send(..) => unreachable!("a branch that is no phone's"),
            Output::Respond(response) => {
                assert_eq!(response.headers.get("Via"), Some("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa"));
                response.status.to_string()
            }
            Output::Cancel(BranchId(id), why) => format!("!{id}{}", if why.is_some() { "~" } else { "" }),
        };
        outputs.into_iter().map(one).collect::<Vec<_>>().join(" ")
    }

    struct Sim(Context, Instant);

    impl Sim {
        fn start(groups: &[&[u16]]) -> (Self, String) {
            let (context, outputs) = forked(groups);
            (Self(context, Instant::now()), shown(outputs))
        }

        fn hears(&mut self, branch: usize, status: u16) -> String {
            let mut answer = request(Method::Invite).respond(status);
            answer.headers.prepend("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKours");
            shown(self.0.answered(self.1, BranchId(branch), answer))
        }

        fn waits(&mut self) -> String {
            self.1 = self.0.deadline().unwrap();
            shown(self.0.elapsed(self.1))
        }
    }

    #[test]
    fn whoever_answers_first_has_the_call_and_the_others_stop_ringing() {
        let (mut sim, sent) = Sim::start(&[&[1], &[2], &[3]]);
        assert_eq!(sent, ">0:1 >1:2 >2:3");
        assert_eq!(sim.hears(0, 100), "");
        assert_eq!(sim.hears(0, 180), "180");
        assert_eq!(sim.hears(1, 183), "183");
        assert_eq!(sim.hears(0, 200), "200 !1~", "the third has not been heard of: nothing can be cancelled yet");
        assert_eq!(sim.hears(2, 180), "!2~");
        assert_eq!(sim.hears(1, 487), "");
        assert_eq!(sim.hears(0, 200), "200", "it comes again until it is acknowledged");
        assert_eq!(sim.hears(2, 200), "200", "it was too late to cancel: the caller ends it");
    }

    #[test]
    fn the_caller_hears_the_best_of_all_refusals_once_there_is_no_hope() {
        let (mut sim, _) = Sim::start(&[&[1], &[2]]);
        assert_eq!(sim.hears(0, 486), "");
        assert_eq!(shown(sim.0.failed(BranchId(1), Failure::TimedOut)), "486");
        let (mut sim, _) = Sim::start(&[&[1], &[2]]);
        assert_eq!(sim.hears(1, 180), "180");
        assert_eq!(sim.hears(0, 603), "!1", "who declines for everybody ends it");
        assert_eq!(sim.hears(1, 487), "603");
        assert_eq!(shown(forked(&[]).1), "480");
    }

    #[test]
    fn a_caller_who_cancels_is_told_at_once_where_nobody_was_heard_of() {
        let (mut sim, _) = Sim::start(&[&[1], &[2]]);
        assert_eq!(sim.hears(0, 180), "180");
        assert_eq!(shown(sim.0.cancelled(sim.1)), "!0");
        assert_eq!(sim.hears(0, 487), "487");
        assert_eq!(sim.hears(1, 180), "!1", "it rings after all: it is stopped");
        let (mut sim, _) = Sim::start(&[&[1]]);
        assert_eq!(shown(sim.0.cancelled(sim.1)), "487");
        assert_eq!(shown(sim.0.cancelled(sim.1)), "");
    }

    #[test]
    fn another_flow_of_the_same_phone_is_tried_only_when_the_first_leads_nowhere() {
        let (mut sim, sent) = Sim::start(&[&[1, 2, 3]]);
        assert_eq!(sent, ">0:1");
        assert_eq!(shown(sim.0.failed(BranchId(0), Failure::NotSent)), ">1:2");
        assert_eq!(sim.hears(1, 430), ">2:3");
        assert_eq!(sim.hears(2, 486), "486");
    }

    #[test]
    fn a_phone_that_rings_on_is_stopped_by_timer_c() {
        let (mut sim, _) = Sim::start(&[&[1]]);
        assert_eq!(sim.0.deadline(), None);
        sim.hears(0, 180);
        let began = sim.1;
        assert_eq!(sim.waits(), "!0");
        assert_eq!(sim.1, began + TIMER_C);
        assert_eq!(sim.waits(), "408", "it says nothing more");
    }

    #[test]
    fn the_last_resort_is_for_phones_that_are_not_heard_of() {
        let start = || {
            let groups = vec![[target(1)].into()];
            Context::new(request(Method::Invite), groups, Some(target(9)), None).0
        };
        let mut context = start();
        assert_eq!(shown(context.failed(BranchId(0), Failure::TimedOut)), ">1:9");
        assert_eq!(shown(context.failed(BranchId(1), Failure::NotSent)), "480");
        let mut context = start();
        assert_eq!(shown(context.answered(Instant::now(), BranchId(0), request(Method::Invite).respond(486))), "486");
    }

    #[test]
    fn a_peer_that_knows_less_does_not_hide_what_is_known_here() {
        let here = request(Method::Invite).respond(480);
        for (there, heard) in [(404, "480"), (500, "480"), (486, "486"), (200, "200")] {
            let group = vec![[target(9)].into()];
            let mut context = Context::new(request(Method::Invite), group, None, Some(here.clone())).0;
            let answer = request(Method::Invite).respond(there);
            assert_eq!(shown(context.answered(Instant::now(), BranchId(0), answer)), heard);
        }
    }

    #[test]
    fn what_is_no_invite_gets_one_answer_and_nothing_before_it() {
        let mut context = Context::new(request(Method::Info), vec![[target(1)].into()], None, None).0;
        let now = Instant::now();
        let mut hears = |status| shown(context.answered(now, BranchId(0), request(Method::Info).respond(status)));
        assert_eq!([hears(180), hears(200), hears(200)], ["", "200", ""]);
    }
}
