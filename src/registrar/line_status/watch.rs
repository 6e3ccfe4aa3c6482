//! The task that keeps lines' status: it takes what the registrar tells, by a queue nobody waits for, holds it on the board
//! and writes it in groups.
//!
//! It alone has the board, so there is no lock. What the database holds is a moment old at most where people wait for it
//! ([`LineWatch::settle`]), and a minute for times and counts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, sleep_until};

use super::board::{Board, PhoneLines};
use super::verification::{GROUP, Step, Verification};
use super::{LineStatusSettings, Named, Observation, Observed, Reason, Sighting, store};
use crate::db::{Db, DbError};
use crate::directory::Accounts;
use crate::registrar::auto_registration::AutoRegistration;
use crate::registrar::{Binding, Location, RegistrarError};
use crate::vocab::{PhoneId, RecordId, UnixMillis};

/// Observations that may wait; what strangers send may fill half of it.
const QUEUE: usize = 65_536;
/// Observations taken at once.
const TAKEN: usize = 16_384;
/// Phones written in one transaction.
const WRITTEN: usize = 1024;
/// Transactions in a row before observations are taken again.
const WRITES: usize = 8;
/// The time between two looks into the queue, in which observations gather; after more than a few it is longer, until
/// somebody asks: the more lines are written together, the fewer pages of the database each of them costs.
const PAUSE: Duration = Duration::from_millis(50);
const LONG_PAUSE: Duration = Duration::from_millis(500);
const FEW: usize = 64;
/// How often it is looked for registrations that went unseen, and for history that is not kept any more.
const SWEEPS: Duration = Duration::from_secs(30);
/// How often lines are counted by their states, at the most.
const COUNTS: Duration = Duration::from_secs(10);
/// How long after its end a registration counts as gone where another node may have seen it go on.
const GRACE: Duration = Duration::from_secs(90);
/// Looks in a row for registrations that went unseen, while there are more.
const LOOKS: usize = 20;
/// How long somebody waits for what was told to be written, and how long the end of the server does.
const PATIENCE: Duration = Duration::from_secs(2);
const LAST_PATIENCE: Duration = Duration::from_secs(10);

/// Where it is told what is seen of lines, and asked how they stand.
#[derive(Clone, Debug)]
pub struct LineWatch {
    queue: mpsc::Sender<Told>,
    has_lost: Arc<AtomicBool>,
    /// Told when somebody waits for an answer.
    waiting: Arc<Notify>,
}

#[derive(Debug)]
enum Told {
    Seen(Box<Observation>),
    /// The phone's record has changed.
    Changed(PhoneId),
    /// Another node wrote how lines stand: those of these phones, or nobody knows whose.
    Elsewhere(Option<Vec<PhoneId>>),
    /// How these phones' lines stand; what is held of them is written first.
    Asked(Vec<PhoneId>, oneshot::Sender<HashMap<PhoneId, PhoneLines>>),
    /// What people wait for is to be written; `true`: everything.
    Settle(bool, oneshot::Sender<()>),
}

impl LineWatch {
    /// Starts the task.
    pub(in crate::registrar) fn start(
        settings: LineStatusSettings,
        db: Db,
        location: Location,
        accounts: Accounts,
        auto_registration: AutoRegistration,
    ) -> Self {
        let (queue, told) = mpsc::channel(QUEUE);
        let board = Board::new(settings);
        // What a server that was killed had not written is looked up; where there are several, by the one on duty.
        let (has_lost, waiting) = (Arc::new(AtomicBool::new(db.node().is_empty())), Arc::<Notify>::default());
        // What another node saw it may not have written yet.
        let doubt = if db.node().is_empty() { Duration::ZERO } else { SWEEPS };
        let desk = Desk {
            settings,
            board,
            db,
            location,
            accounts,
            auto_registration,
            answers: Vec::new(),
            is_ending: false,
            has_lost: has_lost.clone(),
            waiting: waiting.clone(),
            verification: Verification::new(doubt),
            nodes: None,
        };
        tokio::spawn(desk.run(told));
        Self { queue, has_lost, waiting }
    }

    /// Tells of somebody who has shown who they are. Never waits; what finds no place is counted and lost, and who is
    /// registered looked up afterwards.
    pub(in crate::registrar) fn note(&self, seen: Observation) {
        if self.queue.try_send(Told::Seen(Box::new(seen))).is_err() {
            metrics::counter!("line_observations_lost_total").increment(1);
            self.has_lost.store(true, Ordering::Relaxed);
        }
    }

    /// Tells of somebody who has not: they may not take the place of those who have.
    pub(in crate::registrar) fn note_stranger(&self, seen: Observation) {
        if self.queue.capacity() > QUEUE / 2 {
            self.note(seen);
        } else {
            metrics::counter!("line_observations_lost_total").increment(1);
        }
    }

    /// Tells that a phone's lines, or what it may do, have changed.
    pub(in crate::registrar) fn note_change(&self, phone: PhoneId) {
        if self.queue.try_send(Told::Changed(phone)).is_err() {
            self.has_lost.store(true, Ordering::Relaxed);
        }
    }

    /// Tells that another node wrote how lines stand: those of these phones, or nobody knows whose.
    pub async fn note_elsewhere(&self, phones: Option<Vec<PhoneId>>) {
        let _ = self.queue.send(Told::Elsewhere(phones)).await;
    }

    /// Waits, not for long, until what was told is in the database: states and errors, so that lists show them.
    pub async fn settle(&self) {
        self.settled(false).await;
    }

    /// Waits until everything that was told is in the database; before the server stops.
    pub async fn finish(&self) {
        self.settled(true).await;
    }

    async fn settled(&self, is_all: bool) {
        let (done, is_done) = oneshot::channel();
        let settled = async {
            if self.queue.send(Told::Settle(is_all, done)).await.is_ok() {
                self.waiting.notify_one();
                let _ = is_done.await;
            }
        };
        let patience = if is_all { LAST_PATIENCE } else { PATIENCE };
        let _ = tokio::time::timeout(patience, settled).await;
    }

    /// How the lines of these phones stand at this moment; nothing of those that can't be read now.
    pub async fn of(&self, phones: Vec<PhoneId>) -> HashMap<PhoneId, PhoneLines> {
        let (answer, answered) = oneshot::channel();
        let asked = async {
            self.queue.send(Told::Asked(phones, answer)).await.ok()?;
            self.waiting.notify_one();
            answered.await.ok()
        };
        tokio::time::timeout(PATIENCE, asked).await.ok().flatten().unwrap_or_default()
    }
}

/// What the task has.
struct Desk {
    settings: LineStatusSettings,
    board: Board,
    db: Db,
    location: Location,
    accounts: Accounts,
    auto_registration: AutoRegistration,
    answers: Vec<Answer>,
    /// True when the server stops: all is written, however much it is.
    is_ending: bool,
    /// True when something that was told found no place, or may not have been written before the server was killed.
    has_lost: Arc<AtomicBool>,
    waiting: Arc<Notify>,
    verification: Verification,
    /// The nodes there were at the last look, while this one is on duty.
    nodes: Option<Vec<String>>,
}

enum Answer {
    /// As they stood when somebody asked; told once that is written.
    Lines(HashMap<PhoneId, PhoneLines>, oneshot::Sender<HashMap<PhoneId, PhoneLines>>),
    Settled(oneshot::Sender<()>),
}

impl Desk {
    async fn run(mut self, mut told: mpsc::Receiver<Told>) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut group = Vec::new();
        // At a start there is enough to do beside counting, and of several nodes none is on duty yet.
        let (mut swept_at, mut counted_at) =
            (self.location.is_shared().then(Instant::now), (Instant::now(), Duration::ZERO));
        loop {
            let now = Instant::now();
            let to_compare = self.verification.due_at(now);
            tokio::select! {
                taken = told.recv_many(&mut group, TAKEN) => if taken == 0 { return },
                _ = second.tick() => {}
                () = sleep_until(to_compare.unwrap_or(now).into()), if to_compare.is_some() => {}
            }
            let taken = group.len();
            let worked = self.work(&mut group, &mut swept_at, &mut counted_at).await;
            for answer in std::mem::take(&mut self.answers) {
                Self::answer(answer);
            }
            match worked {
                Ok(()) if taken >= TAKEN => {}
                Ok(()) if taken > FEW && !self.verification.is_under_way() => self.pause(LONG_PAUSE).await,
                Ok(()) => self.pause(PAUSE).await,
                Err(RegistrarError::Db(DbError::Statement(sqlx::Error::PoolClosed))) => return,
                Err(error) => {
                    tracing::error!(%error, "the status of lines could not be written; it is tried again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Lets observations gather, until somebody waits for an answer.
    async fn pause(&self, most: Duration) {
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            () = tokio::time::sleep(most.saturating_sub(PAUSE)) => {}
            () = self.waiting.notified() => {}
        }
    }

    async fn work(
        &mut self,
        group: &mut Vec<Told>,
        swept_at: &mut Option<Instant>,
        counted_at: &mut (Instant, Duration),
    ) -> Result<(), RegistrarError> {
        self.take(group).await?;
        self.board.elapse(UnixMillis::now(), &mut new_id);
        let now = Instant::now();
        if swept_at.is_none_or(|at| now.saturating_duration_since(at) >= SWEEPS) {
            *swept_at = Some(now);
            self.sweep().await?;
        }
        self.write().await?;
        if let Some(step) = self.verification.next(now)
            && let Err(error) = self.compare(step).await
        {
            // All of them again, at the next sweep.
            self.has_lost.store(true, Ordering::Relaxed);
            return Err(error);
        }
        // Counting takes as long as there are lines: a hundredth of the time at most goes into it.
        let (at, took) = *counted_at;
        if now.saturating_duration_since(at) >= (100 * took).max(COUNTS) {
            let began = Instant::now();
            self.count().await?;
            *counted_at = (began, began.elapsed());
        }
        Ok(())
    }

    /// Compares how lines stand with where their phones are. Only who does not agree twice, or does not after there was reason to
    /// doubt it, is corrected.
    async fn compare(&mut self, step: Step) -> Result<(), RegistrarError> {
        let (phones, is_again) = match step {
            Step::Registered(phones) => (phones, false),
            Step::Doubtful(phones) => (phones, true),
            Step::Listed(after) => {
                let listed = store::listed(self.db.reader(), after, GROUP).await?;
                if let Some(last) = listed.last() {
                    self.verification.go_on_after(*last);
                }
                let now = Instant::now();
                let is_gone = |phone: &PhoneId| self.location.of_phone(*phone, now).is_empty();
                (listed.into_iter().filter(is_gone).collect(), false)
            }
        };
        self.load(phones.iter().copied()).await?;
        let (agreeing, others): (Vec<_>, Vec<_>) = phones.into_iter().partition(|phone| self.agrees(*phone));
        if is_again {
            others.iter().for_each(|phone| self.verify(*phone, Reason::Expired));
        }
        agreeing.iter().chain(&others).for_each(|phone| self.board.lay_down(*phone));
        if !is_again {
            self.verification.doubt(others, Instant::now());
        }
        Ok(())
    }

    /// True if those lines of a phone count as registered that it is registered on; times alone are no disagreement.
    fn agrees(&self, phone: PhoneId) -> bool {
        let bindings = self.location.of_phone(phone, Instant::now());
        self.board.stands(phone, bindings.iter().map(|(aor, _)| aor.as_str()))
    }

    async fn take(&mut self, group: &mut Vec<Told>) -> Result<(), RegistrarError> {
        for told in &*group {
            match told {
                Told::Elsewhere(Some(phones)) => {
                    phones.iter().for_each(|phone| self.board.let_go(*phone));
                    // What was written there may have been overtaken by what was seen here, and let go of.
                    let mut seen_here = phones.clone();
                    seen_here.retain(|phone| self.location.is_refreshed_here(*phone));
                    self.verification.doubt(seen_here, Instant::now());
                }
                Told::Elsewhere(None) => {
                    self.board.let_all_go();
                    self.has_lost.store(true, Ordering::Relaxed);
                }
                _ => {}
            }
        }
        let named = group.iter().flat_map(|told| match told {
            Told::Seen(seen) => phones_of(&seen.named).to_vec(),
            Told::Asked(phones, _) => phones.clone(),
            Told::Changed(_) | Told::Elsewhere(_) | Told::Settle(..) => Vec::new(),
        });
        let unknown: HashSet<PhoneId> = named.filter(|phone| !self.board.knows(*phone)).collect();
        // A line's number may be another by now, and a phone's lines may have been made anew.
        let outdated = group.iter().filter_map(|told| match told {
            Told::Changed(phone) => Some(*phone),
            Told::Seen(seen) => self.is_news_to(seen),
            Told::Elsewhere(_) | Told::Asked(..) | Told::Settle(..) => None,
        });
        let wanted: HashSet<PhoneId> = unknown.into_iter().chain(outdated).collect();
        if let Err(error) = self.load(wanted.into_iter()).await {
            // Who asks waits no longer; what was seen waits for the database.
            group.retain(|told| matches!(told, Told::Seen(_) | Told::Changed(_)));
            if group.len() > QUEUE {
                metrics::counter!("line_observations_lost_total").increment((group.len() - QUEUE) as u64);
                self.has_lost.store(true, Ordering::Relaxed);
                group.truncate(QUEUE);
            }
            return Err(error);
        }
        for told in group.drain(..) {
            match told {
                Told::Seen(seen) => self.board.observe(&seen, &mut new_id),
                // It was let go of before any of the group was looked at.
                Told::Elsewhere(_) => {}
                Told::Changed(phone) => {
                    let is_suspended = self.accounts.of(phone).is_some_and(|account| account.is_suspended);
                    self.verify(phone, if is_suspended { Reason::Suspended } else { Reason::Renumbered });
                }
                Told::Asked(phones, answer) => {
                    let mut found = HashMap::new();
                    for phone in &phones {
                        // If it can't be read, it is shown as it was known last.
                        let bindings = self.location.of_phone_everywhere(*phone).await.unwrap_or_default();
                        let is_known = self.board.stands(*phone, bindings.iter().map(|(aor, _)| aor.as_str()));
                        let before = self.board.of(*phone).filter(|_| self.location.is_shared() && !is_known).cloned();
                        self.confirm(*phone, bindings);
                        self.board.hurry(*phone);
                        found.extend(self.board.of(*phone).map(|lines| (*phone, lines.clone())));
                        // The node that saw it register writes that, and tells of it.
                        if let Some(before) = before {
                            self.board.put_back(*phone, before);
                        }
                    }
                    self.answers.push(Answer::Lines(found, answer));
                }
                Told::Settle(is_all, done) => {
                    if is_all {
                        self.board.hurry_all();
                        self.is_ending = true;
                    }
                    self.answers.push(Answer::Settled(done));
                }
            }
        }
        Ok(())
    }

    /// A phone that registered what is none of its lines, as far as is known here.
    fn is_news_to(&self, seen: &Observation) -> Option<PhoneId> {
        let (Named::Phone { phone, aor: Some(aor) }, Observed::Registered { .. }) = (&seen.named, &seen.what) else {
            return None;
        };
        let held = self.board.of(*phone)?;
        (!held.lines.iter().any(|line| held.is_on(line, aor))).then_some(*phone)
    }

    async fn load(&mut self, phones: impl Iterator<Item = PhoneId>) -> Result<(), RegistrarError> {
        let mut phones: Vec<PhoneId> = phones.collect();
        // Neighbours in the database are read together.
        phones.sort_unstable();
        for phones in phones.chunks(GROUP) {
            let mut stored = store::load(self.db.reader(), phones).await?;
            for phone in phones {
                match stored.remove(phone) {
                    Some(lines) => self.board.take(*phone, lines),
                    None => self.board.forget(*phone),
                }
            }
        }
        Ok(())
    }

    /// Where phones are is the truth: lines that are registered here and not there, and the other way round.
    fn verify(&mut self, phone: PhoneId, reason: Reason) {
        let (now, steady) = (UnixMillis::now(), Instant::now());
        let bindings = self.location.of_phone(phone, steady);
        for (number, until) in self.board.lost(phone, |aor| bindings.iter().any(|(known, _)| known == aor)) {
            let (what, at) = match reason {
                // What went before its end was taken back.
                Reason::Expired if until > now => (Observed::Unregistered, now),
                // It went when it was to end, though that is seen only now.
                Reason::Expired => (Observed::Lost(reason), until),
                _ => (Observed::Lost(reason), now),
            };
            let named = Named::Phone { phone, aor: Some(number) };
            self.board.observe(&Observation { at, named, seen: None, what }, &mut new_id);
        }
        self.confirm(phone, bindings);
        self.board.hurry(phone);
    }

    /// What a phone is registered as, with the last REGISTER if that is known: those that change nothing are not told.
    fn confirm(&mut self, phone: PhoneId, bindings: Vec<(String, Binding)>) {
        let (now, steady) = (UnixMillis::now(), Instant::now());
        for (aor, binding) in bindings {
            let until = now.after(binding.expires.saturating_duration_since(steady));
            let at = binding.refreshed.map_or(now, |at| now.before(steady.saturating_duration_since(at)));
            let seen = binding.refreshed.map(|_| Sighting::of_binding(&binding, self.location.edges()));
            let named = Named::Phone { phone, aor: Some(aor) };
            let what = Observed::Registered { until, moved_from: None };
            self.board.observe(&Observation { at, named, seen, what }, &mut new_id);
        }
    }

    /// A node that is gone, the one that was on duty before included, may have had something to write.
    async fn look_for_lost_nodes(&mut self) -> Result<(), RegistrarError> {
        if self.db.node().is_empty() || !self.db.is_on_duty() {
            self.nodes = None;
            return Ok(());
        }
        let living = self.db.living_nodes().await?;
        let is_one_gone = |nodes: &Vec<String>| nodes.iter().any(|node| !living.contains(node));
        if self.nodes.as_ref().is_none_or(is_one_gone) {
            self.has_lost.store(true, Ordering::Relaxed);
        }
        self.nodes = Some(living);
        Ok(())
    }

    /// Registrations that went while nobody looked, and history that is not kept any more.
    async fn sweep(&mut self) -> Result<(), RegistrarError> {
        let now = UnixMillis::now();
        self.look_for_lost_nodes().await?;
        if !self.verification.is_under_way() && self.has_lost.swap(false, Ordering::Relaxed) {
            self.verification.begin(self.location.phones());
        }
        // Another node may know of a later REGISTER, and not have written it yet.
        let grace = if self.db.node().is_empty() { Duration::ZERO } else { GRACE };
        for _ in 0..LOOKS {
            let overdue = store::overdue(self.db.reader(), now.before(grace)).await?;
            let unknown: Vec<PhoneId> = overdue.iter().copied().filter(|phone| !self.board.knows(*phone)).collect();
            self.load(unknown.into_iter()).await?;
            overdue.iter().for_each(|phone| self.verify(*phone, Reason::Expired));
            self.write().await?;
            if overdue.len() < store::BATCH {
                break;
            }
        }
        if self.auto_registration.believes_wall_clock(Instant::now(), now) {
            let days = Duration::from_secs(86_400) * self.settings.history_days.get();
            store::forget(&self.db, now.before(days)).await?;
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<(), RegistrarError> {
        let mut written = 0;
        while self.board.has_due() && (written < WRITES || self.is_ending) {
            written += 1;
            let due = self.board.due(WRITTEN);
            let phones: Vec<PhoneId> = due.iter().map(|(phone, _)| *phone).collect();
            let gone = store::save(&self.db, &self.settings, &due, self.board.strangers(), UnixMillis::now()).await?;
            self.board.saved(&phones, &gone);
        }
        Ok(())
    }

    #[allow(clippy::cast_precision_loss)]
    async fn count(&self) -> Result<(), RegistrarError> {
        for (state, lines) in store::count(self.db.reader()).await? {
            metrics::gauge!("lines", "state" => state).set(lines as f64);
        }
        metrics::gauge!("lines_flapping").set(self.board.flapping() as f64);
        Ok(())
    }

    fn answer(answer: Answer) {
        match answer {
            Answer::Lines(found, answer) => {
                let _ = answer.send(found);
            }
            Answer::Settled(done) => {
                let _ = done.send(());
            }
        }
    }
}

fn phones_of(named: &Named) -> &[PhoneId] {
    match named {
        Named::Phone { phone, .. } => std::slice::from_ref(phone),
        Named::Number { phones, .. } | Named::Stranger { phones, .. } => phones,
    }
}

/// Identifiers made in one millisecond are in the order in which they were made.
fn new_id(at: UnixMillis) -> RecordId {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let [a, b, c, d] = MADE.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let [x, y, z] = rand::random();
    RecordId::new(at, [0, 0, 0, a, b, c, d, x, y, z])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_one_moment_keep_their_order() {
        let ids: Vec<RecordId> = (0..1000).map(|_| new_id(UnixMillis::new(7))).collect();
        assert!(ids.is_sorted() && ids.iter().all(|id| id.to_string() >= ids[0].to_string()));
    }
}
