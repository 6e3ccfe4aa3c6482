//! What others have written of bindings, the other nodes and the rest of the stack, is read when they tell of it, and when what
//! was known here is over.
//!
//! A node tells itself what a phone did there; what other programs did, and what lapsed, the node on duty tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Registrar;
use super::keeper::Found;
use super::line_status::{Named, Observation, Observed, Reason, Sighting};
use super::location::{CATCHING_UP, Learned, Went};
use crate::vocab::UnixMillis;

/// Addresses-of-record that wait to be read; when there are more, all are read.
const MOST: usize = 50_000;
/// Times between two readings, in which more gathers, and after one that failed.
const GATHER: Duration = Duration::from_millis(10);
const PAUSE: Duration = Duration::from_millis(500);

/// What is to be read.
#[derive(Debug, Default)]
struct Pending {
    is_all: bool,
    /// Whether another program wrote it.
    aors: HashMap<String, bool>,
}

/// Where it is noted what others wrote.
#[derive(Clone, Debug, Default)]
pub(super) struct Learning {
    pending: Arc<Mutex<Pending>>,
    is_any: Arc<Notify>,
}

impl Learning {
    pub(super) fn note(&self, aors: impl IntoIterator<Item = String>, is_elsewhere: bool) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for aor in aors {
            *pending.aors.entry(aor).or_default() |= is_elsewhere;
        }
        if pending.aors.len() > MOST {
            *pending = Pending { is_all: true, aors: HashMap::new() };
        }
        drop(pending);
        self.is_any.notify_one();
    }

    fn note_all(&self) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).is_all = true;
        self.is_any.notify_one();
    }

    async fn take(&self) -> Pending {
        self.is_any.notified().await;
        tokio::time::sleep(GATHER).await;
        std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Registrar {
    /// Others wrote bindings of these addresses-of-record: another node, or another program of the stack (`is_elsewhere`).
    pub fn note_written(&self, aors: &str, is_elsewhere: bool) {
        self.location().learning().note(aors.lines().map(str::to_owned), is_elsewhere);
    }

    /// Nobody knows what others wrote.
    pub fn note_anything_written(&self) {
        if self.location().is_shared() {
            self.location().learning().note_all();
        }
    }

    pub(super) fn note_ended(&self, aors: impl IntoIterator<Item = Arc<str>>) {
        self.location().learning().note(aors.into_iter().map(|aor| aor.to_string()), false);
    }

    /// Reads what others wrote; for as long as the server runs.
    pub async fn learn(self) {
        let (learning, mut was_away) = (self.location().learning().clone(), false);
        loop {
            let Pending { is_all, aors } = learning.take().await;
            if std::mem::take(&mut was_away) {
                tokio::time::sleep(CATCHING_UP).await;
            }
            let names = (!is_all).then(|| aors.keys().cloned().collect());
            match self.location().learn(names).await {
                Ok(learned) => {
                    let again = learned.again.iter().map(|aor| (aor.clone(), aors.get(aor).copied().unwrap_or(false)));
                    again.for_each(|(aor, is_elsewhere)| learning.note([aor], is_elsewhere));
                    if self.is_on_duty() {
                        self.tell_learned(learned, &aors);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "registrations that others changed could not be read; it is tried again");
                    match is_all {
                        true => learning.note_all(),
                        false => aors.into_iter().for_each(|(aor, is_elsewhere)| learning.note([aor], is_elsewhere)),
                    }
                    was_away = true;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn tell_learned(&self, learned: Learned, elsewhere: &HashMap<String, bool>) {
        let is_elsewhere = |aor: &String| elsewhere.get(aor).copied().unwrap_or(false);
        for Found { aor, binding } in learned.came.into_iter().filter(|found| is_elsewhere(&found.aor)) {
            let at = UnixMillis::now();
            let left = binding.expires.saturating_duration_since(std::time::Instant::now());
            let seen = Sighting::of_binding(&binding, self.location().edges());
            let what = Observed::Registered { until: at.after(left), moved_from: None };
            let named = Named::Phone { phone: binding.phone, aor: Some(aor.clone()) };
            self.lines.note(Observation { at, named, seen: Some(seen), what });
            self.tell_registered(binding.phone, aor);
        }
        for Went { aor, phone, is_lapsed } in learned.went {
            if is_lapsed {
                self.note_lost(phone, &aor, Reason::Expired);
            } else if is_elsewhere(&aor) {
                let named = Named::Phone { phone, aor: Some(aor.clone()) };
                let at = UnixMillis::now();
                self.lines.note(Observation { at, named, seen: None, what: Observed::Unregistered });
            } else {
                continue;
            }
            self.tell_lost(phone, aor);
        }
    }
}
