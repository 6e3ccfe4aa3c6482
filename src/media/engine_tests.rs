//! Streams on real sockets of the loopback interface.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, channel};

use super::*;
use crate::media::audio::EncodedAudio;
use crate::media::codec::Codec;
use crate::media::digit::Digit;
use crate::media::events::EventPayload;
use crate::media::inband::tests::tone_at;
use crate::media::rtp::{RtpHeader, RtpPacket};
use crate::media::stream::MediaEvent;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Another address of this machine, which no description names.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

/// A caller on a socket of its own.
struct Caller {
    socket: UdpSocket,
    to: SocketAddr,
    sequence: u16,
}

impl Caller {
    fn new(ip: IpAddr) -> Self {
        Self::at((ip, 0).into())
    }

    fn at(addr: SocketAddr) -> Self {
        let socket = UdpSocket::bind(addr).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { socket, to: (LOOPBACK, 9).into(), sequence: 0 }
    }

    fn addr(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn send(&mut self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let header = RtpHeader { marker: false, payload_type, sequence: self.sequence, timestamp, ssrc: 77 };
        self.sequence += 1;
        self.socket.send_to(&[&header.octets()[..], payload].concat(), self.to).unwrap();
    }

    fn press(&mut self, key: char, timestamp: u32) {
        let digit = Digit::from_char(key).unwrap();
        for (end, duration) in [(false, 0), (false, 160), (true, 320), (true, 320)] {
            self.send(101, timestamp, &EventPayload { digit, end, duration }.octets());
        }
    }

    /// The next packet: its header, its payload and where it came from.
    fn next(&self) -> (RtpHeader, Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2048];
        let (length, source) = self.socket.recv_from(&mut buffer).unwrap();
        let packet = RtpPacket::parse(&buffer[..length]).unwrap();
        (packet.header, packet.payload.to_vec(), source)
    }
}

struct Call {
    engine: MediaEngine,
    stream: MediaStream,
    events: Receiver<MediaEvent>,
    caller: Caller,
}

/// A call whose caller is where the description says, and signals from there too.
fn call(codec: Codec, detect_inband: bool) -> Call {
    call_from(LOOPBACK, codec, detect_inband)
}

fn call_from(ip: IpAddr, codec: Codec, detect_inband: bool) -> Call {
    let mut caller = Caller::new(ip);
    let config = MediaConfig { pacers: NonZero::<usize>::MIN, realtime: false, port_range: PortRange::EPHEMERAL };
    let engine = MediaEngine::start(config).unwrap();
    let port = engine.open(LOOPBACK).unwrap();
    caller.to = port.local_addr();
    let (sender, events) = channel(64);
    let params = StreamParams {
        remote: caller.addr(),
        signalling_ip: ip,
        codec,
        payload_type: codec.static_payload_type().unwrap_or(118),
        event_payload_type: Some(101),
        detect_inband,
        entropy: 0x0123_4567_89AB_CDEF,
        events: sender,
    };
    let stream = engine.start_stream(port, params).unwrap();
    Call { engine, stream, events, caller }
}

#[test]
fn a_prompt_arrives_whole_between_silence_in_every_codec() {
    for codec in Codec::ALL {
        let mut call = call(codec, false);
        let rate = codec.sample_rate() as usize;
        let recording = |digit: char, millis: usize| {
            Arc::new(match codec.is_ready_made() {
                true => {
                    EncodedAudio::ready_made(codec, &vec![digit as u8; millis / 20 * codec.packet_octets()]).unwrap()
                }
                false => EncodedAudio::new(codec, &tone_at(digit, millis, rate, 6000.0, 6000.0, 1.0)),
            })
        };
        let (first, second) = (recording('1', 200), recording('D', 100));
        let silence = EncodedAudio::silence_payload(codec);
        let mut packets = vec![call.caller.next()];
        assert_eq!(packets[0].1, silence, "it begins with silence");
        call.stream.play(vec![first.clone(), second.clone()], 42).unwrap();
        while packets.len() < 10 || packets.last().unwrap().1 != silence {
            packets.push(call.caller.next());
        }
        assert_eq!(call.events.blocking_recv(), Some(MediaEvent::PlaybackFinished { tag: 42 }));
        let heard: Vec<&[u8]> = packets.iter().map(|p| &p.1[..]).filter(|payload| *payload != silence).collect();
        let sent: Vec<&[u8]> =
            [&first, &second].into_iter().flat_map(|a| (0..a.packets()).map(|n| a.payload(n).unwrap())).collect();
        assert!(heard == sent, "{codec}: the prompt is not what was played");
        for pair in packets.windows(2) {
            let ((before, ..), (after, _, source)) = (&pair[0], &pair[1]);
            assert_eq!(after.sequence, before.sequence.wrapping_add(1));
            assert_eq!(after.timestamp, before.timestamp.wrapping_add(codec.timestamp_step()));
            assert_eq!((after.ssrc, after.marker, *source), (before.ssrc, false, call.stream.local_addr()));
            assert_eq!(after.payload_type, codec.static_payload_type().unwrap_or(118));
        }
        // The last one may have arrived before it was counted.
        assert!(call.engine.stats().traffic.sent + 1 >= packets.len() as u64);
    }
}

#[test]
fn digits_by_rfc_4733_arrive_amid_audio_and_audio_stays_in_the_kernel() {
    let mut call = call(Codec::Pcmu, false);
    for (n, key) in "1#0*D".chars().enumerate() {
        let timestamp = n as u32 * 1600;
        for packet in 0..10 {
            call.caller.send(0, timestamp + packet * 160, &[0xFF; 160]);
        }
        call.caller.press(key, timestamp);
        assert_eq!(call.events.blocking_recv(), Some(MediaEvent::Digit(Digit::from_char(key).unwrap())));
    }
    assert!(call.events.try_recv().is_err(), "no digit twice");
    let stats = call.stream.stats();
    // Filtering begins with the first packet, so that of 50 packets of audio only some of the first ten are read.
    assert!(stats.received <= 10 + 20, "{stats:?}");
    assert_eq!(stats.dropped, 0);
}

#[test]
fn tones_are_heard_where_they_are_listened_for() {
    let mut call = call(Codec::Pcma, true);
    for key in "90".chars() {
        let audio = [tone_at(key, 100, 8000, 6000.0, 6000.0, 1.0), vec![0; 800]].concat();
        for (n, payload) in Codec::Pcma.encode(&audio).chunks(160).enumerate() {
            call.caller.send(8, n as u32 * 160, payload);
        }
        assert_eq!(call.events.blocking_recv(), Some(MediaEvent::Digit(Digit::from_char(key).unwrap())));
    }
}

#[test]
fn strangers_get_no_media_and_press_no_keys() {
    let mut call = call(Codec::Pcmu, false);
    let mut stranger = Caller::new(STRANGER);
    stranger.to = call.caller.to;
    stranger.press('6', 0);
    stranger.send(0, 0, &[0xFF; 160]);
    while call.stream.stats().dropped < 5 {
        call.caller.next();
    }
    call.caller.press('1', 0);
    assert_eq!(call.events.blocking_recv(), Some(MediaEvent::Digit(Digit::from_char('1').unwrap())));
    // Once locked, nobody else is let in: not even another port of the right address.
    let mut neighbour = Caller::new(LOOPBACK);
    neighbour.to = call.caller.to;
    stranger.press('6', 1600);
    neighbour.press('7', 0);
    call.caller.press('2', 1600);
    assert_eq!(call.events.blocking_recv(), Some(MediaEvent::Digit(Digit::from_char('2').unwrap())));
    assert!(call.events.try_recv().is_err());
    for bystander in [&stranger, &neighbour] {
        bystander.socket.set_nonblocking(true).unwrap();
        assert!(bystander.socket.recv_from(&mut [0; 64]).is_err(), "media went to a bystander");
    }
}

#[test]
fn a_caller_who_is_away_for_a_moment_hears_the_voice_again_and_is_heard() {
    // On an address of its own, so that nobody takes its port meanwhile.
    let mut call = call_from(Ipv4Addr::new(127, 0, 0, 10).into(), Codec::Pcmu, false);
    call.caller.press('1', 0);
    assert_eq!(call.events.blocking_recv(), Some(MediaEvent::Digit(Digit::from_char('1').unwrap())));
    let (before, ..) = call.caller.next();
    let (here, to) = (call.caller.addr(), call.caller.to);
    drop(call.caller);
    // Each of these is answered by "nobody there".
    let sent = call.engine.stats().traffic.sent;
    while call.engine.stats().traffic.sent < sent + 10 {
        std::thread::yield_now();
    }
    let mut back = Caller::at(here);
    back.to = to;
    let ((first, ..), (second, ..)) = (back.next(), back.next());
    assert!(first.sequence.wrapping_sub(before.sequence) >= 10 && first.ssrc == before.ssrc);
    assert_eq!(second.sequence, first.sequence.wrapping_add(1));
    back.press('2', 1600);
    assert_eq!(call.events.blocking_recv(), Some(MediaEvent::Digit(Digit::from_char('2').unwrap())));
    assert_eq!(call.engine.stats().traffic.send_errors, 0);
}

#[test]
fn media_goes_where_it_came_from_and_follows_a_new_description() {
    let mut call = call(Codec::Pcmu, false);
    let mut behind_nat = Caller::new(LOOPBACK);
    behind_nat.to = call.caller.to;
    behind_nat.press('1', 0);
    assert_eq!(call.events.blocking_recv(), Some(MediaEvent::Digit(Digit::from_char('1').unwrap())));
    behind_nat.next();
    let mut moved = Caller::new(LOOPBACK);
    moved.to = call.caller.to;
    call.stream.redirect(moved.addr());
    let (before, ..) = moved.next();
    let (after, ..) = moved.next();
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    moved.press('2', 3200);
    assert_eq!(call.events.blocking_recv(), Some(MediaEvent::Digit(Digit::from_char('2').unwrap())));
    moved.next();
    // Held by an address that is none, time goes on and nothing is sent.
    call.stream.redirect("0.0.0.0:4000".parse().unwrap());
    call.stream.redirect(call.caller.addr());
    // It heard the first packets, before the redirection.
    while call.caller.next().0.sequence.wrapping_sub(after.sequence) > u16::MAX / 2 {}
    call.caller.press('3', 6400);
    assert_eq!(call.events.blocking_recv(), Some(MediaEvent::Digit(Digit::from_char('3').unwrap())));
    assert_eq!(call.stream.local_addr(), call.caller.to);
}

#[test]
fn stopping_falls_silent_and_dropping_gives_the_port_back() {
    let Call { engine, stream, mut events, caller } = call(Codec::Pcmu, false);
    let long = Arc::new(EncodedAudio::new(Codec::Pcmu, &[8000; 8000 * 60]));
    let silence = EncodedAudio::silence_payload(Codec::Pcmu);
    stream.play(vec![long.clone()], 1).unwrap();
    while caller.next().1 == silence {}
    stream.stop();
    while caller.next().1 != silence {}
    stream.play(Vec::new(), 2).unwrap();
    assert_eq!(
        events.blocking_recv(),
        Some(MediaEvent::PlaybackFinished { tag: 2 }),
        "what was stopped does not finish"
    );
    assert!(matches!(
        stream.play(vec![Arc::new(EncodedAudio::new(Codec::L16, &[0; 320]))], 3),
        Err(MediaError::WrongCodec { .. })
    ));
    let local = stream.local_addr();
    assert_eq!(engine.stats().streams, 1);
    let traffic = stream.traffic.clone();
    drop(stream);
    assert_eq!(events.blocking_recv(), None, "the pacer has let go of the stream");
    assert_eq!(engine.stats().streams, 0);
    let stats = engine.stats();
    assert_eq!(stats.lateness.iter().sum::<u64>(), stats.traffic.sent);
    assert_eq!(traffic.stats(), stats.traffic, "all is told when it ends");
    // Another test may have been given the port in the meantime, but will end.
    while UdpSocket::bind(local).is_err() {
        std::thread::yield_now();
    }
}

#[test]
fn streams_are_spread_and_end_with_the_engine() {
    let config = MediaConfig { pacers: NonZero::new(2).unwrap(), realtime: false, port_range: PortRange::EPHEMERAL };
    let engine = MediaEngine::start(config).unwrap();
    let (sender, _events) = channel(1);
    let caller = Caller::new(LOOPBACK);
    let start = |_| {
        let params = StreamParams {
            remote: caller.addr(),
            signalling_ip: LOOPBACK,
            codec: Codec::Pcmu,
            payload_type: 0,
            event_payload_type: None,
            detect_inband: false,
            entropy: 1,
            events: sender.clone(),
        };
        engine.start_stream(engine.open(LOOPBACK).unwrap(), params).unwrap()
    };
    let streams: Vec<MediaStream> = (0..50).map(start).collect();
    let loads: Vec<usize> = engine.shared.pacers.iter().map(|pacer| pacer.load.load(Relaxed)).collect();
    assert_eq!(loads, [25, 25]);
    for _ in 0..200 {
        caller.next();
    }
    // A stream keeps its pacer going after the last handle of the engine.
    drop(engine);
    streams[49].play(Vec::new(), 1).unwrap();
    for _ in 0..200 {
        caller.next();
    }
}

#[test]
fn a_stream_renegotiated_goes_on_in_the_new_codec_to_the_new_place_and_hears_the_new_events() {
    let mut call = call(Codec::Pcmu, false);
    call.caller.next();
    call.caller.press('1', 0);
    assert_eq!(call.events.blocking_recv(), Some(MediaEvent::Digit(Digit::from_char('1').unwrap())));
    let mut moved = Caller::new(LOOPBACK);
    moved.to = call.caller.to;
    let params = StreamParams {
        remote: moved.addr(),
        signalling_ip: LOOPBACK,
        codec: Codec::Pcma,
        payload_type: 8,
        event_payload_type: Some(97),
        detect_inband: false,
        entropy: 5,
        events: channel(1).0,
    };
    call.stream.renegotiate(&params);
    let (header, payload, source) = moved.next();
    assert_eq!((header.payload_type, source), (8, call.stream.local_addr()));
    assert_eq!(payload, EncodedAudio::silence_payload(Codec::Pcma));
    let digit = Digit::from_char('2').unwrap();
    moved.send(97, 160, &EventPayload { digit, end: false, duration: 160 }.octets());
    assert_eq!(call.events.blocking_recv(), Some(MediaEvent::Digit(digit)));
    let recording = Arc::new(EncodedAudio::new(Codec::Pcmu, &[0; 160]));
    assert!(call.stream.play(vec![recording], 1).is_err(), "a recording in the codec before");
}
