//! The certificate of the configuration, as phones will judge it: usable with its key, in force, and for how long.
//! The only file that reads what is in a certificate.

use std::path::Path;
use std::time::Duration;

use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

use super::finding::Report;
use crate::app::config::Config;
use crate::sip::Tls;
use crate::vocab::UnixMillis;

/// How long a certificate should be good for yet.
const SOON: Duration = Duration::from_secs(21 * 24 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What phones are told about a certificate.
struct Told {
    from: UnixMillis,
    until: UnixMillis,
    names: String,
}

/// Looks at the certificate the configuration names.
pub fn examine(report: &mut Report, config: Option<&Config>) {
    let Some(config) = config else { return report.skip("doctor-certificates-not-looked-at", &[]) };
    let Some(files) = config.tls.files() else { return report.skip("doctor-certificates", &[]) };
    let shown = files.certificate.display().to_string();
    let file = ("file", shown.as_str());
    let told = match Tls::open(files.clone()).map_err(|fault| fault.to_string()) {
        Ok(_) => read(&files.certificate),
        Err(fault) => Err(fault),
    };
    let told = match told {
        Ok(told) => told,
        Err(why) => return report.mend("doctor-certificate-unusable", &[("why", &why)]),
    };
    let now = UnixMillis::now();
    let (from, until) = (told.from.to_string(), told.until.to_string());
    let days = (told.until.since(now).as_secs() / DAY.as_secs()).to_string();
    if told.until <= now {
        report.mend("doctor-certificate-expired", &[file, ("until", &until)]);
    } else if told.from > now {
        report.mend("doctor-certificate-early", &[file, ("from", &from)]);
    } else if told.until <= now.after(SOON) {
        report.mend("doctor-certificate-expires", &[file, ("until", &until), ("days", &days)]);
    } else {
        report.well("doctor-certificate", &[file, ("names", &told.names), ("until", &until)]);
    }
}

fn read(file: &Path) -> Result<Told, String> {
    let octets = std::fs::read(file).map_err(|error| error.to_string())?;
    let first = Pem::iter_from_buffer(&octets).next().ok_or("there is no certificate in it")?;
    let first = first.map_err(|error| error.to_string())?;
    let certificate = first.parse_x509().map_err(|error| error.to_string())?;
    let validity = certificate.validity();
    let at = |seconds: i64| UnixMillis::new(seconds.saturating_mul(1000));
    let alternative = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = alternative.into_iter().flat_map(|names| &names.value.general_names).filter_map(name);
    Ok(Told {
        from: at(validity.not_before.timestamp()),
        until: at(validity.not_after.timestamp()),
        names: names.collect::<Vec<_>>().join(", "),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => {
            let v4 = <[u8; 4]>::try_from(*octets).map(|octets| std::net::IpAddr::from(octets).to_string());
            v4.or_else(|_| <[u8; 16]>::try_from(*octets).map(|octets| std::net::IpAddr::from(octets).to_string())).ok()
        }
        _ => None,
    }
}
