//! Digits as tones in the audio: a caller that offers no telephone events.

use std::f32::consts::TAU;
use std::time::{Duration, Instant};

use serde_json::json;
use tsunagu::phone::SipTransport;

use crate::bare_call::BareCall;
use crate::caller::{Handset, generic};
use crate::records::{ended_call_of, eventually, phone_named};
use crate::support::server::USERS;
use crate::{place, server};

/// Samples in one packet.
const PACKET: usize = 160;
/// Packets a tone lasts, and the silence after it: 80 ms each.
const LASTS: usize = 4;
/// Packets between two entries: a second and a half.
const PAUSE: usize = 75;

#[tokio::test(flavor = "multi_thread")]
async fn digits_may_come_as_tones_where_no_events_are_offered() {
    let server = server("calls.ring_back = false");
    let _registered = Handset::plug_in(generic(&place(&server), "by-tone", SipTransport::Udp)).await.unwrap();
    let sip = server.sip;
    let entries = [format!("{}#", USERS[0].extension), "#".to_owned(), format!("{}#", USERS[0].pin)];
    tokio::task::spawn_blocking(move || {
        let call = BareCall::place(sip, "by-tone").unwrap();
        let mut packets = Vec::new();
        for entry in entries {
            packets.extend([Packet::Silence; PAUSE]);
            for key in entry.chars() {
                packets.extend([Packet::Key(key); LASTS]);
                packets.extend([Packet::Silence; LASTS]);
            }
        }
        packets.extend([Packet::Silence; PAUSE]);
        speak(&call, &packets);
        call.hang_up();
    })
    .await
    .unwrap();
    let phone = phone_named(&server, "by-tone");
    assert_eq!(phone["lines"][0]["number"], USERS[0].extension);
    assert_eq!(ended_call_of(&server, &phone).await["ending"], "hung-up");
    eventually("the end of the enrolment", || {
        (server.api_get("/enrolments")[0]["ending"] == json!("complete")).then_some(())
    })
    .await;
}

#[derive(Clone, Copy)]
enum Packet {
    Silence,
    Key(char),
}

/// One packet each 20 ms.
fn speak(call: &BareCall, packets: &[Packet]) {
    let mut next = Instant::now();
    for (at, packet) in packets.iter().enumerate() {
        let sequence = u16::try_from(at).unwrap();
        let mut bytes = vec![0x80, 0];
        bytes.extend(sequence.to_be_bytes());
        bytes.extend((u32::from(sequence) * PACKET as u32).to_be_bytes());
        bytes.extend([0, 0, 0, 7]);
        bytes.extend((0..PACKET).map(|sample| mu_law(amplitude(*packet, at * PACKET + sample))));
        call.send_rtp(&bytes);
        next += Duration::from_millis(20);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// ITU-T Q.23.
fn amplitude(packet: Packet, sample: usize) -> f32 {
    let Packet::Key(key) = packet else { return 0.0 };
    let place = "123A456B789C*0#D".find(key).unwrap();
    let (row, column) = ([697.0, 770.0, 852.0, 941.0][place / 4], [1209.0, 1336.0, 1477.0, 1633.0][place % 4]);
    let turn = TAU * sample as f32 / 8000.0;
    6000.0 * ((row * turn).sin() + (column * turn).sin())
}

/// ITU-T G.711.
fn mu_law(amplitude: f32) -> u8 {
    let (sign, magnitude) = if amplitude < 0.0 { (0x80, -amplitude) } else { (0, amplitude) };
    let biased = (magnitude as u16).min(32_635) + 132;
    let exponent = 8 - u8::try_from(biased.leading_zeros()).unwrap();
    let mantissa = u8::try_from(biased >> (exponent + 3) & 0x0f).unwrap();
    !(sign | exponent << 4 | mantissa)
}
