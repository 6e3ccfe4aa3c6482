//! What a phone is for its user: its name, line, transport and digest algorithms, by the templates of the user's profile.

use super::EnrolmentError;
use super::configuration::algorithms;
use crate::db::DbConnection;
use crate::directory::{Directory, Line, Phone, TemplateVariables, User};
use crate::sip::Transport;

/// What a phone is for its user.
pub(super) struct Outfit {
    /// The record of its device template.
    pub template_id: String,
    /// Its name for people.
    pub name: String,
    /// Line 1; none where the user has no number.
    pub line: Option<Line>,
    /// How its SIP travels, if it takes configurations.
    pub transport: Transport,
    /// The digest algorithms its template wants it to be offered.
    pub algorithms: Option<String>,
}

/// By a device template, named or by its record, and a line template, if there is one. None if there is no such device
/// template.
pub(super) async fn outfit(
    db: &mut DbConnection,
    phone: &Phone,
    user: &User,
    device_template: Option<&str>,
    line_template: Option<&str>,
) -> Result<Option<Outfit>, EnrolmentError> {
    let template = match device_template {
        Some(name) => Directory::device_template_in(db, name).await?,
        None => None,
    };
    let Some((template_id, template)) = template else { return Ok(None) };
    let line_template = match line_template {
        Some(name) => Directory::line_template_in(db, name).await?,
        None => None,
    };
    let mac = phone.mac.map(|mac| mac.to_string()).unwrap_or_default();
    let variables = TemplateVariables {
        user_id: &user.user_id,
        user_name: &user.name,
        extension: user.primary_extension.as_ref().map(|number| number.as_str()).unwrap_or_default(),
        model: phone.model.as_deref().unwrap_or(&phone.vendor),
        mac: &mac,
    };
    let line = user.primary_extension.clone().map(|number| {
        let (label, display) = match &line_template {
            Some(line) => (variables.fill(&line.label), variables.fill(&line.display)),
            None => (number.to_string(), user.name.clone()),
        };
        Line { number, label, display }
    });
    Ok(Some(Outfit {
        template_id,
        name: variables.fill(&template.phone_name),
        line,
        transport: template.transport.into(),
        algorithms: algorithms(&template.settings)?,
    }))
}
