//! What other nodes have changed is made known to the rooms that keep it in memory.
//!
//! It knows which room keeps what, and nothing of what is done about it.

use std::str::FromStr;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::cti::{CALLED_OFF, ServiceControl, ServiceFault, Switchboard};
use crate::db::News;
use crate::directory::{Directory, DirectoryError, JOB_CANCELLED, Jobs};
use crate::enrolment::{CONNECTED_ELSEWHERE, EnrolmentError, Enrolments};
use crate::registrar::{GUESSED, LET_IN, Registrar, RegistrarError};
use crate::sites::Sites;
use crate::vocab::PhoneId;

/// How long to wait before what could not be read is read again.
const PAUSE: Duration = Duration::from_millis(500);

/// What keeps things in memory that other nodes change.
#[derive(Clone, Debug)]
pub(super) struct Neighbour {
    pub(super) directory: Directory,
    pub(super) jobs: Jobs,
    pub(super) registrar: Registrar,
    pub(super) enrolments: Enrolments,
    pub(super) switchboard: Switchboard,
    pub(super) service: ServiceControl,
    pub(super) sites: Sites,
}

/// Why what is kept could not be brought up to date.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    #[error(transparent)]
    Registrar(#[from] RegistrarError),
}

impl Neighbour {
    /// Follows the news, if there can be any.
    pub(super) async fn follow(self, news: Option<Receiver<News>>) {
        let Some(mut news) = news else { return std::future::pending().await };
        loop {
            let piece = match news.recv().await {
                Ok(piece) => piece,
                Err(RecvError::Lagged(_)) => News::Anything,
                Err(RecvError::Closed) => return,
            };
            let mut followed = self.learn(&piece).await;
            while let Err(error) = followed {
                tracing::warn!(%error, "what other nodes changed could not be read; everything will be read again");
                tokio::time::sleep(PAUSE).await;
                followed = self.learn(&News::Anything).await;
            }
        }
    }

    async fn learn(&self, news: &News) -> Result<(), Fault> {
        match news {
            News::Anything => self.learn_everything().await,
            News::Changed { kind, subject } => match kind.as_str() {
                "account" => self.learn_account(subject).await,
                "enrolment" => match PhoneId::from_str(subject) {
                    Ok(phone) => Ok(self.enrolments.remember_open_of(phone).await?),
                    Err(_) => Ok(()),
                },
                "location" | "location-elsewhere" => {
                    self.registrar.note_written(subject, kind == "location-elsewhere");
                    Ok(())
                }
                "line" => {
                    let phones = subject.lines().filter_map(|phone| phone.parse().ok()).collect();
                    self.registrar.lines().note_elsewhere(Some(phones)).await;
                    Ok(())
                }
                GUESSED => {
                    self.registrar.note_guessed_elsewhere(subject);
                    Ok(())
                }
                LET_IN => {
                    self.registrar.note_let_in_elsewhere(subject);
                    Ok(())
                }
                "auto-registration" => Ok(self.registrar.auto_registration().reload().await?),
                "sites" => Ok(self.sites.reload().await?),
                "service" => self.learn_service().await,
                CALLED_OFF => {
                    let _ = PhoneId::from_str(subject).map(|phone| self.switchboard.call_off(phone));
                    Ok(())
                }
                CONNECTED_ELSEWHERE => {
                    if let Ok(phone) = subject.parse() {
                        tokio::spawn(push(self.enrolments.clone(), phone));
                    }
                    Ok(())
                }
                JOB_CANCELLED => {
                    let _ = subject.parse().map(|job| self.jobs.cancelled_elsewhere(job));
                    Ok(())
                }
                // Events are looked for after every commit; what is not kept in memory needs nothing.
                _ => Ok(()),
            },
        }
    }

    async fn learn_everything(&self) -> Result<(), Fault> {
        for phone in self.directory.refresh_accounts().await? {
            self.registrar.forget(phone).await?;
        }
        self.registrar.note_anything_written();
        self.registrar.lines().note_elsewhere(None).await;
        self.enrolments.remember_open().await?;
        self.registrar.auto_registration().reload().await?;
        self.sites.reload().await?;
        self.learn_service().await
    }

    async fn learn_account(&self, subject: &str) -> Result<(), Fault> {
        let Ok(phone) = PhoneId::from_str(subject) else { return Ok(()) };
        self.directory.refresh_account(phone).await?;
        if self.directory.accounts().of(phone).is_none() {
            self.registrar.forget(phone).await?;
        }
        Ok(())
    }

    /// A service that can't run here on what another node runs it on goes on as it was, and says why.
    async fn learn_service(&self) -> Result<(), Fault> {
        match self.service.follow().await {
            Err(ServiceFault::Directory(error)) => Err(error.into()),
            Err(fault) => {
                tracing::error!(%fault, "the service can't run here on the settings it runs on elsewhere");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

/// A phone takes its time to answer; other news go on.
async fn push(enrolments: Enrolments, phone: PhoneId) {
    if let Err(error) = enrolments.push_for_another(phone).await {
        tracing::error!(%error, "a phone could not be told what another node could not tell it");
    }
}
