//! The location service: bindings in memory. What is acknowledged was handed to the journal before, and kept by it.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tokio::sync::oneshot::error::RecvError;

use super::RegistrarError;
use super::binding::Binding;
use super::journal::{Change, Journal, Refused};
use super::keeper::{Found, Keeper, Whose};
use super::learning::Learning;
use crate::db::Db;
use crate::sip::{Edges, Origin};
use crate::vocab::PhoneId;

/// Every binding there is.
#[derive(Clone)]
pub struct Location {
    table: Arc<Mutex<Table>>,
    journal: Journal,
    keeper: Keeper,
    whose: Arc<Whose>,
    edges: Edges,
    learning: Learning,
}

/// Kinds of phones whose names are shared by their bindings.
const USER_AGENTS: usize = 4096;
/// How long after the database was away others may take to see that it is back, and to write what waited.
pub(super) const CATCHING_UP: Duration = Duration::from_secs(5);
/// Addresses-of-record that are compared with what is kept while nobody else may look at any.
const AT_ONCE: usize = 1000;

/// Those of one address-of-record.
#[derive(Debug, Default)]
struct Bindings {
    all: Vec<Binding>,
    /// When they are looked at; no later than the first of them lapses.
    due: Option<Instant>,
}

#[derive(Debug, Default)]
struct Table {
    by_aor: HashMap<Arc<str>, Bindings>,
    by_phone: HashMap<PhoneId, SmallVec<[Arc<str>; 1]>>,
    /// When to look whether something of an address-of-record has lapsed.
    expiries: BinaryHeap<Reverse<(Instant, Arc<str>)>>,
    user_agents: HashSet<Arc<str>>,
    /// Whether others write down bindings too.
    is_shared: bool,
    /// What was changed here since a reading of what others wrote began: of these, what is read is old.
    changed: Option<HashSet<Arc<str>>>,
}

impl Table {
    /// For so many addresses-of-record of a phone each.
    fn with_capacity(aors: usize) -> Self {
        Self {
            by_aor: HashMap::with_capacity(aors),
            by_phone: HashMap::with_capacity(aors),
            expiries: BinaryHeap::with_capacity(aors),
            ..Self::default()
        }
    }

    /// Something was decided here.
    fn change(&mut self, aor: &str, bindings: Vec<Binding>) {
        if let Some(changed) = &mut self.changed {
            changed.insert(aor.into());
        }
        self.set(aor, bindings);
    }

    /// Adds a binding that was kept from before.
    fn add(&mut self, Found { aor, binding }: Found) {
        let kept = Binding { refreshed: None, ..binding };
        match self.of(&aor) {
            [] => self.put(aor.into(), vec![kept], None),
            others => {
                let all = others.iter().cloned().chain([kept]).collect();
                self.set(&aor, all);
            }
        }
    }

    fn set(&mut self, aor: &str, bindings: Vec<Binding>) {
        let (aor, before) = self.by_aor.remove_entry(aor).unwrap_or_else(|| (aor.into(), Bindings::default()));
        let is_refresh =
            before.all.iter().map(|binding| binding.phone).eq(bindings.iter().map(|binding| binding.phone));
        if !is_refresh {
            for binding in &before.all {
                if let Some(aors) = self.by_phone.get_mut(&binding.phone) {
                    aors.retain(|known| *known != aor);
                    if aors.is_empty() {
                        self.by_phone.remove(&binding.phone);
                    }
                }
            }
        }
        if !bindings.is_empty() {
            self.put(aor, bindings, before.due);
        }
    }

    /// Keeps the bindings of an address-of-record that has none, and is looked at when it is `due`.
    fn put(&mut self, aor: Arc<str>, mut bindings: Vec<Binding>, mut due: Option<Instant>) {
        for binding in &mut bindings {
            let aors = self.by_phone.entry(binding.phone).or_default();
            if !aors.contains(&aor) {
                aors.push(aor.clone());
            }
            binding.user_agent = self.shared(&binding.user_agent);
        }
        bindings.shrink_to_fit();
        let first = bindings.iter().map(|binding| binding.expires).min();
        if let Some(first) = first.filter(|first| due.is_none_or(|due| *first < due)) {
            self.expiries.push(Reverse((first, aor.clone())));
            due = Some(first);
        }
        self.by_aor.insert(aor, Bindings { all: bindings, due });
    }

    /// The same text, kept once.
    fn shared(&mut self, user_agent: &Arc<str>) -> Arc<str> {
        match self.user_agents.get(user_agent) {
            Some(known) => known.clone(),
            None => {
                if self.user_agents.len() < USER_AGENTS {
                    self.user_agents.insert(user_agent.clone());
                }
                user_agent.clone()
            }
        }
    }

    /// Takes the addresses-of-record that have bindings whose time is over.
    fn ended(&mut self, now: Instant) -> Vec<Arc<str>> {
        let mut ended = Vec::new();
        while let Some(Reverse((at, _))) = self.expiries.peek() {
            if *at > now {
                break;
            }
            let Some(Reverse((at, aor))) = self.expiries.pop() else { break };
            let Some(bindings) = self.by_aor.get_mut(&aor).filter(|bindings| bindings.due == Some(at)) else {
                continue;
            };
            // Most were refreshed since.
            bindings.due = bindings.all.iter().map(|binding| binding.expires).min().filter(|first| *first > now);
            match bindings.due {
                Some(first) => self.expiries.push(Reverse((first, aor))),
                None => ended.push(aor),
            }
        }
        ended
    }

    /// What is kept of an address-of-record is this.
    fn learn(&mut self, aor: &str, mut found: Vec<Binding>, now: Instant, learned: &mut Learned) {
        let known = self.of(aor).to_vec();
        for binding in &mut found {
            let is_same = |known: &&Binding| {
                known.contact == binding.contact
                    && (&known.call_id, known.cseq, known.flow) == (&binding.call_id, binding.cseq, binding.flow)
            };
            // The same registration: its time was reckoned by a clock that never jumps.
            let known = known.iter().find(is_same);
            binding.expires = known.map_or(binding.expires, |known| known.expires);
            binding.refreshed = known.and_then(|known| known.refreshed);
        }
        for gone in &known {
            if !found.iter().any(|binding| binding.phone == gone.phone) {
                learned.went.push(Went { aor: aor.to_owned(), phone: gone.phone, is_lapsed: gone.expires <= now });
            }
        }
        for binding in &found {
            if !known.iter().any(|known| known.phone == binding.phone && known.expires > now) {
                learned.came.push(Found { aor: aor.to_owned(), binding: binding.clone() });
            }
        }
        self.set(aor, found);
    }

    /// What was refreshed elsewhere is believed to have been again, until what is kept shows that it has not
    /// ([`Location::ended`]): that takes a moment, and as long as the database is away.
    fn is_live(&self, binding: &Binding, now: Instant) -> bool {
        binding.expires > now || (self.is_shared && binding.refreshed.is_none())
    }

    /// Borrowed where all are alive, as they mostly are.
    fn live(&self, aor: &str, now: Instant) -> Cow<'_, [Binding]> {
        let (all, is_live) = (self.of(aor), |binding: &&Binding| self.is_live(binding, now));
        match all.iter().all(|binding| is_live(&binding)) {
            true => all.into(),
            false => all.iter().filter(is_live).cloned().collect(),
        }
    }

    /// Those whose time is over, and whose end nobody has told yet.
    fn ending(&self, aor: &str, now: Instant) -> impl Iterator<Item = &Binding> {
        self.of(aor).iter().filter(move |binding| !self.is_live(binding, now))
    }

    /// The live bindings of a phone, with their address-of-record.
    fn live_of(&self, phone: PhoneId, now: Instant) -> impl Iterator<Item = (&Arc<str>, &Binding)> {
        let aors = self.by_phone.get(&phone).into_iter().flatten();
        let bindings = aors.flat_map(|aor| self.of(aor).iter().map(move |binding| (aor, binding)));
        bindings.filter(move |(_, binding)| binding.phone == phone && self.is_live(binding, now))
    }

    fn of(&self, aor: &str) -> &[Binding] {
        self.by_aor.get(aor).map(|bindings| bindings.all.as_slice()).unwrap_or_default()
    }
}

impl Location {
    /// Reads what was kept before, as far as `whose` says that a phone may be there.
    pub(super) async fn open(db: &Db, now: Instant, whose: Arc<Whose>, edges: Edges) -> Result<Self, RegistrarError> {
        let keeper = Keeper::of(db).await?;
        let mut table = keeper.read_all(&whose, now, Table::with_capacity, Table::add).await?;
        table.is_shared = keeper.is_shared();
        let (table, journal) = (Arc::new(Mutex::new(table)), Journal::open(keeper.clone()));
        Ok(Self { table, journal, keeper, whose, edges, learning: Learning::default() })
    }

    /// The live bindings of an address-of-record (the user part).
    pub fn of_aor(&self, aor: &str, now: Instant) -> Vec<Binding> {
        self.table().live(aor, now).into_owned()
    }

    /// True while a phone has a live binding of this address-of-record.
    pub(super) fn has(&self, phone: PhoneId, aor: &str, now: Instant) -> bool {
        let table = self.table();
        table.of(aor).iter().any(|binding| binding.phone == phone && table.is_live(binding, now))
    }

    /// Every phone that has bindings.
    pub(super) fn phones(&self) -> Vec<PhoneId> {
        self.table().by_phone.keys().copied().collect()
    }

    /// The live bindings of a phone, with their address-of-record, latest to expire first.
    pub fn of_phone(&self, phone: PhoneId, now: Instant) -> Vec<(String, Binding)> {
        let table = self.table();
        let bindings = table.live_of(phone, now).map(|(aor, binding)| (aor.to_string(), binding.clone()));
        let mut found: Vec<(String, Binding)> = bindings.collect();
        found.sort_by_key(|(_, binding)| Reverse(binding.expires));
        found
    }

    /// The phone that is registered as this from where a request came: from a connection of the same address, or from the same port.
    pub(super) fn phone_at(&self, aor: &str, origin: Origin, now: Instant) -> Option<PhoneId> {
        let table = self.table();
        let is_there = |binding: &&Binding| {
            let known = self.origin_of(binding);
            let is_same = known == origin || (origin.transport.is_reliable() && known.ip() == origin.ip());
            is_same && table.is_live(binding, now)
        };
        table.of(aor).iter().find(is_there).map(|binding| binding.phone)
    }

    /// Where it is noted what is to be read again.
    pub(super) fn learning(&self) -> &Learning {
        &self.learning
    }

    /// True while a phone is registered by what it told this node.
    pub(super) fn is_refreshed_here(&self, phone: PhoneId) -> bool {
        self.table().live_of(phone, Instant::now()).any(|(_, binding)| binding.refreshed.is_some())
    }

    /// The proxies that are believed about where requests came from.
    pub(super) fn edges(&self) -> &Edges {
        &self.edges
    }

    /// Where a phone is that has this binding.
    pub fn origin_of(&self, binding: &Binding) -> Origin {
        binding.origin(&self.edges)
    }

    /// Where its live bindings came from.
    pub(super) fn origins_of(&self, phone: PhoneId, now: Instant) -> Vec<Origin> {
        self.table().live_of(phone, now).map(|(_, binding)| self.origin_of(binding)).collect()
    }

    /// The live bindings of a phone as all who write have them at this moment.
    pub(super) async fn of_phone_everywhere(&self, phone: PhoneId) -> Result<Vec<(String, Binding)>, RegistrarError> {
        let here = self.of_phone(phone, Instant::now());
        if !self.keeper.is_shared() {
            return Ok(here);
        }
        let aors: Vec<String> =
            self.table().by_phone.get(&phone).into_iter().flatten().map(|aor| aor.to_string()).collect();
        let found = self.keeper.read(Some(&aors), &self.whose, Instant::now()).await?;
        let of_phone = found.into_iter().filter(|found| found.binding.phone == phone);
        Ok(of_phone.map(|Found { aor, binding }| (aor, binding)).collect())
    }

    /// Moves the live bindings of a phone to other addresses-of-record, or forgets those for which there is none; waits
    /// for the commit. What is in memory holds from now on.
    pub(super) async fn readdress(
        &self,
        phone: PhoneId,
        now: Instant,
        address: impl Fn(&str) -> Option<String>,
    ) -> Result<(), RegistrarError> {
        let aors: Vec<Arc<str>> = self.table().by_phone.get(&phone).into_iter().flatten().cloned().collect();
        let mut kept = Ok(());
        for from in aors {
            let to = address(&from);
            if to.as_deref() == Some(&*from) {
                continue;
            }
            let mut permits = self.journal.changes().reserve_many(2).await.map_err(|_| RegistrarError::Stopped)?;
            let committed = {
                let mut table = self.table();
                let (moved, mut left): (Vec<_>, Vec<_>) =
                    table.live(&from, now).into_owned().into_iter().partition(|binding| binding.phone == phone);
                left.extend(table.ending(&from, now).cloned());
                table.change(&from, left);
                let removed = moved.iter().map(Binding::ruid).collect();
                let mut changes = vec![(from.to_string(), Vec::new(), removed)];
                if let Some(to) = to {
                    let mut there = table.live(&to, now).into_owned();
                    there.retain(|binding| moved.iter().all(|moved| moved.ruid() != binding.ruid()));
                    there.extend(moved.iter().cloned());
                    let is_moved = |binding: &&Binding| moved.iter().any(|moved| moved.ruid() == binding.ruid());
                    there.extend(table.ending(&to, now).filter(|binding| !is_moved(binding)).cloned());
                    table.change(&to, there);
                    changes.push((to, moved, Vec::new()));
                }
                let mut committed = Vec::with_capacity(changes.len());
                for ((aor, put, removed), permit) in changes.into_iter().zip(permits.by_ref()) {
                    let (change, outcome) = Change::of(&aor);
                    permit.send(Change { put, removed, ..change });
                    committed.push((aor, outcome));
                }
                committed
            };
            for (aor, outcome) in committed {
                kept = kept.and(self.is_kept(&aor, outcome.await));
            }
        }
        kept
    }

    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.table().by_aor.values().map(|bindings| bindings.all.len()).sum()
    }

    /// True when nobody is registered.
    pub fn is_empty(&self) -> bool {
        self.table().by_aor.is_empty()
    }

    /// Changes the bindings of `aor` as `decide` says, then waits until they are kept. What `decide` saw is what it changes:
    /// nobody comes between.
    pub(super) async fn update<T>(
        &self,
        aor: &str,
        now: Instant,
        seen: Option<PhoneId>,
        decide: impl FnOnce(&[Binding]) -> Result<Update, T>,
    ) -> Result<Result<Vec<Binding>, T>, RegistrarError> {
        let (after, kept) = {
            let permit = self.journal.changes().reserve().await.map_err(|_| RegistrarError::Stopped)?;
            let mut table = self.table();
            let update = match decide(&table.live(aor, now)) {
                Ok(update) => update,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let mut bindings = update.bindings.clone();
            bindings.extend(table.ending(aor, now).filter(|binding| !update.decides(binding)).cloned());
            table.change(aor, bindings);
            let (change, kept) = Change::of(aor);
            permit.send(Change { put: update.put, removed: update.removed, seen, ..change });
            (update.bindings, kept)
        };
        self.is_kept(aor, kept.await)?;
        Ok(Ok(after))
    }

    /// Where the database can't hold what was to be written of `aor`, nothing was: what is there is read again.
    fn is_kept(&self, aor: &str, outcome: Result<Refused, RecvError>) -> Result<(), RegistrarError> {
        let refused = outcome.map_err(|_| RegistrarError::Stopped)?;
        if !refused.is_some_and(|refused| refused.contains(aor)) {
            return Ok(());
        }
        self.learning.note([aor.to_owned()], false);
        Err(RegistrarError::Refused)
    }

    /// True if others write down bindings too: what ends as far as is known here may have been refreshed there.
    pub(super) fn is_shared(&self) -> bool {
        self.keeper.is_shared()
    }

    /// The addresses-of-record of which something ended since this was last asked, as far as is known here.
    pub(super) fn ended(&self, now: Instant) -> Vec<Arc<str>> {
        self.table().ended(now)
    }

    /// Takes away what has lapsed; returns phone and address-of-record of each binding that went. Where others write too, read
    /// what has [`Self::ended`] instead.
    pub(super) async fn expire(&self, now: Instant) -> Vec<(PhoneId, String)> {
        let mut lapsed = Vec::new();
        let mut changes = Vec::new();
        {
            let mut table = self.table();
            for aor in table.ended(now) {
                let all = table.of(&aor).to_vec();
                let (alive, gone): (Vec<_>, Vec<_>) = all.into_iter().partition(|binding| binding.expires > now);
                lapsed.extend(gone.iter().map(|binding| (binding.phone, aor.to_string())));
                table.change(&aor, alive);
                changes.push(Change { lapsed: gone, ..Change::of(&aor).0 });
            }
        }
        for change in changes {
            let _ = self.journal.changes().send(change).await;
        }
        lapsed
    }

    /// Reads again what is kept of these addresses-of-record, or of all: others may have changed it.
    pub(super) async fn learn(&self, aors: Option<Vec<String>>) -> Result<Learned, RegistrarError> {
        self.table().changed = Some(HashSet::new());
        let read = self.read_settled(aors.as_deref()).await;
        let mut found: HashMap<String, Vec<Binding>> = HashMap::new();
        match read {
            Ok(all) => all.into_iter().for_each(|Found { aor, binding }| found.entry(aor).or_default().push(binding)),
            Err(error) => {
                self.table().changed = None;
                return Err(error);
            }
        }
        let aors = aors.unwrap_or_else(|| {
            let known: HashSet<String> = self.table().by_aor.keys().map(|aor| aor.to_string()).collect();
            known.into_iter().chain(found.keys().cloned()).collect::<HashSet<_>>().into_iter().collect()
        });
        let mut learned = Learned::default();
        for some in aors.chunks(AT_ONCE) {
            let mut table = self.table();
            let now = Instant::now();
            for aor in some {
                if table.changed.as_ref().is_some_and(|changed| changed.contains(aor.as_str())) {
                    learned.again.push(aor.clone());
                } else {
                    table.learn(aor, found.remove(aor).unwrap_or_default(), now, &mut learned);
                }
            }
        }
        self.table().changed = None;
        Ok(learned)
    }

    /// What is kept, with all that was decided here before; after the database was away with what others had waiting, too.
    async fn read_settled(&self, aors: Option<&[String]>) -> Result<Vec<Found>, RegistrarError> {
        if self.journal.settle().await? {
            tokio::time::sleep(CATCHING_UP).await;
        }
        self.keeper.read(aors, &self.whose, Instant::now()).await
    }

    /// Forgets what others may have refreshed, once it lapsed a while ago.
    pub(super) async fn forget_lapsed(&self) -> Result<(), RegistrarError> {
        self.keeper.forget_lapsed().await
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Location").field("keeper", &self.keeper).finish_non_exhaustive()
    }
}

/// What others have changed.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// Phones that are registered now and were not.
    pub came: Vec<Found>,
    /// Phones that were registered and are no longer.
    pub went: Vec<Went>,
    /// Addresses-of-record that were changed here meanwhile: they are to be read again.
    pub again: Vec<String>,
}

/// A phone that is no longer registered.
#[derive(Debug)]
pub(super) struct Went {
    pub aor: String,
    pub phone: PhoneId,
    /// Its time was over; otherwise somebody took it away.
    pub is_lapsed: bool,
}

/// What a registration makes of an address-of-record.
#[derive(Debug)]
pub(super) struct Update {
    pub bindings: Vec<Binding>,
    pub put: Vec<Binding>,
    pub removed: Vec<String>,
}

impl Update {
    /// True if it says what becomes of a binding.
    fn decides(&self, binding: &Binding) -> bool {
        let ruid = binding.ruid();
        self.put.iter().any(|put| put.ruid() == ruid) || self.removed.contains(&ruid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{Flow, Transport};
    use crate::vocab::UnixMillis;

    async fn db(folder: &std::path::Path) -> Db {
        Db::open(&folder.join("db")).await.unwrap()
    }

    async fn location(db: &Db) -> Location {
        Location::open(db, Instant::now(), Arc::new(|named, _| named), Edges::default()).await.unwrap()
    }

    fn binding(cseq: u32, expires: Instant) -> Binding {
        let address = |port: u16| ([127, 0, 0, 1], port).into();
        Binding {
            contact: "sip:a@127.0.0.1:40000".to_owned(),
            phone: PhoneId::new(UnixMillis::new(0), [1; 10]),
            call_id: "c".to_owned(),
            cseq,
            expires,
            refreshed: None,
            flow: Flow { transport: Transport::Udp, local: address(5060), peer: address(40000) },
            user_agent: "".into(),
            path: "".into(),
            instance: "".into(),
            reg_id: 0,
        }
    }

    async fn register(location: &Location, cseq: u32, expires: Instant) {
        let binding = binding(cseq, expires);
        let update = Update { bindings: vec![binding.clone()], put: vec![binding], removed: Vec::new() };
        let decided = |_: &[Binding]| Ok::<_, ()>(update);
        location.update("1001", Instant::now(), None, decided).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_lapsed_a_moment_ago_is_told_of_though_its_number_was_registered_again_since() {
        let folder = tempfile::tempdir().unwrap();
        let db = db(folder.path()).await;
        let location = location(&db).await;
        let now = Instant::now();
        register(&location, 1, now + Duration::from_secs(60)).await;
        let later = now + Duration::from_secs(61);
        let phone = PhoneId::new(UnixMillis::new(0), [2; 10]);
        let other =
            Binding { phone, contact: "sip:a@127.0.0.2".to_owned(), ..binding(1, later + Duration::from_secs(60)) };
        let comes = |known: &[Binding]| {
            assert!(known.is_empty());
            Ok::<_, ()>(Update { bindings: vec![other.clone()], put: vec![other.clone()], removed: Vec::new() })
        };
        location.update("1001", later, None, comes).await.unwrap().unwrap();
        assert_eq!(location.of_aor("1001", later).iter().map(|binding| binding.phone).collect::<Vec<_>>(), [phone]);
        assert_eq!(location.expire(later).await, [(binding(1, now).phone, "1001".to_owned())]);
        assert!(location.expire(later).await.is_empty());
        location.journal.settle().await.unwrap();
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM location").fetch_one(db.reader()).await.unwrap();
        assert_eq!(rows, 1);
    }

    async fn execute(db: &Db, statement: &'static str) {
        let mut transaction = db.write().await.unwrap();
        sqlx::query(statement).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    }

    #[tokio::test]
    async fn what_a_database_that_is_away_did_not_take_lands_when_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let db = db(folder.path()).await;
        let before = location(&db).await;
        let expires = Instant::now() + Duration::from_secs(600);
        execute(&db, "ALTER TABLE location RENAME TO away").await;
        register(&before, 1, expires).await;
        register(&before, 2, expires).await;
        assert_eq!(before.of_aor("1001", Instant::now()).len(), 1);
        execute(&db, "ALTER TABLE away RENAME TO location").await;
        // The last one out tries once more.
        drop(before);
        let mut found = Vec::new();
        while found.is_empty() {
            tokio::task::yield_now().await;
            found = location(&db).await.of_aor("1001", Instant::now());
        }
        assert_eq!(found.iter().map(|binding| binding.cseq).collect::<Vec<_>>(), [2]);
    }

    #[tokio::test]
    async fn what_lapsed_here_stays_where_it_was_refreshed_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let db = db(folder.path()).await;
        let (here, elsewhere) = (location(&db).await, location(&db).await);
        let now = Instant::now();
        register(&here, 1, now + Duration::from_secs(60)).await;
        register(&elsewhere, 2, now + Duration::from_secs(600)).await;
        assert_eq!(here.expire(now + Duration::from_secs(61)).await.len(), 1);
        // Written after it, so that it has been looked at.
        let gone = Update { bindings: Vec::new(), put: Vec::new(), removed: vec!["sip:b@127.0.0.1".to_owned()] };
        here.update("1002", now, None, |_| Ok::<_, ()>(gone)).await.unwrap().unwrap();
        assert_eq!(location(&db).await.of_aor("1001", Instant::now()).len(), 1);
        assert_eq!(elsewhere.expire(now + Duration::from_secs(601)).await.len(), 1);
        let gone = Update { bindings: Vec::new(), put: Vec::new(), removed: vec!["sip:b@127.0.0.1".to_owned()] };
        elsewhere.update("1002", now, None, |_| Ok::<_, ()>(gone)).await.unwrap().unwrap();
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM location").fetch_one(db.reader()).await.unwrap();
        assert_eq!(rows, 0);
    }
}
