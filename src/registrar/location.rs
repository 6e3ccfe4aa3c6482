//! The location service: bindings in memory, and the task that commits changes to them in groups.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::binding::Binding;
use super::{RegistrarError, store};
use crate::db::Db;
use crate::vocab::PhoneId;

/// Changes waiting to be committed.
const QUEUE: usize = 8192;
/// Most changes that share one commit.
const GROUP: usize = 512;

/// One address-of-record's change, to be committed.
#[derive(Debug)]
pub(super) struct Change {
    pub aor: String,
    pub put: Vec<Binding>,
    pub removed: Vec<String>,
    /// A phone whose lease this registration keeps alive.
    pub seen: Option<PhoneId>,
    pub done: oneshot::Sender<bool>,
}

/// Every binding there is.
#[derive(Clone, Debug)]
pub struct Location {
    table: Arc<Mutex<Table>>,
    changes: mpsc::Sender<Change>,
}

#[derive(Debug, Default)]
struct Table {
    by_aor: HashMap<String, Vec<Binding>>,
    by_phone: HashMap<PhoneId, HashSet<String>>,
    expiries: BinaryHeap<Reverse<(Instant, String)>>,
}

impl Table {
    fn set(&mut self, aor: &str, bindings: Vec<Binding>) {
        for binding in self.by_aor.remove(aor).unwrap_or_default() {
            if let Some(aors) = self.by_phone.get_mut(&binding.phone) {
                aors.remove(aor);
                if aors.is_empty() {
                    self.by_phone.remove(&binding.phone);
                }
            }
        }
        if bindings.is_empty() {
            return;
        }
        for binding in &bindings {
            self.by_phone.entry(binding.phone).or_default().insert(aor.to_owned());
            self.expiries.push(Reverse((binding.expires, aor.to_owned())));
        }
        self.by_aor.insert(aor.to_owned(), bindings);
    }

    fn live(&self, aor: &str, now: Instant) -> Vec<Binding> {
        let bindings = self.by_aor.get(aor).map(Vec::as_slice).unwrap_or_default();
        bindings.iter().filter(|binding| binding.expires > now).cloned().collect()
    }
}

impl Location {
    /// Reads what was committed before and starts committing.
    pub(super) async fn open(db: Db, now: Instant) -> Result<Self, RegistrarError> {
        let mut table = Table::default();
        for (aor, bindings) in store::bindings(&db, now).await? {
            table.set(&aor, bindings);
        }
        let (changes, queue) = mpsc::channel(QUEUE);
        tokio::spawn(commit_in_groups(db, queue));
        Ok(Self { table: Arc::new(Mutex::new(table)), changes })
    }

    /// The live bindings of an address-of-record (the user part).
    pub fn of_aor(&self, aor: &str, now: Instant) -> Vec<Binding> {
        self.table().live(aor, now)
    }

    /// The live bindings of a phone, with their address-of-record, latest to expire first.
    pub fn of_phone(&self, phone: PhoneId, now: Instant) -> Vec<(String, Binding)> {
        let table = self.table();
        let aors = table.by_phone.get(&phone).into_iter().flatten();
        let mut found: Vec<(String, Binding)> = aors
            .flat_map(|aor| table.live(aor, now).into_iter().map(|binding| (aor.clone(), binding)))
            .filter(|(_, binding)| binding.phone == phone)
            .collect();
        found.sort_by_key(|(_, binding)| Reverse(binding.expires));
        found
    }

    /// Forgets every binding of a phone whose record was changed so that it has none any more.
    pub(super) fn forget(&self, phone: PhoneId) {
        let mut table = self.table();
        for aor in table.by_phone.get(&phone).cloned().unwrap_or_default() {
            let left = table.by_aor.get(&aor).cloned().unwrap_or_default();
            table.set(&aor, left.into_iter().filter(|binding| binding.phone != phone).collect());
        }
    }

    /// Moves the live bindings of a phone to other addresses-of-record, or forgets those for which there is none; waits
    /// for the commit. What is in memory holds from now on.
    pub(super) async fn readdress(
        &self,
        phone: PhoneId,
        now: Instant,
        address: impl Fn(&str) -> Option<String>,
    ) -> Result<(), RegistrarError> {
        let aors: Vec<String> = self.table().by_phone.get(&phone).into_iter().flatten().cloned().collect();
        for from in aors {
            let to = address(&from);
            if to.as_ref() == Some(&from) {
                continue;
            }
            let mut permits = self.changes.reserve_many(2).await.map_err(|_| RegistrarError::Stopped)?;
            let committed = {
                let mut table = self.table();
                let (moved, left): (Vec<_>, Vec<_>) =
                    table.live(&from, now).into_iter().partition(|binding| binding.phone == phone);
                table.set(&from, left);
                let removed = moved.iter().map(Binding::ruid).collect();
                let mut changes = vec![(from, Vec::new(), removed)];
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
                    permit.send(Change { aor, put, removed, seen: None, done });
                    committed.push(outcome);
                }
                committed
            };
            for outcome in committed {
                if !matches!(outcome.await, Ok(true)) {
                    return Err(RegistrarError::Stopped);
                }
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

    /// Changes the bindings of `aor` as `decide` says, then waits for the commit. What `decide` saw is what it changes:
    /// nobody comes between. If the commit fails, the bindings are as they were.
    pub(super) async fn update<T>(
        &self,
        aor: &str,
        now: Instant,
        seen: Option<PhoneId>,
        decide: impl FnOnce(&[Binding]) -> Result<Update, T>,
    ) -> Result<Result<Vec<Binding>, T>, RegistrarError> {
        let (before, after, committed) = {
            let permit = self.changes.reserve().await.map_err(|_| RegistrarError::Stopped)?;
            let mut table = self.table();
            let before = table.live(aor, now);
            let update = match decide(&before) {
                Ok(update) => update,
                Err(refusal) => return Ok(Err(refusal)),
            };
            table.set(aor, update.bindings.clone());
            let (done, committed) = oneshot::channel();
            permit.send(Change { aor: aor.to_owned(), put: update.put, removed: update.removed, seen, done });
            (before, update.bindings, committed)
        };
        match committed.await {
            Ok(true) => Ok(Ok(after)),
            Ok(false) | Err(_) => {
                let mut table = self.table();
                let now_there = table.by_aor.get(aor).cloned().unwrap_or_default();
                table.set(aor, undone(&before, &after, now_there));
                Err(RegistrarError::Stopped)
            }
        }
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
                let all = table.by_aor.get(&aor).cloned().unwrap_or_default();
                let (alive, gone): (Vec<_>, Vec<_>) = all.into_iter().partition(|binding| binding.expires > now);
                if gone.is_empty() {
                    continue;
                }
                lapsed.extend(gone.iter().map(|binding| (binding.phone, aor.clone())));
                table.set(&aor, alive);
                changes.push((aor, gone.iter().map(Binding::ruid).collect()));
            }
        }
        for (aor, removed) in changes {
            let (done, _) = oneshot::channel();
            let _ = self.changes.send(Change { aor, put: Vec::new(), removed, seen: None, done }).await;
        }
        lapsed
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is there now, less what a change from `before` to `after` did to it. What others changed since stays.
fn undone(before: &[Binding], after: &[Binding], now_there: Vec<Binding>) -> Vec<Binding> {
    let is_same =
        |one: &Binding, two: &Binding| one.ruid() == two.ruid() && one.call_id == two.call_id && one.cseq == two.cseq;
    let is_ours = |binding: &Binding| {
        after.iter().any(|after| is_same(after, binding)) && !before.iter().any(|before| is_same(before, binding))
    };
    let mut left: Vec<Binding> = now_there.into_iter().filter(|binding| !is_ours(binding)).collect();
    for binding in before {
        if !left.iter().any(|left| left.ruid() == binding.ruid()) {
            left.push(binding.clone());
        }
    }
    left
}

/// What a registration makes of an address-of-record.
#[derive(Debug)]
pub(super) struct Update {
    pub bindings: Vec<Binding>,
    pub put: Vec<Binding>,
    pub removed: Vec<String>,
}

/// Many registrations share one transaction: durability costs each of them little.
async fn commit_in_groups(db: Db, mut queue: mpsc::Receiver<Change>) {
    let mut group = Vec::with_capacity(GROUP);
    while queue.recv_many(&mut group, GROUP).await > 0 {
        let committed = store::commit(&db, &group).await;
        if let Err(error) = &committed {
            tracing::error!(%error, changes = group.len(), "registrations could not be committed");
            metrics::counter!("registrar_commit_failures_total").increment(1);
        }
        for change in group.drain(..) {
            let _ = change.done.send(committed.is_ok());
        }
    }
}
