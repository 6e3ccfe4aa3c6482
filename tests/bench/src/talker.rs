//! What one caller sends in a call: a packet of silence every 20 ms, and keys as RFC 4733 events. Pure; must not know sockets.

use std::collections::VecDeque;
use std::time::Duration;

use crate::rtp::{EVENTS, HEADER, Header, PCMU, STEP};

/// Packets a key is held for: 100 ms.
const KEY_PACKETS: u16 = 5;
/// How often an event's end is told (RFC 4733 section 2.5.1.4).
const ENDS: u8 = 3;
/// Packets of voice between two keys at least: 100 ms.
const PAUSE_PACKETS: u16 = 5;
/// µ-law silence.
const SILENCE: [u8; STEP as usize] = [0xFF; STEP as usize];

/// A key to be pressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyPress {
    /// How long after the call was answered; later if the key before it is still down.
    pub at: Duration,
    /// `0` to `9`, `*` or `#`.
    pub key: char,
}

/// A run of keys 200 ms apart, the first at `at`.
pub fn typed(at: Duration, keys: &str) -> impl Iterator<Item = KeyPress> {
    (0..).zip(keys.chars()).map(move |(n, key)| KeyPress { at: at + Duration::from_millis(200) * n, key })
}

/// One caller's voice and keys.
pub struct Talker {
    header: Header,
    keys: VecDeque<KeyPress>,
    /// The key that is down: its event code, its timestamp and the packets sent of it.
    down: Option<(u8, u32, u16)>,
    pause: u16,
}

impl Talker {
    /// A call's talker; `entropy` makes its SSRC and first numbers.
    pub fn new(keys: Vec<KeyPress>, entropy: u64) -> Self {
        let spread = entropy.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let header = Header {
            marker: true,
            payload_type: PCMU,
            sequence: (spread >> 48) as u16,
            timestamp: spread as u32,
            ssrc: (spread >> 16) as u32,
        };
        Self { header, keys: keys.into(), down: None, pause: 0 }
    }

    /// Presses no key any more. One that is down is still released.
    pub fn no_more_keys(&mut self) {
        self.keys.clear();
    }

    /// Sends what is due in this 20 ms of the call, `elapsed` after it was answered. True if a key was finished with it.
    pub fn turn(&mut self, elapsed: Duration, mut send: impl FnMut(&[u8])) -> bool {
        self.header.timestamp = self.header.timestamp.wrapping_add(STEP);
        if self.down.is_none()
            && self.pause == 0
            && let Some(press) = self.keys.pop_front_if(|press| press.at <= elapsed)
        {
            self.down = Some((event_of(press.key), self.header.timestamp, 0));
        }
        self.pause = self.pause.saturating_sub(1);
        let Some((event, since, sent)) = &mut self.down else {
            self.packet(PCMU, self.header.timestamp, &SILENCE, &mut send);
            return false;
        };
        *sent += 1;
        let (event, since, sent) = (*event, *since, *sent);
        let is_last = sent == KEY_PACKETS;
        let [high, low] = (sent * STEP as u16).to_be_bytes();
        let end_bit = if is_last { 0x80 } else { 0 };
        self.header.marker = sent == 1;
        for _ in 0..if is_last { ENDS } else { 1 } {
            self.packet(EVENTS, since, &[event, end_bit | 10, high, low], &mut send);
        }
        if is_last {
            self.down = None;
            self.pause = PAUSE_PACKETS;
        }
        is_last
    }

    fn packet(&mut self, payload_type: u8, timestamp: u32, payload: &[u8], send: &mut impl FnMut(&[u8])) {
        let mut datagram = [0; HEADER + STEP as usize];
        self.header.sequence = self.header.sequence.wrapping_add(1);
        let header = Header { payload_type, timestamp, ..self.header }.octets();
        self.header.marker = false;
        let length = HEADER + payload.len();
        for (octet, value) in datagram.iter_mut().zip(header.iter().chain(payload)) {
            *octet = *value;
        }
        send(datagram.get(..length).unwrap_or(&datagram));
    }
}

/// RFC 4733 section 3.2.
fn event_of(key: char) -> u8 {
    match key {
        '*' => 10,
        '#' => 11,
        digit => digit.to_digit(10).map_or(16, |digit| digit as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(keys: Vec<KeyPress>, turns: u32) -> (Vec<(Header, Vec<u8>)>, usize) {
        let mut talker = Talker::new(keys, 7);
        let mut sent = Vec::new();
        let mut finished = 0;
        for turn in 0..turns {
            let done = talker.turn(Duration::from_millis(20) * turn, |datagram| {
                sent.push((Header::parse(datagram).unwrap(), datagram[HEADER..].to_vec()));
            });
            finished += usize::from(done);
        }
        (sent, finished)
    }

    #[test]
    fn voice_goes_on_with_an_event_for_each_key_between() {
        let (sent, finished) = run(typed(Duration::from_millis(40), "1#").collect(), 30);
        assert_eq!(finished, 2);
        for pair in sent.windows(2) {
            assert_eq!(pair[1].0.sequence, pair[0].0.sequence.wrapping_add(1));
        }
        let events: Vec<_> = sent.iter().filter(|(header, _)| header.payload_type == EVENTS).collect();
        assert_eq!(events.len(), 2 * (usize::from(KEY_PACKETS) - 1 + usize::from(ENDS)));
        let starts: Vec<u8> =
            events.iter().filter(|(header, _)| header.marker).map(|(_, payload)| payload[0]).collect();
        assert_eq!(starts, [1, 11]);
        let first = events[0].0.timestamp;
        let of_first: Vec<u16> = events
            .iter()
            .filter(|(header, _)| header.timestamp == first)
            .map(|(_, payload)| u16::from_be_bytes([payload[2], payload[3]]))
            .collect();
        assert_eq!(of_first, [160, 320, 480, 640, 800, 800, 800]);
        // The clock runs on under the events: the voice after them is where it would have been.
        let last = sent.last().unwrap().0;
        assert_eq!(last.timestamp.wrapping_sub(sent[0].0.timestamp), 29 * STEP);
    }
}
