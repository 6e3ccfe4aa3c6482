//! How one line stands: whether it is registered, the last REGISTER, the latest error, whether it flaps. Pure: it is told
//! what was seen, and when.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::journal::{Journal, Told};
use super::{LineStatusSettings, Observation, Observed, Reason, Sighting};
use crate::vocab::{RecordId, UnixMillis};

/// A phone that was told to come again and has not for so long is an error.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Old nonces in a row that are an error, and the time within which they are in a row.
const STALE: u32 = 3;
const ROW: Duration = Duration::from_secs(60);
/// Changes that are looked at for flapping.
const MOST_CHANGES: usize = 100;
/// News that waits to be told, of one line.
const MOST_NEWS: usize = 64;

/// Whether a line is registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineState {
    /// It is not.
    NotRegistered {
        /// Since when; nothing if it never was.
        since: Option<UnixMillis>,
        /// Why.
        cause: Cause,
    },
    /// It is.
    Registered {
        /// Since when.
        since: UnixMillis,
        /// Until when, unless it registers again.
        until: UnixMillis,
    },
}

/// Why a line is not registered, apart from what went wrong since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// It never was.
    Never,
    /// Its phone took the registration back.
    Unregistered,
    /// The registration went.
    Lost(Reason),
}

/// The last REGISTER that named a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastRegister {
    /// When.
    pub at: UnixMillis,
    /// From where.
    pub seen: Sighting,
    /// True if whoever sent it had shown to be the line's phone.
    pub is_proven: bool,
}

/// The latest error of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Which one.
    pub reason: Reason,
    /// When it happened first in a row.
    pub first_at: UnixMillis,
    /// When it happened last.
    pub at: UnixMillis,
    /// How often in a row.
    pub count: u32,
    /// Where the last one came from; nothing where no request brought it.
    pub seen: Option<Sighting>,
}

/// How a line stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Whether it is registered.
    pub state: LineState,
    /// The last REGISTER.
    pub last_register: Option<LastRegister>,
    /// The latest error.
    pub failure: Option<Failure>,
    /// The latest changes of its state, the oldest first.
    pub changes: VecDeque<UnixMillis>,
    /// True while it changes again and again.
    pub is_flapping: bool,
    pub(super) awaited: Option<Awaited>,
    pub(super) stale: (u32, UnixMillis),
}

/// A phone was told to come again.
#[derive(Clone, Debug)]
pub(super) struct Awaited {
    /// When.
    since: UnixMillis,
    /// What is the matter if it does not.
    otherwise: Reason,
    /// The last REGISTER before: of several phones of a number it may have been another that was told.
    before: Option<LastRegister>,
}

/// What is told of a line as it happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineNews {
    /// When.
    pub at: UnixMillis,
    /// What.
    pub told: Told,
    /// Where it came from.
    pub seen: Option<Sighting>,
    /// Changes of its state within the window.
    pub changes: usize,
}

/// What an observation has changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Changed {
    /// Nothing.
    Nothing,
    /// Times and counts: they may be written later.
    Details,
    /// What people wait for.
    News,
}

/// Where what happens to a line is written down.
pub(super) struct Record<'a> {
    pub journal: &'a mut Journal,
    pub news: &'a mut Vec<LineNews>,
    pub ids: &'a mut dyn FnMut(UnixMillis) -> RecordId,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            state: LineState::NotRegistered { since: None, cause: Cause::Never },
            last_register: None,
            failure: None,
            changes: VecDeque::new(),
            is_flapping: false,
            awaited: None,
            stale: (0, UnixMillis::new(0)),
        }
    }
}

impl Standing {
    /// True while it is registered.
    pub fn is_registered(&self) -> bool {
        matches!(self.state, LineState::Registered { .. })
    }

    /// True while it is registered, was not told to come again and doesn't flap.
    pub(super) fn is_at_rest(&self) -> bool {
        self.is_registered() && self.awaited.is_none() && !self.is_flapping
    }

    /// In a word why it stands so: `registered`, the reason of what went wrong since it was, or why it is not.
    pub fn code(&self) -> &'static str {
        let LineState::NotRegistered { since, cause } = self.state else { return "registered" };
        let failure = self.failure.as_ref().filter(|failure| since.is_none_or(|since| failure.at >= since));
        match (failure, cause) {
            (Some(failure), _) => failure.reason.code(),
            (None, Cause::Lost(reason)) => reason.code(),
            (None, Cause::Unregistered) => "unregistered",
            (None, Cause::Never) if self.last_register.is_none() => "never-received",
            (None, Cause::Never) => "never-registered",
        }
    }

    /// Takes an observation that names this line.
    pub(super) fn observe(
        &mut self,
        seen: &Observation,
        settings: &LineStatusSettings,
        record: &mut Record<'_>,
    ) -> Changed {
        let (at, sighting) = (seen.at, seen.seen.as_ref());
        match &seen.what {
            Observed::Challenged => {
                if self.is_registered() {
                    return Changed::Nothing;
                }
                let is_first = self.last_register.is_none();
                let before = self.awaited.take().map_or_else(|| self.last_register.clone(), |awaited| awaited.before);
                self.note_register(at, sighting, false);
                self.awaited = Some(Awaited { since: at, otherwise: Reason::ChallengeUnanswered, before });
                if is_first { Changed::News } else { Changed::Details }
            }
            Observed::TooBrief => {
                self.is_shown();
                self.note_register(at, sighting, true);
                // What is registered goes on as it is, and what comes next may be a refresh nobody is told of.
                if !self.is_registered() {
                    let before = self.last_register.clone();
                    self.awaited = Some(Awaited { since: at, otherwise: Reason::IntervalTooBrief, before });
                }
                Changed::Details
            }
            Observed::Queried => {
                self.is_shown();
                self.note_register(at, sighting, true);
                Changed::Details
            }
            Observed::Registered { until, moved_from } => {
                self.is_shown();
                self.note_register(at, sighting, true);
                let moved = moved_from.map(|_| self.fail(Reason::NatMappingChanged, at, sighting, record));
                match &mut self.state {
                    LineState::Registered { until: known, .. } => {
                        *known = *until;
                        moved.unwrap_or(Changed::Details)
                    }
                    LineState::NotRegistered { .. } => {
                        let state = LineState::Registered { since: at, until: *until };
                        self.change(state, Told::Registered, seen, settings, record)
                    }
                }
            }
            Observed::Unregistered => {
                self.is_shown();
                self.note_register(at, sighting, true);
                if !self.is_registered() {
                    return Changed::Details;
                }
                let state = LineState::NotRegistered { since: Some(at), cause: Cause::Unregistered };
                self.change(state, Told::Unregistered, seen, settings, record)
            }
            Observed::Lost(reason) => {
                if !self.is_registered() {
                    return Changed::Nothing;
                }
                self.failure = Some(Failure { reason: *reason, first_at: at, at, count: 1, seen: None });
                count(*reason);
                let state = LineState::NotRegistered { since: Some(at), cause: Cause::Lost(*reason) };
                self.change(state, Told::Lost(*reason), seen, settings, record)
            }
            Observed::Failed(reason) => {
                if reason.follows_proof() {
                    self.is_shown();
                } else {
                    self.awaited = None;
                }
                self.note_register(at, sighting, reason.follows_proof());
                self.fail(*reason, at, sighting, record)
            }
            Observed::Stale => {
                self.awaited = None;
                let (before, last) = self.stale;
                let in_a_row = if at.since(last) <= ROW { before.saturating_add(1) } else { 1 };
                self.stale = (in_a_row, at);
                if in_a_row < STALE {
                    return Changed::Nothing;
                }
                self.note_register(at, sighting, false);
                self.fail(Reason::StaleNonce, at, sighting, record)
            }
        }
    }

    /// Time has passed: a phone did not come again, or the line has come to rest.
    pub(super) fn elapse(
        &mut self,
        now: UnixMillis,
        settings: &LineStatusSettings,
        record: &mut Record<'_>,
    ) -> Changed {
        let mut changed = Changed::Nothing;
        if let Some(Awaited { since, otherwise, .. }) = self.awaited.take_if(|it| now.since(it.since) >= PATIENCE) {
            let seen = self.last_register.as_ref().map(|last| last.seen.clone());
            changed = self.fail(otherwise, since, seen.as_ref(), record);
        }
        if self.is_flapping && self.changes_within(now, settings) * 2 < most_changes(settings) {
            self.is_flapping = false;
            record.journal.close();
            self.tell(Told::Steady, now, None, settings, record);
            changed = Changed::News;
        }
        changed
    }

    /// Changes of its state within the window before `now`.
    pub fn changes_within(&self, now: UnixMillis, settings: &LineStatusSettings) -> usize {
        let window = Duration::from_secs(settings.flapping_seconds.get().into());
        self.changes.iter().filter(|at| now.since(**at) <= window).count()
    }

    /// Whoever was told at `source` to come again has, and is another phone of the number.
    pub(super) fn answered_by_another(&mut self, source: SocketAddr) -> Changed {
        let is_from_there = |last: &LastRegister| !last.is_proven && last.seen.source == source;
        if !self.last_register.as_ref().is_some_and(is_from_there) {
            return Changed::Nothing;
        }
        let Some(awaited) = self.awaited.take() else { return Changed::Nothing };
        self.last_register = awaited.before;
        Changed::News
    }

    /// Whoever sent it is this line's phone.
    fn is_shown(&mut self) {
        self.awaited = None;
        self.stale.0 = 0;
    }

    /// A stranger's REGISTER does not hide the one a line is registered by.
    fn note_register(&mut self, at: UnixMillis, seen: Option<&Sighting>, is_proven: bool) {
        let Some(seen) = seen.filter(|seen| seen.method == super::Asked::Register) else { return };
        if is_proven || !self.is_registered() {
            self.last_register = Some(LastRegister { at, seen: seen.clone(), is_proven });
        }
    }

    fn fail(&mut self, reason: Reason, at: UnixMillis, seen: Option<&Sighting>, record: &mut Record<'_>) -> Changed {
        count(reason);
        match &mut self.failure {
            Some(failure) if failure.reason == reason => {
                failure.count = failure.count.saturating_add(1);
                failure.at = at;
                failure.seen = seen.cloned();
            }
            failure => *failure = Some(Failure { reason, first_at: at, at, count: 1, seen: seen.cloned() }),
        }
        let told = Told::Failed(reason);
        if !record.journal.note(told, at, seen, || (record.ids)(at)) {
            return Changed::Details;
        }
        push(record.news, LineNews { at, told, seen: seen.cloned(), changes: 0 });
        Changed::News
    }

    fn change(
        &mut self,
        state: LineState,
        told: Told,
        seen: &Observation,
        settings: &LineStatusSettings,
        record: &mut Record<'_>,
    ) -> Changed {
        let (at, is_first) = (seen.at, self.state == Self::default().state);
        self.state = state;
        metrics::counter!("line_state_changes_total", "state" => if self.is_registered() { "registered" } else { "not-registered" })
            .increment(1);
        if !is_first {
            self.changes.push_back(at);
        }
        let most = most_changes(settings);
        while self.changes.len() > most {
            self.changes.pop_front();
        }
        let changes = self.changes_within(at, settings);
        push(record.news, LineNews { at, told, seen: seen.seen.clone(), changes });
        if self.is_flapping {
            // Counted in the entry that says so.
            record.journal.note(Told::Flapping, at, seen.seen.as_ref(), || (record.ids)(at));
            return Changed::News;
        }
        record.journal.close();
        record.journal.note(told, at, seen.seen.as_ref(), || (record.ids)(at));
        if changes >= most {
            self.is_flapping = true;
            self.tell(Told::Flapping, at, seen.seen.as_ref(), settings, record);
        }
        Changed::News
    }

    fn tell(
        &self,
        told: Told,
        at: UnixMillis,
        seen: Option<&Sighting>,
        settings: &LineStatusSettings,
        record: &mut Record<'_>,
    ) {
        record.journal.note(told, at, seen, || (record.ids)(at));
        let changes = self.changes_within(at, settings);
        push(record.news, LineNews { at, told, seen: seen.cloned(), changes });
    }
}

fn most_changes(settings: &LineStatusSettings) -> usize {
    usize::try_from(settings.flapping_changes.get()).unwrap_or(MOST_CHANGES).clamp(2, MOST_CHANGES)
}

fn push(news: &mut Vec<LineNews>, one: LineNews) {
    if news.len() >= MOST_NEWS {
        news.remove(0);
    }
    news.push(one);
}

fn count(reason: Reason) {
    metrics::counter!("line_errors_total", "reason" => reason.code()).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::line_status::{Asked, Named};
    use crate::sip::Transport;
    use crate::vocab::PhoneId;

    struct Line {
        standing: Standing,
        journal: Journal,
        news: Vec<LineNews>,
        ids: u8,
        settings: LineStatusSettings,
    }

    impl Line {
        fn new() -> Self {
            let (standing, settings) = (Standing::default(), LineStatusSettings::default());
            Self { standing, journal: Journal::default(), news: Vec::new(), ids: 0, settings }
        }

        fn with<T>(&mut self, act: impl FnOnce(&mut Standing, &LineStatusSettings, &mut Record<'_>) -> T) -> T {
            let Self { standing, journal, news, ids, settings } = self;
            let mut next = |at| {
                *ids += 1;
                RecordId::new(at, [*ids; 10])
            };
            act(standing, settings, &mut Record { journal, news, ids: &mut next })
        }

        fn sees(&mut self, second: i64, what: Observed) -> Changed {
            self.sees_from("192.0.2.1:5060", second, what)
        }

        fn sees_from(&mut self, source: &str, second: i64, what: Observed) -> Changed {
            let seen = Sighting {
                source: source.parse().unwrap(),
                transport: Transport::Udp,
                user_agent: "Phone/1".into(),
                method: Asked::Register,
            };
            let named = Named::Phone { phone: PhoneId::new(UnixMillis::new(0), [0; 10]), aor: None };
            let observation = Observation { at: at(second), named, seen: Some(seen), what };
            self.with(|standing, settings, record| standing.observe(&observation, settings, record))
        }

        fn registers(&mut self, second: i64) -> Changed {
            self.sees(second, Observed::Registered { until: at(second + 300), moved_from: None })
        }

        fn told(&self) -> Vec<Told> {
            self.news.iter().map(|news| news.told).collect()
        }

        fn history(&self) -> Vec<(&'static str, u32)> {
            self.journal.unsaved().map(|entry| (entry.told.code(), entry.count)).collect()
        }
    }

    fn at(second: i64) -> UnixMillis {
        UnixMillis::new(second * 1000)
    }

    #[test]
    fn a_line_nobody_ever_registered_says_so() {
        let mut line = Line::new();
        assert_eq!(line.standing.code(), "never-received");
        assert_eq!(line.sees(1, Observed::Challenged), Changed::News);
        assert_eq!(line.standing.code(), "never-registered");
        assert!(!line.standing.last_register.as_ref().unwrap().is_proven);
    }

    #[test]
    fn a_challenge_that_is_not_answered_is_an_error_after_half_a_minute() {
        let mut line = Line::new();
        line.sees(1, Observed::Challenged);
        assert_eq!(line.with(|it, settings, record| it.elapse(at(30), settings, record)), Changed::Nothing);
        assert_eq!(line.with(|it, settings, record| it.elapse(at(31), settings, record)), Changed::News);
        assert_eq!(line.standing.code(), "challenge-unanswered");
        // One that is answered is none, and whoever is registered is not awaited.
        line.sees(40, Observed::Challenged);
        line.registers(41);
        line.sees(42, Observed::TooBrief);
        assert_eq!(line.with(|it, settings, record| it.elapse(at(99), settings, record)), Changed::Nothing);
    }

    #[test]
    fn a_wrong_password_is_the_reason_until_the_right_one_comes() {
        let mut line = Line::new();
        let wrong = || Observed::Failed(Reason::WrongPassword);
        assert_eq!(line.sees(1, wrong()), Changed::News);
        assert_eq!((line.sees(2, wrong()), line.sees(3, wrong())), (Changed::Details, Changed::Details));
        assert_eq!((line.standing.code(), line.standing.failure.as_ref().unwrap().count), ("wrong-password", 3));
        line.registers(4);
        assert_eq!(line.standing.code(), "registered");
        // The latest error stays to be seen.
        assert_eq!(line.standing.failure.as_ref().unwrap().at, at(3));
        assert_eq!(line.history(), [("wrong-password", 3), ("registered", 1)]);
        assert_eq!(line.told(), [Told::Failed(Reason::WrongPassword), Told::Registered]);
    }

    #[test]
    fn somebody_who_guesses_hides_neither_the_registration_nor_its_register() {
        let mut line = Line::new();
        line.registers(1);
        line.sees_from("203.0.113.9:5060", 2, Observed::Failed(Reason::WrongPassword));
        line.sees_from("203.0.113.9:5060", 3, Observed::Challenged);
        assert_eq!(line.standing.code(), "registered");
        assert_eq!(line.standing.last_register.as_ref().unwrap().seen.source.to_string(), "192.0.2.1:5060");
        assert_eq!(
            line.standing.failure.as_ref().unwrap().seen.as_ref().unwrap().source.ip().to_string(),
            "203.0.113.9"
        );
    }

    #[test]
    fn a_registration_goes_by_the_phone_or_by_time_and_it_is_said_which() {
        let mut line = Line::new();
        line.registers(1);
        assert_eq!(line.registers(100), Changed::Details);
        assert_eq!(line.sees(200, Observed::Unregistered), Changed::News);
        assert_eq!(line.standing.code(), "unregistered");
        assert_eq!(line.sees(201, Observed::Lost(Reason::Expired)), Changed::Nothing);
        line.registers(300);
        line.sees(600, Observed::Lost(Reason::Expired));
        assert_eq!(line.standing.code(), "expired");
        let codes: Vec<_> = line.history().into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, ["registered", "unregistered", "registered", "expired"]);
    }

    #[test]
    fn old_nonces_in_a_row_are_trouble_and_one_of_them_is_none() {
        let mut line = Line::new();
        line.sees(1, Observed::Stale);
        line.registers(2);
        assert_eq!(
            (line.sees(3, Observed::Stale), line.sees(4, Observed::Stale)),
            (Changed::Nothing, Changed::Nothing)
        );
        // Too long after to be in a row.
        assert_eq!(line.sees(300, Observed::Stale), Changed::Nothing);
        assert_eq!(
            (line.sees(301, Observed::Stale), line.sees(302, Observed::Stale)),
            (Changed::Nothing, Changed::News)
        );
        assert_eq!(line.standing.failure.as_ref().unwrap().reason, Reason::StaleNonce);
    }

    #[test]
    fn a_changed_mapping_is_noted_and_the_line_stays_registered() {
        let mut line = Line::new();
        line.registers(1);
        let moved = Observed::Registered { until: at(400), moved_from: Some("192.0.2.1:1".parse().unwrap()) };
        assert_eq!(line.sees(100, moved), Changed::News);
        assert_eq!(line.standing.code(), "registered");
        assert_eq!(line.standing.failure.as_ref().unwrap().reason, Reason::NatMappingChanged);
    }

    #[test]
    fn a_line_that_comes_and_goes_flaps_and_its_history_stays_short() {
        let mut line = Line::new();
        for turn in 0..20 {
            line.registers(turn * 20);
            line.sees(turn * 20 + 10, Observed::Unregistered);
        }
        assert!(line.standing.is_flapping);
        // The seventh change is the sixth after it was registered first.
        let history = line.history();
        assert_eq!(history.len(), 8, "{history:?}");
        assert_eq!(history.last(), Some(&("flapping", 34)));
        assert_eq!(line.told().iter().filter(|told| **told == Told::Flapping).count(), 1);
        // Slow enough: it has come to rest.
        assert_eq!(line.with(|it, settings, record| it.elapse(at(900), settings, record)), Changed::Nothing);
        assert_eq!(line.with(|it, settings, record| it.elapse(at(1000), settings, record)), Changed::News);
        assert!(!line.standing.is_flapping);
        assert_eq!(line.history().last(), Some(&("steady", 1)));
    }

    #[test]
    fn changes_far_apart_are_no_flapping() {
        let mut line = Line::new();
        for turn in 0..50 {
            line.registers(turn * 600);
            line.sees(turn * 600 + 300, Observed::Unregistered);
        }
        assert!(!line.standing.is_flapping);
    }
}
