//! Fetching a configuration and taking it on: what the phone's firmware does at boot and at `check-sync`.

use sha2::{Digest, Sha256};

use super::agent::Agent;
use super::configuration::{Configuration, ConfigurationUrl, common_file, file_url, included};
use super::error::PhoneError;
use super::event::PhoneEvent;
use super::fetch::fetch;
use super::options::Make;

/// What a configuration changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Another number, name, password, server, transport or expiry: the line has to register anew.
    pub line: bool,
}

/// Fetches from the address in force and takes it on.
pub async fn fetch_configuration(agent: &Agent) -> Result<Changes, PhoneError> {
    let (kind, url) = agent.line().url.clone().ok_or(PhoneError::NoConfigurationUrl)?;
    let options = &agent.options;
    let own = file_url(&url, options.mac, options.mac_case);
    let files = match options.model.make {
        // The URL names a folder.
        Make::Yealink if own != url => round(agent, &own).await,
        Make::Yealink | Make::AudioCodes => vec![own.clone()],
    };
    let mut configuration = Configuration::default();
    for file in files {
        let fetched = fetch(file.clone(), options.user_agent.clone()).await;
        let fetched = match fetched {
            // A phone does without what is shared.
            Err(PhoneError::FetchRefused(_)) if file != own => continue,
            Err(error) => {
                let status = if let PhoneError::FetchRefused(status) = error { status } else { 0 };
                agent.tell(PhoneEvent::FetchFailed { url_kind: kind, status });
                return Err(error);
            }
            Ok(fetched) => fetched,
        };
        if file == own {
            agent.tell(PhoneEvent::Fetched {
                url_kind: kind,
                bytes: fetched.body.len(),
                sha256: hex::encode(Sha256::digest(&fetched.body)),
                took_ms: u64::try_from(fetched.took.as_millis()).unwrap_or(u64::MAX),
            });
        }
        configuration.add(Configuration::parse(options.model.make, &String::from_utf8_lossy(&fetched.body)));
    }
    if configuration.is_empty() {
        return Err(PhoneError::Fetch("the file has no parameters".to_owned()));
    }
    Ok(take_on(agent, &configuration))
}

/// The files a Yealink fetches one after the other: those its boot file names, or everybody's boot file; where there is
/// neither, its model's and its own.
async fn round(agent: &Agent, own: &str) -> Vec<String> {
    let options = &agent.options;
    let folder = own.rsplit_once('/').map_or(own, |(folder, _)| folder);
    for boot in [format!("{}.boot", options.mac), "y000000000000.boot".to_owned()] {
        if let Ok(boot) = fetch(format!("{folder}/{boot}"), options.user_agent.clone()).await {
            let names = included(&String::from_utf8_lossy(&boot.body));
            return names.into_iter().map(|name| format!("{folder}/{name}")).collect();
        }
    }
    let common = common_file(&options.model.firmware).map(|name| format!("{folder}/{name}"));
    common.into_iter().chain([own.to_owned()]).collect()
}

fn take_on(agent: &Agent, configuration: &Configuration) -> Changes {
    let mut line = agent.line();
    let before = (line.account.clone(), line.transport, line.expires);
    line.account = configuration.account(before.0.as_ref());
    line.transport = configuration.transport().unwrap_or(line.transport);
    line.expires = configuration.expires().unwrap_or(line.expires);
    line.always_reboots = configuration.reboots_at_check_sync().unwrap_or(line.always_reboots);
    if let Some(url) = configuration.next_url() {
        line.url = Some((ConfigurationUrl::Provisioned, url.to_owned()));
    }
    let same = match (&before.0, &line.account) {
        (Some(old), Some(new)) => {
            let password = match (&old.password, &new.password) {
                (Some(old), Some(new)) => old.matches(new),
                (None, None) => true,
                _ => false,
            };
            password && (&old.server, &old.number, &old.auth_name) == (&new.server, &new.number, &new.auth_name)
        }
        (None, None) => true,
        _ => false,
    };
    Changes { line: !same || (before.1, before.2) != (line.transport, line.expires) }
}
