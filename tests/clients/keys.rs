//! Keys pressed, as a capture file SIPp plays: RFC 4733 events of a phone that does them right.

use std::path::Path;

/// Payload type of the events; the scenarios offer it.
const PAYLOAD_TYPE: u8 = 101;
/// Milliseconds from one packet to the next.
const STEP_MS: u32 = 20;
/// Packets of one event before the three that end it.
const PACKETS: u32 = 5;
/// Milliseconds from one key's last packet to the next key's first.
const GAP_MS: u32 = 80;
/// RTP ticks of one step.
const TICKS: u16 = 160;

/// Writes a capture of `keys`. A comma is a rest of three seconds.
pub fn write_capture(file: &Path, keys: &str) {
    let mut capture = Vec::new();
    // The file's header: microseconds, version 2.4, packets whole, Ethernet.
    for number in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        capture.extend(number.to_le_bytes());
    }
    let (mut now, mut sequence) = (100_u32, 1_u16);
    for key in keys.chars() {
        if key == ',' {
            now += 3_000;
            continue;
        }
        let timestamp = now * 8;
        for packet in 0..PACKETS + 3 {
            let ticks = TICKS * u16::try_from(packet.min(PACKETS) + 1).unwrap();
            let is_end = packet >= PACKETS;
            let event = [event_of(key), if is_end { 0x8a } else { 0x0a }, (ticks >> 8) as u8, ticks as u8];
            append(&mut capture, now, &rtp(packet == 0, sequence, timestamp, event));
            sequence += 1;
            now += STEP_MS;
        }
        now += GAP_MS;
    }
    std::fs::write(file, capture).unwrap();
}

fn event_of(key: char) -> u8 {
    match key {
        '*' => 10,
        '#' => 11,
        digit => u8::try_from(digit.to_digit(10).expect("a key of a phone")).unwrap(),
    }
}

fn rtp(is_first: bool, sequence: u16, timestamp: u32, event: [u8; 4]) -> Vec<u8> {
    let mut packet = vec![0x80, PAYLOAD_TYPE | if is_first { 0x80 } else { 0 }];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(0x7461_7070_u32.to_be_bytes());
    packet.extend(event);
    packet
}

/// One captured packet in Ethernet, IPv4 and UDP. SIPp puts its own addresses and ports in.
fn append(capture: &mut Vec<u8>, at_ms: u32, payload: &[u8]) {
    let udp = u16::try_from(8 + payload.len()).unwrap();
    let mut packet = vec![0_u8; 12];
    packet.extend([8, 0]);
    packet.extend([0x45, 0]);
    packet.extend((20 + udp).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    for number in [6000_u16, 6000, udp, 0] {
        packet.extend(number.to_be_bytes());
    }
    packet.extend(payload);
    let length = u32::try_from(packet.len()).unwrap();
    for number in [at_ms / 1000, at_ms % 1000 * 1000, length, length] {
        capture.extend(number.to_le_bytes());
    }
    capture.extend(packet);
}
