//! The queue of letters and the task that sends them. The only file that names lettre.

use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::sync::{Semaphore, mpsc};

use super::{MailError, MailSettings, MailTls};

/// Letters that may wait.
const QUEUE: usize = 256;
/// Letters being sent, or waiting to be tried again, at once.
const AT_ONCE: usize = 16;
/// How long a server may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pauses before a letter is tried again; after the last it is given up.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(15), Duration::from_secs(60), Duration::from_secs(300)];

type Smtp = AsyncSmtpTransport<Tokio1Executor>;

/// A letter: plain text.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Whom it goes to.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
}

/// Sends letters, if there is a server to send them by.
#[derive(Clone, Debug)]
pub struct Mailer {
    queue: Option<mpsc::Sender<Letter>>,
}

impl Mailer {
    /// Starts the task, if the settings name a server.
    ///
    /// # Errors
    /// What in the settings can't be used.
    pub fn start(settings: &MailSettings) -> Result<Self, MailError> {
        if settings.server.is_empty() {
            return Ok(Self { queue: None });
        }
        let from: Mailbox = settings.from.parse().map_err(|_| MailError::From(settings.from.clone()))?;
        let smtp = Arc::new(smtp(settings)?);
        let (queue, mut letters) = mpsc::channel::<Letter>(QUEUE);
        tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(AT_ONCE));
            while let Some(letter) = letters.recv().await {
                let Ok(place) = places.clone().acquire_owned().await else { return };
                let (smtp, from) = (smtp.clone(), from.clone());
                tokio::spawn(async move {
                    deliver(&smtp, from, letter).await;
                    drop(place);
                });
            }
        });
        Ok(Self { queue: Some(queue) })
    }

    /// True if letters can be sent.
    pub fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Queues a letter. False if it finds no place, or there is no server.
    pub fn send(&self, letter: Letter) -> bool {
        let is_queued = self.queue.as_ref().is_some_and(|queue| queue.try_send(letter).is_ok());
        if !is_queued {
            metrics::counter!("mail_lost_total").increment(1);
        }
        is_queued
    }
}

fn smtp(settings: &MailSettings) -> Result<Smtp, MailError> {
    let server = settings.server.as_str();
    let refused = |error: lettre::transport::smtp::Error| MailError::Server(error.to_string());
    let builder = match settings.tls {
        MailTls::None => Smtp::builder_dangerous(server),
        MailTls::Starttls => Smtp::starttls_relay(server).map_err(refused)?,
        MailTls::Tls => Smtp::relay(server).map_err(refused)?,
    };
    let port = if settings.port == 0 { settings.tls.port() } else { settings.port };
    let builder = builder.port(port).timeout(Some(PATIENCE));
    if settings.user.is_empty() {
        return Ok(builder.build());
    }
    let file = &settings.password_file;
    let password =
        std::fs::read_to_string(file).map_err(|source| MailError::PasswordFile { file: file.clone(), source })?;
    Ok(builder.credentials(Credentials::new(settings.user.clone(), password.trim_end().to_owned())).build())
}

/// Sends a letter, and tries again for some minutes where that may help.
async fn deliver(smtp: &Smtp, from: Mailbox, letter: Letter) {
    let Ok(to) = letter.to.parse::<Mailbox>() else {
        tracing::warn!("a letter is to no mail address");
        metrics::counter!("mail_lost_total").increment(1);
        return;
    };
    let message = Message::builder().from(from).to(to).subject(letter.subject).header(ContentType::TEXT_PLAIN);
    let message = match message.body(letter.text) {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(%error, "a letter could not be written");
            metrics::counter!("mail_lost_total").increment(1);
            return;
        }
    };
    for pause in PAUSES.into_iter().map(Some).chain([None]) {
        match smtp.send(message.clone()).await {
            Ok(_) => {
                metrics::counter!("mail_sent_total").increment(1);
                return;
            }
            Err(error) => match pause.filter(|_| !error.is_permanent()) {
                Some(pause) => {
                    tracing::warn!(%error, ?pause, "a letter could not be sent; it is tried again");
                    tokio::time::sleep(pause).await;
                }
                None => {
                    tracing::error!(%error, "a letter could not be sent");
                    metrics::counter!("mail_lost_total").increment(1);
                    return;
                }
            },
        }
    }
}
