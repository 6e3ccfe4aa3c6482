//! Which file a phone gets. A hardware address unlocks nothing but quarantine; the private URL of a phone unlocks its own
//! configuration, and its secrets once a push.

use std::net::IpAddr;
use std::time::Instant;

use super::configuration::{Content, Secrets};
use super::ended::Ended;
use super::service::Enrolments;
use super::{EnrolmentEnding, EnrolmentError, Step, store};
use crate::directory::{PhoneState, TokenHash, load_phone};
use crate::provisioning::{self, Asked, FileRole, Rendered};
use crate::registrar::{self, Candidate, Refusal};
use crate::vocab::{MacAddress, Secret, UnixMillis};

/// A phone at the handset door.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// What it asks for.
    pub asked: Asked,
    /// The token of its private URL, if it used one.
    pub token: Option<Secret>,
    /// Where it asks from.
    pub source: IpAddr,
    /// The host it reached this server by.
    pub host: provisioning::Host,
    /// The port of the handset door it reached.
    pub port: u16,
    /// The file name as it asked for it.
    pub file_name: String,
}

/// What it gets.
#[derive(Debug)]
pub enum Fetch {
    /// This file.
    File(Rendered),
    /// Nothing: the same for a stranger and for a phone that is somebody's.
    NotFound,
    /// Nothing now.
    SlowDown,
}

impl Enrolments {
    /// Serves a phone's request for a configuration file.
    pub async fn fetch(&self, request: &FetchRequest, now: UnixMillis) -> Result<Fetch, EnrolmentError> {
        if !request.asked.vendor.is_managed() {
            return Ok(Fetch::NotFound);
        }
        match (request.asked.role, &request.token, request.asked.mac) {
            (FileRole::Configuration, Some(token), _) => self.fetch_own(request, token, now).await,
            (FileRole::Configuration, None, Some(mac)) => self.fetch_first(request, mac, now).await,
            (FileRole::Boot | FileRole::Common, ..) => self.fetch_shared(request).await,
            _ => Ok(Fetch::NotFound),
        }
    }

    /// Boot and common files: what is in them is in no way a phone's own, so they are the same for whoever may ask at all,
    /// and whose hardware address is asked with makes no difference.
    async fn fetch_shared(&self, request: &FetchRequest) -> Result<Fetch, EnrolmentError> {
        let asked = &request.asked;
        let mac = match &request.token {
            None if self.registrar.auto_registration().allows(request.source).is_err() => return Ok(Fetch::NotFound),
            None => asked.mac,
            Some(token) => {
                let mut reader = self.directory.db().reader().acquire().await?;
                let Some(held) = store::phone_by_token(&mut reader, TokenHash::of(token).as_str()).await? else {
                    return Ok(Fetch::NotFound);
                };
                match load_phone(&mut reader, held.phone).await?.and_then(|phone| phone.mac) {
                    mac if asked.mac.is_none() || asked.mac == mac => mac,
                    _ => return Ok(Fetch::NotFound),
                }
            }
        };
        // A boot file that names no file of the phone's own would leave it without one.
        if asked.role == FileRole::Boot && mac.is_none() {
            return Ok(Fetch::NotFound);
        }
        Ok(Fetch::File(self.render_shared(asked, mac)?))
    }

    /// By hardware address: a quarantine line of its own for whoever asks, so that two who ask never share a secret.
    async fn fetch_first(
        &self,
        request: &FetchRequest,
        mac: MacAddress,
        now: UnixMillis,
    ) -> Result<Fetch, EnrolmentError> {
        match self.registrar.auto_registration().knock(request.source, Instant::now()) {
            Ok(()) => {}
            Err(Refusal::TooManyFromAddress | Refusal::TooManyNumbers | Refusal::PoolDry) => {
                return Ok(Fetch::SlowDown);
            }
            Err(Refusal::Off | Refusal::Network) => return Ok(Fetch::NotFound),
        }
        if store::is_enrolled(self.directory.db().reader(), mac).await? {
            return Ok(Fetch::NotFound);
        }
        let password = random_secret();
        let token = random_secret();
        let candidate = Candidate {
            mac: Some(mac),
            vendor: request.asked.vendor.to_string(),
            model: request.asked.model.clone(),
            auth_name: registrar::generated_name(rand::random()),
            sealed_secret: Some(self.directory.sealer().seal(&password, rand::random())?),
            algorithms: "MD5".to_owned(),
            token_hash: Some(TokenHash::of(&token).as_str().to_owned()),
            transport: self.template_of(None).await?.map(|template| template.transport.into()).unwrap_or_default(),
            source: request.source,
        };
        let admission = match self.registrar.auto_registration().admit(&candidate, now).await? {
            Ok(admission) => admission,
            Err(Refusal::TooManyFromAddress | Refusal::TooManyNumbers | Refusal::PoolDry) => {
                return Ok(Fetch::SlowDown);
            }
            Err(Refusal::Off | Refusal::Network) => return Ok(Fetch::NotFound),
        };
        let Some(phone) = self.directory.phone(admission.phone).await? else { return Ok(Fetch::NotFound) };
        let words = self.words();
        let label = words.say("quarantine-label", &[("number", admission.number.as_str().into())]);
        let display = words.say("quarantine-display", &[]);
        let content = Content {
            number: &admission.number,
            label: &label,
            display: &display,
            // Nobody's phone keeps its administrator's password: nobody could be told another.
            secrets: Some(Secrets { password: Some(password), admin_password: None, token }),
            is_claimed: false,
        };
        let rendered = self.render(request, &phone, content).await?;
        let mut transaction = self.directory.db().write().await?;
        let mut dropped = Vec::new();
        for replaced in &admission.replaced {
            dropped.extend(store::end(&mut transaction, *replaced, now, EnrolmentEnding::Replaced).await?);
        }
        let enrolment = store::begin(&mut transaction, phone.id, now).await?;
        store::step(&mut transaction, phone.id, now, Step::Fetched, &rendered.sha256).await?;
        transaction.commit().await?;
        dropped.iter().for_each(Ended::note);
        admission.replaced.iter().for_each(|replaced| self.directory.under_way().end(*replaced));
        self.directory.under_way().begin(phone.id, enrolment);
        self.directory.under_way().span(phone.id).in_scope(|| {
            let number = &admission.number;
            tracing::info!(step = Step::Fetched.as_str(), %mac, %number, "a new phone fetched its first configuration");
        });
        Ok(Fetch::File(rendered))
    }

    /// By private URL: the phone's own configuration; its secrets only while a push waits for it, and then once.
    async fn fetch_own(
        &self,
        request: &FetchRequest,
        token: &Secret,
        now: UnixMillis,
    ) -> Result<Fetch, EnrolmentError> {
        let hash = TokenHash::of(token);
        // Tokens that somebody made up must not make those wait who write.
        let mut reader = self.directory.db().reader().acquire().await?;
        if store::phone_by_token(&mut reader, hash.as_str()).await?.is_none() {
            return Ok(Fetch::NotFound);
        }
        drop(reader);
        let mut transaction = self.directory.db().write().await?;
        let Some(held) = store::phone_by_token(&mut transaction, hash.as_str()).await? else {
            return Ok(Fetch::NotFound);
        };
        let id = held.phone;
        let Some(phone) = load_phone(&mut transaction, id).await? else { return Ok(Fetch::NotFound) };
        if self.directory.accounts().of(id).is_some_and(|account| account.is_suspended) {
            return Ok(Fetch::NotFound);
        }
        let is_same_phone = request.asked.mac.is_none() || request.asked.mac == phone.mac;
        let Some(number) = phone.number().filter(|_| is_same_phone) else { return Ok(Fetch::NotFound) };
        let is_claimed = phone.state == PhoneState::Enrolled;
        let line = phone.lines.first();
        let mut content = Content {
            number,
            label: line.map_or("", |line| line.label.as_str()),
            display: line.map_or("", |line| line.display.as_str()),
            secrets: None,
            is_claimed,
        };
        let words = self.words();
        let quarantine_label = words.say("quarantine-label", &[("number", number.as_str().into())]);
        let quarantine_display = words.say("quarantine-display", &[]);
        if !is_claimed {
            (content.label, content.display) = (&quarantine_label, &quarantine_display);
        }
        if held.push_pending {
            let account = self.directory.accounts().of(id);
            let sealer = self.directory.sealer();
            let token = random_secret();
            store::push_fetched(&mut transaction, id, TokenHash::of(&token).as_str()).await?;
            content.secrets = Some(Secrets {
                password: account.and_then(|account| account.secret.clone()),
                admin_password: held.sealed_admin_password.map(|sealed| sealer.open(&sealed)).transpose()?,
                token,
            });
        }
        store::fetched(&mut transaction, id).await?;
        let rendered = self.render(request, &phone, content).await?;
        let step = if is_claimed { Step::FetchedAgain } else { Step::Fetched };
        store::step(&mut transaction, id, now, step, &rendered.sha256).await?;
        transaction.commit().await?;
        let with_secrets = held.push_pending;
        self.directory.under_way().span(id).in_scope(|| {
            tracing::info!(step = step.as_str(), with_secrets, "a phone fetched its configuration");
        });
        Ok(Fetch::File(rendered))
    }
}

/// 32 hexadecimal digits: 128 random bits in characters no phone's file format minds.
pub(super) fn random_secret() -> Secret {
    Secret::from(hex::encode(rand::random::<[u8; 16]>()))
}

/// 16 hexadecimal digits: 64 random bits, in a length that people can key in and every phone takes.
pub(super) fn random_admin_password() -> Secret {
    Secret::from(hex::encode(rand::random::<[u8; 8]>()))
}
