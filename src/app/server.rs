//! The server: every room started in order, and stopped in the other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};

use super::config::Config;
use super::data_lock::DataLock;
use super::first_run::{self, DataError};
use super::nodes::Neighbour;
use super::ring_back::RingBack;
use super::{descriptors, doors, figures, prompts, routing, shut_outs, upkeep};
use crate::cti::{self, MediaAddresses, Service, ServiceControl, ServiceFault, Switchboard, Voice, Voices};
use crate::directory::{Directory, DirectoryError, Happening, Jobs};
use crate::enrolment::{self, EnrolmentError, Enrolments};
use crate::http::{
    AdminDoor, Entrance, HandsetDoor, PortalLogins, RateSettings, Rates, ShutOuts, Subscribers, admin_router,
    handset_router, serve,
};
use crate::locale::{LocaleError, Locales};
use crate::mail::{MailError, Mailer};
use crate::media::{MediaConfig, MediaEngine, MediaError, PortRange, PromptLibrary};
use crate::registrar::{AutoRegistration, NewsQueue, Registrar, RegistrarError, Subscriptions};
use crate::sip::{Endpoint, EndpointConfig, SipError, Tls, TlsClient, TlsFault, Transport};
use crate::sites::Sites;
use crate::vocab::{Secret, UnixMillis, VocabError};

/// News of the registrar that may wait.
const NEWS: usize = 4096;
/// The folder of language packs in the data folder.
const LANGUAGES: &str = "languages";
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
    /// The directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
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
    /// Mail.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The service.
    #[error(transparent)]
    Service(#[from] ServiceFault),
    /// The certificate.
    #[error("tls: {0}")]
    Tls(#[from] TlsFault),
    /// TLS is to be spoken, and there is no certificate.
    #[error("tls.certificate: listen.sip_tls or listen.sip_wss is set, so a certificate has to be named")]
    NoCertificate,
    /// A setting that is to be an address and is none.
    #[error("{0}: \"{1}\" is not an IP address; write one, or leave it empty")]
    Address(&'static str, String),
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// Where SIP is taken: UDP, TCP, TLS, WebSocket, WebSocket within TLS.
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
    /// The self-provisioning service.
    pub service: ServiceControl,
    /// Who is where.
    pub registrar: Registrar,
    /// The certificate shown within TLS.
    pub identity: Option<Tls>,
    switchboard: Switchboard,
    is_ready: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// How long running conversations may take when it stops.
    pub drain: Duration,
    _data_lock: DataLock,
}

impl Running {
    /// Lets running conversations finish, then stops.
    pub async fn drain(mut self) {
        self.is_ready.store(false, Ordering::Relaxed);
        let calls = self.switchboard.calls();
        self.directory.feed().tell(Happening::ServerStopping { calls });
        tracing::info!(calls, "draining");
        self.switchboard.drain(self.drain).await;
        self.registrar.lines().finish().await;
        self.directory.feed().settle().await;
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
    let metrics = figures::recorder();
    figures::show_limits(&config);
    // Decoding takes a moment of a core, and reading the directory is not all work.
    let recordings = spawn_blocking(|| Voice::library(prompts::files()));
    let (directory, data_lock) = first_run::open(data, &config.database.url).await?;
    // Of nodes that start together, one is the first.
    let alone = directory.db().alone().await.map_err(DataError::from)?;
    // From when the database was opened: before anything was read that is kept in memory.
    let news_of_nodes = directory.db().news();
    let (requests, incoming) = mpsc::channel(REQUESTS);
    let identity = identity(&config)?;
    let endpoint = Endpoint::start(endpoint_config(&config, identity.clone()), requests).await?;
    first_run::settings(&directory, &config).await?;
    let sites = Sites::open(directory.clone(), TlsClient::new(config.tls.trust())).await?;
    let auto_registration = AutoRegistration::open(directory.clone()).await.map_err(RegistrarError::from)?;
    let news = NewsQueue::default();
    let registrar =
        Registrar::open(config.registrar.clone(), directory.clone(), auto_registration, news.clone()).await?;
    let (completions, completed) = mpsc::channel(NEWS);
    let mut locales = Locales::embedded()?;
    let voices = Voices::new(load_voice(&locales, recordings).await?, data.join(LANGUAGES));
    let voice = voices.voice(None).await;
    install_words(&mut locales, &voice);
    let foundations = enrolment::Foundations {
        directory: directory.clone(),
        registrar: registrar.clone(),
        endpoint: endpoint.clone(),
        words: locales.words(&config.self_provisioning.phones.language),
        sites: sites.clone(),
        completions,
    };
    let enrolments = Enrolments::new(config.self_provisioning.clone(), foundations)?;
    enrolments.remember_open().await?;
    let service = first_service(&directory, voice).await?;
    let port_range = PortRange::new(config.calls.rtp_first_port, config.calls.rtp_last_port)?;
    let addresses = MediaAddresses {
        chosen: address("calls.rtp_address", &config.calls.rtp_address)?,
        advertised: address("listen.advertised_address", &config.listen.advertised_address)?,
    };
    let engine = MediaEngine::start(MediaConfig { realtime: config.calls.realtime, port_range, ..Default::default() })?;
    let switchboard = Switchboard::new(
        config.calls.clone(),
        Arc::new(service),
        engine,
        cti::Foundations {
            directory: directory.clone(),
            endpoint: endpoint.clone(),
            registrar: registrar.clone(),
            enrolments: enrolments.clone(),
            sites: sites.clone(),
            addresses,
            most_proxied: config.limits.proxied_requests,
        },
    );
    endpoint.answer_at_once(routing::answer_at_once(registrar.clone(), switchboard.clone()));
    let (jobs, job_runner) = Jobs::open(directory.clone(), UnixMillis::now()).await?;
    let control = ServiceControl::new(directory.clone(), switchboard.clone(), voices);
    let (handset_listener, handset) = doors::listen("handset", config.listen.handset).await?;
    let (admin_listener, admin) = doors::listen("admin", config.listen.admin).await?;
    let token = first_run::token(&directory).await?;
    drop(alone);
    let is_ready = Arc::new(AtomicBool::new(true));
    let handset_door = HandsetDoor {
        enrolments: enrolments.clone(),
        port: handset.port(),
        address: if handset.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { handset.ip() },
    };
    let (stop, _) = watch::channel(false);
    let logins = PortalLogins::new(config.registrar.wrong_passwords);
    let kept_out = ShutOuts {
        registrar: registrar.clone(),
        logins: logins.clone(),
        endpoint: endpoint.clone(),
        enrolments: enrolments.clone(),
    };
    let admin_door = AdminDoor {
        directory: directory.clone(),
        jobs: jobs.clone(),
        registrar: registrar.clone(),
        enrolments: enrolments.clone(),
        switchboard: switchboard.clone(),
        service: control.clone(),
        sites: sites.clone(),
        endpoint: endpoint.clone(),
        locales,
        metrics: metrics.clone(),
        rates: Arc::new(Rates::new(RateSettings {
            of_token: config.limits.api_requests_per_token,
            of_strangers_address: config.limits.api_requests_of_strangers,
        })),
        logins,
        shut_outs: kept_out.clone(),
        mailer: Mailer::start(&config.mail)?,
        reset_url: config.mail.reset_url.as_str().into(),
        subscribers: Subscribers::new(config.limits.event_subscribers),
        stop: stop.subscribe(),
        is_ready: is_ready.clone(),
    };
    directory.feed().tell(Happening::ServerStarted { version: env!("CARGO_PKG_VERSION").to_owned() });
    // Before anything else that is told: nobody is served yet.
    directory.feed().settle().await;
    let mut tasks = JoinSet::new();
    let subscriptions = Subscriptions::new(registrar.clone(), endpoint.clone(), config.limits.subscriptions);
    let routed = routing::route(incoming, registrar.clone(), subscriptions.clone(), switchboard.clone());
    tasks.spawn(until(&stop, routed));
    tasks.spawn(until(&stop, subscriptions.run()));
    tasks.spawn(until(&stop, upkeep::follow(news, enrolments.clone())));
    let neighbour = Neighbour {
        directory: directory.clone(),
        jobs: jobs.clone(),
        registrar: registrar.clone(),
        enrolments: enrolments.clone(),
        switchboard: switchboard.clone(),
        service: control.clone(),
        sites: sites.clone(),
    };
    tasks.spawn(until(&stop, sites.watch()));
    tasks.spawn(until(&stop, neighbour.follow(news_of_nodes)));
    tasks.spawn(until(&stop, upkeep::bury(jobs)));
    tasks.spawn(until(&stop, upkeep::tidy(registrar.clone())));
    tasks.spawn(until(&stop, shut_outs::watch(kept_out, directory.clone())));
    tasks.spawn(until(&stop, registrar.clone().learn()));
    tasks.spawn(until(&stop, upkeep::chase(enrolments.clone())));
    tasks.spawn(until(&stop, upkeep::pass_on(enrolments.clone())));
    tasks.spawn(until(&stop, upkeep::forget(directory.clone(), config.limits.events_kept, metrics)));
    tasks.spawn(until(&stop, job_runner.run()));
    tasks.spawn(until(&stop, upkeep::hash_sealed(directory.clone())));
    if let Some(identity) = identity.clone() {
        tasks.spawn(until(&stop, upkeep::follow_certificates(identity)));
    }
    let caller = RingBack { config: config.clone(), registrar: registrar.clone(), switchboard: switchboard.clone() };
    tasks.spawn(until(&stop, caller.run(completed)));
    let (handsets, admins) = (doors::of_handsets(&config.limits), doors::of_admins(&config.limits));
    let (handset_router, admin_router) = (handset_router(handset_door), admin_router(admin_door));
    tasks.spawn(serve(Entrance::Handset, handset_listener, handset_router, handsets, stop.subscribe()));
    tasks.spawn(serve(Entrance::Admin, admin_listener, admin_router, admins, stop.subscribe()));
    Ok(Running {
        sip: endpoint.bound().to_vec(),
        handset,
        admin,
        token,
        directory,
        enrolments,
        service: control,
        registrar,
        identity,
        switchboard,
        is_ready,
        stop,
        tasks,
        drain: Duration::from_secs(config.limits.drain_seconds),
        _data_lock: data_lock,
    })
}

/// The certificate shown within TLS, if TLS is wanted.
fn identity(config: &Config) -> Result<Option<Tls>, StartError> {
    let is_wanted = !(config.listen.sip_tls.is_empty() && config.listen.sip_wss.is_empty());
    match config.tls.files() {
        _ if !is_wanted => Ok(None),
        Some(files) => Ok(Some(Tls::open(files)?)),
        None => Err(StartError::NoCertificate),
    }
}

fn endpoint_config(config: &Config, identity: Option<Tls>) -> EndpointConfig {
    EndpointConfig {
        udp: config.listen.sip_udp.clone(),
        tcp: config.listen.sip_tcp.clone(),
        tls: config.listen.sip_tls.clone(),
        ws: config.listen.sip_ws.clone(),
        wss: config.listen.sip_wss.clone(),
        identity,
        origins: config.listen.sip_ws_origins.clone(),
        advertised: config.listen.advertised_address.parse::<IpAddr>().ok(),
        transactions: config.limits.transactions,
        connections: config.limits.connections,
        connections_per_address: config.limits.connections_per_address,
        deadlines: config.limits.deadlines(),
        flood: config.flood.clone(),
        dns: config.dns.servers.clone(),
        trust: config.tls.trust(),
    }
}

/// An address of the configuration; empty for none.
fn address(setting: &'static str, text: &str) -> Result<Option<IpAddr>, StartError> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| StartError::Address(setting, text.to_owned())),
    }
}

/// The recordings and sentences carried in the program.
async fn load_voice(
    locales: &Locales,
    decoded: JoinHandle<Result<PromptLibrary, MediaError>>,
) -> Result<Voice, StartError> {
    let library = decoded.await.map_err(|_| StartError::Media(MediaError::Stopped))??;
    Ok(Voice::new(locales, library)?)
}

/// The words for screens of language packs whose languages the program has none in.
fn install_words(locales: &mut Locales, voice: &Voice) {
    for pack in voice.packs().found.iter().filter(|pack| pack.is_used) {
        locales.add_words(pack.words.clone());
    }
}

/// The service on the settings kept; if it can't run on them, the server goes on without it.
async fn first_service(directory: &Directory, voice: Voice) -> Result<Service, StartError> {
    let now = UnixMillis::now();
    let generation = cti::newest_generation(directory).await?;
    match Service::prepare(directory, voice.clone(), generation, now).await {
        Ok(service) => Ok(service),
        Err(fault) => {
            tracing::error!(%fault, "the self-provisioning service can't run; it takes no calls until that is mended");
            Ok(Service::idle(directory, voice, generation, now).await?)
        }
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
