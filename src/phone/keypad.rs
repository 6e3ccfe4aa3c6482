//! Keys pressed during a call, as telephone events (RFC 4733) or as tones (ITU-T Q.23): what to send each 20 ms.
//!
//! Pure: driven by ticks. Must not know sockets or which codec carries the tones.

use std::collections::VecDeque;

use super::error::PhoneError;

/// Samples in one tick of 20 ms at 8 kHz.
pub const TICK: usize = 160;
/// Ticks a key is held: 100 ms.
const HELD: u16 = 5;
/// Ticks between two keys, on top of the end packets' repetition: 80 ms.
const GAP: u16 = 4;
/// How often the end packet is sent (RFC 4733 section 2.5.1.4).
const ENDS: u16 = 3;
/// Tone level of each event, in -dBm0.
const VOLUME: u8 = 10;
/// Keys waiting at the most.
const MOST_KEYS: usize = 256;
/// Peak of each of a key's two tones, of 32767.
const TONE_PEAK: f32 = 6000.0;

/// One key of the keypad.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(u8);

impl Key {
    /// The event code (RFC 4733 section 3.2): 0-9, 10 for `*`, 11 for `#`, 12-15 for A-D.
    pub fn of(key: char) -> Result<Self, PhoneError> {
        match key.to_ascii_uppercase() {
            '*' => Ok(Self(10)),
            '#' => Ok(Self(11)),
            key @ 'A'..='D' => Ok(Self(key as u8 - b'A' + 12)),
            digit => {
                digit.to_digit(10).and_then(|code| u8::try_from(code).ok()).map(Self).ok_or(PhoneError::NotAKey(key))
            }
        }
    }

    /// The key as written on it.
    pub fn symbol(self) -> char {
        match self.0 {
            10 => '*',
            11 => '#',
            12..=15 => char::from(self.0 - 12 + b'A'),
            code => char::from(code + b'0'),
        }
    }

    /// Row and column frequency, Hz.
    fn tones(self) -> (f32, f32) {
        let (row, column) = match self.symbol() {
            '*' => (3, 0),
            '0' => (3, 1),
            '#' => (3, 2),
            key @ 'A'..='D' => (key as u8 - b'A', 3),
            _ => ((self.0 - 1) / 3, (self.0 - 1) % 3),
        };
        let pick = |set: [f32; 4], at: u8| set.into_iter().nth(usize::from(at)).unwrap_or_default();
        (pick([697.0, 770.0, 852.0, 941.0], row), pick([1209.0, 1336.0, 1477.0, 1633.0], column))
    }
}

/// A telephone event packet's fields; sequence numbers are the RTP sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket {
    /// Set on the first packet of an event.
    pub marker: bool,
    /// The event's begin, the same in all its packets.
    pub timestamp: u32,
    /// Event, end bit and volume, duration (RFC 4733 section 2.3).
    pub payload: [u8; 4],
}

/// What to send in one tick.
#[derive(Clone, Debug, PartialEq)]
pub enum Tick {
    /// Silence.
    Silence,
    /// An event packet in the place of audio.
    Event(EventPacket),
    /// Tones.
    Tone(Box<[i16; TICK]>),
}

/// The keypad of one call.
pub struct Keypad {
    waiting: VecDeque<(Key, bool)>,
    state: State,
}

enum State {
    Idle,
    Event { key: Key, begun: u32, sent: u16 },
    Tone { key: Key, sent: u16 },
    Gap { left: u16 },
}

impl Default for Keypad {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), state: State::Idle }
    }
}

impl Keypad {
    /// Queues keys; those beyond 256 waiting are dropped, as a person could not have pressed them.
    pub fn press(&mut self, keys: &[Key], in_band: bool) {
        let room = MOST_KEYS.saturating_sub(self.waiting.len());
        self.waiting.extend(keys.iter().take(room).map(|key| (*key, in_band)));
    }

    /// Whether nothing is pressed nor waiting.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && matches!(self.state, State::Idle)
    }

    /// What to send in the 20 ms that begin at `timestamp` (8 kHz units).
    pub fn tick(&mut self, timestamp: u32) -> Tick {
        if let State::Idle = self.state {
            match self.waiting.pop_front() {
                None => return Tick::Silence,
                Some((key, false)) => self.state = State::Event { key, begun: timestamp, sent: 0 },
                Some((key, true)) => self.state = State::Tone { key, sent: 0 },
            }
        }
        let (tick, next) = match self.state {
            State::Idle => (Tick::Silence, State::Idle),
            State::Event { key, begun, sent } => {
                let next = match sent + 1 {
                    sent if sent < HELD + ENDS - 1 => State::Event { key, begun, sent },
                    _ => State::Gap { left: GAP },
                };
                (Tick::Event(event(key, begun, sent)), next)
            }
            State::Tone { key, sent } => {
                let next = if sent + 1 < HELD { State::Tone { key, sent: sent + 1 } } else { State::Gap { left: GAP } };
                (Tick::Tone(Box::new(tone(key, sent))), next)
            }
            State::Gap { left } if left > 1 => (Tick::Silence, State::Gap { left: left - 1 }),
            State::Gap { .. } => (Tick::Silence, State::Idle),
        };
        self.state = next;
        tick
    }
}

/// The packet after `sent` others: updates with growing duration, then the end packet and its repetitions.
fn event(key: Key, begun: u32, sent: u16) -> EventPacket {
    let ended = sent + 1 >= HELD;
    let [high, low] = ((sent + 1).min(HELD) * TICK as u16).to_be_bytes();
    let end_bit = if ended { 0x80 } else { 0 };
    EventPacket { marker: sent == 0, timestamp: begun, payload: [key.0, end_bit | VOLUME, high, low] }
}

fn tone(key: Key, sent: u16) -> [i16; TICK] {
    let (row, column) = key.tones();
    let mut samples = [0; TICK];
    for (at, sample) in samples.iter_mut().enumerate() {
        let turn = std::f32::consts::TAU * (usize::from(sent) * TICK + at) as f32 / 8000.0;
        *sample = (TONE_PEAK * ((row * turn).sin() + (column * turn).sin())) as i16;
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Key> {
        text.chars().map(|c| Key::of(c).unwrap()).collect()
    }

    fn run(keypad: &mut Keypad, ticks: u32) -> Vec<Tick> {
        (0..ticks).map(|at| keypad.tick(1000 + at * 160)).collect()
    }

    #[test]
    fn an_event_grows_and_ends_three_times_at_one_timestamp() {
        let mut keypad = Keypad::default();
        keypad.press(&keys("#"), false);
        let ticks = run(&mut keypad, 12);
        let events: Vec<EventPacket> =
            ticks.iter().filter_map(|tick| if let Tick::Event(event) = tick { Some(*event) } else { None }).collect();
        let durations: Vec<u16> = events.iter().map(|e| u16::from_be_bytes([e.payload[2], e.payload[3]])).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        assert_eq!(
            events.iter().map(|e| e.payload[1] & 0x80 != 0).collect::<Vec<_>>(),
            [false, false, false, false, true, true, true]
        );
        assert!(events.iter().all(|e| e.payload[0] == 11 && e.timestamp == 1000 && e.payload[1] & 0x3f == 10));
        assert_eq!(events.iter().filter(|e| e.marker).count(), 1);
        assert!(events[0].marker && keypad.is_idle());
    }

    #[test]
    fn silence_parts_two_presses_of_the_same_key() {
        let mut keypad = Keypad::default();
        keypad.press(&keys("11"), false);
        let ticks = run(&mut keypad, 22);
        let second = ticks.iter().enumerate().filter_map(|(at, tick)| match tick {
            Tick::Event(event) if event.marker => Some((at, event.timestamp)),
            _ => None,
        });
        assert_eq!(second.collect::<Vec<_>>(), [(0, 1000), (11, 1000 + 11 * 160)]);
        assert!(ticks[7..11].iter().all(|tick| *tick == Tick::Silence));
    }

    #[test]
    fn tones_are_the_keys_two_frequencies() {
        let mut keypad = Keypad::default();
        keypad.press(&keys("6"), true);
        let samples: Vec<f32> = run(&mut keypad, 9)
            .into_iter()
            .filter_map(|tick| if let Tick::Tone(samples) = tick { Some(samples) } else { None })
            .flat_map(|samples| samples.to_vec())
            .map(f32::from)
            .collect();
        assert_eq!(samples.len(), 800);
        let power = |frequency: f32| {
            let (mut re, mut im) = (0.0, 0.0);
            for (at, sample) in samples.iter().enumerate() {
                let turn = std::f32::consts::TAU * frequency * at as f32 / 8000.0;
                re += sample * turn.cos();
                im += sample * turn.sin();
            }
            re * re + im * im
        };
        for absent in [697.0, 852.0, 941.0, 1209.0, 1336.0, 1633.0] {
            assert!(power(770.0) > 100.0 * power(absent) && power(1477.0) > 100.0 * power(absent), "{absent}");
        }
    }

    #[test]
    fn only_keys_are_keys() {
        assert_eq!(keys("0123456789*#abCD").iter().map(|key| key.symbol()).collect::<String>(), "0123456789*#ABCD");
        assert!(["x", " ", "１", "E"].iter().all(|text| Key::of(text.chars().next().unwrap()).is_err()));
    }
}
