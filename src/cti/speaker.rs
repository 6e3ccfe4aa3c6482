//! What a call says: its media, and the sentences played over it. Must not know signalling or conversations.

use std::net::IpAddr;

use tokio::sync::mpsc;

use super::voice::Voice;
use crate::ivr::{Line, PlayTag};
use crate::media::{MediaEngine, MediaEvent, MediaStream, Negotiated, RtpPort, StreamParams};

/// The voice of one call.
pub(super) struct Speaker {
    engine: MediaEngine,
    voice: Voice,
    /// Until media flows.
    port: Option<RtpPort>,
    signalling_ip: IpAddr,
    events: mpsc::Sender<MediaEvent>,
    stream: Option<MediaStream>,
    agreed: Option<Negotiated>,
    playing: Option<(PlayTag, Vec<Line>)>,
}

impl Speaker {
    /// A voice that will speak from `port`, to somebody whose signalling comes from `signalling_ip`.
    pub(super) fn new(
        engine: MediaEngine,
        voice: Voice,
        port: RtpPort,
        signalling_ip: IpAddr,
        events: mpsc::Sender<MediaEvent>,
    ) -> Self {
        Self { engine, voice, port: Some(port), signalling_ip, events, stream: None, agreed: None, playing: None }
    }

    /// Lets media flow as agreed. In another codec than before, what was being said is said again.
    pub(super) fn follow(&mut self, agreed: Negotiated) {
        let params = self.params(&agreed);
        let is_same = self.agreed.as_ref().is_some_and(|before| flows_alike(before, &agreed));
        match (&mut self.stream, self.port.take()) {
            (Some(stream), _) if is_same => stream.redirect(agreed.remote),
            (Some(stream), _) => {
                stream.renegotiate(&params);
                if let Some((tag, lines)) = self.playing.take() {
                    self.play(tag, lines);
                }
            }
            (None, Some(port)) => match self.engine.start_stream(port, params) {
                Ok(stream) => self.stream = Some(stream),
                Err(error) => tracing::error!(%error, "media could not be started"),
            },
            (None, None) => {}
        }
        self.agreed = Some(agreed);
    }

    /// Says these lines, in place of what is being said.
    pub(super) fn play(&mut self, tag: PlayTag, lines: Vec<Line>) {
        let Some(stream) = &self.stream else { return };
        let recordings = self.voice.recordings_of(&lines, stream.codec());
        if let Err(error) = stream.play(recordings, tag.0.into()) {
            tracing::error!(%error, "a prompt could not be played");
        }
        self.playing = Some((tag, lines));
    }

    /// Falls silent.
    pub(super) fn stop(&mut self) {
        self.playing = None;
        if let Some(stream) = &self.stream {
            stream.stop();
        }
    }

    /// The stream has told that `tag` is said.
    pub(super) fn finished(&mut self, tag: PlayTag) {
        self.playing.take_if(|(playing, _)| *playing == tag);
    }

    /// Ends the media.
    pub(super) fn close(&mut self) {
        self.stream = None;
    }

    /// Digits come as events where they were agreed on, else as tones.
    fn params(&self, agreed: &Negotiated) -> StreamParams {
        StreamParams {
            remote: agreed.remote,
            signalling_ip: self.signalling_ip,
            codec: agreed.codec,
            payload_type: agreed.payload_type,
            event_payload_type: agreed.event_payload_type,
            detect_inband: agreed.event_payload_type.is_none(),
            entropy: rand::random(),
            events: self.events.clone(),
        }
    }
}

/// True if packets look the same, wherever they go.
fn flows_alike(one: &Negotiated, other: &Negotiated) -> bool {
    (one.codec, one.payload_type, one.event_payload_type) == (other.codec, other.payload_type, other.event_payload_type)
}
