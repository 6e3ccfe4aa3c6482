//! The handle of one call's media, and what is said over it. Must not know how packets are paced.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, TrySendError};

use super::audio::EncodedAudio;
use super::codec::Codec;
use super::counters::{StreamStats, Traffic};
use super::digit::Digit;
use super::error::MediaError;
use super::inbound::Inbound;
use super::pacer::Command;
use super::playout::Playout;

/// What a stream is to do, as negotiated.
#[derive(Clone, Debug)]
pub struct StreamParams {
    /// Where the description says media goes. An unspecified address: nowhere, until [`MediaStream::redirect`].
    pub remote: SocketAddr,
    /// Where the signalling comes from, which is where media of a phone behind NAT comes from too.
    pub signalling_ip: IpAddr,
    /// The codec of both directions.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// The payload type of RFC 4733 events, if they were agreed on.
    pub event_payload_type: Option<u8>,
    /// Whether to listen for tones in the audio. Costs reading and decoding all of it, until the first event comes.
    pub detect_inband: bool,
    /// Random bits for SSRC and the first sequence number and timestamp.
    pub entropy: u64,
    /// Where digits and ends of playback are told. They are never waited for: an event that finds the channel full is lost
    /// and counted, so give it room for some dozens.
    pub events: tokio::sync::mpsc::Sender<MediaEvent>,
}

/// What happens on a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MediaEvent {
    /// A key was pressed: by RFC 4733 when it goes down, by tones when they are certain.
    Digit(Digit),
    /// The last packet of a playback was sent. Playback that was stopped or replaced does not finish.
    PlaybackFinished {
        /// What [`MediaStream::play`] was given.
        tag: u64,
    },
}

/// One call's media. From its start it sends a packet every 20 ms: silence unless something is played. Dropping it ends it
/// and gives its ports back.
pub struct MediaStream {
    pub(super) id: u64,
    pub(super) codec: Codec,
    pub(super) local: SocketAddr,
    pub(super) commands: SyncSender<Command>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) load: Arc<AtomicUsize>,
}

impl MediaStream {
    /// Plays recordings one after another, in place of whatever is playing, and tells when the last packet was sent.
    /// Nothing to play finishes at once.
    ///
    /// # Errors
    /// [`MediaError::WrongCodec`] if a recording is encoded for another codec; [`MediaError::Stopped`].
    pub fn play(&self, recordings: Vec<Arc<EncodedAudio>>, tag: u64) -> Result<(), MediaError> {
        match recordings.iter().map(|recording| recording.codec()).find(|codec| *codec != self.codec) {
            Some(audio) => Err(MediaError::WrongCodec { audio, stream: self.codec }),
            None => self.command(Command::Play { id: self.id, recordings, tag }),
        }
    }

    /// Falls silent. What was playing does not finish.
    pub fn stop(&self) {
        let _ = self.command(Command::Stop { id: self.id });
    }

    /// Sends to, and receives from, another address, as a new description says. The address it already has changes nothing;
    /// an unspecified one sends nothing (hold).
    pub fn redirect(&self, remote: SocketAddr) {
        let _ = self.command(Command::Redirect { id: self.id, remote });
    }

    /// Goes on as newly negotiated, on the same port: another codec, other payload types. What was playing does not finish,
    /// since it was encoded for the codec before. Events go where they went; those of `params` are not used.
    pub fn renegotiate(&mut self, params: &StreamParams) {
        self.codec = params.codec;
        let playout = Box::new(Playout::new(params.codec, params.payload_type, params.entropy));
        let StreamParams { remote, signalling_ip, codec, payload_type, event_payload_type, detect_inband, .. } =
            *params;
        let nowhere = (Ipv4Addr::UNSPECIFIED, 0).into();
        let inbound = Inbound::new(nowhere, signalling_ip, codec, payload_type, event_payload_type, detect_inband);
        let _ = self.command(Command::Renegotiate { id: self.id, playout, inbound: Box::new(inbound), remote });
    }

    /// Where the stream receives RTP.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Its codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// What it has done so far. Packets sent are told once a second, so the last fifty may be missing.
    pub fn stats(&self) -> StreamStats {
        self.traffic.stats()
    }

    fn command(&self, command: Command) -> Result<(), MediaError> {
        send(&self.commands, command)
    }
}

impl Drop for MediaStream {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Relaxed);
        let _ = self.command(Command::Close { id: self.id });
    }
}

/// Hands a command to a pacer. Should its channel be full, waits for the next tick: some milliseconds.
pub(super) fn send(commands: &SyncSender<Command>, command: Command) -> Result<(), MediaError> {
    match commands.try_send(command) {
        Ok(()) => Ok(()),
        Err(TrySendError::Full(command)) => commands.send(command).map_err(|_| MediaError::Stopped),
        Err(TrySendError::Disconnected(_)) => Err(MediaError::Stopped),
    }
}
