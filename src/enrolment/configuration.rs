//! What a phone's configuration says: its record, its device template and the defaults, as phone settings.
//!
//! Decides nothing of who may have it.

use secrecy::ExposeSecret;

use super::EnrolmentError;
use super::fetch::FetchRequest;
use super::service::Enrolments;
use crate::directory::{DeviceTemplate, Directory, Phone};
use crate::provisioning::{self, Asked, FileRole, PhoneSettings, Rendered, Vendor};
use crate::sip::Transport;
use crate::sip::digest::Algorithm;
use crate::vocab::{DirectoryNumber, MacAddress, Secret};

/// What a configuration says about its phone, beside its record.
pub(super) struct Content<'a> {
    pub number: &'a DirectoryNumber,
    pub label: &'a str,
    pub display: &'a str,
    pub secrets: Option<Secrets>,
    pub is_claimed: bool,
}

/// What goes out once a push.
pub(super) struct Secrets {
    /// The password of its SIP account.
    pub password: Option<Secret>,
    /// The password of its administrator, once it is somebody's.
    pub admin_password: Option<Secret>,
    /// The token of its private URL.
    pub token: Secret,
}

impl Enrolments {
    /// The device template a phone is made from; nobody's phone yet is made from the one auto-registration names.
    pub(super) async fn template_of(&self, phone: Option<&Phone>) -> Result<Option<DeviceTemplate>, EnrolmentError> {
        let own = phone.and_then(|phone| phone.device_template.clone());
        let usual = || self.registrar.auto_registration().settings().device_template;
        let Some(name) = own.or_else(usual) else { return Ok(None) };
        let mut reader = self.directory.db().reader().acquire().await?;
        Ok(Directory::device_template_in(&mut reader, &name).await?.map(|(_, template)| template))
    }

    pub(super) async fn render(
        &self,
        request: &FetchRequest,
        phone: &Phone,
        content: Content<'_>,
    ) -> Result<Rendered, EnrolmentError> {
        let template = self.template_of(Some(phone)).await?;
        self.render_from(request, phone, content, template.as_ref())
    }

    /// A phone's configuration as this template has it.
    pub(super) fn render_from(
        &self,
        request: &FetchRequest,
        phone: &Phone,
        content: Content<'_>,
        template: Option<&DeviceTemplate>,
    ) -> Result<Rendered, EnrolmentError> {
        let vendor: Vendor = phone.vendor.parse()?;
        let (password, admin_password, token) = match content.secrets {
            Some(secrets) => (secrets.password, secrets.admin_password, Some(secrets.token)),
            None => (None, None, None),
        };
        let account = provisioning::Account {
            number: content.number.clone(),
            auth_name: phone.auth_name.clone(),
            password,
            display: content.display.to_owned(),
            label: content.label.to_owned(),
        };
        let (transport, port) = self.way(phone.transport);
        let registrar = provisioning::Server { host: request.host.clone(), port };
        let mut settings = self.defaults(account, registrar, phone.mac)?;
        let defaults = &self.settings.phones;
        settings.transport = transport;
        settings.web_ui = !content.is_claimed || defaults.web_pages;
        settings.discovery = !content.is_claimed;
        settings.admin_password = admin_password;
        settings.provisioning_url = token.map(|token| {
            let folder = format!("http://{}:{}/c/{}/", request.host.as_str(), request.port, token.expose_secret());
            Secret::from(if vendor == Vendor::Yealink { folder } else { folder + &request.file_name })
        });
        settings.secondary = self.secondary()?;
        if let Some(template) = template {
            apply(&template.settings, &mut settings)?;
        }
        let model = phone.model.as_deref();
        Ok(provisioning::render(&vendor, model, FileRole::Configuration, &settings, &self.templates)?)
    }

    /// A file that phones share. It knows of the phone that asks no more than that said itself.
    pub(super) fn render_shared(&self, asked: &Asked, mac: Option<MacAddress>) -> Result<Rendered, EnrolmentError> {
        let settings = self.defaults(nobody()?, nowhere()?, mac)?;
        Ok(provisioning::render(&asked.vendor, asked.model.as_deref(), asked.role, &settings, &self.templates)?)
    }

    /// What every phone is told.
    fn defaults(
        &self,
        account: provisioning::Account,
        registrar: provisioning::Server,
        mac: Option<MacAddress>,
    ) -> Result<PhoneSettings, EnrolmentError> {
        let mut settings = PhoneSettings::new(account, registrar);
        let defaults = &self.settings.phones;
        settings.mac = mac;
        settings.registration_expiry = defaults.registration_seconds;
        settings.language = defaults.language.clone();
        settings.clock.ntp = Some(&defaults.ntp).filter(|ntp| !ntp.is_empty()).map(|ntp| ntp.parse()).transpose()?;
        settings.clock.utc_offset = Some(defaults.utc_offset_minutes);
        Ok(settings)
    }

    /// True if a phone is to register with the peer site at the same time, where there is one.
    pub async fn uses_secondary_registration(&self, phone: &Phone) -> Result<bool, EnrolmentError> {
        let template = self.template_of(Some(phone)).await?;
        let own = template.and_then(|template| template.settings.get("use_secondary_registration")?.as_bool());
        Ok(own.unwrap_or(true))
    }

    /// The peer site, with which phones register at the same time.
    fn secondary(&self) -> Result<Option<provisioning::Secondary>, EnrolmentError> {
        let site = self.sites.site();
        let Some(peer) = &site.peer else { return Ok(None) };
        let server = provisioning::Server { host: peer.host.to_string().parse()?, port: peer.port };
        Ok(Some(provisioning::Secondary { server, mode: provisioning::Redundancy::Simultaneous }))
    }

    /// The transport and port phones are to use; where the one that is wanted is not served, another. Desk phones speak no
    /// WebSocket.
    fn way(&self, wanted: Transport) -> (provisioning::Transport, u16) {
        let spoken = |transport: Transport| match transport {
            Transport::Udp => Some(provisioning::Transport::Udp),
            Transport::Tcp => Some(provisioning::Transport::Tcp),
            Transport::Tls => Some(provisioning::Transport::Tls),
            Transport::Ws | Transport::Wss => None,
        };
        let ways = || {
            let bound = self.endpoint.bound().iter();
            bound.filter_map(|(transport, address)| Some((*transport, spoken(*transport)?, address.port())))
        };
        let served = ways().find(|(transport, ..)| *transport == wanted);
        if served.is_none() {
            tracing::warn!(%wanted, "a device template wants a transport that is not listened on; phones are told another");
        }
        served.or_else(|| ways().next()).map_or((provisioning::Transport::Udp, 5060), |(_, way, port)| (way, port))
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
            "use_secondary_registration" => {
                if !flag()? {
                    settings.secondary = None;
                }
            }
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
    apply(template, &mut PhoneSettings::new(nobody()?, nowhere()?))
}

/// An account for settings that are nobody's.
fn nobody() -> Result<provisioning::Account, EnrolmentError> {
    Ok(provisioning::Account {
        number: "0".parse().map_err(|_| EnrolmentError::Stopped)?,
        auth_name: String::new(),
        password: None,
        display: String::new(),
        label: String::new(),
    })
}

fn nowhere() -> Result<provisioning::Server, EnrolmentError> {
    Ok(provisioning::Server { host: "localhost".parse()?, port: 5060 })
}
