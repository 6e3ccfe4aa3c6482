//! `/device-templates/preview`, `/line-templates/preview` and those of kept templates: what would come of them.

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::collection::Collection;
use super::document::{Named, documented};
use super::exchange::Body;
use crate::directory::{
    DeviceTemplate, DeviceTemplates, Directory, DirectoryError, LineTemplate, LineTemplates, User, Users,
};
use crate::enrolment::{EnrolmentError, Preview, PreviewRequest};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::provisioning::{Brand, Host, Vendor, vendor_of};
use crate::vocab::{DirectoryNumber, MacAddress, UserId};

/// For whom and which phone a template is to be shown.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Subject {
    /// The user whose phone it would be, by user ID.
    user: String,
    /// The make, `audiocodes` or `yealink`; if not given, that of the hardware address.
    #[serde(default)]
    make: Option<String>,
    /// The model, such as `420HD`.
    #[serde(default)]
    model: Option<String>,
    /// The phone's hardware address.
    #[serde(default)]
    mac: Option<MacAddress>,
}

/// A device template that is not kept, and for whom it is to be shown.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeviceDraft {
    /// The template.
    template: DeviceTemplate,
    /// For whom.
    subject: Subject,
}

/// A line template that is not kept, and for whom it is to be shown.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LineDraft {
    /// The template.
    template: LineTemplate,
    /// For whom.
    subject: Subject,
}

/// What would come of a device template.
#[derive(Serialize, JsonSchema)]
struct DevicePreview {
    /// The phone's name.
    phone_name: String,
    /// Its line.
    line: LinePreview,
    /// Its configuration, with asterisks for each secret; none for a make that takes none.
    file: Option<String>,
}

/// What would come of a line template.
#[derive(Serialize, JsonSchema)]
struct LinePreview {
    /// The number that rings it.
    number: DirectoryNumber,
    /// What the phone shows beside the line's key.
    label: String,
    /// The name callers see.
    display: String,
}

/// The paths of previews.
pub fn router() -> ApiRouter<AdminDoor> {
    const REFUSALS: [u16; 5] = [400, 404, 413, 415, 422];
    ApiRouter::new()
        .api_route(
            "/device-templates/preview",
            post_with(drafted_device, |op| {
                documented(op, "device-templates", "Preview an unsaved device template", &REFUSALS)
            }),
        )
        .api_route(
            "/device-templates/{name}/preview",
            post_with(kept_device, |op| documented(op, "device-templates", "Preview a device template", &REFUSALS)),
        )
        .api_route(
            "/line-templates/preview",
            post_with(drafted_line, |op| {
                documented(op, "line-templates", "Preview an unsaved line template", &REFUSALS)
            }),
        )
        .api_route(
            "/line-templates/{name}/preview",
            post_with(kept_line, |op| documented(op, "line-templates", "Preview a line template", &REFUSALS)),
        )
}

/// What a phone made from this template would be called and told.
async fn drafted_device(
    State(door): State<AdminDoor>,
    headers: HeaderMap,
    Body(DeviceDraft { template, subject }): Body<DeviceDraft>,
) -> Result<Json<DevicePreview>, Problem> {
    device(&door, &headers, template, subject).await
}

/// What a phone made from a template that is kept would be called and told.
async fn kept_device(
    State(door): State<AdminDoor>,
    Named(name): Named,
    headers: HeaderMap,
    Body(subject): Body<Subject>,
) -> Result<Json<DevicePreview>, Problem> {
    let kept = door.directory.find::<DeviceTemplates>(&name).await?;
    let template = kept.ok_or_else(|| Problem::not_found("device template"))?.view.fields;
    device(&door, &headers, template, subject).await
}

async fn device(
    door: &AdminDoor,
    headers: &HeaderMap,
    template: DeviceTemplate,
    subject: Subject,
) -> Result<Json<DevicePreview>, Problem> {
    DeviceTemplates::check(&template)?;
    let preview = preview(door, headers, Some(template), None, subject).await?;
    let Preview { phone_name, number, label, display, file } = preview;
    let line = LinePreview { number, label, display };
    Ok(Json(DevicePreview { phone_name: phone_name.unwrap_or_default(), line, file }))
}

/// What a line made from this template would show.
async fn drafted_line(
    State(door): State<AdminDoor>,
    headers: HeaderMap,
    Body(LineDraft { template, subject }): Body<LineDraft>,
) -> Result<Json<LinePreview>, Problem> {
    line(&door, &headers, template, subject).await
}

/// What a line made from a template that is kept would show.
async fn kept_line(
    State(door): State<AdminDoor>,
    Named(name): Named,
    headers: HeaderMap,
    Body(subject): Body<Subject>,
) -> Result<Json<LinePreview>, Problem> {
    let kept = door.directory.find::<LineTemplates>(&name).await?;
    let template = kept.ok_or_else(|| Problem::not_found("line template"))?.view.fields;
    line(&door, &headers, template, subject).await
}

async fn line(
    door: &AdminDoor,
    headers: &HeaderMap,
    template: LineTemplate,
    subject: Subject,
) -> Result<Json<LinePreview>, Problem> {
    let Preview { number, label, display, .. } = preview(door, headers, None, Some(template), subject).await?;
    Ok(Json(LinePreview { number, label, display }))
}

/// A line without a template given is made from that of the user's profile.
async fn preview(
    door: &AdminDoor,
    headers: &HeaderMap,
    device: Option<DeviceTemplate>,
    line: Option<LineTemplate>,
    Subject { user, make, model, mac }: Subject,
) -> Result<Preview, Problem> {
    let (user, usual_line) = user_and_line(door, &user).await?;
    let vendor = match make {
        Some(make) => make.parse().ok().filter(|vendor: &Vendor| vendor.is_managed()).ok_or_else(|| {
            let (fault, remedy) = ("no such make takes configurations".to_owned(), "give audiocodes or yealink");
            DirectoryError::Refused { field: "make".to_owned(), code: "make", fault, remedy }
        })?,
        None => mac.and_then(vendor_of).unwrap_or(Vendor::Other(Brand::Unknown)),
    };
    let request =
        PreviewRequest { device, line: line.or(usual_line), user, vendor, model, mac, host: server(headers)? };
    door.enrolments.preview(&request).map_err(|error| match error {
        EnrolmentError::Provisioning(fault) => refused(fault.to_string()).into(),
        EnrolmentError::Template(fault) => refused(fault).into(),
        error => error.into(),
    })
}

fn refused(fault: String) -> DirectoryError {
    let remedy = "see the documentation of phone settings";
    DirectoryError::Refused { field: "settings".to_owned(), code: "phone-setting", fault, remedy }
}

async fn user_and_line(door: &AdminDoor, name: &str) -> Result<(User, Option<LineTemplate>), Problem> {
    let found = door.directory.find::<Users>(name).await?;
    let id = found.and_then(|kept| kept.id.parse::<UserId>().ok()).ok_or_else(|| DirectoryError::Refused {
        field: "user".to_owned(),
        code: "unknown-record",
        fault: format!("there is no user named \"{name}\""),
        remedy: "name one that exists",
    })?;
    let found = async {
        let mut reader = door.directory.db().reader().acquire().await?;
        let user = Directory::user_in(&mut reader, id).await?.ok_or(DirectoryError::NotFound { what: "user" })?;
        let line = match Directory::profile_in(&mut reader, id).await?.and_then(|profile| profile.line_template) {
            Some(name) => Directory::line_template_in(&mut reader, &name).await?,
            None => None,
        };
        Ok::<_, DirectoryError>((user, line))
    };
    Ok(found.await?)
}

/// The host this server was asked by; phones may know it by another.
fn server(headers: &HeaderMap) -> Result<Host, Problem> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let bare = host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
    bare.parse().map_err(|_| Problem::parameter("Host", "it is no host; ask this server by its name or address"))
}
