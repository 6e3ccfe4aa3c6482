//! A phone and the server on a virtual clock, over a network that loses, repeats and reorders: no socket, no sleep.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "sim/callee.rs"]
mod callee;
#[path = "sim/caller.rs"]
mod caller;
#[path = "sim/network.rs"]
mod network;

use std::time::{Duration, Instant};

use callee::Callee;
use caller::Caller;
use network::{Network, Weather};

/// What came of one simulated call.
#[derive(Debug)]
struct Outcome {
    /// The dialogue's own word for it.
    dialogue: Option<&'static str>,
    /// True if both ends know that the call is over.
    both_over: bool,
    /// Final answers the caller's INVITE was given, each status once.
    finals: Vec<u16>,
    /// Keys the server took for each the caller pressed.
    keys: (usize, usize),
}

/// Lives one call to its end.
fn simulate(seed: u64, weather: Weather) -> Outcome {
    let start = Instant::now();
    let mut network = Network::new(seed, weather);
    let mut caller = Caller::new("1001#", "#", "4711#");
    let mut callee = Callee::new(start);
    caller.start(start, &mut network);
    let end = start + Duration::from_secs(400);
    let mut now = start;
    while now < end {
        let next = [network.next_due(), caller.deadline(), callee.deadline()].into_iter().flatten().min();
        let Some(next) = next else { break };
        now = next.max(now);
        while let Some(packet) = network.take(now) {
            match packet.towards_server {
                true => callee.receive(now, packet, &mut network),
                false => caller.receive(now, packet, &mut network),
            }
        }
        caller.elapsed(now, &mut network);
        callee.elapsed(now, &mut network);
    }
    Outcome {
        dialogue: callee.ending(),
        both_over: caller.is_over() && callee.is_over(),
        finals: caller.finals(),
        keys: (caller.pressed(), callee.keys()),
    }
}

#[test]
fn a_call_over_a_good_network_is_bound() {
    let outcome = simulate(1, Weather { loss: 0.0, duplication: 0.0, reordering: 0.0 });
    assert_eq!(outcome.dialogue, Some("bound"));
    assert!(outcome.both_over);
    assert_eq!(outcome.finals, [200]);
    assert_eq!(outcome.keys, (11, 11));
}

#[test]
fn ten_percent_loss_with_duplication_and_reordering_loses_no_call_and_no_key() {
    let weather = Weather { loss: 0.10, duplication: 0.05, reordering: 0.20 };
    let outcomes: Vec<Outcome> = (0..300).map(|seed| simulate(seed, weather)).collect();
    let bound = outcomes.iter().filter(|outcome| outcome.dialogue == Some("bound")).count();
    assert!(bound * 100 >= outcomes.len() * 99, "{bound} of {} calls came to their end", outcomes.len());
    for (seed, outcome) in outcomes.iter().enumerate() {
        assert!(outcome.both_over, "seed {seed}: {outcome:?}");
        assert!(outcome.finals.len() <= 1, "seed {seed}: more than one final answer: {outcome:?}");
    }
    let bound = outcomes.iter().filter(|outcome| outcome.dialogue == Some("bound"));
    let (pressed, taken) =
        bound.fold((0, 0), |(pressed, taken), outcome| (pressed + outcome.keys.0, taken + outcome.keys.1));
    assert_eq!(pressed, taken, "every key was taken, none twice");
}

#[test]
fn a_network_that_loses_everything_ends_the_call_all_the_same() {
    let outcome = simulate(7, Weather { loss: 1.0, duplication: 0.0, reordering: 0.0 });
    assert!(outcome.both_over, "{outcome:?}");
}
