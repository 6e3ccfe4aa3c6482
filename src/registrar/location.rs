//! The location service: bindings in memory. What is acknowledged was handed to the journal before, and kept by it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::binding::Binding;
use super::journal::{self, Change};
use super::{RegistrarError, bindings};
use crate::db::Db;
use crate::vocab::PhoneId;

/// Every binding there is.
#[derive(Clone, Debug)]
pub struct Location {
    table: Arc<Mutex<Table>>,
    changes: mpsc::Sender<Change>,
}

/// Kinds of phones whose names are shared by their bindings.
const USER_AGENTS: usize = 4096;

#[derive(Debug, Default)]
struct Table {
    by_aor: HashMap<Arc<str>, Vec<Binding>>,
    by_phone: HashMap<PhoneId, Vec<Arc<str>>>,
    expiries: BinaryHeap<Reverse<(Instant, Arc<str>)>>,
    user_agents: HashSet<Arc<str>>,
}

impl Table {
    fn set(&mut self, aor: &str, bindings: Vec<Binding>) {
        let (aor, before) = self.by_aor.remove_entry(aor).unwrap_or_else(|| (aor.into(), Vec::new()));
        for binding in before {
            if let Some(aors) = self.by_phone.get_mut(&binding.phone) {
                aors.retain(|known| *known != aor);
                if aors.is_empty() {
                    self.by_phone.remove(&binding.phone);
                }
            }
        }
        bindings.into_iter().for_each(|binding| self.add(&aor, binding));
    }

    fn add(&mut self, aor: &Arc<str>, binding: Binding) {
        let aors = self.by_phone.entry(binding.phone).or_default();
        if !aors.contains(aor) {
            aors.push(aor.clone());
        }
        self.expiries.push(Reverse((binding.expires, aor.clone())));
        let user_agent = self.shared(&binding.user_agent);
        self.by_aor.entry(aor.clone()).or_insert_with(|| Vec::with_capacity(1)).push(Binding { user_agent, ..binding });
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

    fn live(&self, aor: &str, now: Instant) -> Vec<Binding> {
        let bindings = self.by_aor.get(aor).map(Vec::as_slice).unwrap_or_default();
        bindings.iter().filter(|binding| binding.expires > now).cloned().collect()
    }
}

impl Location {
    /// Reads what was kept before, as far as `is_whose` says that the phone may be there.
    pub(super) async fn open(
        db: Db,
        now: Instant,
        is_whose: impl Fn(&Binding, &str) -> bool,
    ) -> Result<Self, RegistrarError> {
        let mut table = Table::default();
        for (aor, binding) in bindings::read(&db, now).await? {
            if is_whose(&binding, &aor) {
                table.add(&aor.into(), binding);
            }
        }
        Ok(Self { table: Arc::new(Mutex::new(table)), changes: journal::open(db) })
    }

    /// The live bindings of an address-of-record (the user part).
    pub fn of_aor(&self, aor: &str, now: Instant) -> Vec<Binding> {
        self.table().live(aor, now)
    }

    /// True while a phone has a live binding of this address-of-record.
    pub(super) fn has(&self, phone: PhoneId, aor: &str, now: Instant) -> bool {
        let table = self.table();
        let bindings = table.by_aor.get(aor).map(Vec::as_slice).unwrap_or_default();
        bindings.iter().any(|binding| binding.phone == phone && binding.expires > now)
    }

    /// Every phone that has bindings.
    pub(super) fn phones(&self) -> Vec<PhoneId> {
        self.table().by_phone.keys().copied().collect()
    }

    /// The live bindings of a phone, with their address-of-record, latest to expire first.
    pub fn of_phone(&self, phone: PhoneId, now: Instant) -> Vec<(String, Binding)> {
        let table = self.table();
        let aors = table.by_phone.get(&phone).into_iter().flatten();
        let mut found: Vec<(String, Binding)> = aors
            .flat_map(|aor| table.live(aor, now).into_iter().map(|binding| (aor.to_string(), binding)))
            .filter(|(_, binding)| binding.phone == phone)
            .collect();
        found.sort_by_key(|(_, binding)| Reverse(binding.expires));
        found
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
        for from in aors {
            let to = address(&from);
            if to.as_deref() == Some(&*from) {
                continue;
            }
            let mut permits = self.changes.reserve_many(2).await.map_err(|_| RegistrarError::Stopped)?;
            let committed = {
                let mut table = self.table();
                let (moved, left): (Vec<_>, Vec<_>) =
                    table.live(&from, now).into_iter().partition(|binding| binding.phone == phone);
                table.set(&from, left);
                let removed = moved.iter().map(Binding::ruid).collect();
                let mut changes = vec![(from.to_string(), Vec::new(), removed)];
                if let Some(to) = to {
                    let mut there = table.live(&to, now);
                    there.retain(|binding| moved.iter().all(|moved| moved.ruid() != binding.ruid()));
                    there.extend(moved.iter().cloned());
                    table.set(&to, there);
                    changes.push((to, moved, Vec::new()));
                }
                let mut committed = Vec::with_capacity(changes.len());
                for ((aor, put, removed), permit) in changes.into_iter().zip(permits.by_ref()) {
                    let (done, outcome) = oneshot::channel();
                    permit.send(Change { aor, put, removed, lapsed: Vec::new(), seen: None, done });
                    committed.push(outcome);
                }
                committed
            };
            for outcome in committed {
                outcome.await.map_err(|_| RegistrarError::Stopped)?;
            }
        }
        Ok(())
    }

    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.table().by_aor.values().map(Vec::len).sum()
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
            let permit = self.changes.reserve().await.map_err(|_| RegistrarError::Stopped)?;
            let mut table = self.table();
            let update = match decide(&table.live(aor, now)) {
                Ok(update) => update,
                Err(refusal) => return Ok(Err(refusal)),
            };
            table.set(aor, update.bindings.clone());
            let (done, kept) = oneshot::channel();
            let (put, removed) = (update.put, update.removed);
            permit.send(Change { aor: aor.to_owned(), put, removed, lapsed: Vec::new(), seen, done });
            (update.bindings, kept)
        };
        kept.await.map_err(|_| RegistrarError::Stopped)?;
        Ok(Ok(after))
    }

    /// Takes away what has lapsed; returns phone and address-of-record of each binding that went.
    pub(super) async fn expire(&self, now: Instant) -> Vec<(PhoneId, String)> {
        let mut lapsed = Vec::new();
        let mut changes = Vec::new();
        {
            let mut table = self.table();
            while let Some(Reverse((at, _))) = table.expiries.peek() {
                if *at > now {
                    break;
                }
                let Some(Reverse((_, aor))) = table.expiries.pop() else { break };
                let all = table.by_aor.get(&aor).map(Vec::as_slice).unwrap_or_default();
                // Most deadlines are those of bindings that were refreshed since.
                if all.iter().all(|binding| binding.expires > now) {
                    continue;
                }
                let (alive, gone): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|binding| binding.expires > now);
                lapsed.extend(gone.iter().map(|binding| (binding.phone, aor.to_string())));
                table.set(&aor, alive);
                changes.push((aor.to_string(), gone));
            }
        }
        for (aor, lapsed) in changes {
            let (done, _) = oneshot::channel();
            let change = Change { aor, put: Vec::new(), removed: Vec::new(), lapsed, seen: None, done };
            let _ = self.changes.send(change).await;
        }
        lapsed
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a registration makes of an address-of-record.
#[derive(Debug)]
pub(super) struct Update {
    pub bindings: Vec<Binding>,
    pub put: Vec<Binding>,
    pub removed: Vec<String>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sip::Flow;
    use crate::sip::Transport;
    use crate::vocab::UnixMillis;

    async fn db(folder: &std::path::Path) -> Db {
        Db::open(&folder.join("db")).await.unwrap()
    }

    async fn location(db: &Db) -> Location {
        Location::open(db.clone(), Instant::now(), |_, _| true).await.unwrap()
    }

    fn binding(cseq: u32, expires: Instant) -> Binding {
        let address = |port: u16| ([127, 0, 0, 1], port).into();
        Binding {
            contact: "sip:a@127.0.0.1:40000".to_owned(),
            phone: PhoneId::new(UnixMillis::new(0), [1; 10]),
            call_id: "c".to_owned(),
            cseq,
            expires,
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
