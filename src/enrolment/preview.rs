//! What a phone made from a template would be called and told. Nothing is kept, and no secret is in it.

use std::net::{IpAddr, Ipv4Addr};

use secrecy::ExposeSecret;

use super::configuration::{Content, Secrets};
use super::rules::{self, Refusal};
use super::service::Enrolments;
use super::{EnrolmentError, FetchRequest};
use crate::directory::{DeviceTemplate, Directory, LineTemplate, Phone, PhoneState, TemplateVariables, User};
use crate::provisioning::{Asked, Basis, FileRole, Host, Vendor};
use crate::vocab::{DirectoryNumber, MacAddress, PhoneId, Secret, UnixMillis, UserId};

/// What stands for each secret.
const MASKED: &str = "********";
/// The usual port of the phones' door: which one a phone would come by is not known beforehand.
const HANDSET_PORT: u16 = 8081;

/// What is to be shown.
#[derive(Clone, Debug)]
pub struct PreviewRequest {
    /// The template of the phone; `None` where only the line matters.
    pub device: Option<DeviceTemplate>,
    /// The template of its line; `None` for what a line is without.
    pub line: Option<LineTemplate>,
    /// Whose phone it would be.
    pub user: User,
    /// Its make.
    pub vendor: Vendor,
    /// Its model.
    pub model: Option<String>,
    /// Its hardware address.
    pub mac: Option<MacAddress>,
    /// The host it would reach this server by.
    pub host: Host,
}

/// What a phone would be called and told.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The phone's name.
    pub phone_name: Option<String>,
    /// The number of its line.
    pub number: DirectoryNumber,
    /// What it shows beside the line's key.
    pub label: String,
    /// The name callers see.
    pub display: String,
    /// Its configuration, secrets masked; `None` for a make that takes none, and where only the line matters.
    pub file: Option<String>,
}

impl Enrolments {
    /// What a phone would be called and told.
    pub fn preview(&self, request: &PreviewRequest) -> Result<Preview, EnrolmentError> {
        let PreviewRequest { device, line, user, vendor, model, mac, host } = request;
        let number = match &user.primary_extension {
            Some(number) => number.clone(),
            None => "0".parse().map_err(|_| EnrolmentError::Stopped)?,
        };
        let mac_text = mac.map(|mac| mac.to_string()).unwrap_or_default();
        let variables = TemplateVariables {
            user_id: &user.user_id,
            user_name: &user.name,
            extension: user.primary_extension.as_ref().map_or("", DirectoryNumber::as_str),
            model: model.as_deref().unwrap_or(vendor.as_str()),
            mac: &mac_text,
        };
        let (label, display) = match line {
            Some(line) => (variables.fill(&line.label), variables.fill(&line.display)),
            None => (number.to_string(), user.name.clone()),
        };
        let phone_name = device.as_ref().map(|device| variables.fill(&device.phone_name));
        let mut preview = Preview { phone_name, number, label, display, file: None };
        let Some(device) = device.as_ref().filter(|_| vendor.is_managed()) else { return Ok(preview) };
        let now = UnixMillis::now();
        let phone = Phone {
            id: PhoneId::new(now, [0; 10]),
            state: PhoneState::Enrolled,
            mac: *mac,
            vendor: vendor.to_string(),
            model: model.clone(),
            name: preview.phone_name.clone().unwrap_or_default(),
            user: Some(user.id),
            user_id: Some(user.user_id.clone()),
            auth_name: MASKED.to_owned(),
            is_managed: true,
            transport: device.transport.into(),
            temporary_number: None,
            lines: Vec::new(),
            device_template: None,
            source: IpAddr::V4(Ipv4Addr::LOCALHOST),
            created_at: now,
            seen_at: now,
        };
        let asked = Asked {
            vendor: *vendor,
            model: model.clone(),
            mac: *mac,
            role: FileRole::Configuration,
            basis: Basis::Nothing,
            firmware: None,
            suspicions: Vec::new(),
        };
        let file_name = format!("{}.cfg", if mac_text.is_empty() { MASKED } else { &mac_text });
        let fetch = FetchRequest {
            asked,
            token: None,
            source: phone.source,
            host: host.clone(),
            port: HANDSET_PORT,
            file_name,
        };
        let masked = || Secret::from(MASKED.to_owned());
        let content = Content {
            number: &preview.number,
            label: &preview.label,
            display: &preview.display,
            secrets: Some(Secrets { password: Some(masked()), admin_password: Some(masked()), token: masked() }),
            is_claimed: true,
        };
        let rendered = self.render_from(&fetch, &phone, content, Some(device))?;
        preview.file = Some(rendered.body.expose_secret().to_owned());
        Ok(preview)
    }

    /// What keeps a user from setting up a phone.
    pub async fn obstacle(&self, user: UserId) -> Result<Option<Refusal>, EnrolmentError> {
        let mut reader = self.directory.db().reader().acquire().await?;
        let Some(found) = Directory::user_in(&mut reader, user).await? else { return Ok(Some(Refusal::NotEnabled)) };
        let profile = Directory::profile_in(&mut reader, user).await?;
        let phones = Directory::phones_of_in(&mut reader, user).await?;
        Ok(rules::eligible(&found, profile.as_ref(), phones).err())
    }
}
