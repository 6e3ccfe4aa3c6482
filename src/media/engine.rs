//! The media engine: hands ports and streams out and spreads the streams over the pacers. Must not know calls or signalling.

use std::net::IpAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};

use super::counters::{EngineStats, PacerCounters, Traffic};
use super::error::MediaError;
use super::inbound::Inbound;
use super::paced_stream::PacedStream;
use super::pacer::{Command, Pacer};
use super::playout::Playout;
use super::port::{PortRange, RtpPort};
use super::realtime;
use super::stream::{self, MediaStream, StreamParams};

/// Commands a pacer's channel holds. It is emptied with every tick.
const COMMANDS: usize = 4096;

/// How the engine is to run.
#[derive(Clone, Copy, Debug)]
pub struct MediaConfig {
    /// Pacer threads; by default one a core.
    pub pacers: NonZero<usize>,
    /// Whether pacers ask for real-time scheduling. Where it is not permitted they run without.
    pub realtime: bool,
    /// The ports RTP and RTCP may use.
    pub port_range: PortRange,
}

impl Default for MediaConfig {
    fn default() -> Self {
        let pacers = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self { pacers, realtime: true, port_range: PortRange::EPHEMERAL }
    }
}

/// A handle of the engine. It runs as long as there is a handle or a stream.
#[derive(Clone)]
pub struct MediaEngine {
    shared: Arc<Shared>,
}

struct Shared {
    pacers: Vec<PacerHandle>,
    port_range: PortRange,
    next_id: AtomicU64,
}

struct PacerHandle {
    commands: SyncSender<Command>,
    counters: Arc<PacerCounters>,
    /// Streams it has.
    load: Arc<AtomicUsize>,
}

impl MediaEngine {
    /// Starts the pacers.
    ///
    /// # Errors
    /// [`MediaError::System`] if a thread cannot be started.
    pub fn start(config: MediaConfig) -> Result<Self, MediaError> {
        let pacers = (0..config.pacers.get()).map(|index| PacerHandle::start(index, config.realtime));
        let shared = Shared {
            pacers: pacers.collect::<Result<_, _>>()?,
            port_range: config.port_range,
            next_id: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Binds a port pair on `ip`, so that a description can name it before the other side is known.
    ///
    /// # Errors
    /// [`MediaError::NoPort`] if the range is used up; [`MediaError::System`] if the address is not ours.
    pub fn open(&self, ip: IpAddr) -> Result<RtpPort, MediaError> {
        RtpPort::bind(ip, self.shared.port_range)
    }

    /// Starts to send and receive on `port`: the first packet, of silence, goes out within 20 ms.
    ///
    /// # Errors
    /// [`MediaError::Stopped`] if the pacer has ended.
    pub fn start_stream(&self, port: RtpPort, params: StreamParams) -> Result<MediaStream, MediaError> {
        let pacer =
            self.shared.pacers.iter().min_by_key(|pacer| pacer.load.load(Relaxed)).ok_or(MediaError::Stopped)?;
        let StreamParams { remote, signalling_ip, codec, payload_type, event_payload_type, .. } = params;
        let id = self.shared.next_id.fetch_add(1, Relaxed);
        let traffic = Arc::new(Traffic::default());
        let playout = Playout::new(codec, payload_type, params.entropy);
        let inbound =
            Inbound::new(remote, signalling_ip, codec, payload_type, event_payload_type, params.detect_inband);
        pacer.load.fetch_add(1, Relaxed);
        // From here on, dropping the handle takes the load off again.
        let handle = MediaStream {
            id,
            codec,
            local: port.local_addr(),
            commands: pacer.commands.clone(),
            traffic: traffic.clone(),
            load: pacer.load.clone(),
        };
        let paced = PacedStream::new(id, port, playout, inbound, params.events, traffic);
        stream::send(&pacer.commands, Command::Open(Box::new(paced)))?;
        Ok(handle)
    }

    /// What all streams have done since the start, and how late. Read without holding any packet up.
    pub fn stats(&self) -> EngineStats {
        let mut stats = EngineStats::default();
        for pacer in &self.shared.pacers {
            stats.streams += pacer.load.load(Relaxed);
            stats.traffic += pacer.counters.traffic.stats();
            pacer.counters.lateness.add_to(&mut stats);
        }
        stats
    }
}

impl PacerHandle {
    fn start(index: usize, realtime: bool) -> Result<Self, MediaError> {
        let (commands, obeyed) = sync_channel(COMMANDS);
        let counters = Arc::new(PacerCounters::default());
        let pacer = Pacer::new(obeyed, counters.clone()).map_err(MediaError::system("preparing a media pacer"))?;
        let run = move || {
            if realtime && !realtime::request() {
                tracing::info!("media pacer {index} runs without real-time scheduling: it is not permitted here");
            }
            pacer.run();
        };
        let thread = std::thread::Builder::new().name(format!("pacer-{index}"));
        thread.spawn(run).map_err(MediaError::system("starting a media pacer"))?;
        Ok(Self { commands, counters, load: Arc::default() })
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
