//! The sites as other rooms ask them. The settings are kept in memory: asked on every call.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ipnet::IpNet;

use super::asking::{self, Place};
use super::settings::{SitesKind, SitesShown};
use super::standing::{AtPeer, PeerFault, Reach, Unknown};
use crate::directory::{Directory, DirectoryError, DrForward};
use crate::sip::message::Host;
use crate::sip::{TlsClient, Transport};
use crate::vocab::{DirectoryNumber, MacAddress, Secret, UnixMillis};

/// The time between two looks whether the peer answers.
const PAUSE: Duration = Duration::from_secs(10);

/// This site and its peer.
#[derive(Clone, Debug)]
pub struct Sites {
    directory: Directory,
    client: TlsClient,
    in_force: Arc<RwLock<Arc<Site>>>,
    reach: Reach,
}

/// What this site is.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// What it is called.
    pub name: String,
    /// Its peer, if it has one.
    pub peer: Option<Peer>,
    /// What becomes of calls to lines that are live at the peer only, where their number doesn't say.
    pub dr_forward: DrForward,
}

/// A peer site.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What it is called.
    pub name: String,
    /// Where it takes SIP.
    pub host: Host,
    /// On which port.
    pub port: u16,
    /// How SIP travels there.
    pub transport: Transport,
    networks: Vec<IpNet>,
    api: Option<(Place, Secret)>,
}

impl Sites {
    /// As the settings say. `client` knows whom to trust where the peer's API is asked within TLS.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn open(directory: Directory, client: TlsClient) -> Result<Self, DirectoryError> {
        let sites = Self { directory, client, in_force: Arc::default(), reach: Reach::default() };
        sites.reload().await?;
        Ok(sites)
    }

    /// Has the settings as they are kept now in force.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn reload(&self) -> Result<(), DirectoryError> {
        let kept = self.directory.settings::<SitesKind>().await?;
        let token = self.directory.settings_secret::<SitesKind>("sealed_peer_token").await?;
        let site = Site::of(kept.view.fields, token);
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(site);
        self.reach.forget();
        Ok(())
    }

    /// What this site is now.
    pub fn site(&self) -> Arc<Site> {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True for an address of the peer's servers.
    pub fn is_peer(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let site = self.site();
        site.peer.as_ref().is_some_and(|peer| peer.networks.iter().any(|network| network.contains(&address)))
    }

    /// What becomes of a call to a number that is not live here; off where there is no peer.
    pub async fn dr_forward(&self, number: &DirectoryNumber) -> DrForward {
        let site = self.site();
        if site.peer.is_none() {
            return DrForward::Off;
        }
        match self.directory.dr_forward_of(number).await {
            Ok(own) => own.unwrap_or(site.dr_forward),
            Err(error) => {
                tracing::error!(%error, "what a number says of forwarding could not be read; the default holds");
                site.dr_forward
            }
        }
    }

    /// How a number stands at the peer, on the phone with this hardware address, if that is known; none where there is no peer. While the
    /// peer is known not to answer nobody waits for it.
    pub async fn at_peer(&self, number: &DirectoryNumber, mac: Option<MacAddress>) -> Option<AtPeer> {
        let site = self.site();
        let peer = site.peer.as_ref()?;
        let Some((place, token)) = &peer.api else {
            return Some(AtPeer::Unknown(Unknown { fault: PeerFault::NotSet, since: None }));
        };
        if let Some(unknown) = self.reach.fault() {
            return Some(AtPeer::Unknown(unknown));
        }
        Some(match asking::ask(&self.client, place, token, number, mac).await {
            Ok(answer) => {
                self.reach.answered();
                answer
            }
            Err(fault) => AtPeer::Unknown(self.reach.failed(fault, UnixMillis::now())),
        })
    }

    /// Why the peer can't be asked, if it can't.
    pub fn fault(&self) -> Option<Unknown> {
        self.reach.fault()
    }

    /// Looks now and then whether the peer answers, so that it is known since when it doesn't.
    pub async fn watch(self) {
        loop {
            let site = self.site();
            if let Some((place, token)) = site.peer.as_ref().and_then(|peer| peer.api.as_ref()) {
                match asking::knock(&self.client, place, token).await {
                    Ok(()) => self.reach.answered(),
                    Err(fault) => drop(self.reach.failed(fault, UnixMillis::now())),
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Site {
    fn of(settings: SitesShown, token: Option<Secret>) -> Self {
        let host: Option<Host> = settings.peer_address.parse().ok();
        let peer = host.map(|host| Peer {
            name: settings.peer_name,
            host,
            port: settings.peer_port,
            transport: settings.peer_transport.into(),
            networks: settings.peer_networks,
            api: settings.peer_api.parse().ok().zip(token),
        });
        Self { name: settings.name, peer, dr_forward: settings.dr_forward }
    }
}
