//! The server: every room started in order, and stopped in the other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::config::Config;
use super::descriptors;
use super::first_run::{self, DataError};
use super::prompts;
use crate::cti::{self, EXTENSIONS, METHODS, MediaAddresses, Switchboard, Voice};
use crate::directory::Directory;
use crate::enrolment::{self, AuthenticationMode, Completed, EnrolmentError, Enrolments};
use crate::http::{AdminDoor, HandsetDoor, admin_router, handset_router};
use crate::ivr::{Authentication, DialogueDraft, DialogueError, DialogueSettings};
use crate::locale::{LocaleError, Locales};
use crate::media::{MediaConfig, MediaEngine, MediaError, PortRange};
use crate::registrar::{AutoRegistration, Registrar, RegistrarError, RegistrarEvent};
use crate::sip::message::{Method, Understood, check_request};
use crate::sip::{Endpoint, EndpointConfig, Incoming, IncomingKind, SipError, Transport};
use crate::vocab::{Language, Secret, UnixMillis, VocabError};

/// News of the registrar that may wait.
const NEWS: usize = 4096;
/// Requests that may wait.
const REQUESTS: usize = 8192;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    Data(#[from] DataError),
    /// SIP.
    #[error(transparent)]
    Sip(#[from] SipError),
    /// A door.
    #[error("cannot open the {door} door on {address}: {source}; is another program using the port?")]
    Door {
        /// Which one.
        door: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The registrar.
    #[error(transparent)]
    Registrar(#[from] RegistrarError),
    /// The enrolments.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// The voice.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The words.
    #[error(transparent)]
    Locale(#[from] LocaleError),
    /// A setting.
    #[error("{0}")]
    Setting(#[from] VocabError),
    /// A setting of the conversation.
    #[error("dialogue.{0}")]
    Dialogue(#[from] DialogueError),
    /// A setting that is to be an address and is none.
    #[error("{0}: \"{1}\" is not an IP address; write one, or leave it empty")]
    Address(&'static str, String),
    /// A language without recordings.
    #[error("dialogue.languages: there are no recordings in {0}; choose languages that are installed")]
    Unspoken(Language),
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// Where SIP is taken, UDP first.
    pub sip: Vec<(Transport, SocketAddr)>,
    /// The phones' door.
    pub handset: SocketAddr,
    /// The administrators' door.
    pub admin: SocketAddr,
    /// The first administrator's token, on the first start.
    pub token: Option<Secret>,
    /// Users, profiles, phones.
    pub directory: Directory,
    /// What is being enrolled.
    pub enrolments: Enrolments,
    switchboard: Switchboard,
    is_ready: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    drain: Duration,
}

impl Running {
    /// Lets running conversations finish, then stops.
    pub async fn drain(mut self) {
        self.is_ready.store(false, Ordering::Relaxed);
        tracing::info!(calls = self.switchboard.calls(), "draining");
        self.switchboard.drain(self.drain).await;
        self.stop.send_replace(true);
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(5), finished).await;
        self.tasks.shutdown().await;
        self.directory.db().close().await;
        tracing::info!("stopped");
    }
}

/// Starts everything. When it returns, phones can come.
pub async fn start(config: Config, data: &Path) -> Result<Running, StartError> {
    descriptors::raise_limit();
    let metrics = recorder();
    let directory = first_run::open(data).await?;
    let (requests, incoming) = mpsc::channel(REQUESTS);
    let endpoint = Endpoint::start(endpoint_config(&config), requests).await?;
    let auto_registration = AutoRegistration::new(config.auto_registration.clone(), directory.clone())?;
    let (news, registrar_news) = mpsc::channel(NEWS);
    let registrar = Registrar::open(config.registrar.clone(), directory.clone(), auto_registration, news).await?;
    let (completions, completed) = mpsc::channel(NEWS);
    let locales = Locales::embedded()?;
    let sip_port = endpoint.bound().first().map_or(5060, |(_, address)| address.port());
    let foundations = enrolment::Foundations {
        directory: directory.clone(),
        registrar: registrar.clone(),
        endpoint: endpoint.clone(),
        sip_port,
        words: locales.words(&config.self_provisioning.phones.language),
        completions,
    };
    let enrolments = Enrolments::new(config.self_provisioning.clone(), foundations)?;
    let voice = load_voice(&config, &locales).await?;
    let port_range = PortRange::new(config.calls.rtp_first_port, config.calls.rtp_last_port)?;
    let addresses = MediaAddresses {
        chosen: address("calls.rtp_address", &config.calls.rtp_address)?,
        advertised: address("listen.advertised_address", &config.listen.advertised_address)?,
    };
    let engine = MediaEngine::start(MediaConfig { realtime: config.calls.realtime, port_range, ..Default::default() })?;
    let switchboard = Switchboard::new(
        config.calls.clone(),
        config.route_point.clone(),
        dialogue(&config)?,
        engine.clone(),
        cti::Foundations {
            endpoint: endpoint.clone(),
            registrar: registrar.clone(),
            enrolments: enrolments.clone(),
            voice: voice.clone(),
            addresses,
        },
    );
    let (handset_listener, handset) = listen("handset", config.listen.handset).await?;
    let (admin_listener, admin) = listen("admin", config.listen.admin).await?;
    let token = first_run::token(&directory).await?;
    let is_ready = Arc::new(AtomicBool::new(true));
    let handset_door = HandsetDoor {
        enrolments: enrolments.clone(),
        port: handset.port(),
        address: if handset.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { handset.ip() },
    };
    let admin_door = AdminDoor {
        directory: directory.clone(),
        registrar: registrar.clone(),
        enrolments: enrolments.clone(),
        switchboard: switchboard.clone(),
        locales,
        metrics,
        is_ready: is_ready.clone(),
    };
    let (stop, _) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(until(&stop, route(incoming, registrar.clone(), switchboard.clone())));
    tasks.spawn(until(&stop, follow(registrar_news, enrolments.clone())));
    tasks.spawn(until(&stop, tidy(registrar.clone())));
    tasks.spawn(until(&stop, chase(enrolments.clone())));
    let caller = RingBack { config: config.clone(), endpoint: endpoint.clone(), engine, voice, registrar, addresses };
    tasks.spawn(until(&stop, caller.run(completed)));
    tasks.spawn(serve(handset_listener, handset_router(handset_door), stop.subscribe()));
    tasks.spawn(serve(admin_listener, admin_router(admin_door), stop.subscribe()));
    Ok(Running {
        sip: endpoint.bound().to_vec(),
        handset,
        admin,
        token,
        directory,
        enrolments,
        switchboard,
        is_ready,
        stop,
        tasks,
        drain: Duration::from_secs(config.limits.drain_seconds),
    })
}

/// One recorder a process, however many servers run in it.
fn recorder() -> PrometheusHandle {
    static RECORDER: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            // Somebody else's recorder stays; then our figures are in theirs.
            let _ = metrics::set_global_recorder(recorder);
            handle
        })
        .clone()
}

fn endpoint_config(config: &Config) -> EndpointConfig {
    EndpointConfig {
        udp: config.listen.sip_udp.clone(),
        tcp: config.listen.sip_tcp.clone(),
        advertised: config.listen.advertised_address.parse::<IpAddr>().ok(),
        transactions: config.limits.transactions,
        connections: config.limits.connections,
        connections_per_address: config.limits.connections_per_address,
    }
}

/// An address of the configuration; empty for none.
fn address(setting: &'static str, text: &str) -> Result<Option<IpAddr>, StartError> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| StartError::Address(setting, text.to_owned())),
    }
}

fn dialogue(config: &Config) -> Result<DialogueSettings, DialogueError> {
    let authentication = match config.self_provisioning.authentication {
        AuthenticationMode::UsersOnly => Authentication::Users,
        AuthenticationMode::UsersAndAdministrators => Authentication::UsersAndAdministrators,
        AuthenticationMode::AdministratorsOnly => Authentication::Administrators,
        AuthenticationMode::None => Authentication::None,
    };
    DialogueSettings::try_from(DialogueDraft { authentication, ..config.dialogue.clone().into() })
}

/// Decoding takes a moment of a core.
async fn load_voice(config: &Config, locales: &Locales) -> Result<Voice, StartError> {
    let decoded = tokio::task::spawn_blocking(|| Voice::library(prompts::files())).await;
    let library = decoded.map_err(|_| StartError::Media(MediaError::Stopped))??;
    let voice = Voice::new(locales, library)?;
    for language in &config.dialogue.languages {
        if !voice.speaks(language) {
            return Err(StartError::Unspoken(language.clone()));
        }
    }
    if let Some(preferred) = config.route_point.codecs.first() {
        let (voice, codec) = (voice.clone(), (*preferred).into());
        tokio::task::spawn_blocking(move || voice.prepare(codec));
    }
    Ok(voice)
}

async fn listen(door: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Door { door, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stopped = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "a door closed");
    }
}

/// Runs `task` until the server stops.
fn until<F: Future<Output = ()> + Send>(
    stop: &watch::Sender<bool>,
    task: F,
) -> impl Future<Output = ()> + Send + use<F> {
    let mut stop = stop.subscribe();
    async move {
        tokio::select! {
            () = task => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

/// Gives each request to the room it is for.
async fn route(mut incoming: mpsc::Receiver<Incoming>, registrar: Registrar, switchboard: Switchboard) {
    while let Some(Incoming { flow, kind }) = incoming.recv().await {
        match kind {
            IncomingKind::Acknowledged(ack) => switchboard.acknowledge(ack).await,
            IncomingKind::Request(request, mut responder) => {
                let understood =
                    Understood { methods: &METHODS, extensions: &EXTENSIONS, session_bodies: &["application/sdp"] };
                if let Err(refusal) = check_request(&request, &understood) {
                    responder.respond(refusal.with_to_tag(&tag())).await;
                    continue;
                }
                let (registrar, switchboard) = (registrar.clone(), switchboard.clone());
                match request.method {
                    Method::Register => {
                        tokio::spawn(async move {
                            let answer = registrar.register(&request, flow).await;
                            responder.respond(answer).await;
                        });
                    }
                    _ if cti::is_in_dialog(&request) => switchboard.in_dialog(request, responder).await,
                    Method::Invite => {
                        tokio::spawn(async move { switchboard.invite(request, flow, responder).await });
                    }
                    Method::Options => {
                        let answer = request
                            .respond(200)
                            .with_header("Allow", &understood.allow())
                            .with_header("Accept", "application/sdp")
                            .with_header("Supported", &understood.supported());
                        responder.respond(answer.with_to_tag(&tag())).await;
                    }
                    Method::Refer => responder.respond(request.respond(603).with_to_tag(&tag())).await,
                    // BYE, INFO, PRACK and UPDATE mean nothing outside a dialog.
                    _ => responder.respond(request.respond(481).with_to_tag(&tag())).await,
                }
            }
        }
    }
}

fn tag() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// The registrar's news to the enrolments. Each piece in its own task: notifying a phone takes as long as the phone.
async fn follow(mut news: mpsc::Receiver<RegistrarEvent>, enrolments: Enrolments) {
    while let Some(event) = news.recv().await {
        let is_admission = matches!(event, RegistrarEvent::Admitted { .. });
        let enrolments = enrolments.clone();
        let noted = async move {
            if let Err(error) = enrolments.note_registrar(event, UnixMillis::now()).await {
                tracing::error!(%error, "an enrolment could not be followed");
            }
        };
        // What follows an admission rests on it.
        if is_admission {
            noted.await;
        } else {
            tokio::spawn(noted);
        }
    }
}

/// What has to be looked after again and again.
async fn tidy(registrar: Registrar) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut rounds = 0_u64;
    loop {
        second.tick().await;
        registrar.tidy().await;
        if rounds.is_multiple_of(30)
            && let Err(error) = registrar.collect_leases().await
        {
            tracing::error!(%error, "leases could not be looked after");
        }
        rounds += 1;
    }
}

/// Enrolments that are not complete yet. Apart from the registrar's: a phone that doesn't answer takes its time.
async fn chase(enrolments: Enrolments) {
    let mut every = tokio::time::interval(Duration::from_secs(2));
    loop {
        every.tick().await;
        if let Err(error) = enrolments.tidy(UnixMillis::now()).await {
            tracing::error!(%error, "enrolments could not be looked after");
        }
    }
}

/// Calls phones back whose enrolment is complete.
struct RingBack {
    config: Config,
    endpoint: Endpoint,
    engine: MediaEngine,
    voice: Voice,
    registrar: Registrar,
    addresses: MediaAddresses,
}

impl RingBack {
    async fn run(self, mut completed: mpsc::Receiver<Completed>) {
        let this = Arc::new(self);
        while let Some(completion) = completed.recv().await {
            if this.config.calls.ring_back {
                tokio::spawn(this.clone().ring(completion));
            }
        }
    }

    async fn ring(self: Arc<Self>, completion: Completed) {
        let bindings = self.registrar.location().of_phone(completion.phone, Instant::now());
        let (Some((_, binding)), Some(caller)) = (bindings.first(), self.config.route_point.numbers.first()) else {
            return;
        };
        let language = completion.language.and_then(|language| language.parse().ok()).unwrap_or(Language::JAPANESE);
        let patience = Duration::from_secs(self.config.calls.ring_back_seconds);
        let call =
            cti::RingBackCall { binding, extension: &completion.extension, caller, language: &language, patience };
        match cti::ring_back(&self.endpoint, &self.engine, &self.voice, self.addresses, call).await {
            Ok(ending) => tracing::info!(phone = %completion.phone, ending = ending.code(), "a phone was rung back"),
            Err(error) => tracing::warn!(phone = %completion.phone, %error, "a phone could not be rung back"),
        }
    }
}
