//! The SQL of lines' status: how each stands, its history, and the names nobody has.

use std::collections::{HashMap, VecDeque};

use sqlx::Row;

use super::board::{Line, PhoneLines};
use super::journal::{Entry, Told};
use super::strangers::Stranger;
use super::{Asked, Cause, Failure, LastRegister, LineNews, LineState, LineStatusSettings, Reason, Sighting, Standing};
use crate::db::{Db, DbConnection, DbPool, DbRow, Statement, by_rows};
use crate::directory::{self, DirectoryError, Happening};
use crate::registrar::RegistrarError;
use crate::sip::Transport;
use crate::vocab::{PhoneId, RecordId, UnixMillis};

/// Registrations looked at, and entries of history forgotten, at once.
pub(super) const BATCH: usize = 500;

/// What names a line in the API.
fn line_id(phone: PhoneId, position: u8) -> String {
    format!("{phone}-{position}")
}

/// The lines of these phones and how they stood when it was written last.
pub(super) async fn load(db: &DbPool, phones: &[PhoneId]) -> Result<HashMap<PhoneId, PhoneLines>, RegistrarError> {
    if phones.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(
        "SELECT lines.phone AS line_phone, lines.position AS line_position, lines.number, lines.created_at AS made_at, \
         phones.auth_name, CASE WHEN phones.sealed_secret IS NULL THEN 1 ELSE 0 END AS goes_by_name, line_status.* \
         FROM lines JOIN phones ON phones.id = lines.phone \
         LEFT JOIN line_status ON line_status.phone = lines.phone AND line_status.position = lines.position \
         WHERE lines.phone IN (SELECT value FROM json_each($1)) ORDER BY lines.phone, lines.position",
    )
    .bind(serde_json::json!(phones).to_string())
    .fetch_all(db)
    .await?;
    let mut found: HashMap<PhoneId, PhoneLines> = HashMap::new();
    for row in &rows {
        let phone: String = row.try_get("line_phone")?;
        let phone = phone.parse().map_err(|_| DirectoryError::Unreadable { what: "phone", fault: phone })?;
        let goes_by_name: i64 = row.try_get("goes_by_name")?;
        let own_name = if goes_by_name == 1 { Some(row.try_get("auth_name")?) } else { None };
        let position = u8::try_from(row.try_get::<i64, _>("line_position")?).unwrap_or(0);
        let made_at = UnixMillis::new(row.try_get("made_at")?);
        let standing = standing(row)?;
        let is_new = standing.is_none();
        let line =
            Line { is_new, ..Line::stored(position, row.try_get("number")?, made_at, standing.unwrap_or_default()) };
        let held = found.entry(phone).or_insert_with(|| PhoneLines { own_name, lines: Vec::new() });
        held.lines.push(line);
    }
    Ok(found)
}

/// None of a line of which nothing was written yet.
fn standing(row: &DbRow) -> Result<Option<Standing>, RegistrarError> {
    let Some(state) = row.try_get::<Option<String>, _>("state")? else { return Ok(None) };
    let instant = |column: &str| -> Result<Option<UnixMillis>, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(UnixMillis::new))
    };
    let since = instant("since")?;
    let until = instant("registered_until")?;
    let cause: String = row.try_get("cause")?;
    let state = match (state.as_str(), since, until) {
        ("registered", Some(since), Some(until)) => LineState::Registered { since, until },
        _ => LineState::NotRegistered {
            since,
            cause: match (cause.as_str(), Reason::of(&cause)) {
                (_, Some(reason)) => Cause::Lost(reason),
                ("unregistered", _) => Cause::Unregistered,
                _ => Cause::Never,
            },
        },
    };
    let last_register = match (instant("register_at")?, sighting(row, "register")?) {
        (Some(at), Some(seen)) => {
            let is_proven = row.try_get::<Option<i64>, _>("register_is_proven")? == Some(1);
            Some(LastRegister { at, seen, is_proven })
        }
        _ => None,
    };
    let error = row.try_get::<Option<String>, _>("error")?.as_deref().and_then(Reason::of);
    let failure = match (error, instant("error_first_at")?, instant("error_at")?) {
        (Some(reason), Some(first_at), Some(at)) => {
            let count = u32::try_from(row.try_get::<i64, _>("error_count")?).unwrap_or(u32::MAX);
            Some(Failure { reason, first_at, at, count, seen: sighting(row, "error")? })
        }
        _ => None,
    };
    let changes: String = row.try_get("changes")?;
    let changes: VecDeque<UnixMillis> =
        changes.split(',').filter_map(|at| at.parse().ok()).map(UnixMillis::new).collect();
    let is_flapping = row.try_get::<i64, _>("is_flapping")? == 1;
    Ok(Some(Standing { state, last_register, failure, changes, is_flapping, ..Standing::default() }))
}

fn sighting(row: &DbRow, what: &str) -> Result<Option<Sighting>, sqlx::Error> {
    let text = |column: &str| row.try_get::<Option<String>, _>(format!("{what}_{column}").as_str());
    let (source, transport) = (text("source")?, text("transport")?);
    let method = if what == "error" { text("method")? } else { None };
    let source = source.and_then(|source| source.parse().ok());
    let transport = transport.as_deref().and_then(Transport::from_param);
    let user_agent = text("user_agent")?.unwrap_or_default().into();
    let method = method.as_deref().and_then(Asked::of).unwrap_or(Asked::Register);
    Ok(source.zip(transport).map(|(source, transport)| Sighting { source, transport, user_agent, method }))
}

/// Writes what is new of these phones and of names nobody has, and tells it as events: all or nothing. Gives the phones
/// whose lines are there no more, or were made anew.
pub(super) async fn save(
    db: &Db,
    settings: &LineStatusSettings,
    phones: &[(PhoneId, &PhoneLines)],
    strangers: &HashMap<String, Stranger>,
    now: UnixMillis,
) -> Result<Vec<PhoneId>, RegistrarError> {
    let lines = phones.iter().flat_map(|held| {
        let (phone, lines) = (held.0, held.1.lines.iter().filter(|line| line.is_unsaved));
        lines.map(move |line| (phone, line))
    });
    let lines: Vec<(PhoneId, &Line)> = lines.collect();
    let mut transaction = db.write().await?;
    let gone = save_lines(&mut transaction, &lines, now).await?;
    let kept = || lines.iter().filter(|(phone, _)| !gone.contains(phone));
    save_history(&mut transaction, settings, kept()).await?;
    let told = kept().flat_map(|(phone, line)| {
        let told = line.news.iter().map(|news| Some((news.at, happening(settings, *phone, line, news)?)));
        told.flatten()
    });
    directory::tell_all(&mut transaction, &told.collect::<Vec<_>>()).await?;
    for (name, stranger) in strangers {
        save_stranger(&mut transaction, name, stranger).await?;
    }
    if !strangers.is_empty() {
        sqlx::query(
            "DELETE FROM line_strangers WHERE id IN \
             (SELECT id FROM line_strangers ORDER BY last_at DESC, id LIMIT 100000 OFFSET $1)",
        )
        .bind(i64::from(settings.strangers.get()))
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(gone)
}

/// Lines written by one statement.
const ROWS: usize = 32;

/// Gives the phones whose lines are there no more.
async fn save_lines(
    db: &mut DbConnection,
    lines: &[(PhoneId, &Line)],
    now: UnixMillis,
) -> Result<Vec<PhoneId>, RegistrarError> {
    let mut gone = Vec::new();
    for some in by_rows(lines, ROWS) {
        if put_lines(db, some, now).await? == some.len() as u64 {
            continue;
        }
        for (phone, line) in some {
            let is_there = "SELECT 1 FROM lines WHERE phone = $1 AND position = $2 AND created_at = $3";
            let query = sqlx::query(is_there).bind(phone.to_string()).bind(i64::from(line.position));
            if query.bind(line.made_at.get()).fetch_optional(&mut *db).await?.is_none() {
                gone.push(*phone);
            }
        }
    }
    Ok(gone)
}

/// Gives how many of the lines were there.
async fn put_lines(db: &mut DbConnection, lines: &[(PhoneId, &Line)], now: UnixMillis) -> Result<u64, RegistrarError> {
    const COLUMNS: &str = "state, code, cause, since, registered_until, register_at, register_source, \
        register_transport, register_user_agent, register_is_proven, error, error_at, error_first_at, error_count, \
        error_source, error_transport, error_user_agent, error_method, is_flapping, changes, updated_at";
    let mut query = Statement::of_rows(db, format!("WITH written (phone, position, made_at, {COLUMNS}) AS ("));
    query.push_values(lines, |mut row, (phone, line)| {
        let standing = &line.standing;
        let (state, since, until, cause) = match standing.state {
            LineState::Registered { since, until } => ("registered", Some(since), Some(until), ""),
            LineState::NotRegistered { since, cause } => {
                let cause = match cause {
                    Cause::Never => "",
                    Cause::Unregistered => "unregistered",
                    Cause::Lost(reason) => reason.code(),
                };
                ("not-registered", since, None, cause)
            }
        };
        let last = standing.last_register.as_ref();
        let failure = standing.failure.as_ref();
        let error_seen = failure.and_then(|failure| failure.seen.as_ref());
        let changes: Vec<String> = standing.changes.iter().map(|at| at.get().to_string()).collect();
        let source = |seen: &Sighting| seen.source.to_string();
        row.push_bind(phone.to_string())
            .push_bind(i64::from(line.position))
            .push_bind(line.made_at.get())
            .push_bind(state)
            .push_bind(standing.code())
            .push_bind(cause)
            .push_bind(since.map(UnixMillis::get))
            .push_bind(until.map(UnixMillis::get))
            .push_bind(last.map(|last| last.at.get()))
            .push_bind(last.map(|last| source(&last.seen)))
            .push_bind(last.map(|last| last.seen.transport.as_param()))
            .push_bind(last.map(|last| last.seen.user_agent.to_string()))
            .push_bind(last.map(|last| i64::from(last.is_proven)))
            .push_bind(failure.map(|failure| failure.reason.code()))
            .push_bind(failure.map(|failure| failure.at.get()))
            .push_bind(failure.map(|failure| failure.first_at.get()))
            .push_bind(failure.map_or(0, |failure| i64::from(failure.count)))
            .push_bind(error_seen.map(source))
            .push_bind(error_seen.map(|seen| seen.transport.as_param()))
            .push_bind(error_seen.map(|seen| seen.user_agent.to_string()))
            .push_bind(error_seen.map(|seen| seen.method.as_str()))
            .push_bind(i64::from(standing.is_flapping))
            .push_bind(changes.join(","))
            .push_bind(now.get());
    });
    let excluded: Vec<String> = COLUMNS.split(", ").map(|column| format!("{column} = excluded.{column}")).collect();
    let named: Vec<String> = COLUMNS.split(", ").map(|column| format!("written.{column}")).collect();
    query.push(format_args!(
        ") INSERT INTO line_status (phone, position, {COLUMNS}) \
         SELECT written.phone, written.position, {} FROM written JOIN lines ON lines.phone = written.phone \
         AND lines.position = written.position AND lines.created_at = written.made_at WHERE true \
         ON CONFLICT (phone, position) DO UPDATE SET {}",
        named.join(", "),
        excluded.join(", ")
    ));
    Ok(query.build().execute(db).await?.rows_affected())
}

async fn save_history<'a>(
    db: &mut DbConnection,
    settings: &LineStatusSettings,
    lines: impl Iterator<Item = &'a (PhoneId, &'a Line)>,
) -> Result<(), RegistrarError> {
    let (mut entries, mut grown) = (Vec::new(), Vec::new());
    for (phone, line) in lines {
        let before = entries.len();
        entries.extend(line.journal.unsaved().map(|entry| (*phone, line.position, entry)));
        if entries.len() > before && !line.is_new {
            grown.push(phone);
        }
    }
    for some in by_rows(&entries, ROWS) {
        put_entries(db, some).await?;
    }
    if !grown.is_empty() {
        // Identifiers are in the order of time.
        sqlx::query(
            "DELETE FROM line_history WHERE id IN (SELECT id FROM (SELECT id, \
             row_number() OVER (PARTITION BY phone, position ORDER BY id DESC) AS place FROM line_history \
             WHERE phone IN (SELECT value FROM json_each($1))) AS placed WHERE place > $2)",
        )
        .bind(serde_json::json!(grown).to_string())
        .bind(i64::from(settings.history_entries.get()))
        .execute(db)
        .await?;
    }
    Ok(())
}

async fn put_entries(db: &mut DbConnection, entries: &[(PhoneId, u8, &Entry)]) -> Result<(), RegistrarError> {
    let mut query = Statement::of_rows(
        db,
        "INSERT INTO line_history (id, phone, position, kind, code, first_at, last_at, count, source, transport, user_agent, \
         method) ",
    );
    query.push_values(entries, |mut row, (phone, position, entry)| {
        let seen = entry.seen.as_ref();
        row.push_bind(entry.id.to_string())
            .push_bind(phone.to_string())
            .push_bind(i64::from(*position))
            .push_bind(entry.told.kind())
            .push_bind(entry.told.code())
            .push_bind(entry.first_at.get())
            .push_bind(entry.at.get())
            .push_bind(i64::from(entry.count))
            .push_bind(seen.map(|seen| seen.source.to_string()))
            .push_bind(seen.map(|seen| seen.transport.as_param()))
            .push_bind(seen.map(|seen| seen.user_agent.to_string()))
            .push_bind(seen.map(|seen| seen.method.as_str()));
    });
    query.push(
        " ON CONFLICT (id) DO UPDATE SET last_at = excluded.last_at, count = excluded.count, source = excluded.source, \
         transport = excluded.transport, user_agent = excluded.user_agent, method = excluded.method",
    );
    query.build().execute(db).await?;
    Ok(())
}

async fn save_stranger(db: &mut DbConnection, name: &str, tried: &Stranger) -> Result<(), RegistrarError> {
    let seen = tried.seen.as_ref();
    sqlx::query(
        "INSERT INTO line_strangers (id, name, number, reason, count, first_at, last_at, source, transport, user_agent, \
         method) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (name) DO UPDATE SET number = excluded.number, reason = excluded.reason, \
         count = line_strangers.count + excluded.count, last_at = excluded.last_at, source = excluded.source, \
         transport = excluded.transport, user_agent = excluded.user_agent, method = excluded.method",
    )
    .bind(RecordId::new(tried.first_at, rand::random()).to_string())
    .bind(name)
    .bind(&tried.number)
    .bind(tried.reason.code())
    .bind(i64::from(tried.count))
    .bind(tried.first_at.get())
    .bind(tried.at.get())
    .bind(seen.map(|seen| seen.source.to_string()))
    .bind(seen.map(|seen| seen.transport.as_param()))
    .bind(seen.map(|seen| seen.user_agent.to_string()))
    .bind(seen.map(|seen| seen.method.as_str()))
    .execute(db)
    .await?;
    Ok(())
}

fn happening(settings: &LineStatusSettings, phone: PhoneId, line: &Line, news: &LineNews) -> Option<Happening> {
    let (id, number) = (line_id(phone, line.position), line.number.clone());
    let from = news.seen.as_ref().map(|seen| seen.source.to_string());
    let transport = news.seen.as_ref().map(|seen| seen.transport.as_param().to_owned());
    let reason = news.told.code().to_owned();
    Some(match news.told {
        Told::Registered => Happening::LineRegistered { line: id, phone, number, from, transport },
        Told::Unregistered | Told::Lost(_) => Happening::LineLost { line: id, phone, number, reason },
        Told::Failed(_) => Happening::LineFailed { line: id, phone, number, reason, from, transport },
        Told::Flapping => {
            let (changes, seconds) = (u32::try_from(news.changes).ok()?, settings.flapping_seconds.get());
            Happening::LineFlapping { line: id, phone, number, changes, seconds }
        }
        Told::Steady => Happening::LineSteady { line: id, phone, number },
    })
}

/// The next phones after `after`, in their order, of which a line counts as registered.
pub(super) async fn listed(db: &DbPool, after: Option<PhoneId>, most: usize) -> Result<Vec<PhoneId>, RegistrarError> {
    let phones: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT phone FROM line_status WHERE registered_until IS NOT NULL AND phone > $1 ORDER BY phone LIMIT $2",
    )
    .bind(after.map(|after| after.to_string()).unwrap_or_default())
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    Ok(phones.iter().filter_map(|id| id.parse().ok()).collect())
}

/// Some phones with lines whose registrations should have gone before `then`.
pub(super) async fn overdue(db: &DbPool, then: UnixMillis) -> Result<Vec<PhoneId>, RegistrarError> {
    let phones: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT phone FROM line_status WHERE registered_until IS NOT NULL AND registered_until < $1 LIMIT $2",
    )
    .bind(then.get())
    .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    Ok(phones.iter().filter_map(|id| id.parse().ok()).collect())
}

/// Forgets a batch of history from before `then`.
pub(super) async fn forget(db: &Db, then: UnixMillis) -> Result<(), RegistrarError> {
    let old = "SELECT id FROM line_history WHERE last_at < $1 LIMIT 1";
    if sqlx::query(old).bind(then.get()).fetch_optional(db.reader()).await?.is_none() {
        return Ok(());
    }
    let mut transaction = db.write().await?;
    sqlx::query("DELETE FROM line_history WHERE id IN (SELECT id FROM line_history WHERE last_at < $1 LIMIT $2)")
        .bind(then.get())
        .bind(i64::try_from(BATCH).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

/// How many lines are in each state.
pub(super) async fn count(db: &DbPool) -> Result<Vec<(&'static str, i64)>, RegistrarError> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT state, count(*) FROM line_records GROUP BY state").fetch_all(db).await?;
    let of = |state: &str| rows.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count);
    Ok(["registered", "not-registered", "not-supported"].map(|state| (state, of(state))).to_vec())
}
