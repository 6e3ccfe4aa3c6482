//! A virtual phone's whole way on the running server, for a user of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::sync::mpsc;

use super::arguments::DoctorArguments;
use super::finding::Report;
use super::test_user::{self, TestUser};
use super::{Places, read};
use crate::app::client::Members;
use crate::app::client::{Client, CommandFault, path};
use crate::app::journey::{self, Journey};
use crate::phone::{Model, PhoneOptions};
use crate::sip::address_towards;
use crate::vocab::{Language, Secret};

/// How long the whole way may take.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long the server may take to note that the phone is back.
const NOTED: Duration = Duration::from_secs(30);
/// Digits of the test user's PIN, if the policy doesn't ask for more.
const PIN_DIGITS: usize = 6;
/// The most digits of the test user's number.
const DIGITS: usize = 8;

/// Has a phone set up, and sees that the server knows.
pub async fn examine(
    report: &mut Report,
    client: &Client,
    arguments: &DoctorArguments,
    settings: &Value,
    places: &Places,
    test_user: &TestUser,
) {
    let words = report.words().clone();
    match test_user::remove_abandoned(client).await {
        Ok(0) => {}
        Ok(users) => report.well("doctor-cleared-up", &[("users", &users.to_string())]),
        Err(fault) => {
            report.mend("doctor-left-behind", &[("names", "tsunagu-doctor-*"), ("why", &fault.in_words(&words))])
        }
    }
    let Some(profile) = profile(report, client, arguments).await else { return };
    let policy = read(client, path(["credential-policy"]), &[]).await.unwrap_or_default();
    let fewest = policy.at("pin_digits").as_u64().and_then(|digits| usize::try_from(digits).ok()).unwrap_or_default();
    let pin = test_user.pin(fewest.max(PIN_DIGITS));
    let Some(proof) = proof(report, settings, arguments, &pin) else { return };
    let point = settings.at("route_point").as_str().unwrap_or_default();
    let point = read(client, path(["route-points", point]), &[]).await.unwrap_or_default();
    let (Some(number), Some(language)) = (
        point.at("numbers").at(0).as_str(),
        settings.at("dialogue").at("languages").at(0).as_str().and_then(|tag| tag.parse().ok()),
    ) else {
        report.skip("doctor-enrolment-not-possible", &[]);
        return;
    };
    let digits = settings.at("dialogue").at("id_digits").as_u64().and_then(|digits| usize::try_from(digits).ok());
    let id = match test_user.make(digits.unwrap_or(DIGITS).clamp(2, DIGITS), &pin, &profile).await {
        Ok(Some(id)) => id,
        Ok(None) => {
            report.mend("doctor-no-number", &[]);
            return;
        }
        Err(fault) => {
            report.mend("doctor-no-test-user", &[("why", &fault.in_words(&words))]);
            return;
        }
    };
    let started = Instant::now();
    let options = match options(places, test_user).await {
        Ok(options) => options,
        Err(why) => {
            report.mend("doctor-enrolment-failed", &[("why", &why)]);
            return;
        }
    };
    let journey = journey(options, number, id, &proof, language);
    let (teller, mut told) = mpsc::channel(1024);
    // What the phone lives is of no interest here, only where it ends.
    tokio::spawn(async move { while told.recv().await.is_some() {} });
    let why = match tokio::time::timeout(PATIENCE, journey::live(journey, teller)).await {
        Ok(Ok(_)) => noted(client, test_user).await.err(),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("not within {} s", PATIENCE.as_secs())),
    };
    match why {
        None => report.well("doctor-enrolment", &[("seconds", &started.elapsed().as_secs().to_string())]),
        Some(why) => report.mend("doctor-enrolment-failed", &[("why", &why)]),
    }
}

/// The profile that the user gets, if phones can be set up by it.
async fn profile(report: &mut Report, client: &Client, arguments: &DoctorArguments) -> Option<String> {
    let found = match &arguments.profile {
        Some(name) => read(client, path(["user-profiles", name.as_str()]), &[]).await,
        None => read(client, path(["user-profiles"]), &[("limit", "1000")]).await.map(|page| {
            let items = page.at("items").as_array().cloned().unwrap_or_default();
            items.into_iter().find(|profile| profile.at("is_default") == true).unwrap_or_default()
        }),
    };
    let profile = match found {
        Err(CommandFault::Refused(404, _)) => Value::Null,
        found => found.unwrap_or_default(),
    };
    let Some(name) = profile.at("name").as_str() else {
        report.mend("doctor-no-profile", &[]);
        return None;
    };
    let is_fit = profile.at("allow_provisioning") == true
        && profile.at("desk_template").is_string()
        && profile.at("device_limit").as_u64() != Some(0);
    if !is_fit {
        report.mend("doctor-profile-unfit", &[("name", name)]);
        return None;
    }
    Some(name.to_owned())
}

/// What is keyed in to prove who it is.
fn proof(report: &mut Report, settings: &Value, arguments: &DoctorArguments, pin: &Secret) -> Option<Secret> {
    if settings.at("authentication") != "administrators-only" {
        return Some(pin.clone());
    }
    let code = arguments.code_file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    let code = code.map(|code| Secret::from(code.trim().to_owned()));
    if code.is_none() {
        report.skip("doctor-code-needed", &[]);
    }
    code
}

async fn options(places: &Places, test_user: &TestUser) -> Result<PhoneOptions, String> {
    let local: IpAddr = places.handset.and_then(address_towards).unwrap_or(Ipv4Addr::LOCALHOST.into());
    let (events, _) = mpsc::channel(1);
    let mut options = PhoneOptions::new(local, test_user.mac, Model::audiocodes_420hd(), events);
    options.handset_url = Some(places.handset_url.clone());
    options.prints = Some(journey::prints().await.map_err(|error| error.to_string())?);
    Ok(options)
}

fn journey(options: PhoneOptions, number: &str, id: String, proof: &Secret, language: Language) -> Journey {
    Journey {
        options,
        route_point: number.to_owned(),
        id,
        pin: proof.expose_secret().to_owned(),
        language,
        hurries: true,
        expects_ring_back: false,
    }
}

/// Waits until the server has seen the enrolment complete.
async fn noted(client: &Client, test_user: &TestUser) -> Result<(), String> {
    let mac = test_user.mac.to_string();
    let deadline = Instant::now() + NOTED;
    loop {
        let phones = read(client, path(["phones"]), &[("mac", &mac), ("state", "enrolled")]).await.unwrap_or_default();
        if let Some(phone) = phones.at("items").at(0).at("id").as_str() {
            let enrolments = read(client, path(["enrolments"]), &[("phone", phone)]).await.unwrap_or_default();
            let enrolment = enrolments.at("items").at(0);
            match enrolment.at("ending").as_str() {
                Some("complete") => return Ok(()),
                Some(ending) => return Err(enrolment.at("ending_text").as_str().unwrap_or(ending).to_owned()),
                None => {}
            }
        }
        if Instant::now() > deadline {
            return Err(format!("the server did not note within {} s that the phone was back", NOTED.as_secs()));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
