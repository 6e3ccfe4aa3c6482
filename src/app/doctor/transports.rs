//! The ports of SIP within TLS and over WebSocket, as the configuration has them: whether a handshake comes to its end, whether the
//! certificate shown is the one of the file, and whether SIP is answered.

use std::net::SocketAddr;
use std::path::Path;

use super::finding::Report;
use crate::app::config::Config;
use crate::app::probe;
use crate::sip::{ClientCertificates, Pinned, Transport, connect_pinned};

/// What a port turned out to be like.
enum Found {
    Answers,
    /// It shows another certificate than the file has.
    OtherCertificate,
    Silent(String),
}

/// Looks at each port.
pub async fn examine(report: &mut Report, config: &Config) {
    let listen = &config.listen;
    let each = [(Transport::Tls, &listen.sip_tls), (Transport::Ws, &listen.sip_ws), (Transport::Wss, &listen.sip_wss)];
    let (mut answering, mut others, mut silent) = (Vec::new(), Vec::new(), Vec::new());
    for (transport, addresses) in each {
        for address in addresses.iter().map(|address| probe::reached(*address)) {
            let name = format!("SIP/{transport} {address}");
            match look(transport, address, config).await {
                Found::Answers => answering.push(name),
                Found::OtherCertificate => others.push(name),
                Found::Silent(why) => silent.push(format!("{name} ({why})")),
            }
        }
    }
    if !answering.is_empty() {
        report.well("doctor-transports", &[("ports", &answering.join(", "))]);
    }
    if !others.is_empty() {
        report.mend("doctor-transports-other-certificate", &[("ports", &others.join(", "))]);
    }
    if !silent.is_empty() {
        report.mend("doctor-ports-silent", &[("ports", &silent.join(", "))]);
    }
}

async fn look(transport: Transport, address: SocketAddr, config: &Config) -> Found {
    let certificate = config.tls.files().map(|files| files.certificate).unwrap_or_default();
    let looked = probe::in_time(async {
        match transport {
            Transport::Ws => {
                probe::web_socket(tokio::net::TcpStream::connect(address).await?, address).await?;
                Ok(Found::Answers)
            }
            _ => secured(transport, address, &certificate, config.tls.client_certificates).await,
        }
    });
    looked.await.unwrap_or_else(|error| Found::Silent(error.to_string()))
}

async fn secured(
    transport: Transport,
    address: SocketAddr,
    certificate: &Path,
    asked: ClientCertificates,
) -> std::io::Result<Found> {
    match connect_pinned(address, certificate).await? {
        Pinned::Other => Ok(Found::OtherCertificate),
        // The doctor has no certificate of its own to show.
        Pinned::Shown if asked == ClientCertificates::Required => Ok(Found::Answers),
        Pinned::Shown => Err(std::io::Error::other("the handshake does not come to its end")),
        Pinned::Done(stream) => {
            let answered = match transport {
                Transport::Wss => probe::web_socket(stream, address).await,
                _ => probe::sip_on(stream, address, "TLS").await,
            };
            // Within TLS 1.3 it is told only now that a certificate is required.
            match answered {
                Err(_) if asked == ClientCertificates::Required => Ok(Found::Answers),
                answered => answered.map(|()| Found::Answers),
            }
        }
    }
}
