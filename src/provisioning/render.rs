//! A phone's file: canonical settings in a vendor's words, through the vendor's template.
//!
//! Decides nothing of who may have it. A secret that isn't in the settings isn't in the file, and its line isn't either.

use minijinja::Value;
use sha2::{Digest, Sha256};

use super::ProvisioningError;
use super::file_name::FileRole;
use super::settings::{
    Account, AgentState, AutomaticCallDistribution, Clock, Codec, PhoneSettings, Redundancy, Secondary, Server,
    Transport,
};
use super::template::{Templates, hidden};
use super::vendor::Vendor;
use super::vendors::{self, Description};
use crate::vocab::{DirectoryNumber, Language, MacAddress, Secret};

/// A file ready to be served.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The file. It may hold passwords, so it is a secret as a whole.
    pub body: Secret,
    /// The media type to serve it as.
    pub content_type: &'static str,
    /// SHA-256 of the body, 64 hexadecimal digits, to tell later which version a phone has fetched.
    pub sha256: String,
}

/// Writes the `role` file of a phone. Fails if the vendor has no such file, if a setting is out of the vendor's range,
/// or if a value can't stand in its line (only names for people are made to fit instead).
pub fn render(
    vendor: &Vendor,
    model: Option<&str>,
    role: FileRole,
    settings: &PhoneSettings,
    templates: &Templates,
) -> Result<Rendered, ProvisioningError> {
    let no_template = ProvisioningError::NoTemplate { vendor: *vendor, role };
    let description = vendors::description(*vendor).ok_or(no_template.clone())?;
    let file = description.files.iter().find(|file| file.role == role).ok_or(no_template)?;
    check(description, model, settings)?;
    let mut body = templates.fill(description, file.name, context(description, model, settings))?;
    if role == FileRole::Configuration {
        let extra = settings.extra.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        body = description.format.replace(&body, extra)?;
    }
    let sha256 = hex::encode(Sha256::digest(body.as_bytes()));
    Ok(Rendered { body: Secret::from(body), content_type: description.content_type, sha256 })
}

/// Refuses what this vendor's phones (or this model) can't take.
fn check(description: &Description, model: Option<&str>, settings: &PhoneSettings) -> Result<(), ProvisioningError> {
    let refuse = |setting: &str, fault: String| {
        Err(ProvisioningError::Setting {
            setting: setting.to_owned(),
            fault: format!("{}: {fault}", description.vendor),
        })
    };
    let port = |server: Option<&Server>| server.map(|server| u32::from(server.port));
    let auth_name = u32::try_from(settings.account.auth_name.chars().count()).unwrap_or(u32::MAX);
    let numbers = [
        ("registrar.port", port(Some(&settings.registrar))),
        ("outbound_proxy.port", port(settings.outbound_proxy.as_ref())),
        ("secondary.port", port(settings.secondary.as_ref().map(|secondary| &secondary.server))),
        ("keep_alive", settings.keep_alive),
        ("registration.expiry", Some(settings.registration_expiry)),
        ("registration.retry", Some(settings.registration_retry)),
        ("account.auth_name (characters)", Some(auth_name)),
        ("dtmf_payload_type", Some(u32::from(settings.dtmf_payload_type))),
        ("resync.minutes", settings.resync_interval),
    ];
    for limit in description.limits {
        let number = numbers.iter().find(|(setting, _)| *setting == limit.setting).and_then(|(_, number)| *number);
        if number.is_some_and(|number| !(limit.min..=limit.max).contains(&number)) {
            return refuse(limit.setting, format!("is taken from {} to {}", limit.min, limit.max));
        }
    }
    if settings.clock.utc_offset.is_some_and(|minutes| !(-720..=720).contains(&minutes)) {
        return refuse("clock.utc_offset", "is taken from -720 to 720 minutes".to_owned());
    }
    if !settings.codecs.iter().any(|codec| description.codecs.iter().any(|(known, _)| known == codec)) {
        return refuse("codecs", "these phones have none of those chosen".to_owned());
    }
    let capabilities = description.capabilities(model);
    if settings.transport == Transport::Tls && !capabilities.tls {
        return refuse("transport", "this model has no TLS; use UDP or TCP".to_owned());
    }
    let simultaneous = settings.secondary.as_ref().is_some_and(|s| s.mode == Redundancy::Simultaneous);
    if simultaneous && !capabilities.simultaneous_registration {
        return refuse("secondary", "this model registers with one server at a time; use failover".to_owned());
    }
    Ok(())
}

/// The settings as templates see them: in the vendor's words where there are such, none where there is nothing to say.
fn context(description: &Description, model: Option<&str>, settings: &PhoneSettings) -> Value {
    let format = &description.format;
    let server = |server: &Server| minijinja::context! { host => server.host.as_str(), port => server.port };
    let account = &settings.account;
    let language = settings.language.to_string();
    let primary = language.split('-').next().unwrap_or_default();
    let word = description.languages.iter().find(|(tag, _)| *tag == primary).map(|(_, word)| *word);
    minijinja::context! {
        phone => minijinja::context! {
            mac => settings.mac.map(|mac| mac.to_string()),
            model => model.and_then(description.model_name),
            common_file => model.and_then(description.common_file),
        },
        account => minijinja::context! {
            number => account.number.as_str(),
            auth_name => account.auth_name.as_str(),
            password => hidden(account.password.as_ref()),
            display => format.clean(&account.display),
            label => format.clean(&account.label),
        },
        registrar => server(&settings.registrar),
        transport => description.transport(settings.transport),
        secondary => settings.secondary.as_ref().map(|secondary| minijinja::context! {
            host => secondary.server.host.as_str(),
            port => secondary.server.port,
            simultaneous => secondary.mode == Redundancy::Simultaneous,
        }),
        outbound_proxy => settings.outbound_proxy.as_ref().map(server),
        registration => minijinja::context! {
            expiry => settings.registration_expiry,
            retry => settings.registration_retry,
        },
        keep_alive => settings.keep_alive,
        codecs => codecs(description, &settings.codecs),
        dtmf_payload_type => settings.dtmf_payload_type,
        clock => minijinja::context! {
            ntp => settings.clock.ntp.as_ref().map(|host| host.as_str()),
            ntp_secondary => settings.clock.ntp_secondary.as_ref().map(|host| host.as_str()),
            utc_offset => settings.clock.utc_offset.map(utc_offset),
            zone_name => settings.clock.zone_name.as_deref(),
        },
        language => word,
        admin_password => hidden(settings.admin_password.as_ref()),
        web_ui => settings.web_ui,
        voicemail => settings.voicemail.as_ref().map(DirectoryNumber::as_str),
        talk_event => settings.talk_event,
        acd => settings.acd.as_ref().map(|acd| minijinja::context! {
            server => acd.server.as_ref().map(server),
            user_name => acd.user_name.as_deref(),
            password => hidden(acd.password.as_ref()),
            ready => acd.state_after_login == AgentState::Ready,
            expire_time => acd.expire_time,
        }),
        reboot_on_check_sync => settings.reboot_on_check_sync,
        block_non_numeric_keys => settings.block_non_numeric_keys,
        headset_beep => settings.headset_beep,
        speakerphone_beep => settings.speakerphone_beep,
        proactive_mute => settings.proactive_mute,
        login_soft_key => settings.login_soft_key,
        provisioning => minijinja::context! {
            url => hidden(settings.provisioning_url.as_ref()),
            firmware_url => settings.firmware_url.as_deref(),
            discovery => settings.discovery,
        },
        resync => minijinja::context! { minutes => settings.resync_interval },
    }
}

/// The chosen codecs in their order, then those of the phone that weren't chosen, each once.
fn codecs(description: &Description, chosen: &[Codec]) -> Vec<Value> {
    let entry = |name: &str, enabled: bool| minijinja::context! { name => name, enabled => enabled };
    let mut names: Vec<(&str, bool)> = Vec::new();
    for codec in chosen {
        let known = description.codecs.iter().find(|(known, _)| known == codec);
        if let Some((_, name)) = known.filter(|(_, name)| !names.contains(&(name, true))) {
            names.push((name, true));
        }
    }
    let unused = description.codecs.iter().filter(|(codec, _)| !chosen.contains(codec)).map(|(_, name)| (*name, false));
    names.extend(unused);
    names.into_iter().map(|(name, enabled)| entry(name, enabled)).collect()
}

/// `+09:00` and `+9` (with minutes only where there are any).
fn utc_offset(minutes: i32) -> Value {
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, rest) = (minutes.unsigned_abs() / 60, minutes.unsigned_abs() % 60);
    let short = if rest == 0 { format!("{sign}{hours}") } else { format!("{sign}{hours}:{rest:02}") };
    minijinja::context! { padded => format!("{sign}{hours:02}:{rest:02}"), short => short }
}

/// A context with a value for every variable there is, to check templates against.
pub(super) fn every_variable(description: &Description) -> Value {
    let Ok(host) = "host".parse() else { return Value::UNDEFINED };
    let Ok(number) = "0".parse::<DirectoryNumber>() else { return Value::UNDEFINED };
    let server = Server { host, port: 5060 };
    let secret = || Some(Secret::from(String::new()));
    let account = Account {
        number: number.clone(),
        auth_name: String::new(),
        password: secret(),
        display: String::new(),
        label: String::new(),
    };
    let settings = PhoneSettings {
        mac: Some(MacAddress::from([0; 6])),
        secondary: Some(Secondary { server: server.clone(), mode: Redundancy::Failover }),
        outbound_proxy: Some(server.clone()),
        keep_alive: Some(60),
        clock: Clock {
            ntp: Some(server.host.clone()),
            ntp_secondary: Some(server.host.clone()),
            utc_offset: Some(0),
            zone_name: Some(String::new()),
        },
        language: Language::ENGLISH,
        admin_password: secret(),
        voicemail: Some(number),
        acd: Some(AutomaticCallDistribution {
            server: Some(server.clone()),
            user_name: Some(String::new()),
            password: secret(),
            state_after_login: AgentState::Ready,
            expire_time: 3600,
        }),
        provisioning_url: secret(),
        firmware_url: Some(String::new()),
        ..PhoneSettings::new(account, server)
    };
    context(description, Some(""), &settings)
}
