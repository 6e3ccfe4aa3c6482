//! Claims for one user, one after the other; and only a few claims judged at once. (The same for whoever else proves something.)
//!
//! An attempt counts as wrong until it is shown to be right. Judged side by side, right attempts would lock out one another.
//! Bounded: users share a fixed number of queues. Knows no user, only marks.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// Queues. Two users who share one only wait for one another.
const QUEUES: usize = 256;
/// Claims judged side by side: hashing keeps a core busy for 20 ms.
const AT_ONCE: usize = 2;

/// The queues.
#[derive(Clone, Debug)]
pub struct Turns {
    queues: Arc<[Arc<Mutex<()>>]>,
    places: Arc<Semaphore>,
}

/// The right to judge a claim, until dropped.
#[derive(Debug)]
pub struct Turn {
    _queue: OwnedMutexGuard<()>,
    _place: OwnedSemaphorePermit,
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}

impl Turns {
    /// Nobody waits yet.
    pub fn new() -> Self {
        let queues = (0..QUEUES).map(|_| Arc::default()).collect();
        Self { queues, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Waits for the turn of a claim for the user with this mark. None when the server is stopping.
    pub async fn wait(&self, mark: &str) -> Option<Turn> {
        let sum = mark.bytes().fold(0_usize, |sum, octet| sum.wrapping_mul(31).wrapping_add(octet.into()));
        let queue = self.queues.get(sum % QUEUES)?.clone().lock_owned().await;
        let place = self.places.clone().acquire_owned().await.ok()?;
        Some(Turn { _queue: queue, _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_user_waits_for_their_own_claim_and_another_does_not() {
        let turns = Turns::new();
        let first = turns.wait("a").await.unwrap();
        let mut own = Box::pin(turns.wait("a"));
        assert!(std::future::poll_fn(|context| std::task::Poll::Ready(own.as_mut().poll(context))).await.is_pending());
        let _other = turns.wait("b").await.unwrap();
        drop(first);
        assert!(own.await.is_some());
    }
}
