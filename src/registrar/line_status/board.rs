//! The lines something was seen of, as they stand, and what of them is to be written. Pure: it is told the time, and lines
//! it doesn't know are given to it.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Bound;
use std::time::Duration;

use super::journal::Journal;
use super::standing::{Changed, PATIENCE, Record};
use super::strangers::{Stranger, Strangers};
use super::{LineNews, LineState, LineStatusSettings, Named, Observation, Observed, Standing};
use crate::vocab::{PhoneId, RecordId, UnixMillis};

/// How long times and counts may wait to be written.
const LATER: Duration = Duration::from_secs(60);
/// Phones held at once; beyond that those of which all is written are forgotten until they are seen again.
const MOST_PHONES: usize = 500_000;
/// Phones that were told to come again, and are awaited at once.
const MOST_AWAITED: usize = 65_536;

/// A phone's lines.
#[derive(Clone, Debug)]
pub struct PhoneLines {
    /// What the phone registers as in place of a number, if it takes no configuration.
    pub own_name: Option<String>,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// The key it is on.
    pub position: u8,
    /// Its number.
    pub number: String,
    /// When it was made: one that was made anew is another line.
    pub made_at: UnixMillis,
    /// How it stands.
    pub standing: Standing,
    pub(super) journal: Journal,
    pub(super) news: Vec<LineNews>,
    pub(super) is_unsaved: bool,
    /// Nothing of it was ever written.
    pub(super) is_new: bool,
}

impl Line {
    /// As it was stored.
    pub fn stored(position: u8, number: String, made_at: UnixMillis, standing: Standing) -> Self {
        let (journal, news) = (Journal::default(), Vec::new());
        Self { position, number, made_at, standing, journal, news, is_unsaved: false, is_new: false }
    }
}

impl Line {
    /// True while nothing is counted or awaited, so that what is stored says all.
    fn is_at_rest(&self) -> bool {
        self.standing.is_at_rest() && self.journal.is_empty() && !self.is_unsaved
    }
}

impl PhoneLines {
    /// True if a registration of `aor` is one of this line.
    pub fn is_on(&self, line: &Line, aor: &str) -> bool {
        line.number == aor || self.own_name.as_deref() == Some(aor)
    }
}

/// What is held of lines and of names nobody has.
pub(super) struct Board {
    settings: LineStatusSettings,
    phones: HashMap<PhoneId, PhoneLines>,
    /// Phones of which something is to be written now; neighbours here are neighbours in the database.
    due: BTreeSet<PhoneId>,
    /// The last phone of those that were written last.
    written_to: Option<PhoneId>,
    /// Phones of which something is to be written later, in the order of when.
    later: VecDeque<(UnixMillis, PhoneId)>,
    waits: HashSet<PhoneId>,
    awaited: VecDeque<(UnixMillis, PhoneId)>,
    /// The phones of a number of which one was told to come again, and until when it is awaited.
    rivals: HashMap<String, (UnixMillis, Vec<PhoneId>)>,
    /// Those in the order of when.
    rivalries: VecDeque<(UnixMillis, String)>,
    flapping: HashSet<PhoneId>,
    strangers: Strangers,
    most: usize,
}

impl Board {
    /// With nothing on it.
    pub fn new(settings: LineStatusSettings) -> Self {
        Self {
            settings,
            phones: HashMap::new(),
            due: BTreeSet::new(),
            written_to: None,
            later: VecDeque::new(),
            waits: HashSet::new(),
            awaited: VecDeque::new(),
            rivals: HashMap::new(),
            rivalries: VecDeque::new(),
            flapping: HashSet::new(),
            strangers: Strangers::default(),
            most: MOST_PHONES,
        }
    }

    /// True if a phone's lines are known here.
    pub fn knows(&self, phone: PhoneId) -> bool {
        self.phones.contains_key(&phone)
    }

    /// A phone's lines.
    pub fn of(&self, phone: PhoneId) -> Option<&PhoneLines> {
        self.phones.get(&phone)
    }

    /// How many lines flap, of those that are held.
    pub fn flapping(&self) -> usize {
        self.flapping.len()
    }

    /// Takes a phone's lines as they are stored. What is held of a line already is newer.
    pub fn take(&mut self, phone: PhoneId, mut stored: PhoneLines) {
        if let Some(mut held) = self.phones.remove(&phone) {
            for line in &mut stored.lines {
                let same = |held: &Line| held.position == line.position && held.made_at == line.made_at;
                if let Some(index) = held.lines.iter().position(same) {
                    let known = held.lines.swap_remove(index);
                    *line = Line { number: std::mem::take(&mut line.number), ..known };
                }
            }
        }
        if self.phones.len() >= self.most {
            self.forget_saved();
        }
        if stored.lines.iter().any(|line| line.standing.is_flapping) {
            self.flapping.insert(phone);
        }
        self.phones.insert(phone, stored);
    }

    /// A phone's lines are to be as they were.
    pub fn put_back(&mut self, phone: PhoneId, before: PhoneLines) {
        if !before.lines.iter().any(|line| line.is_unsaved) {
            self.due.remove(&phone);
        }
        self.phones.insert(phone, before);
    }

    /// A phone has no lines any more, or others.
    pub fn forget(&mut self, phone: PhoneId) {
        self.phones.remove(&phone);
        self.due.remove(&phone);
        self.flapping.remove(&phone);
    }

    /// Takes an observation of phones that are known here.
    pub fn observe(&mut self, seen: &Observation, ids: &mut dyn FnMut(UnixMillis) -> RecordId) {
        match &seen.named {
            Named::Phone { phone, aor } => {
                self.observe_phone(*phone, aor.as_deref(), seen, ids);
                if let Some(aor) = aor {
                    self.spare_rivals(*phone, aor, seen);
                }
            }
            Named::Number { phones, number } => {
                if seen.what == Observed::Challenged && phones.len() > 1 && self.rivalries.len() < MOST_AWAITED {
                    let until = seen.at.after(PATIENCE);
                    self.rivals.insert(number.clone(), (until, phones.clone()));
                    self.rivalries.push_back((until, number.clone()));
                }
                for phone in phones {
                    self.observe_phone(*phone, Some(number), seen, ids);
                }
            }
            Named::Stranger { name, number, phones } => {
                let Observed::Failed(reason) = seen.what else { return };
                let tried = Stranger {
                    number: number.clone(),
                    reason,
                    first_at: seen.at,
                    at: seen.at,
                    count: 1,
                    seen: seen.seen.clone(),
                };
                if !self.strangers.note(name, tried) {
                    metrics::counter!("line_observations_lost_total").increment(1);
                }
                for phone in phones {
                    self.observe_phone(*phone, number.as_deref(), seen, ids);
                }
            }
        }
    }

    /// A phone of a number came again: it, and none of the others, had been told to.
    fn spare_rivals(&mut self, phone: PhoneId, number: &str, seen: &Observation) {
        let Some(sighting) = seen.seen.as_ref().filter(|_| seen.what != Observed::Challenged) else { return };
        let Some((_, rivals)) = self.rivals.get(number) else { return };
        for rival in rivals.clone().into_iter().filter(|rival| *rival != phone) {
            let Some(mut held) = self.phones.remove(&rival) else { continue };
            let named: Vec<bool> = held.lines.iter().map(|line| held.is_on(line, number)).collect();
            let mut changed = Changed::Nothing;
            for (line, _) in held.lines.iter_mut().zip(named).filter(|(_, is_named)| *is_named) {
                let done = line.standing.answered_by_another(sighting.source);
                line.is_unsaved |= done > Changed::Nothing;
                changed = changed.max(done);
            }
            self.phones.insert(rival, held);
            self.mark(rival, changed, seen.at);
        }
    }

    fn observe_phone(
        &mut self,
        phone: PhoneId,
        aor: Option<&str>,
        seen: &Observation,
        ids: &mut dyn FnMut(UnixMillis) -> RecordId,
    ) {
        let Some(mut held) = self.phones.remove(&phone) else { return };
        let named: Vec<bool> = held.lines.iter().map(|line| aor.is_some_and(|aor| held.is_on(line, aor))).collect();
        // What is wrong with a phone is wrong with all of its lines, unless it asked for one.
        let is_of_all = matches!(seen.what, Observed::Failed(_) | Observed::Stale) && !named.contains(&true);
        let mut changed = Changed::Nothing;
        for (line, is_named) in held.lines.iter_mut().zip(named) {
            if is_named || is_of_all {
                let Line { standing, journal, news, is_unsaved, .. } = line;
                let done = standing.observe(seen, &self.settings, &mut Record { journal, news, ids: &mut *ids });
                *is_unsaved |= done > Changed::Nothing;
                changed = changed.max(done);
            }
        }
        let is_flapping = held.lines.iter().any(|line| line.standing.is_flapping);
        self.phones.insert(phone, held);
        if is_flapping {
            self.flapping.insert(phone);
        }
        let is_awaited = matches!(seen.what, Observed::Challenged | Observed::TooBrief);
        if is_awaited && changed > Changed::Nothing && self.awaited.len() < MOST_AWAITED {
            self.awaited.push_back((seen.at.after(PATIENCE), phone));
        }
        self.mark(phone, changed, seen.at);
    }

    fn mark(&mut self, phone: PhoneId, changed: Changed, at: UnixMillis) {
        match changed {
            Changed::Nothing => {}
            Changed::News => {
                self.due.insert(phone);
            }
            Changed::Details => {
                if !self.due.contains(&phone) && self.waits.insert(phone) {
                    self.later.push_back((at.after(LATER), phone));
                }
            }
        }
    }

    /// Time has passed.
    pub fn elapse(&mut self, now: UnixMillis, ids: &mut dyn FnMut(UnixMillis) -> RecordId) {
        let mut looked_at: HashSet<PhoneId> = self.flapping.clone();
        while let Some((at, phone)) = self.awaited.front().copied()
            && at <= now
        {
            self.awaited.pop_front();
            looked_at.insert(phone);
        }
        for phone in looked_at {
            self.elapse_phone(phone, now, ids);
        }
        while let Some((until, number)) = self.rivalries.pop_front_if(|(until, _)| *until <= now) {
            // A later challenge of the number has its own time.
            if self.rivals.get(&number).is_some_and(|(known, _)| *known == until) {
                self.rivals.remove(&number);
            }
        }
        while let Some((at, phone)) = self.later.front().copied()
            && at <= now
        {
            self.later.pop_front();
            self.waits.remove(&phone);
            self.hurry(phone);
        }
    }

    fn elapse_phone(&mut self, phone: PhoneId, now: UnixMillis, ids: &mut dyn FnMut(UnixMillis) -> RecordId) {
        let Some(held) = self.phones.get_mut(&phone) else {
            self.flapping.remove(&phone);
            return;
        };
        let mut changed = Changed::Nothing;
        for Line { standing, journal, news, is_unsaved, .. } in &mut held.lines {
            let done = standing.elapse(now, &self.settings, &mut Record { journal, news, ids: &mut *ids });
            *is_unsaved |= done > Changed::Nothing;
            changed = changed.max(done);
        }
        if !held.lines.iter().any(|line| line.standing.is_flapping) {
            self.flapping.remove(&phone);
        }
        self.mark(phone, changed, now);
    }

    /// What is known of a phone's registration elsewhere is the truth: the lines of a phone that are registered here and
    /// not there, with when that was to end.
    pub fn lost(&self, phone: PhoneId, is_registered: impl Fn(&str) -> bool) -> Vec<(String, UnixMillis)> {
        let Some(held) = self.phones.get(&phone) else { return Vec::new() };
        let own_name = held.own_name.as_deref();
        let is_there = |line: &&Line| is_registered(&line.number) || own_name.is_some_and(&is_registered);
        let lost = held.lines.iter().filter(|line| !is_there(line));
        lost.filter_map(|line| match line.standing.state {
            LineState::Registered { until, .. } => Some((line.number.clone(), until)),
            LineState::NotRegistered { .. } => None,
        })
        .collect()
    }

    /// True if of a phone's lines those count as registered that it is registered as, `aors`, and no others.
    pub fn stands<'a>(&self, phone: PhoneId, aors: impl Iterator<Item = &'a str> + Clone) -> bool {
        self.phones.get(&phone).is_none_or(|held| {
            held.lines.iter().all(|line| line.standing.is_registered() == aors.clone().any(|aor| held.is_on(line, aor)))
        })
    }

    /// Everything that is held of a phone is to be written now.
    pub fn hurry(&mut self, phone: PhoneId) {
        if self.phones.get(&phone).is_some_and(|held| held.lines.iter().any(|line| line.is_unsaved)) {
            self.due.insert(phone);
        }
    }

    /// Everything there is to be written now.
    pub fn hurry_all(&mut self) {
        for (_, phone) in std::mem::take(&mut self.later) {
            self.hurry(phone);
        }
        self.waits.clear();
    }

    /// What is to be written now, at most so many phones: the next in order, so that each has its turn.
    pub fn due(&self, most: usize) -> Vec<(PhoneId, &PhoneLines)> {
        let after = self.written_to.map_or(Bound::Unbounded, Bound::Excluded);
        let from_the_first = self.written_to.into_iter().flat_map(|last| self.due.range(..=last));
        let next = self.due.range((after, Bound::Unbounded)).chain(from_the_first);
        next.filter_map(|phone| Some((*phone, self.phones.get(phone)?))).take(most).collect()
    }

    /// Names nobody has, to be written.
    pub fn strangers(&self) -> &HashMap<String, Stranger> {
        self.strangers.waiting()
    }

    /// True if something is to be written now.
    pub fn has_due(&self) -> bool {
        !self.due.is_empty() || !self.strangers.waiting().is_empty()
    }

    /// It was written. The lines of `gone` are there no more, or are others now.
    pub fn saved(&mut self, phones: &[PhoneId], gone: &[PhoneId]) {
        self.written_to = phones.last().copied();
        for phone in phones {
            self.due.remove(phone);
            for line in self.phones.get_mut(phone).into_iter().flat_map(|held| &mut held.lines) {
                line.journal.saved();
                line.news.clear();
                line.is_unsaved = false;
                line.is_new = false;
            }
            self.lay_down(*phone);
        }
        gone.iter().for_each(|phone| self.forget(*phone));
        self.strangers.saved();
    }

    /// Most phones are registered and stay so: nothing need be remembered of them.
    pub fn lay_down(&mut self, phone: PhoneId) {
        if self.phones.get(&phone).is_some_and(|held| held.lines.iter().all(Line::is_at_rest)) {
            self.phones.remove(&phone);
            self.due.remove(&phone);
        }
    }

    /// Another node wrote of this phone: what is held here is old, but for news that are yet to be written.
    pub fn let_go(&mut self, phone: PhoneId) {
        if !self.due.contains(&phone) {
            self.forget(phone);
        }
    }

    /// Other nodes may have written of any phone.
    pub fn let_all_go(&mut self) {
        let (due, flapping) = (&self.due, &mut self.flapping);
        self.phones.retain(|phone, _| due.contains(phone));
        flapping.retain(|phone| due.contains(phone));
    }

    fn forget_saved(&mut self) {
        let flapping = &self.flapping;
        let awaited: HashSet<PhoneId> = self.awaited.iter().map(|(_, phone)| *phone).collect();
        self.phones.retain(|phone, held| {
            held.lines.iter().any(|line| line.is_unsaved) || flapping.contains(phone) || awaited.contains(phone)
        });
        self.due.retain(|phone| self.phones.contains_key(phone));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Asked, Reason, Sighting};
    use super::*;
    use crate::sip::Transport;

    fn phone(number: u8) -> PhoneId {
        PhoneId::new(UnixMillis::new(0), [number; 10])
    }

    fn ids() -> impl FnMut(UnixMillis) -> RecordId {
        let mut next = 0_u8;
        move |at| {
            next = next.wrapping_add(1);
            RecordId::new(at, [next; 10])
        }
    }

    fn stored(numbers: &[&str], made_at: i64) -> PhoneLines {
        let line = |(index, number): (usize, &&str)| {
            let position = u8::try_from(index + 1).unwrap();
            Line::stored(position, (*number).to_owned(), UnixMillis::new(made_at), Standing::default())
        };
        PhoneLines { own_name: None, lines: numbers.iter().enumerate().map(line).collect() }
    }

    fn seen(at: i64, named: Named, what: Observed) -> Observation {
        Observation { at: UnixMillis::new(at), named, seen: None, what }
    }

    fn of(phone: PhoneId, aor: &str) -> Named {
        Named::Phone { phone, aor: Some(aor.to_owned()) }
    }

    fn registered(until: i64) -> Observed {
        Observed::Registered { until: UnixMillis::new(until), moved_from: None }
    }

    fn codes(board: &Board, phone: PhoneId) -> Vec<&'static str> {
        board.of(phone).unwrap().lines.iter().map(|line| line.standing.code()).collect()
    }

    fn board() -> Board {
        Board::new(LineStatusSettings::default())
    }

    #[test]
    fn what_a_request_names_is_what_it_is_about() {
        let mut board = board();
        board.take(phone(1), stored(&["1001", "1002"], 0));
        board.observe(&seen(1, of(phone(1), "1002"), registered(9)), &mut ids());
        assert_eq!(codes(&board, phone(1)), ["never-received", "registered"]);
        // A phone that registers what is none of its lines leaves them as they are; what is wrong with it is wrong with all.
        board.observe(&seen(2, of(phone(1), "9000"), registered(9)), &mut ids());
        assert_eq!(codes(&board, phone(1)), ["never-received", "registered"]);
        let wrong = Observed::Failed(Reason::WrongPassword);
        board.observe(&seen(3, Named::Phone { phone: phone(1), aor: None }, wrong), &mut ids());
        assert_eq!(codes(&board, phone(1)), ["wrong-password", "registered"]);
    }

    #[test]
    fn of_several_phones_of_a_number_the_one_that_comes_again_was_told_to_and_no_other() {
        let mut board = board();
        let (home, office) = (phone(1), phone(2));
        [home, office].iter().for_each(|phone| board.take(*phone, stored(&["1001"], 0)));
        let from = |port: u16, at: i64, named: Named, what: Observed| Observation {
            seen: Some(Sighting {
                source: ([192, 0, 2, 1], port).into(),
                transport: Transport::Udp,
                user_agent: "".into(),
                method: Asked::Register,
            }),
            ..seen(at, named, what)
        };
        let both = Named::Number { phones: vec![home, office], number: "1001".to_owned() };
        board.observe(&from(5060, 1, both.clone(), Observed::Challenged), &mut ids());
        assert_eq!([codes(&board, home), codes(&board, office)], [["never-registered"], ["never-registered"]]);
        board.observe(&from(5060, 2, of(home, "1001"), registered(9_000_000)), &mut ids());
        assert_eq!([codes(&board, home), codes(&board, office)], [["registered"], ["never-received"]]);
        board.elapse(UnixMillis::new(60_000), &mut ids());
        assert_eq!(codes(&board, office), ["never-received"]);
        // Whoever was told so elsewhere is still awaited.
        board.observe(&from(5070, 70_000, both, Observed::Challenged), &mut ids());
        board.observe(&from(5060, 70_001, of(home, "1001"), registered(9_000_000)), &mut ids());
        board.elapse(UnixMillis::new(130_000), &mut ids());
        assert_eq!(codes(&board, office), ["challenge-unanswered"]);
    }

    #[test]
    fn a_phone_that_goes_by_its_own_name_has_its_lines_registered_by_it() {
        let mut board = board();
        board.take(phone(1), PhoneLines { own_name: Some("desk-7".to_owned()), ..stored(&["1001"], 0) });
        board.observe(&seen(1, of(phone(1), "desk-7"), registered(9)), &mut ids());
        assert_eq!(codes(&board, phone(1)), ["registered"]);
        assert!(board.lost(phone(1), |aor| aor == "desk-7").is_empty());
        assert_eq!(board.lost(phone(1), |_| false), [("1001".to_owned(), UnixMillis::new(9))]);
    }

    #[test]
    fn a_phone_stands_as_is_known_while_the_same_lines_are_registered() {
        let mut board = board();
        let stands = |board: &Board, aors: &[&str]| board.stands(phone(1), aors.iter().copied());
        assert!(stands(&board, &["1001"]), "nothing is known of it");
        board.take(phone(1), stored(&["1001", "1002"], 0));
        assert!(stands(&board, &[]) && stands(&board, &["9000"]) && !stands(&board, &["1001"]));
        board.observe(&seen(1, of(phone(1), "1001"), registered(9)), &mut ids());
        assert!(stands(&board, &["1001"]) && !stands(&board, &["1001", "1002"]) && !stands(&board, &[]));
    }

    #[test]
    fn a_name_nobody_has_is_kept_apart_and_is_a_lines_only_where_it_named_its_number() {
        let mut board = board();
        board.take(phone(1), stored(&["1001"], 0));
        board.take(phone(2), stored(&["1002"], 0));
        let tried = |name: &str, number: &str, phones: &[PhoneId]| Named::Stranger {
            name: name.to_owned(),
            number: Some(number.to_owned()),
            phones: phones.to_vec(),
        };
        let unknown = || Observed::Failed(Reason::UnknownUser);
        board.observe(&seen(1, tried("1234", "1234", &[]), unknown()), &mut ids());
        board.observe(&seen(2, tried("1001", "1001", &[phone(1)]), unknown()), &mut ids());
        let mut names: Vec<&String> = board.strangers().keys().collect();
        names.sort();
        assert_eq!(names, ["1001", "1234"]);
        assert_eq!((codes(&board, phone(1)), codes(&board, phone(2))), (vec!["unknown-user"], vec!["never-received"]));
    }

    #[test]
    fn times_are_written_later_and_once() {
        let (mut board, mut ids) = (board(), ids());
        board.take(phone(1), stored(&["1001"], 0));
        let mut observe = |board: &mut Board, at, what| board.observe(&seen(at, of(phone(1), "1001"), what), &mut ids);
        observe(&mut board, 0, registered(300_000));
        observe(&mut board, 0, Observed::Unregistered);
        assert_eq!(board.due(10).len(), 1);
        board.saved(&[phone(1)], &[]);
        for second in 1..50 {
            observe(&mut board, second * 1000, Observed::Unregistered);
            board.elapse(UnixMillis::new(second * 1000), &mut self::ids());
            assert!(!board.has_due(), "{second}");
        }
        board.elapse(UnixMillis::new(61_000), &mut self::ids());
        assert_eq!(board.due(10).len(), 1);
        board.saved(&[phone(1)], &[]);
        assert!(board.later.is_empty() && !board.has_due());
        // Who is asked for is written at once.
        observe(&mut board, 70_000, Observed::Unregistered);
        board.hurry(phone(1));
        assert!(board.has_due());
    }

    #[test]
    fn neighbours_are_written_together_and_each_has_its_turn() {
        let (mut board, mut ids) = (board(), ids());
        let mut register = |board: &mut Board, number| {
            board.take(phone(number), stored(&["1001"], 0));
            board.observe(&seen(0, of(phone(number), "1001"), registered(300_000)), &mut ids);
        };
        let write = |board: &mut Board| {
            let written: Vec<PhoneId> = board.due(2).iter().map(|(phone, _)| *phone).collect();
            board.saved(&written, &[]);
            written
        };
        for number in [9, 1, 7, 3, 5] {
            register(&mut board, number);
        }
        assert_eq!(write(&mut board), [phone(1), phone(3)]);
        register(&mut board, 2);
        assert_eq!(write(&mut board), [phone(5), phone(7)]);
        assert_eq!(write(&mut board), [phone(9), phone(2)]);
        assert!(!board.has_due() && write(&mut board).is_empty());
    }

    #[test]
    fn a_line_that_is_registered_and_written_is_not_held() {
        let (mut board, mut ids) = (board(), ids());
        board.take(phone(1), stored(&["1001"], 0));
        board.observe(&seen(0, of(phone(1), "1001"), registered(300_000)), &mut ids);
        assert!(board.knows(phone(1)));
        board.saved(&[phone(1)], &[]);
        assert!(!board.knows(phone(1)));
        board.take(phone(1), stored(&["1001"], 0));
        board.observe(&seen(1, of(phone(1), "1001"), Observed::Failed(Reason::WrongPassword)), &mut ids);
        board.saved(&[phone(1)], &[]);
        assert!(board.knows(phone(1)), "what repeats is counted");
    }

    #[test]
    fn a_line_that_was_made_anew_has_no_past_and_one_with_a_new_number_keeps_its_own() {
        let (mut board, mut ids) = (board(), ids());
        board.take(phone(1), stored(&["1001"], 1));
        board.observe(&seen(1, of(phone(1), "1001"), registered(300)), &mut ids);
        board.take(phone(1), stored(&["1005"], 1));
        assert_eq!(codes(&board, phone(1)), ["registered"]);
        assert_eq!(board.lost(phone(1), |_| false)[0].0, "1005");
        board.take(phone(1), stored(&["1005"], 2));
        assert_eq!(codes(&board, phone(1)), ["never-received"]);
    }

    #[test]
    fn as_many_phones_are_held_as_may_and_none_with_something_unwritten_is_forgotten() {
        let (mut board, mut ids) = (board(), ids());
        board.most = 10;
        for number in 0..200 {
            board.take(phone(number), stored(&["1001"], 0));
            board.observe(&seen(1, of(phone(number), "1001"), registered(300)), &mut ids);
            if number != 3 {
                board.saved(&[phone(number)], &[]);
            }
        }
        assert!(board.phones.len() <= 11 && board.knows(phone(3)));
    }
}
