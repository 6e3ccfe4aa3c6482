//! Which file a phone gets. A hardware address unlocks nothing but quarantine; the private URL of a phone unlocks its own
//! configuration, and its secrets once a push.

use std::net::IpAddr;

use secrecy::ExposeSecret;

use super::service::Enrolments;
use super::{EnrolmentEnding, EnrolmentError, Step, store};
use crate::directory::{Directory, Phone, PhoneState, TokenHash};
use crate::provisioning::{self, Asked, FileRole, PhoneSettings, Rendered, Vendor};
use crate::registrar::{Candidate, Refusal};
use crate::sip::digest::Algorithm;
use crate::vocab::{DirectoryNumber, MacAddress, Secret, UnixMillis};

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

/// What a configuration says about its phone.
struct Content<'a> {
    number: &'a DirectoryNumber,
    label: &'a str,
    display: &'a str,
    password: Option<Secret>,
    token: Option<Secret>,
    is_claimed: bool,
}

impl Enrolments {
    /// Serves a phone's request for a configuration file.
    pub async fn fetch(&self, request: &FetchRequest, now: UnixMillis) -> Result<Fetch, EnrolmentError> {
        if request.asked.role != FileRole::Configuration || !request.asked.vendor.is_managed() {
            return Ok(Fetch::NotFound);
        }
        match (&request.token, request.asked.mac) {
            (Some(token), _) => self.fetch_own(request, token, now).await,
            (None, Some(mac)) => self.fetch_first(request, mac, now).await,
            (None, None) => Ok(Fetch::NotFound),
        }
    }

    /// By hardware address: a quarantine line of its own for whoever asks, so that two who ask never share a secret.
    async fn fetch_first(
        &self,
        request: &FetchRequest,
        mac: MacAddress,
        now: UnixMillis,
    ) -> Result<Fetch, EnrolmentError> {
        match self.registrar.auto_registration().knock(request.source, now) {
            Ok(()) => {}
            Err(Refusal::TooManyFromAddress | Refusal::PoolDry) => return Ok(Fetch::SlowDown),
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
            auth_name: format!("p{}", hex::encode(rand::random::<[u8; 8]>())),
            sealed_secret: Some(self.directory.sealer().seal(&password, rand::random())?),
            algorithms: "MD5".to_owned(),
            token_hash: Some(TokenHash::of(&token).as_str().to_owned()),
            source: request.source,
        };
        let admission = match self.registrar.auto_registration().admit(&candidate, now).await? {
            Ok(admission) => admission,
            Err(Refusal::TooManyFromAddress | Refusal::PoolDry) => return Ok(Fetch::SlowDown),
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
            password: Some(password),
            token: Some(token),
            is_claimed: false,
        };
        let rendered = self.render(request, &phone, content).await?;
        let mut transaction = self.directory.db().write().await?;
        for replaced in &admission.replaced {
            store::end(&mut transaction, *replaced, now, EnrolmentEnding::Replaced).await?;
        }
        store::begin(&mut transaction, phone.id, now).await?;
        store::step(&mut transaction, phone.id, now, Step::Fetched, &rendered.sha256).await?;
        transaction.commit().await?;
        tracing::info!(phone = %phone.id, %mac, number = %admission.number, "a new phone fetched its first configuration");
        Ok(Fetch::File(rendered))
    }

    /// By private URL: the phone's own configuration; its secrets only while a push waits for it, and then once.
    async fn fetch_own(
        &self,
        request: &FetchRequest,
        token: &Secret,
        now: UnixMillis,
    ) -> Result<Fetch, EnrolmentError> {
        let mut transaction = self.directory.db().write().await?;
        let hash = TokenHash::of(token);
        let Some((id, push_pending)) = store::phone_by_token(&mut transaction, hash.as_str()).await? else {
            return Ok(Fetch::NotFound);
        };
        let Some(phone) = crate::directory::load_phone(&mut transaction, id).await? else { return Ok(Fetch::NotFound) };
        let is_same_phone = request.asked.mac.is_none() || request.asked.mac == phone.mac;
        let Some(number) = phone.number().filter(|_| is_same_phone) else { return Ok(Fetch::NotFound) };
        let is_claimed = phone.state == PhoneState::Enrolled;
        let line = phone.lines.first();
        let mut content = Content {
            number,
            label: line.map_or("", |line| line.label.as_str()),
            display: line.map_or("", |line| line.display.as_str()),
            password: None,
            token: None,
            is_claimed,
        };
        let words = self.words();
        let quarantine_label = words.say("quarantine-label", &[("number", number.as_str().into())]);
        let quarantine_display = words.say("quarantine-display", &[]);
        if !is_claimed {
            (content.label, content.display) = (&quarantine_label, &quarantine_display);
        }
        if push_pending {
            let account = self.directory.accounts().of(id);
            content.password = account.and_then(|account| account.secret.clone());
            let next = random_secret();
            store::push_fetched(&mut transaction, id, TokenHash::of(&next).as_str()).await?;
            content.token = Some(next);
        }
        let rendered = self.render(request, &phone, content).await?;
        let step = if is_claimed { Step::FetchedAgain } else { Step::Fetched };
        store::step(&mut transaction, id, now, step, &rendered.sha256).await?;
        transaction.commit().await?;
        tracing::info!(phone = %id, with_secrets = push_pending, "a phone fetched its configuration");
        Ok(Fetch::File(rendered))
    }

    async fn render(
        &self,
        request: &FetchRequest,
        phone: &Phone,
        content: Content<'_>,
    ) -> Result<Rendered, EnrolmentError> {
        let vendor: Vendor = phone.vendor.parse()?;
        let account = provisioning::Account {
            number: content.number.clone(),
            auth_name: phone.auth_name.clone(),
            password: content.password,
            display: content.display.to_owned(),
            label: content.label.to_owned(),
        };
        let registrar = provisioning::Server { host: request.host.clone(), port: self.sip_port };
        let mut settings = PhoneSettings::new(account, registrar);
        let defaults = &self.settings.phones;
        settings.mac = phone.mac;
        settings.registration_expiry = defaults.registration_seconds;
        settings.language = defaults.language.clone();
        settings.clock.ntp = Some(&defaults.ntp).filter(|ntp| !ntp.is_empty()).map(|ntp| ntp.parse()).transpose()?;
        settings.clock.utc_offset = Some(defaults.utc_offset_minutes);
        settings.web_ui = !content.is_claimed || defaults.web_pages;
        settings.discovery = !content.is_claimed;
        settings.provisioning_url = content.token.map(|token| {
            let folder = format!("http://{}:{}/c/{}/", request.host.as_str(), request.port, token.expose_secret());
            Secret::from(if vendor == Vendor::Yealink { folder } else { folder + &request.file_name })
        });
        // A phone that is nobody's yet is made from the template auto-registration names.
        let usual =
            Some(&self.registrar.auto_registration().settings().device_template).filter(|name| !name.is_empty());
        if let Some(template) = phone.device_template.as_ref().or(usual) {
            let mut connection = self.directory.db().reader().acquire().await?;
            if let Some((_, template)) = Directory::device_template_in(&mut connection, template).await? {
                apply(&template.settings, &mut settings)?;
            }
        }
        let model = phone.model.as_deref();
        Ok(provisioning::render(&vendor, model, FileRole::Configuration, &settings, &self.templates)?)
    }
}

/// What a device template says goes before the defaults.
fn apply(
    template: &serde_json::Map<String, serde_json::Value>,
    settings: &mut PhoneSettings,
) -> Result<(), EnrolmentError> {
    for (name, value) in template {
        let fault = |wanted: &str| EnrolmentError::Template(format!("{name}: not {wanted}"));
        let flag = || value.as_bool().ok_or_else(|| fault("true or false"));
        match name.as_str() {
            "talk_event" => settings.talk_event = flag()?,
            "web_ui" => settings.web_ui = flag()?,
            "reboot_on_check_sync" => settings.reboot_on_check_sync = flag()?,
            "block_non_numeric_keys" => settings.block_non_numeric_keys = flag()?,
            "headset_beep" => settings.headset_beep = flag()?,
            "speakerphone_beep" => settings.speakerphone_beep = flag()?,
            "proactive_mute" => settings.proactive_mute = flag()?,
            "login_soft_key" => settings.login_soft_key = flag()?,
            "voicemail" => {
                let number = value.as_str().and_then(|text| text.parse().ok());
                settings.voicemail = Some(number.ok_or_else(|| fault("a directory number"))?);
            }
            "extra" => {
                let parameters = value.as_object().ok_or_else(|| fault("a table of parameters"))?;
                for (parameter, value) in parameters {
                    let text = value.as_str().ok_or_else(|| fault("a table of texts"))?;
                    settings.extra.0.insert(parameter.clone(), text.to_owned());
                }
            }
            "digest_algorithms" => {
                algorithms(template)?;
            }
            _ => return Err(EnrolmentError::Template(format!("{name}: no such phone setting"))),
        }
    }
    Ok(())
}

/// The digest algorithms a device template offers its phones, comma-separated, the preferred first.
pub(super) fn algorithms(
    template: &serde_json::Map<String, serde_json::Value>,
) -> Result<Option<String>, EnrolmentError> {
    let Some(value) = template.get("digest_algorithms") else { return Ok(None) };
    let fault = || EnrolmentError::Template("digest_algorithms: not a list of MD5 and SHA-256".to_owned());
    let names = value.as_array().filter(|names| !names.is_empty()).ok_or_else(fault)?;
    let known = |name: &serde_json::Value| {
        let algorithm: Algorithm = name.as_str()?.parse().ok()?;
        Some(algorithm.as_str().to_owned())
    };
    let names: Option<Vec<String>> = names.iter().map(known).collect();
    Ok(Some(names.ok_or_else(fault)?.join(",")))
}

/// Checks the settings of a device template before it is kept: a phone can't be served by one that has a fault.
pub fn check_template(template: &serde_json::Map<String, serde_json::Value>) -> Result<(), EnrolmentError> {
    let account = provisioning::Account {
        number: "0".parse().map_err(|_| EnrolmentError::Stopped)?,
        auth_name: String::new(),
        password: None,
        display: String::new(),
        label: String::new(),
    };
    let registrar = provisioning::Server { host: "localhost".parse()?, port: 5060 };
    apply(template, &mut PhoneSettings::new(account, registrar))
}

/// 32 hexadecimal digits: 128 random bits in characters no phone's file format minds.
pub(super) fn random_secret() -> Secret {
    Secret::from(hex::encode(rand::random::<[u8; 16]>()))
}
