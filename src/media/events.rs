//! RFC 4733 telephone-events: reading the digits of one stream, and the payload to send. Pure; must not know sockets or negotiation.
//!
//! A digit is reported when its first packet is seen, whichever of its packets that is, so the loss of all but one does not
//! lose it. Packets are told apart by SSRC, timestamp and event code; neither the marker bit nor sequence numbers are trusted.

use std::time::{Duration, Instant};

use super::digit::Digit;

/// Digits remembered, so that late packets of any of them are known for what they are.
const REMEMBERED: usize = 16;

/// Some senders repeat a recorded event with the same timestamp. After this long without a packet of it, one that begins
/// again is a new press and not a straggler.
const STRAGGLERS: Duration = Duration::from_millis(300);

/// Octets of one event's payload.
pub const EVENT_OCTETS: usize = 4;

/// The payload of an RFC 4733 packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EventPayload {
    /// The digit.
    pub digit: Digit,
    /// Whether this is an end packet.
    pub end: bool,
    /// How long the event has lasted, in timestamp ticks.
    pub duration: u16,
}

impl EventPayload {
    /// Reads a payload; `None` if it is cut short or the event is none of 0 to 15.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low, ..] = payload else { return None };
        let digit = Digit::from_event(*event)?;
        Some(Self { digit, end: flags & 0x80 != 0, duration: u16::from_be_bytes([*high, *low]) })
    }

    /// The payload's octets, at -10 dBm0.
    pub fn octets(&self) -> [u8; EVENT_OCTETS] {
        let [high, low] = self.duration.to_be_bytes();
        [self.digit.event(), u8::from(self.end) << 7 | 10, high, low]
    }
}

/// What is known of one digit that was seen.
#[derive(Clone, Copy)]
struct Seen {
    ssrc: u32,
    timestamp: u32,
    digit: Digit,
    duration: u16,
    ended: bool,
    last: Instant,
}

/// The receiver of one stream's events.
pub struct EventReceiver {
    seen: [Option<Seen>; REMEMBERED],
    next: usize,
}

impl EventReceiver {
    /// A receiver that has seen nothing.
    pub fn new() -> Self {
        Self { seen: [None; REMEMBERED], next: 0 }
    }

    /// Takes the payload of a packet of the negotiated event payload type. Gives a digit the first time a packet of it is
    /// seen, and never again for that press.
    pub fn receive(&mut self, ssrc: u32, timestamp: u32, payload: &[u8], now: Instant) -> Option<Digit> {
        let event = EventPayload::parse(payload)?;
        let known = self.seen.iter_mut().flatten().find(|s| s.is_of(ssrc, timestamp, event));
        match known {
            Some(seen) if !seen.is_pressed_again(event, now) => {
                seen.note(timestamp, event, now);
                None
            }
            Some(seen) => {
                *seen = Seen::new(ssrc, timestamp, event, now);
                Some(event.digit)
            }
            None => {
                self.remember(Seen::new(ssrc, timestamp, event, now));
                Some(event.digit)
            }
        }
    }

    fn remember(&mut self, seen: Seen) {
        if let Some(slot) = self.seen.get_mut(self.next) {
            *slot = Some(seen);
        }
        self.next = (self.next + 1) % REMEMBERED;
    }
}

impl Default for EventReceiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Seen {
    fn new(ssrc: u32, timestamp: u32, event: EventPayload, now: Instant) -> Self {
        Self { ssrc, timestamp, digit: event.digit, duration: event.duration, ended: event.end, last: now }
    }

    fn is_of(&self, ssrc: u32, timestamp: u32, event: EventPayload) -> bool {
        if self.ssrc != ssrc || self.digit != event.digit {
            return false;
        }
        let later = timestamp.wrapping_sub(self.timestamp);
        // A key held longer than the duration field can count goes on as a new segment that begins where
        // the field was full (RFC 4733 section 2.5.1.3).
        let next_segment = later == u32::from(u16::MAX) && !self.ended && self.duration > u16::MAX / 2;
        later == 0 || next_segment
    }

    fn is_pressed_again(&self, event: EventPayload, now: Instant) -> bool {
        let begins_again = !event.end && (event.duration < self.duration || event.duration == 0);
        self.timestamp_is_reused() && begins_again && now.saturating_duration_since(self.last) >= STRAGGLERS
    }

    /// Only an event that is over, by an end packet or for want of any, can have its timestamp used for another.
    fn timestamp_is_reused(&self) -> bool {
        self.ended || self.duration < u16::MAX / 2
    }

    fn note(&mut self, timestamp: u32, event: EventPayload, now: Instant) {
        self.ended |= event.end;
        self.duration = if timestamp == self.timestamp { self.duration.max(event.duration) } else { event.duration };
        self.timestamp = timestamp;
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds `(milliseconds, ssrc, timestamp, key, end, duration)` and collects the digits reported.
    fn digits(packets: &[(u64, u32, u32, char, bool, u16)]) -> String {
        let start = Instant::now();
        let mut receiver = EventReceiver::new();
        packets
            .iter()
            .filter_map(|(at, ssrc, timestamp, key, end, duration)| {
                let digit = Digit::from_char(*key).unwrap();
                let payload = EventPayload { digit, end: *end, duration: *duration }.octets();
                receiver.receive(*ssrc, *timestamp, &payload, start + Duration::from_millis(*at))
            })
            .map(Digit::as_char)
            .collect()
    }

    #[test]
    fn a_press_is_one_digit_and_the_same_key_again_is_another() {
        let press =
            |at, ts| [(at, 1, ts, '5', false, 0), (at + 20, 1, ts, '5', false, 160), (at + 40, 1, ts, '5', true, 320)];
        let packets: Vec<_> = press(0, 1000).into_iter().chain(press(100, 1800)).collect();
        assert_eq!(digits(&packets), "55");
    }

    #[test]
    fn a_digit_without_its_end_packets_and_one_with_nothing_else_are_each_reported_once() {
        let packets = [(0, 1, 0, '1', false, 160), (20, 1, 0, '1', false, 320), (200, 1, 1600, '2', true, 800)];
        assert_eq!(digits(&packets), "12");
    }

    #[test]
    fn three_end_packets_and_a_straggler_after_them_are_no_new_digit() {
        let packets = [
            (0, 1, 0, '9', false, 0),
            (60, 1, 0, '9', true, 480),
            (61, 1, 0, '9', true, 480),
            (62, 1, 0, '9', true, 480),
            (70, 1, 0, '9', false, 320),
            (400, 1, 0, '9', true, 480),
        ];
        assert_eq!(digits(&packets), "9");
    }

    #[test]
    fn zero_durations_throughout_are_one_digit_a_timestamp() {
        let packets: Vec<_> = (0..40).map(|n| (n * 10, 7, 90, '#', n > 36, 0)).collect();
        assert_eq!(digits(&packets), "#");
    }

    #[test]
    fn a_recorded_event_played_twice_with_its_timestamp_is_two_presses() {
        let play = |at| (0..10u16).map(move |n| (at + u64::from(n) * 20, 3, 55, '0', n > 6, 160 * n.min(7)));
        assert_eq!(digits(&play(0).chain(play(700)).collect::<Vec<_>>()), "00");
        // Its first packets lost, the second play is still one press.
        assert_eq!(digits(&play(0).chain(play(700).skip(3)).collect::<Vec<_>>()), "00");
    }

    #[test]
    fn different_keys_under_one_frozen_timestamp_are_different_presses() {
        let packets = [(0, 1, 5, '1', true, 800), (300, 1, 5, '2', true, 800), (310, 1, 5, '1', true, 800)];
        assert_eq!(digits(&packets), "12");
    }

    #[test]
    fn a_key_held_for_seconds_is_one_digit() {
        let long = u32::from(u16::MAX);
        let packets: Vec<_> = (0u32..30)
            .map(|n| (u64::from(n) * 1000, 1, 100 + (n / 8) * long, '4', n == 29, ((n % 8 + 1) * 8191) as u16))
            .collect();
        assert_eq!(digits(&packets), "4");
    }

    #[test]
    fn events_that_are_no_digit_and_junk_are_ignored() {
        let mut receiver = EventReceiver::new();
        let now = Instant::now();
        for payload in [&[16, 0, 0, 0][..], &[255, 128, 0, 0], &[5, 0, 0], &[]] {
            assert!(receiver.receive(1, 1, payload, now).is_none());
        }
    }

    proptest! {
        #[test]
        fn loss_duplication_and_reordering_change_no_digit(
            keys in "[0-9*#A-D]{1,24}",
            faults in proptest::collection::vec((0u8..100, 0u8..100, 0u64..60), 24 * 9),
        ) {
            // Every press: six packets 20 ms apart, then three ends; presses 200 ms apart. A packet is lost (10 %),
            // doubled (5 %) or held back up to 60 ms (20 %).
            let mut wire = Vec::new();
            let mut whole = String::new();
            for (press, key) in keys.chars().enumerate() {
                let mut arrived = false;
                for n in 0..9u16 {
                    let (fate, twice, delay) = faults[press * 9 + usize::from(n)];
                    let at = press as u64 * 200 + u64::from(n.min(6)) * 20 + if twice >= 80 { delay } else { 0 };
                    let packet = (at, 9, press as u32 * 1600, key, n >= 6, n.min(6) * 160);
                    if fate >= 10 {
                        wire.push(packet);
                        arrived = true;
                    }
                    if fate >= 95 {
                        wire.push((at + delay, 9, packet.2, key, packet.4, packet.5));
                    }
                }
                whole.extend(arrived.then_some(key));
            }
            wire.sort_by_key(|packet| packet.0);
            prop_assert_eq!(digits(&wire), whole);
        }

        #[test]
        fn no_payload_panics(payload in proptest::collection::vec(any::<u8>(), 0..12), ssrc: u32, timestamp: u32) {
            let _ = EventReceiver::new().receive(ssrc, timestamp, &payload, Instant::now());
        }
    }
}
