//! The directory's SQL.

use std::collections::HashMap;
use std::str::FromStr;

use sqlx::Row;

use super::{
    Bearer, CredentialHash, DeskTransport, DeviceTemplate, DeviceType, DirectoryError, Line, LineTemplate, Phone,
    TokenHash, User, UserProfile,
};
use crate::db::{Db, DbConnection, DbPool, DbRow, flag};
use crate::sip::Transport;
use crate::vocab::{PhoneId, UnixMillis, UserId};

/// True if the database's secrets are sealed with the key that makes this mark. A new database is from now on.
pub(super) async fn is_sealed_with(db: &Db, mark: &str) -> Result<bool, DirectoryError> {
    let mut transaction = db.write().await?;
    sqlx::query("INSERT INTO installation (name, value) VALUES ('key', $1) ON CONFLICT (name) DO NOTHING")
        .bind(mark)
        .execute(&mut *transaction)
        .await?;
    let kept: String =
        sqlx::query_scalar("SELECT value FROM installation WHERE name = 'key'").fetch_one(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(kept == mark)
}

/// Reads a stored word back.
pub(super) fn word<T: FromStr>(what: &'static str, text: &str) -> Result<T, DirectoryError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|fault: T::Err| DirectoryError::Unreadable { what, fault: fault.to_string() })
}

fn optional<T: FromStr>(what: &'static str, text: Option<&str>) -> Result<Option<T>, DirectoryError>
where
    T::Err: std::fmt::Display,
{
    text.map(|text| word(what, text)).transpose()
}

fn desk_transport(row: &DbRow) -> Result<DeskTransport, DirectoryError> {
    let unreadable =
        |transport: Transport| DirectoryError::Unreadable { what: "transport", fault: transport.to_string() };
    DeskTransport::try_from(transport(row)?).map_err(unreadable)
}

fn transport(row: &DbRow) -> Result<Transport, DirectoryError> {
    let text: String = row.try_get("transport")?;
    Transport::from_param(&text).ok_or(DirectoryError::Unreadable { what: "transport", fault: text })
}

fn device_type(text: &str) -> Result<DeviceType, DirectoryError> {
    serde_json::from_value(text.into())
        .map_err(|fault| DirectoryError::Unreadable { what: "device type", fault: fault.to_string() })
}

const PHONE: &str = "SELECT phones.*, leases.number AS temporary_number, users.user_id AS user_name FROM phones \
    LEFT JOIN users ON users.id = phones.user \
    LEFT JOIN leases ON leases.phone = phones.id AND leases.cooling_until IS NULL";

fn phone(row: &DbRow, lines: Vec<Line>) -> Result<Phone, DirectoryError> {
    Ok(Phone {
        id: word("phone", row.try_get("id")?)?,
        state: row.try_get::<String, _>("state")?.parse()?,
        mac: optional("MAC address", row.try_get("mac")?)?,
        vendor: row.try_get("vendor")?,
        model: row.try_get("model")?,
        name: row.try_get("name")?,
        user: optional("user", row.try_get("user")?)?,
        user_id: row.try_get("user_name")?,
        auth_name: row.try_get("auth_name")?,
        is_managed: row.try_get::<Option<String>, _>("sealed_secret")?.is_some(),
        transport: transport(row)?,
        temporary_number: optional("temporary number", row.try_get("temporary_number")?)?,
        lines,
        device_template: row.try_get("device_template")?,
        source: word("address", row.try_get("source")?)?,
        created_at: UnixMillis::new(row.try_get("created_at")?),
        seen_at: UnixMillis::new(row.try_get("seen_at")?),
    })
}

async fn lines(db: &mut DbConnection, phone: PhoneId) -> Result<Vec<Line>, DirectoryError> {
    let rows = sqlx::query("SELECT number, label, display FROM lines WHERE phone = $1 ORDER BY position")
        .bind(phone.to_string())
        .fetch_all(db)
        .await?;
    rows.iter().map(line).collect()
}

fn line(row: &DbRow) -> Result<Line, DirectoryError> {
    Ok(Line {
        number: word("line number", row.try_get("number")?)?,
        label: row.try_get("label")?,
        display: row.try_get("display")?,
    })
}

/// One phone with its lines.
pub async fn load_phone(db: &mut DbConnection, id: PhoneId) -> Result<Option<Phone>, DirectoryError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{PHONE} WHERE phones.id = $1")))
        .bind(id.to_string())
        .fetch_optional(&mut *db)
        .await?;
    match row {
        Some(row) => Ok(Some(phone(&row, lines(&mut *db, id).await?)?)),
        None => Ok(None),
    }
}

/// These phones, in this order.
pub(super) async fn phones(db: &DbPool, ids: &[PhoneId]) -> Result<Vec<Phone>, DirectoryError> {
    let wanted = serde_json::json!(ids).to_string();
    let mut lines: HashMap<String, Vec<Line>> = HashMap::new();
    let rows = sqlx::query(
        "SELECT phone, number, label, display FROM lines WHERE phone IN (SELECT value FROM json_each($1)) ORDER BY position",
    )
    .bind(&wanted)
    .fetch_all(db)
    .await?;
    for row in &rows {
        lines.entry(row.try_get("phone")?).or_default().push(line(row)?);
    }
    let statement = format!("{PHONE} JOIN json_each($1) AS wanted ON wanted.value = phones.id ORDER BY wanted.key");
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(&wanted).fetch_all(db).await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            phone(row, lines.remove(&id).unwrap_or_default())
        })
        .collect()
}

/// Puts a number on a key of a phone.
pub async fn insert_line(
    db: &mut DbConnection,
    phone: PhoneId,
    position: u8,
    line: &Line,
) -> Result<(), DirectoryError> {
    let insert = "INSERT INTO lines (phone, position, number, label, display, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $6)";
    sqlx::query(insert)
        .bind(phone.to_string())
        .bind(i64::from(position))
        .bind(line.number.as_str())
        .bind(&line.label)
        .bind(&line.display)
        .bind(UnixMillis::now().get())
        .execute(db)
        .await?;
    Ok(())
}

/// The sealed secret a phone will be given next becomes its own; the one before stays good until it has fetched the new one.
pub async fn next_phone_secret(db: &mut DbConnection, phone: PhoneId, sealed: &str) -> Result<(), DirectoryError> {
    sqlx::query("UPDATE phones SET sealed_old_secret = sealed_secret, sealed_secret = $2 WHERE id = $1")
        .bind(phone.to_string())
        .bind(sealed)
        .execute(db)
        .await?;
    Ok(())
}

const USER: &str = "SELECT users.*, user_profiles.name AS profile_name FROM users \
    LEFT JOIN user_profiles ON user_profiles.id = users.profile";

fn user(row: &DbRow) -> Result<User, DirectoryError> {
    Ok(User {
        id: word("user", row.try_get("id")?)?,
        user_id: row.try_get("user_id")?,
        self_service_id: word("self-service ID", row.try_get("self_service_id")?)?,
        name: row.try_get("name")?,
        locale: optional("language", row.try_get("locale")?)?,
        primary_extension: optional("primary extension", row.try_get("primary_extension")?)?,
        profile: row.try_get("profile_name")?,
        is_active: row.try_get::<String, _>("status")? == "active",
    })
}

/// A PIN as it stands in its columns.
pub(super) struct StoredPin {
    pub hash: Option<String>,
    pub sealed: Option<String>,
    pub set_at: UnixMillis,
    pub must_change: bool,
}

/// One user and their PIN, found by one of the columns that name a user.
pub(super) async fn user_by(
    db: &mut DbConnection,
    column: UserColumn,
    value: &str,
) -> Result<Option<(User, StoredPin)>, DirectoryError> {
    // At the phone, somebody who may do nothing is somebody nobody knows.
    let condition = if matches!(column, UserColumn::SelfServiceId) { "AND status = 'active'" } else { "" };
    let statement = format!("{USER} WHERE users.{} = $1 {condition}", column.name());
    let row = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(value).fetch_optional(db).await?;
    row.map(|row| {
        let pin = StoredPin {
            hash: row.try_get("pin_hash")?,
            sealed: row.try_get("sealed_pin")?,
            set_at: UnixMillis::new(row.try_get::<Option<i64>, _>("pin_set_at")?.unwrap_or_default()),
            must_change: flag(&row, "pin_must_change")?,
        };
        Ok((user(&row)?, pin))
    })
    .transpose()
}

/// Sets a user's PIN, which need not be changed then.
pub async fn set_pin(
    db: &mut DbConnection,
    user: UserId,
    hash: &CredentialHash,
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    sqlx::query(
        "UPDATE users SET pin_hash = $2, sealed_pin = NULL, pin_set_at = $3, pin_must_change = 0, version = version + 1, updated_at = $3 \
         WHERE id = $1",
    )
    .bind(user.to_string())
    .bind(hash.as_stored())
    .bind(now.get())
    .execute(db)
    .await?;
    Ok(())
}

/// The columns that name a user.
#[derive(Clone, Copy)]
pub(super) enum UserColumn {
    Id,
    SelfServiceId,
}

impl UserColumn {
    fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::SelfServiceId => "self_service_id",
        }
    }
}

const PROFILE: &str = "SELECT user_profiles.*, device_templates.name AS desk_name, line_templates.name AS line_name \
    FROM user_profiles LEFT JOIN device_templates ON device_templates.id = desk_template \
    LEFT JOIN line_templates ON line_templates.id = line_template";

fn profile(row: &DbRow) -> Result<UserProfile, DirectoryError> {
    Ok(UserProfile {
        name: row.try_get("name")?,
        desk_template: row.try_get("desk_name")?,
        line_template: row.try_get("line_name")?,
        allow_provisioning: flag(row, "allow_provisioning")?,
        device_limit: u8::try_from(row.try_get::<i64, _>("device_limit")?).unwrap_or(0),
    })
}

/// The profile that applies to a user: their own, or the system's default.
pub(super) async fn profile_of(db: &mut DbConnection, user: UserId) -> Result<Option<UserProfile>, DirectoryError> {
    let statement = format!(
        "{PROFILE} WHERE user_profiles.id = (SELECT profile FROM users WHERE id = $1) OR is_default = 1 \
         ORDER BY user_profiles.id = (SELECT profile FROM users WHERE id = $1) DESC LIMIT 1"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(user.to_string()).fetch_optional(db).await?;
    row.as_ref().map(profile).transpose()
}

/// A device template and its record, by name or by record.
pub(super) async fn device_template(
    db: &mut DbConnection,
    name_or_id: &str,
) -> Result<Option<(String, DeviceTemplate)>, DirectoryError> {
    let row = sqlx::query("SELECT * FROM device_templates WHERE name = $1 OR id = $1")
        .bind(name_or_id)
        .fetch_optional(db)
        .await?;
    row.map(|row| {
        let settings: String = row.try_get("settings")?;
        let settings = serde_json::from_str(&settings)
            .map_err(|fault| DirectoryError::Unreadable { what: "device template", fault: fault.to_string() })?;
        let template = DeviceTemplate {
            name: word("template name", row.try_get("name")?)?,
            description: row.try_get("description")?,
            phone_name: row.try_get("phone_name")?,
            device_type: device_type(&row.try_get::<String, _>("device_type")?)?,
            transport: desk_transport(&row)?,
            settings,
        };
        Ok((row.try_get("id")?, template))
    })
    .transpose()
}

/// A line template, by name.
pub(super) async fn line_template(db: &mut DbConnection, name: &str) -> Result<Option<LineTemplate>, DirectoryError> {
    let row = sqlx::query("SELECT * FROM line_templates WHERE name = $1").bind(name).fetch_optional(db).await?;
    row.map(|row| {
        Ok(LineTemplate {
            name: word("template name", row.try_get("name")?)?,
            description: row.try_get("description")?,
            label: row.try_get("label")?,
            display: row.try_get("display")?,
        })
    })
    .transpose()
}

/// How many phones a user has.
pub(super) async fn phones_of(db: &mut DbConnection, user: UserId) -> Result<i64, DirectoryError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM phones WHERE \"user\" = $1 AND state = 'enrolled'")
        .bind(user.to_string())
        .fetch_one(db)
        .await?)
}

/// Who bears a token; `None` if it is none, or no longer.
pub(super) async fn bearer(db: &DbPool, hash: &TokenHash, now: UnixMillis) -> Result<Option<Bearer>, DirectoryError> {
    let row =
        sqlx::query("SELECT id, name, role FROM tokens WHERE hash = $1 AND (expires_at IS NULL OR expires_at > $2)")
            .bind(hash.as_str())
            .bind(now.get())
            .fetch_optional(db)
            .await?;
    let Some(row) = row else { return Ok(None) };
    let role = row.try_get::<String, _>("role")?.parse().ok();
    let (token, name) = (row.try_get("id")?, row.try_get("name")?);
    Ok(role.map(|role| Bearer { token, name, role }))
}

/// True if the token with this identifier exists and has not expired.
pub(super) async fn is_bearer(db: &DbPool, token: &str, now: UnixMillis) -> Result<bool, DirectoryError> {
    let found: i64 =
        sqlx::query_scalar("SELECT count(*) FROM tokens WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)")
            .bind(token)
            .bind(now.get())
            .fetch_one(db)
            .await?;
    Ok(found > 0)
}

/// How many tokens there are.
pub(super) async fn tokens(db: &DbPool) -> Result<i64, DirectoryError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM tokens").fetch_one(db).await?)
}
