//! Which stream has its turn when: the slots of a round, and what is in each. Pure; must not know what a stream is.
//!
//! A slot's streams lie side by side in memory in the order of their turn. With thousands of streams every one has left the
//! processor's caches by its next turn; neighbours are fetched ahead, scattered ones would be waited for one by one.

use std::collections::HashMap;

use super::schedule::SLOTS;

/// Streams by slot.
pub(super) struct Slots<S> {
    slots: [Vec<(u64, S)>; SLOTS],
    places: HashMap<u64, Place>,
}

#[derive(Clone, Copy)]
struct Place {
    slot: usize,
    index: usize,
}

impl<S> Slots<S> {
    /// No streams.
    pub(super) fn new() -> Self {
        Self { slots: [const { Vec::new() }; SLOTS], places: HashMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Takes a stream into the slot with the fewest, which keeps every tick as short as it can be.
    pub(super) fn insert(&mut self, id: u64, stream: S) {
        let fewest = self.slots.iter_mut().enumerate().min_by_key(|(_, streams)| streams.len());
        if let Some((slot, streams)) = fewest {
            self.places.insert(id, Place { slot, index: streams.len() });
            streams.push((id, stream));
        }
    }

    /// Gives a stream back. The last one of its slot takes its place.
    pub(super) fn remove(&mut self, id: u64) -> Option<S> {
        let Place { slot, index } = self.places.remove(&id)?;
        let streams = self.slots.get_mut(slot).filter(|streams| index < streams.len())?;
        let (_, stream) = streams.swap_remove(index);
        if let Some((moved, _)) = streams.get(index) {
            self.places.insert(*moved, Place { slot, index });
        }
        Some(stream)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut S> {
        let Place { slot, index } = *self.places.get(&id)?;
        self.slots.get_mut(slot)?.get_mut(index).map(|(_, stream)| stream)
    }

    /// The streams whose turn it is.
    pub(super) fn turn(&mut self, slot: usize) -> impl Iterator<Item = &mut S> {
        self.slots.get_mut(slot).into_iter().flatten().map(|(_, stream)| stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_fill_evenly_and_each_stream_has_one_turn_a_round() {
        let mut slots = Slots::new();
        for id in 0..(3 * SLOTS as u64) {
            slots.insert(id, id);
        }
        for id in (0..(3 * SLOTS as u64)).step_by(2) {
            assert_eq!(slots.remove(id), Some(id));
            assert_eq!((slots.remove(id), slots.get_mut(id)), (None, None));
        }
        for id in 1000..(1000 + SLOTS as u64) {
            slots.insert(id, id);
        }
        let mut turns: Vec<u64> = Vec::new();
        for slot in 0..SLOTS {
            let streams: Vec<u64> = slots.turn(slot).map(|stream| *stream).collect();
            assert!((2..=3).contains(&streams.len()), "{streams:?}");
            turns.extend(streams);
        }
        turns.sort_unstable();
        let left = (0..(3 * SLOTS as u64)).filter(|id| id % 2 == 1).chain(1000..(1000 + SLOTS as u64));
        assert_eq!(turns, left.collect::<Vec<_>>());
        assert!(turns.iter().all(|id| slots.get_mut(*id) == Some(&mut id.clone())));
        assert_eq!(slots.turn(SLOTS).count(), 0);
        assert!(turns.iter().all(|id| slots.remove(*id) == Some(*id)));
        assert!(slots.is_empty());
    }
}
