//! What one stream's packets say of its sender: loss, gaps, and lateness against the ideal schedule. Pure; must not know sockets.
//!
//! The ideal schedule is the stream's own RTP clock, anchored at its earliest packet: the one that, by its timestamp, came
//! soonest. A packet's lateness is how far it is behind that, so a sender that falls behind and never catches up is late
//! all the while, although its gaps look well.

use crate::rtp::{Header, STEP};

/// A gap counts from here on, in microseconds.
const LONG_GAP: u64 = 40_000;
/// Microseconds of one tick of the 8 kHz clock.
const TICK: i64 = 125;

/// What was measured of the streams of a window.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Streams with a packet in the window.
    pub streams: u64,
    /// Packets received, each once.
    pub received: u64,
    /// Packets sent, by the sequence numbers.
    pub expected: u64,
    /// Streams that lost a packet.
    pub streams_with_loss: u64,
    /// Packets received twice or out of order.
    pub disordered: u64,
    /// Pairs of packets that follow one another within a talkspurt.
    pub gaps: u64,
    /// Those more than 40 ms apart.
    pub long_gaps: u64,
    /// The longest, in microseconds.
    pub longest_gap: u64,
    /// The share of long gaps in the stream with the greatest, in percent.
    pub worst_stream_percent: f64,
    /// Lateness of every packet, in microseconds.
    pub lateness: Vec<u32>,
    /// Seconds of all streams together.
    pub seconds: f64,
}

/// One stream being received.
#[derive(Debug)]
pub struct Stream {
    ssrc: u32,
    /// The highest sequence number, with how often it went round.
    sequence: u64,
    /// Timestamp and arrival of that packet.
    timestamp: u32,
    arrived: u64,
    /// Ticks since the first packet, of that packet.
    ticks: i64,
    /// The first packet's arrival, from which offsets are counted.
    origin: u64,
    /// The least offset of all: the anchor of the ideal schedule, in microseconds.
    earliest: i64,
    window: Window,
}

#[derive(Debug, Default)]
struct Window {
    first_sequence: Option<u64>,
    first_arrival: u64,
    received: u64,
    disordered: u64,
    gaps: u64,
    long_gaps: u64,
    longest_gap: u64,
    /// Arrival against the RTP clock, in microseconds after the first packet's.
    offsets: Vec<i64>,
}

impl Stream {
    /// A stream with its first packet, `arrived` in microseconds of any clock. `room` is for how many packets of a window
    /// to allocate now, so that it need not be done between packets.
    pub fn starting(header: Header, arrived: u64, room: usize) -> Self {
        let window = Window {
            first_sequence: Some(header.sequence.into()),
            first_arrival: arrived,
            received: 1,
            offsets: Vec::with_capacity(room),
            ..Window::default()
        };
        let mut stream = Self {
            ssrc: header.ssrc,
            sequence: header.sequence.into(),
            timestamp: header.timestamp,
            arrived,
            ticks: 0,
            origin: arrived,
            earliest: 0,
            window,
        };
        stream.window.offsets.push(0);
        stream
    }

    /// The synchronisation source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// When the latest packet came.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Takes a packet of this stream.
    pub fn receive(&mut self, header: Header, arrived: u64) {
        let ahead = header.sequence.wrapping_sub(self.sequence as u16);
        if ahead == 0 || ahead > u16::MAX / 2 {
            self.window.disordered += 1;
            return;
        }
        self.sequence += u64::from(ahead);
        let step = header.timestamp.wrapping_sub(self.timestamp);
        self.ticks += i64::from(step);
        let gap = arrived.saturating_sub(self.arrived);
        let window = &mut self.window;
        if ahead == 1 && step == STEP && !header.marker {
            window.gaps += 1;
            window.long_gaps += u64::from(gap > LONG_GAP);
            window.longest_gap = window.longest_gap.max(gap);
        }
        if window.first_sequence.is_none() {
            window.first_sequence = Some(self.sequence);
            window.first_arrival = arrived;
        }
        window.received += 1;
        let offset = arrived as i64 - self.origin as i64 - self.ticks * TICK;
        self.earliest = self.earliest.min(offset);
        window.offsets.push(offset);
        (self.timestamp, self.arrived) = (header.timestamp, arrived);
    }

    /// From here on counts. What the earliest packet was stays known.
    pub fn begin_window(&mut self) {
        let mut offsets = std::mem::take(&mut self.window.offsets);
        offsets.clear();
        self.window = Window { offsets, ..Window::default() };
    }

    /// Adds what was counted.
    pub fn add_to(&self, totals: &mut Totals) {
        let window = &self.window;
        let Some(first) = window.first_sequence else { return };
        let expected = self.sequence - first + 1;
        totals.streams += 1;
        totals.received += window.received;
        totals.expected += expected;
        totals.streams_with_loss += u64::from(expected > window.received);
        totals.disordered += window.disordered;
        totals.gaps += window.gaps;
        totals.long_gaps += window.long_gaps;
        totals.longest_gap = totals.longest_gap.max(window.longest_gap);
        if window.gaps > 0 {
            let percent = 100.0 * window.long_gaps as f64 / window.gaps as f64;
            totals.worst_stream_percent = totals.worst_stream_percent.max(percent);
        }
        let late = |offset: &i64| u32::try_from(offset - self.earliest).unwrap_or(u32::MAX);
        totals.lateness.extend(window.offsets.iter().map(late));
        // The last packet's own 20 ms belong to the call as well.
        totals.seconds += (self.arrived - window.first_arrival) as f64 / 1e6 + 0.02;
    }
}

/// The value that a share of `sorted` does not exceed, in milliseconds.
pub fn percentile(sorted: &[u32], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    let value = sorted.get(rank.saturating_sub(1).min(sorted.len().saturating_sub(1)));
    value.map_or(0.0, |micros| f64::from(*micros) / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(n: u32) -> Header {
        let sequence = 65_530u16.wrapping_add(n as u16);
        Header { marker: n == 0, payload_type: 0, sequence, timestamp: (n * STEP).wrapping_sub(500), ssrc: 1 }
    }

    /// The totals of packets given as (number, arrival in ms).
    fn measured(packets: &[(u32, u64)]) -> Totals {
        let mut stream = Stream::starting(header(packets[0].0), packets[0].1 * 1000, 0);
        for (n, at) in &packets[1..] {
            stream.receive(header(*n), at * 1000);
        }
        let mut totals = Totals::default();
        stream.add_to(&mut totals);
        totals.lateness.sort_unstable();
        totals
    }

    #[test]
    fn a_steady_stream_is_neither_late_nor_short() {
        let packets: Vec<(u32, u64)> = (0..100).map(|n| (n, 1000 + 20 * u64::from(n))).collect();
        let totals = measured(&packets);
        assert_eq!((totals.received, totals.expected, totals.long_gaps), (100, 100, 0));
        assert_eq!(totals.lateness, [0; 100]);
        assert!((totals.seconds - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_missing_packet_is_lost_and_makes_no_gap() {
        let totals = measured(&[(0, 0), (1, 20), (3, 60), (4, 80)]);
        assert_eq!((totals.expected - totals.received, totals.streams_with_loss), (1, 1));
        assert_eq!((totals.gaps, totals.long_gaps), (2, 0));
    }

    #[test]
    fn who_falls_behind_is_late_from_then_on() {
        let totals = measured(&[(0, 0), (1, 20), (2, 100), (3, 120), (4, 140)]);
        assert_eq!((totals.long_gaps, totals.longest_gap), (1, 80_000));
        assert_eq!(totals.lateness, [0, 0, 60_000, 60_000, 60_000]);
    }

    #[test]
    fn the_earliest_packet_is_the_anchor_even_if_it_is_not_the_first() {
        let totals = measured(&[(0, 30), (1, 45), (2, 40), (3, 60)]);
        assert_eq!(totals.lateness, [0, 0, 25_000, 30_000]);
    }

    #[test]
    fn a_window_forgets_what_was_before_but_not_the_anchor() {
        let mut stream = Stream::starting(header(0), 0, 0);
        stream.receive(header(1), 90_000);
        stream.begin_window();
        stream.receive(header(2), 100_000);
        stream.receive(header(2), 101_000);
        let mut totals = Totals::default();
        stream.add_to(&mut totals);
        assert_eq!((totals.received, totals.expected, totals.long_gaps, totals.disordered), (1, 1, 0, 1));
        assert_eq!(totals.lateness, [60_000]);
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let sorted: Vec<u32> = (1..=1000).map(|n| n * 1000).collect();
        assert_eq!(
            (percentile(&sorted, 0.5), percentile(&sorted, 0.999), percentile(&sorted, 1.0)),
            (500.0, 999.0, 1000.0)
        );
        assert_eq!(percentile(&[], 0.5), 0.0);
    }
}
