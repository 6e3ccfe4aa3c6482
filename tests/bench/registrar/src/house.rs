//! The server under test, with phones that have accounts. They are written into its database before it starts: nobody makes a
//! hundred thousand phones by hand.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tsunagu::db::{Db, DbError, Place};
use tsunagu::directory::{DirectoryError, Sealer};
use tsunagu::vocab::{PhoneId, Secret, UnixMillis};

use crate::load::{FIRST_NUMBER, name_of};

/// Phones of one statement.
const AT_ONCE: u32 = 1000;
/// How long a start may take.
const START: Duration = Duration::from_secs(120);

/// Why there is no server to measure.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// The system.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        source: std::io::Error,
    },
    /// Its database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The same.
    #[error("database: {0}")]
    Sql(#[from] sqlx::Error),
    /// A secret could not be sealed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// What --database says.
    #[error("--database: {0}")]
    Url(String),
    /// It stopped, or did not become ready.
    #[error("the server did not become ready; the end of its log:\n{0}")]
    NotReady(String),
}

/// A running server. Stopped, and its folder removed, when dropped.
#[derive(Debug)]
pub struct House {
    child: Child,
    program: PathBuf,
    folder: tempfile::TempDir,
    /// Where it takes SIP.
    pub sip: String,
    /// From its start, with the phones there.
    pub ready_after: Duration,
}

impl House {
    /// A server with so many phones.
    pub async fn open(program: &Path, phones: u32, database: Option<&str>) -> Result<Self, HouseError> {
        let system = |doing| move |source| HouseError::System { doing, source };
        let folder = tempfile::tempdir().map_err(system("making a folder"))?;
        let free = || {
            let socket = UdpSocket::bind("127.0.0.1:0").map_err(system("looking for a free port"))?;
            Ok::<_, HouseError>(socket.local_addr().map_err(system("looking for a free port"))?.to_string())
        };
        let (sip, handset, admin) = (free()?, free()?, free()?);
        let mut config = format!(
            "listen = {{ sip_udp = [\"{sip}\"], sip_tcp = [], handset = \"{handset}\", admin = \"{admin}\" }}\n"
        );
        let data = folder.path().join("data");
        std::fs::create_dir(&data).map_err(system("making a folder"))?;
        let place = match database {
            Some(url) => {
                config.push_str(&format!("[database]\nurl = \"{url}\"\n"));
                Place::Server(url.to_owned().try_into().map_err(|fault| HouseError::Url(format!("{fault}")))?)
            }
            None => Place::File(data.join("tsunagu.db")),
        };
        std::fs::write(folder.path().join("tsunagu.toml"), config).map_err(system("writing a configuration"))?;
        let sealer = Sealer::from_file(&data.join("secret.key"), rand::random()).map_err(system("making a key"))?;
        let db = Db::open_at(&place).await?;
        fill(&db, &sealer, phones).await?;
        db.close().await;
        let child = launch(program, folder.path())?;
        let mut house = Self { child, program: program.to_owned(), folder, sip, ready_after: Duration::ZERO };
        house.become_ready()?;
        Ok(house)
    }

    /// Kills it and starts it again.
    pub fn restart(&mut self) -> Result<(), HouseError> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = launch(&self.program, self.folder.path())?;
        self.become_ready()
    }

    fn become_ready(&mut self) -> Result<(), HouseError> {
        let began = Instant::now();
        loop {
            let said = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            if said.contains(": ready ") {
                self.ready_after = began.elapsed();
                return Ok(());
            }
            if began.elapsed() > START || self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                let end = said.lines().rev().take(10).collect::<Vec<_>>();
                return Err(HouseError::NotReady(end.into_iter().rev().collect::<Vec<_>>().join("\n")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(program: &Path, folder: &Path) -> Result<Child, HouseError> {
    let system = |doing| move |source| HouseError::System { doing, source };
    let output = std::fs::File::create(folder.join("log")).map_err(system("making a log"))?;
    Command::new(program)
        .args(["serve", "--config"])
        .arg(folder.join("tsunagu.toml"))
        .arg("--data-dir")
        .arg(folder.join("data"))
        .stdout(Stdio::null())
        .stderr(output)
        .spawn()
        .map_err(system("starting the program"))
}

async fn fill(db: &Db, sealer: &Sealer, phones: u32) -> Result<(), HouseError> {
    let now = UnixMillis::now();
    for first in (0..phones).step_by(AT_ONCE as usize) {
        let mut rows = Vec::new();
        for index in first..phones.min(first + AT_ONCE) {
            let name = name_of(index);
            let sealed = sealer.seal(&Secret::from(name.clone()), rand::random())?;
            let id = PhoneId::new(now, rand::random()).to_string();
            rows.push(serde_json::json!([id, name, sealed, (FIRST_NUMBER + index).to_string()]));
        }
        let rows = serde_json::Value::Array(rows).to_string();
        let mut writing = db.write().await?;
        sqlx::query(
            "INSERT INTO phones (id, state, vendor, name, auth_name, sealed_secret, source, created_at, seen_at) \
             SELECT value ->> 0, 'enrolled', 'generic', value ->> 1, value ->> 1, value ->> 2, '127.0.0.1', $2, $2 \
             FROM json_each($1)",
        )
        .bind(&rows)
        .bind(now.get())
        .execute(&mut *writing)
        .await?;
        sqlx::query(
            "INSERT INTO lines (phone, position, number, label, display) \
             SELECT value ->> 0, 1, value ->> 3, value ->> 1, value ->> 1 FROM json_each($1)",
        )
        .bind(&rows)
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
    }
    Ok(())
}
