//! The phone as its user holds it, and the task behind it that does one thing after another: fetch, register, refresh, resync.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use super::agent::{Agent, token};
use super::call::Call;
use super::dialling;
use super::error::PhoneError;
use super::event::PhoneEvent;
use super::incoming::receive;
use super::line::Power;
use super::options::{Account, PhoneOptions};
use super::registration::{Registration, exchange, refresh_after};
use super::resync::fetch_configuration;
use super::transport::Transport;

/// Between a registration that failed and the next try, as a 420HD waits by default.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

type Answer<T> = oneshot::Sender<Result<T, PhoneError>>;

/// What the phone can be told.
pub enum Command {
    /// Fetch the configuration.
    Fetch(Answer<()>),
    /// Register; answered with the seconds granted.
    Register(Answer<u32>),
    /// Take the registration away.
    Unregister(Answer<()>),
    /// The server asked for a resync.
    Resync {
        /// Whether to restart for it.
        reboot: bool,
    },
}

/// A virtual phone. It is on as long as this, or one of its calls, is held.
#[derive(Clone)]
pub struct Phone {
    agent: Arc<Agent>,
    commands: mpsc::Sender<Command>,
    registered: watch::Receiver<Option<String>>,
    power: Power,
}

impl Phone {
    /// Opens the phone's sockets and switches it on. It doesn't fetch or register until told.
    pub async fn boot(options: PhoneOptions) -> Result<Self, PhoneError> {
        let power = Power::on();
        let tasks = power.tasks();
        let (transport, inbox) = Transport::open(options.local_ip, options.sip_port, &tasks).await?;
        let agent = Arc::new(Agent::new(options, transport, tasks.clone()));
        let (commands, waiting) = mpsc::channel(16);
        let (registered, seen) = watch::channel(None);
        tasks.spawn(receive(agent.clone(), inbox, commands.clone()));
        tasks.spawn(Desk { agent: agent.clone(), registration: None, refresh: None, registered }.run(waiting));
        Ok(Self { agent, commands, registered: seen, power })
    }

    /// The address its SIP sockets are bound to.
    pub fn local_address(&self) -> std::net::SocketAddr {
        self.agent.transport.local()
    }

    /// The number of the line, registered or not.
    pub fn number(&self) -> Option<String> {
        self.agent.line().account.as_ref().map(|account| account.number.clone())
    }

    /// The number registered at the moment.
    pub fn registered_as(&self) -> Option<String> {
        self.registered.borrow().clone()
    }

    /// What it registers with; none before its configuration gave it an account.
    pub fn account(&self) -> Option<Account> {
        self.agent.account().ok().map(|(account, _)| account)
    }

    /// Fetches the configuration: the first time by MAC from the handset URL, then from where the last one said.
    pub async fn fetch_configuration(&self) -> Result<(), PhoneError> {
        self.command(Command::Fetch).await
    }

    /// Registers the line and keeps it registered; gives the seconds granted.
    pub async fn register(&self) -> Result<u32, PhoneError> {
        self.command(Command::Register).await
    }

    /// Takes the registration away.
    pub async fn unregister(&self) -> Result<(), PhoneError> {
        self.command(Command::Unregister).await
    }

    /// Dials a number.
    pub async fn dial(&self, number: &str) -> Result<Call, PhoneError> {
        dialling::dial(&self.agent, number, self.power.clone()).await
    }

    /// Waits until the line is registered as anything `wanted` accepts; gives the number.
    pub async fn wait_registered(&self, within: Duration, wanted: impl Fn(&str) -> bool) -> Result<String, PhoneError> {
        let mut registered = self.registered.clone();
        let ready = registered.wait_for(|number| number.as_deref().is_some_and(&wanted));
        match tokio::time::timeout(within, ready).await {
            Ok(Ok(number)) => number.clone().ok_or(PhoneError::Off),
            Ok(Err(_)) => Err(PhoneError::Off),
            Err(_) => Err(PhoneError::Waited { what: "the registration".to_owned(), within }),
        }
    }

    /// Waits until no call is up.
    pub async fn wait_idle(&self, within: Duration) -> Result<(), PhoneError> {
        let mut calls = self.agent.calls.subscribe();
        match tokio::time::timeout(within, calls.wait_for(|calls| *calls == 0)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(PhoneError::Waited { what: "the calls' end".to_owned(), within }),
        }
    }

    async fn command<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, PhoneError> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| PhoneError::Off)?;
        answered.await.unwrap_or(Err(PhoneError::Off))
    }
}

/// The task behind the phone.
struct Desk {
    agent: Arc<Agent>,
    registration: Option<Registration>,
    refresh: Option<Instant>,
    registered: watch::Sender<Option<String>>,
}

impl Desk {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut calls = self.agent.calls.subscribe();
        let mut resync: Option<bool> = None;
        loop {
            let refresh = self.refresh.map(tokio::time::Instant::from_std);
            tokio::select! {
                command = commands.recv() => match command {
                    None => return,
                    Some(Command::Fetch(answer)) => {
                        let _ = answer.send(self.fetch().await);
                    }
                    Some(Command::Register(answer)) => {
                        let _ = answer.send(self.register().await);
                    }
                    Some(Command::Unregister(answer)) => {
                        let _ = answer.send(self.unregister().await);
                    }
                    Some(Command::Resync { reboot }) => resync = Some(reboot || resync == Some(true)),
                },
                () = tokio::time::sleep_until(refresh.unwrap_or_else(tokio::time::Instant::now)), if refresh.is_some() => {
                    if let Err(error) = self.register().await {
                        tracing::debug!(%error, "the registration was not refreshed");
                    }
                }
                // A phone doesn't restart under somebody's ear.
                () = idle(&mut calls), if resync.is_some() => {
                    let reboot = resync.take() == Some(true);
                    if let Err(error) = self.resync(reboot).await {
                        tracing::debug!(%error, "the phone did not come back from its resync");
                    }
                }
            }
        }
    }

    async fn register(&mut self) -> Result<u32, PhoneError> {
        let (account, _) = self.agent.account()?;
        let expires = self.agent.line().expires;
        let new = || Registration::new(account.clone(), token(), token(), expires);
        let mut registration = self.registration.take().unwrap_or_else(new);
        let result = exchange(&self.agent, &mut registration, false).await;
        let number = registration.account().number.clone();
        self.registration = Some(registration);
        match result {
            Ok(expires) => {
                self.refresh = Some(Instant::now() + refresh_after(expires));
                self.agent.tell(PhoneEvent::Registered { number: number.clone(), expires });
                self.registered.send_replace(Some(number));
                Ok(expires)
            }
            Err(error) => {
                self.refresh = Some(Instant::now() + AFTER_FAILURE);
                self.registered.send_replace(None);
                let (status, reason, warning) = match &error {
                    PhoneError::Refused { status, reason, warning, .. } => (*status, reason.clone(), warning.clone()),
                    other => (0, other.to_string(), None),
                };
                self.agent.tell(PhoneEvent::RegistrationFailed { status, reason, warning });
                Err(error)
            }
        }
    }

    async fn unregister(&mut self) -> Result<(), PhoneError> {
        self.refresh = None;
        let was_registered = self.registered.send_replace(None).is_some();
        let Some(mut registration) = self.registration.take() else { return Ok(()) };
        if was_registered {
            exchange(&self.agent, &mut registration, true).await?;
            self.agent.tell(PhoneEvent::Unregistered { number: registration.account().number.clone() });
        }
        Ok(())
    }

    /// Fetches; a line that is no more, or is another, is taken away.
    async fn fetch(&mut self) -> Result<(), PhoneError> {
        let changes = fetch_configuration(&self.agent).await?;
        if changes.line {
            self.leave().await;
        }
        Ok(())
    }

    /// A restart unregisters and is away for a while; then the phone fetches and registers, with what it had if it must.
    async fn resync(&mut self, reboot: bool) -> Result<(), PhoneError> {
        if reboot {
            self.leave().await;
            tokio::time::sleep(self.agent.options.boot_time).await;
        }
        let fetched = self.fetch().await;
        self.register().await?;
        fetched
    }

    /// Unregisters, though the server may know the line no more.
    async fn leave(&mut self) {
        if let Err(error) = self.unregister().await {
            tracing::debug!(%error, "the server did not take the registration back");
        }
    }
}

/// Waits until no call is up.
async fn idle(calls: &mut watch::Receiver<usize>) {
    let _ = calls.wait_for(|calls| *calls == 0).await;
}
