//! What the service manager is told (sd_notify(3)): that phones are taken, that settings are taken up, that the server is
//! stopping, and that it is alive. The only file that names sd-notify. Without a service manager nothing happens.

use std::net::SocketAddr;
use std::time::Duration;

use sd_notify::NotifyState;

use super::probe::{self, Over};

/// More time than running conversations may take, for the rest of stopping.
const TO_STOP: Duration = Duration::from_secs(30);

/// Phones are taken.
pub fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("taking phones")]);
}

/// Settings are being taken up; [`ready`] follows.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The server stops, and lets conversations finish for as long as `drain`.
pub fn stopping(drain: Duration) {
    let needed = u32::try_from((drain + TO_STOP).as_micros()).unwrap_or(u32::MAX);
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("letting conversations finish"),
        NotifyState::ExtendTimeoutUsec(needed),
    ]);
}

/// Says that the server is alive, three times in the time the service manager gives, as long as it answers itself.
pub async fn watch(places: Places) {
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    let mut every = tokio::time::interval(patience / 3);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        match places.answer().await {
            Ok(()) => tell(&[NotifyState::Watchdog]),
            Err(error) => tracing::error!(%error, "the server does not answer itself"),
        }
    }
}

/// Where the server answers itself.
#[derive(Clone, Debug)]
pub struct Places {
    /// SIP over UDP, if it is taken.
    pub sip: Option<SocketAddr>,
    /// The administrators' door.
    pub admin: SocketAddr,
}

impl Places {
    async fn answer(&self) -> std::io::Result<()> {
        match probe::http(probe::reached(self.admin), "/healthz").await? {
            200 => {}
            status => return Err(std::io::Error::other(format!("/healthz answers {status}"))),
        }
        match self.sip {
            Some(address) => probe::sip(probe::reached(address), Over::Udp).await,
            None => Ok(()),
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_server_whose_sip_is_silent_is_not_alive() {
        let door = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let admin = door.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = door.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            }
        });
        assert!(Places { sip: None, admin }.answer().await.is_ok());
        assert!(Places { sip: silent.local_addr().ok(), admin }.answer().await.is_err());
        serving.abort();
        let _ = serving.await;
        assert!(Places { sip: None, admin }.answer().await.is_err());
    }
}
