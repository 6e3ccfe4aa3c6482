//! What a stream sends next: a packet of the prompts being played, or of silence. Pure; must not know sockets or time.

use std::sync::Arc;

use super::audio::EncodedAudio;
use super::codec::Codec;
use super::rtp::{HEADER_OCTETS, RtpHeader};

/// A packet to send: its header and its payload, which lies in the audio everybody shares.
pub(super) struct Packet<'a> {
    pub header: [u8; HEADER_OCTETS],
    pub payload: &'a [u8],
    /// The tag of the playback whose last packet this is.
    pub finished: Option<u64>,
}

impl Packet<'_> {
    /// Writes the packet to the beginning of `buffer`, as one piece to send.
    pub(super) fn write_to<'b>(&self, buffer: &'b mut [u8]) -> &'b [u8] {
        let length = HEADER_OCTETS + self.payload.len();
        if let Some((header, payload)) = buffer.get_mut(..length).and_then(<[u8]>::split_first_chunk_mut) {
            *header = self.header;
            payload.copy_from_slice(self.payload);
        }
        buffer.get(..length).unwrap_or(&[])
    }
}

/// The sending half of a stream.
pub(super) struct Playout {
    codec: Codec,
    header: RtpHeader,
    /// What is being played, in order. It stays after the end, so that nothing is freed in a tick.
    playlist: Vec<Arc<EncodedAudio>>,
    /// The place in it after the recording under way.
    next: usize,
    /// The recording under way. The list has it too, but would have to be fetched from memory for every packet.
    recording: Option<Arc<EncodedAudio>>,
    /// Its packet that comes next.
    packet: usize,
    /// The playback's tag while it lasts.
    tag: Option<u64>,
}

impl Playout {
    /// A stream of silence. `entropy` gives SSRC and the first sequence number and timestamp, which must not be guessable
    /// (RFC 3550 section 5.1).
    pub(super) fn new(codec: Codec, payload_type: u8, entropy: u64) -> Self {
        // A multiplicative hash spreads the same entropy differently over the two further fields.
        let spread = entropy.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let header = RtpHeader {
            marker: true,
            payload_type,
            sequence: spread as u16,
            timestamp: (spread >> 32) as u32,
            ssrc: (entropy >> 16) as u32,
        };
        Self { codec, header, playlist: Vec::new(), next: 0, recording: None, packet: 0, tag: None }
    }

    /// Plays from the next packet on, in place of whatever is playing.
    pub(super) fn play(&mut self, playlist: Vec<Arc<EncodedAudio>>, tag: u64) {
        self.playlist = playlist;
        self.next = 0;
        self.begin_next();
        self.tag = Some(tag);
    }

    /// Falls silent.
    pub(super) fn stop(&mut self) {
        self.tag = None;
        self.recording = None;
        self.playlist = Vec::new();
    }

    /// The packet of this 20 ms, and moves on. Where it is not going to be sent, time passes and the sequence number stays.
    pub(super) fn next(&mut self, sending: bool) -> Packet<'_> {
        let header = self.header.octets();
        self.header.timestamp = self.header.timestamp.wrapping_add(self.codec.timestamp_step());
        if sending {
            self.header.sequence = self.header.sequence.wrapping_add(1);
            self.header.marker = false;
        }
        let (payload, finished) = self.payload();
        Packet { header, payload, finished }
    }

    fn payload(&mut self) -> (&[u8], Option<u64>) {
        let silence = EncodedAudio::silence_payload(self.codec);
        if self.tag.is_none() {
            return (silence, None);
        }
        let packets = |recording: &Option<Arc<EncodedAudio>>| recording.as_deref().map_or(0, EncodedAudio::packets);
        if self.packet >= packets(&self.recording) {
            self.begin_next();
        }
        let packet = self.packet;
        self.packet += 1;
        // Nothing is left when this packet is gone.
        let is_last = self.packet >= packets(&self.recording) && self.upcoming().is_none();
        let finished = if is_last { self.tag.take() } else { None };
        let payload = self.recording.as_deref().and_then(|audio| audio.payload(packet));
        (payload.unwrap_or(silence), finished)
    }

    /// Begins the next recording, if there is one.
    fn begin_next(&mut self) {
        let upcoming = self.upcoming().map(|(place, audio)| (place + 1, audio.clone()));
        let (next, recording) = upcoming.unzip();
        (self.next, self.recording, self.packet) = (next.unwrap_or(self.playlist.len()), recording, 0);
    }

    /// The next recording with anything in it, and its place.
    fn upcoming(&self) -> Option<(usize, &Arc<EncodedAudio>)> {
        self.playlist.iter().enumerate().skip(self.next).find(|(_, audio)| audio.packets() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::rtp::RtpPacket;

    fn audio(packets: usize, level: i16) -> Arc<EncodedAudio> {
        Arc::new(EncodedAudio::new(Codec::Pcmu, &vec![level; packets * 160]))
    }

    /// First payload octet and finished tag of the next packets.
    fn take(playout: &mut Playout, packets: usize) -> Vec<(u8, Option<u64>)> {
        (0..packets)
            .map(|_| {
                let packet = playout.next(true);
                (packet.payload[0], packet.finished)
            })
            .collect()
    }

    const SILENT: (u8, Option<u64>) = (0xFF, None);

    #[test]
    fn recordings_follow_one_another_and_the_last_packet_finishes() {
        let (a, b) = (audio(2, 1000), audio(1, -1000));
        let (first, second) = (a.payload(0).unwrap()[0], b.payload(0).unwrap()[0]);
        let mut playout = Playout::new(Codec::Pcmu, 0, 7);
        assert_eq!(take(&mut playout, 1), [SILENT]);
        playout.play(vec![audio(0, 0), a, audio(0, 0), b, audio(0, 0)], 5);
        assert_eq!(take(&mut playout, 4), [(first, None), (first, None), (second, Some(5)), SILENT]);
    }

    #[test]
    fn playing_nothing_finishes_with_one_packet_of_silence() {
        let mut playout = Playout::new(Codec::Pcmu, 0, 7);
        playout.play(Vec::new(), 9);
        assert_eq!(take(&mut playout, 2), [(0xFF, Some(9)), SILENT]);
        playout.play(vec![audio(0, 0)], 10);
        assert_eq!(take(&mut playout, 2), [(0xFF, Some(10)), SILENT]);
    }

    #[test]
    fn stopping_and_replacing_finish_nothing() {
        let mut playout = Playout::new(Codec::Pcmu, 0, 7);
        playout.play(vec![audio(3, 500)], 1);
        take(&mut playout, 1);
        playout.play(vec![audio(1, 500)], 2);
        assert_eq!(take(&mut playout, 2)[0].1, Some(2));
        playout.play(vec![audio(3, 500)], 3);
        playout.stop();
        assert_eq!(take(&mut playout, 4), [SILENT; 4]);
    }

    #[test]
    fn sequence_and_timestamp_run_on_through_silence_prompts_and_hold() {
        let mut playout = Playout::new(Codec::Pcmu, 0, u64::MAX);
        let mut headers = Vec::new();
        for n in 0..70_000u32 {
            if n == 100 {
                playout.play(vec![audio(50, 500)], 1);
            }
            let sending = n != 500;
            let packet = playout.next(sending);
            let mut buffer = [0; 512];
            let datagram = RtpPacket::parse(packet.write_to(&mut buffer)).unwrap();
            assert_eq!(datagram.payload, packet.payload);
            if sending {
                headers.push((n, datagram.header));
            }
        }
        assert!(headers[0].1.marker && headers[1..].iter().all(|(_, h)| !h.marker));
        for pair in headers.windows(2) {
            let steps = pair[1].0 - pair[0].0;
            assert_eq!(pair[1].1.sequence, pair[0].1.sequence.wrapping_add(1));
            assert_eq!(pair[1].1.timestamp, pair[0].1.timestamp.wrapping_add(steps * 160));
            assert_eq!(pair[1].1.ssrc, pair[0].1.ssrc);
        }
    }
}
