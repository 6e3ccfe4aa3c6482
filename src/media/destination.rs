//! Where a stream's packets go, and its socket made to send them there. Must not know packets, or who may be sent to.
//!
//! Once the other side has shown where it is, the socket is connected to it. That spares the kernel the search for the way
//! with every packet, and it lets nobody else in.

use std::io;
use std::net::{SocketAddr, UdpSocket};

/// Where packets go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Destination {
    /// Nowhere: the stream is held.
    Nowhere,
    /// There. The socket takes packets from anybody, since the answer may come from elsewhere.
    Open(SocketAddr),
    /// To whom the socket is connected, and from nobody else does it take packets.
    Connected,
}

impl Destination {
    /// Sends to an address that has yet to show itself, or nowhere. `socket` must not be connected.
    pub(super) fn open(address: Option<SocketAddr>) -> Self {
        address.map_or(Self::Nowhere, Self::Open)
    }

    /// Sends to `address` and hears nobody else.
    pub(super) fn connected(socket: &UdpSocket, address: SocketAddr) -> Self {
        match socket.connect(address) {
            Ok(()) => Self::Connected,
            // It costs more, and who may be heard is judged for each packet anyway.
            Err(_) => Self::Open(address),
        }
    }

    /// Undoes the connection, so that the next address can show itself. The socket keeps the address and port that it was
    /// bound to, if they were named then and not left to the system.
    pub(super) fn disconnect(self, socket: &UdpSocket) {
        if self == Self::Connected {
            // BSD reports that there is no such family, and disconnects all the same.
            let _ = rustix::net::connect_unspec(socket);
        }
    }

    /// Sends a datagram. Nothing is sent to nowhere, and that is no error.
    pub(super) fn send(self, socket: &UdpSocket, datagram: &[u8]) -> io::Result<()> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Open(address) => socket.send_to(datagram, address).map(drop),
            // A connected socket reports with the next packet, which it then doesn't send, that nobody was there for an
            // earlier one. A phone that is not listening yet, or for a moment, is to get all that follow.
            Self::Connected => socket.send(datagram).or_else(|_| socket.send(datagram)).map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn socket() -> UdpSocket {
        socket_at("127.0.0.1:0".parse().unwrap())
    }

    fn socket_at(address: SocketAddr) -> UdpSocket {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    }

    fn heard(socket: &UdpSocket) -> Vec<u8> {
        let mut buffer = [0; 16];
        let length = socket.recv(&mut buffer).unwrap();
        buffer[..length].to_vec()
    }

    #[test]
    fn who_is_not_listening_yet_gets_every_packet_from_when_it_does() {
        // Nobody else uses this address of the machine.
        let (ours, theirs) = (socket(), socket_at(SocketAddr::from(([127, 0, 0, 11], 0))));
        let address = theirs.local_addr().unwrap();
        let destination = Destination::connected(&ours, address);
        assert_eq!(destination, Destination::Connected);
        drop(theirs);
        for _ in 0..3 {
            // The loopback interface tells at once that nobody is there.
            destination.send(&ours, b"lost").unwrap();
        }
        let theirs = socket_at(address);
        destination.send(&ours, b"first").unwrap();
        assert_eq!(heard(&theirs), b"first");
    }

    #[test]
    fn a_connected_socket_hears_one_and_a_disconnected_one_hears_all_at_its_own_port() {
        let (first, second) = (socket(), socket());
        // Nobody else uses this address of the machine, so the port stays free until it is asked for by number.
        let own = socket_at(SocketAddr::from(([127, 0, 0, 11], 0))).local_addr().unwrap();
        let ours = socket_at(own);
        let destination = Destination::connected(&ours, first.local_addr().unwrap());
        second.send_to(b"stranger", own).unwrap();
        first.send_to(b"friend", own).unwrap();
        assert_eq!(heard(&ours), b"friend");
        destination.disconnect(&ours);
        assert_eq!(ours.local_addr().unwrap(), own);
        second.send_to(b"next", own).unwrap();
        assert_eq!(heard(&ours), b"next");
        Destination::open(Some(second.local_addr().unwrap())).send(&ours, b"answer").unwrap();
        assert_eq!(heard(&second), b"answer");
        Destination::open(None).send(&ours, b"nothing").unwrap();
    }
}
