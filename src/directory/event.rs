//! What happens, as it is told to operators and programs: every type of event, and what it says.
//!
//! It must not know who listens. No event says a digit, a PIN, a password or a token.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit::Action;
use super::table::{Column, ColumnKind, Table};
use super::{DirectoryError, Listed};
use crate::vocab::{CallId, DirectoryNumber, EnrolmentId, PhoneId, UnixMillis, UserId};

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Names it: a whole number that grows by one with each event and is never given again, in decimal digits. It outlives
    /// restarts of the server; give it as `Last-Event-ID` or `after` to go on behind it.
    pub id: String,
    /// When.
    pub at: UnixMillis,
    /// How much it matters.
    pub severity: Severity,
    /// The identifier of what it is about: an enrolment, a phone, a line, a call, a record, a job. Empty for the server itself.
    pub subject: String,
    /// What happened.
    #[serde(flatten)]
    pub happening: Happening,
}

/// How much an event matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// As it should be.
    Info,
    /// Somebody should look at it when there is time.
    Warning,
    /// Somebody should look at it now.
    Alarm,
}

impl Severity {
    /// For the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Alarm => "alarm",
        }
    }
}

/// What happened, by type.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", content = "data")]
pub enum Happening {
    /// The server takes phones.
    #[serde(rename = "server.started")]
    ServerStarted {
        /// Its version.
        version: String,
    },
    /// The server takes no new calls and stops when the running ones have finished.
    #[serde(rename = "server.stopping")]
    ServerStopping {
        /// Calls that are up.
        calls: usize,
    },
    /// An enrolment began: a phone fetched its first file, or registered as one nobody knew.
    #[serde(rename = "enrolment.begun")]
    EnrolmentBegun {
        /// The enrolment.
        enrolment: EnrolmentId,
        /// Its phone.
        phone: PhoneId,
    },
    /// An enrolment went a step further, or was refused one.
    #[serde(rename = "enrolment.step")]
    EnrolmentStep {
        /// The enrolment.
        enrolment: EnrolmentId,
        /// Its phone.
        phone: PhoneId,
        /// The step, as the timeline names it: `fetched`, `registered`, `called`, …
        step: String,
        /// More of it: why it was refused, the file's SHA-256, …
        detail: String,
    },
    /// An enrolment ended. Anything but `complete` and `replaced` is a warning.
    #[serde(rename = "enrolment.ended")]
    EnrolmentEnded {
        /// The enrolment.
        enrolment: EnrolmentId,
        /// Its phone.
        phone: PhoneId,
        /// Whose phone it became.
        user: Option<UserId>,
        /// How: `complete`, `abandoned`, `did-not-fetch`, …
        ending: String,
        /// The language that was spoken.
        language: Option<String>,
    },
    /// A phone is registered on a number it was not registered on before.
    #[serde(rename = "phone.registered")]
    PhoneRegistered {
        /// The phone.
        phone: PhoneId,
        /// The number or name it registered as.
        aor: String,
    },
    /// A phone's last registration on a number has gone: it lapsed or was taken back.
    #[serde(rename = "phone.lost")]
    PhoneLost {
        /// The phone.
        phone: PhoneId,
        /// The number or name it was registered as.
        aor: String,
    },
    /// A phone is nobody's any more: released by an operator, replaced, or not seen for the time of its lease.
    #[serde(rename = "phone.released")]
    PhoneReleased {
        /// The phone.
        phone: PhoneId,
    },
    /// A line is registered that was not.
    #[serde(rename = "line.registered")]
    LineRegistered {
        /// The line, as the list of lines names it.
        line: String,
        /// Its phone.
        phone: PhoneId,
        /// Its number.
        number: String,
        /// The address it registered from.
        from: Option<String>,
        /// How that travelled.
        transport: Option<String>,
    },
    /// A line is no longer registered. A warning, unless its phone took the registration back.
    #[serde(rename = "line.lost")]
    LineLost {
        /// The line, as the list of lines names it.
        line: String,
        /// Its phone.
        phone: PhoneId,
        /// Its number.
        number: String,
        /// Why: `unregistered`, `expired`, `suspended`, …
        reason: String,
    },
    /// Something went wrong with a line: told once until its state changes, however often it happens. A warning.
    #[serde(rename = "line.failed")]
    LineFailed {
        /// The line, as the list of lines names it.
        line: String,
        /// Its phone.
        phone: PhoneId,
        /// Its number.
        number: String,
        /// What: `wrong-password`, `unknown-user`, `stale-nonce`, …
        reason: String,
        /// The address it came from.
        from: Option<String>,
        /// How that travelled.
        transport: Option<String>,
    },
    /// A line is registered and lost again and again. A warning.
    #[serde(rename = "line.flapping")]
    LineFlapping {
        /// The line, as the list of lines names it.
        line: String,
        /// Its phone.
        phone: PhoneId,
        /// Its number.
        number: String,
        /// How often its state changed …
        changes: u32,
        /// … within so many seconds.
        seconds: u32,
    },
    /// A line that was flapping has come to rest.
    #[serde(rename = "line.steady")]
    LineSteady {
        /// The line, as the list of lines names it.
        line: String,
        /// Its phone.
        phone: PhoneId,
        /// Its number.
        number: String,
    },
    /// A call came in and was let in.
    #[serde(rename = "call.begun")]
    CallBegun {
        /// The call.
        call: CallId,
        /// The phone it came from.
        phone: PhoneId,
        /// The number called.
        number: DirectoryNumber,
        /// The enrolment the phone is in.
        enrolment: Option<EnrolmentId>,
    },
    /// A call ended.
    #[serde(rename = "call.ended")]
    CallEnded {
        /// The call.
        call: CallId,
        /// The phone it came from.
        phone: PhoneId,
        /// The number called.
        number: DirectoryNumber,
        /// Why it ended, as the list of calls names it.
        ending: String,
        /// How long it lasted, in seconds.
        seconds: f64,
    },
    /// The self-provisioning service takes calls from now on.
    #[serde(rename = "service.activated")]
    ServiceActivated(ServiceGeneration),
    /// It takes none any more.
    #[serde(rename = "service.deactivated")]
    ServiceDeactivated(ServiceGeneration),
    /// It took up its settings.
    #[serde(rename = "service.restarted")]
    ServiceRestarted(ServiceGeneration),
    /// It could not take up its settings and goes on as it was. A warning.
    #[serde(rename = "service.restart-failed")]
    ServiceRestartFailed {
        /// Why.
        fault: String,
        /// Who asked for it.
        actor: String,
    },
    /// Its settings were saved; they are in force after the next restart.
    #[serde(rename = "service.settings-changed")]
    ServiceSettingsChanged {
        /// The settings that changed.
        fields: Vec<String>,
        /// Who changed them.
        actor: String,
    },
    /// A record an administrator keeps was added, changed or deleted, or something was done with it. The audit says what was
    /// in it before and after.
    #[serde(rename = "directory.changed")]
    DirectoryChanged {
        /// The kind of record, as the audit names it.
        kind: String,
        /// Its identifier.
        record: String,
        /// Its name.
        name: String,
        /// Its version now; before, if it is deleted. Nothing where there is no record.
        version: Option<i64>,
        /// What was done.
        action: Action,
        /// The fields that changed, by name.
        fields: Vec<String>,
        /// Who did it.
        actor: String,
    },
    /// Wrong credentials locked somebody out. A warning; over all, an alarm.
    #[serde(rename = "lockout.begun")]
    LockoutBegun {
        /// Who is locked out: the `user`, the `phone` or `all`.
        scope: String,
        /// The phone the last wrong attempt came from.
        phone: PhoneId,
        /// The user ID of who is locked out; nothing where the ID that was keyed in is nobody's, and in other scopes.
        #[serde(default)]
        user: Option<String>,
        /// Until when; not told by versions of this program before this field.
        #[serde(default)]
        until: Option<UnixMillis>,
    },
    /// A lockout is over.
    #[serde(rename = "lockout.ended")]
    LockoutEnded {
        /// Which one, as the lists of lockouts and shut-outs name it.
        lockout: String,
        /// Who was locked out: the `user`, the `phone` or `all`.
        scope: String,
        /// How: `elapsed`, or `lifted` by an administrator.
        ending: String,
    },
    /// Somebody is kept out for a time. A warning.
    #[serde(rename = "shut-out.begun")]
    ShutOutBegun {
        /// Names it, as the list of shut-outs does.
        shut_out: String,
        /// Why: `wrong-passwords`, `wrong-logins`, `flood` or `too-many-connections`.
        reason: String,
        /// What it holds for: `name-and-address`, `name`, `address` or `peer`.
        scope: String,
        /// The address; for IPv6 the first of its network, unless it holds for one port.
        address: Option<String>,
        /// The port, where it holds for one.
        port: Option<u16>,
        /// The SIP name or the login that was tried.
        name: Option<String>,
        /// Until when, if no more comes.
        until: UnixMillis,
    },
    /// Somebody is kept out no longer.
    #[serde(rename = "shut-out.ended")]
    ShutOutEnded {
        /// Named it.
        shut_out: String,
        /// Why it was.
        reason: String,
        /// What it held for.
        scope: String,
        /// The address.
        address: Option<String>,
        /// The port.
        port: Option<u16>,
        /// The SIP name or the login.
        name: Option<String>,
        /// How: `elapsed`, or `lifted` by an administrator.
        ending: String,
    },
    /// Few temporary numbers are left. An alarm.
    #[serde(rename = "pool.low")]
    PoolLow(PoolFill),
    /// Enough temporary numbers are left again.
    #[serde(rename = "pool.enough")]
    PoolEnough(PoolFill),
    /// Phones at one address have all the temporary numbers one address may have. An alarm, once an hour.
    #[serde(rename = "pool.address-full")]
    PoolAddressFull {
        /// The address.
        source: String,
        /// How many it may have.
        most: u32,
    },
    /// A job was taken, began, went on, or ended. One that failed or was interrupted is a warning.
    #[serde(rename = "job.progress")]
    JobProgress {
        /// The job.
        job: String,
        /// What it does, for example `import`.
        kind: String,
        /// Where it stands, as the list of jobs names it.
        state: String,
        /// How much is done.
        done: u64,
        /// Of how much; nothing while that is not known.
        total: Option<u64>,
        /// How many faults were found.
        faults: u64,
    },
    /// More happened at once than could be written down: this many events of phones and calls are missing here. A warning.
    #[serde(rename = "events.lost")]
    EventsLost {
        /// How many.
        count: u64,
    },
    /// An event of a version of this program that told less of it.
    #[serde(rename = "note")]
    Note {
        /// What it was called.
        kind: String,
        /// What it said.
        text: String,
    },
}

/// One generation of the self-provisioning service.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ServiceGeneration {
    /// Which one: grows with every restart.
    pub generation: u64,
    /// How running conversations were met: `drain` or `now`.
    pub mode: String,
    /// Who asked for it.
    pub actor: String,
}

/// How many temporary numbers are left.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PoolFill {
    /// So many.
    pub free: u64,
    /// Of so many.
    pub total: u64,
}

impl Happening {
    /// Every type there is.
    pub const TYPES: [&str; 30] = [
        "server.started",
        "server.stopping",
        "enrolment.begun",
        "enrolment.step",
        "enrolment.ended",
        "phone.registered",
        "phone.lost",
        "phone.released",
        "line.registered",
        "line.lost",
        "line.failed",
        "line.flapping",
        "line.steady",
        "call.begun",
        "call.ended",
        "service.activated",
        "service.deactivated",
        "service.restarted",
        "service.restart-failed",
        "service.settings-changed",
        "directory.changed",
        "lockout.begun",
        "lockout.ended",
        "shut-out.begun",
        "shut-out.ended",
        "pool.low",
        "pool.enough",
        "pool.address-full",
        "job.progress",
        "events.lost",
    ];

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Self::PoolLow(_) | Self::PoolAddressFull { .. } => Severity::Alarm,
            Self::LockoutBegun { scope, .. } if scope == "all" => Severity::Alarm,
            Self::LockoutBegun { .. } | Self::ServiceRestartFailed { .. } | Self::EventsLost { .. } => {
                Severity::Warning
            }
            Self::LineFailed { .. } | Self::LineFlapping { .. } | Self::ShutOutBegun { .. } => Severity::Warning,
            Self::LineLost { reason, .. } if reason != "unregistered" => Severity::Warning,
            Self::EnrolmentEnded { ending, .. } if ending != "complete" && ending != "replaced" => Severity::Warning,
            Self::JobProgress { state, .. } if state == "failed" || state == "interrupted" => Severity::Warning,
            _ => Severity::Info,
        }
    }

    /// The identifier of what it is about.
    pub fn subject(&self) -> String {
        match self {
            Self::EnrolmentBegun { enrolment, .. }
            | Self::EnrolmentStep { enrolment, .. }
            | Self::EnrolmentEnded { enrolment, .. } => enrolment.to_string(),
            Self::PhoneRegistered { phone, .. }
            | Self::PhoneLost { phone, .. }
            | Self::PhoneReleased { phone }
            | Self::LockoutBegun { phone, .. } => phone.to_string(),
            Self::LineRegistered { line, .. }
            | Self::LineLost { line, .. }
            | Self::LineFailed { line, .. }
            | Self::LineFlapping { line, .. }
            | Self::LineSteady { line, .. } => line.clone(),
            Self::CallBegun { call, .. } | Self::CallEnded { call, .. } => call.to_string(),
            Self::DirectoryChanged { record, .. } => record.clone(),
            Self::JobProgress { job, .. } => job.clone(),
            Self::LockoutEnded { lockout, .. } => lockout.clone(),
            Self::ShutOutBegun { shut_out, .. } | Self::ShutOutEnded { shut_out, .. } => shut_out.clone(),
            _ => String::new(),
        }
    }

    /// Its type and its data, as they are stored.
    pub(super) fn stored(&self) -> Result<(String, String), DirectoryError> {
        let unreadable = |fault: String| DirectoryError::Unreadable { what: "event", fault };
        let mut value = serde_json::to_value(self).map_err(|fault| unreadable(fault.to_string()))?;
        let data = value.get_mut("data").map(Value::take).unwrap_or_default();
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok((kind, data.to_string()))
    }

    /// What was stored.
    pub(super) fn read(kind: &str, data: &str) -> Result<Self, DirectoryError> {
        let unreadable =
            |fault: serde_json::Error| DirectoryError::Unreadable { what: "event", fault: fault.to_string() };
        let data: Value = serde_json::from_str(data).map_err(unreadable)?;
        serde_json::from_value(serde_json::json!({ "type": kind, "data": data })).map_err(unreadable)
    }
}

/// Events as lists know them.
#[derive(Debug)]
pub struct EventRows;

impl Listed for EventRows {
    const TABLE: &'static Table = &EVENTS;
    type View = Event;
}

static EVENTS: Table = Table {
    name: "events",
    what: "event",
    key: "id",
    sort: "-sequence",
    columns: &[
        Column::read_only("sequence", ColumnKind::Integer),
        Column::read_only("at", ColumnKind::Instant),
        Column::read_only("severity", ColumnKind::Text),
        Column::read_only("type", ColumnKind::Text),
        Column::read_only("subject", ColumnKind::Text),
        Column::read_only("data", ColumnKind::Json),
    ],
    usages: &[],
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The types in the schema of [`Happening`], which is made from the code.
    fn types(schema: &Value, found: &mut BTreeSet<String>) {
        if let Some(kind) = schema.pointer("/properties/type/const").and_then(Value::as_str) {
            found.insert(kind.to_owned());
        }
        for inner in schema["oneOf"].as_array().into_iter().flatten() {
            types(inner, found);
        }
    }

    #[test]
    fn the_list_of_types_is_every_type_there_is() {
        let schema = schemars::schema_for!(Happening);
        let mut found = BTreeSet::new();
        types(schema.as_value(), &mut found);
        let mut listed: BTreeSet<String> = Happening::TYPES.map(str::to_owned).into();
        listed.insert("note".to_owned());
        assert_eq!(found, listed);
    }

    #[test]
    fn what_was_stored_is_read_again() {
        let phone = PhoneId::new(UnixMillis::new(1), [7; 10]);
        for happening in [
            Happening::PhoneLost { phone, aor: "1001".to_owned() },
            Happening::PoolLow(PoolFill { free: 1, total: 100 }),
            Happening::EventsLost { count: 3 },
        ] {
            let (kind, data) = happening.stored().unwrap();
            assert_eq!(Happening::read(&kind, &data).unwrap(), happening);
        }
    }
}
