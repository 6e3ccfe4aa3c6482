//! Any packets on an RTP port: read or passed over, and never more digits than packets.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use tsunagu::media::events::EventReceiver;
use tsunagu::media::rtp::RtpPacket;

fuzz_target!(|datagrams: Vec<Vec<u8>>| {
    let mut receiver = EventReceiver::new();
    let mut now = Instant::now();
    let mut digits = 0;
    for datagram in &datagrams {
        now += Duration::from_millis(20);
        if let Some(packet) = RtpPacket::parse(datagram) {
            let digit = receiver.receive(packet.header.ssrc, packet.header.timestamp, packet.payload, now);
            digits += usize::from(digit.is_some());
        }
    }
    assert!(digits <= datagrams.len());
});
