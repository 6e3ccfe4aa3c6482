//! Socket filters: classic BPF programs that keep packets in the kernel. Must not know streams.
//!
//! In a dialogue nobody needs the caller's audio where digits come as events, and reading it costs as much as sending.

use std::io;
use std::net::UdpSocket;

/// Lets through only RTP of one payload type, whatever its marker bit.
pub(super) fn pass_only(socket: &UdpSocket, payload_type: u8) -> io::Result<()> {
    program::pass_only(socket, payload_type)
}

/// Lets nothing through.
pub(super) fn pass_nothing(socket: &UdpSocket) -> io::Result<()> {
    program::pass_nothing(socket)
}

/// Lets everything through again.
pub(super) fn pass_all(socket: &UdpSocket) -> io::Result<()> {
    program::pass_all(socket)
}

#[cfg(target_os = "linux")]
mod program {
    use std::io;
    use std::net::UdpSocket;

    use socket2::{SockFilter, SockRef};

    // Instructions of <linux/bpf_common.h>.
    const LOAD_OCTET: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;

    /// Where the marker bit and payload type are: the program sees the packet from its UDP header on (8 octets).
    const PAYLOAD_TYPE_OCTET: u32 = 8 + 1;
    const PAYLOAD_TYPE_BITS: u32 = 0x7F;
    const WHOLE_PACKET: u32 = u32::MAX;
    const NO_PACKET: u32 = 0;

    pub(super) fn pass_only(socket: &UdpSocket, payload_type: u8) -> io::Result<()> {
        SockRef::from(socket).attach_filter(&[
            SockFilter::new(LOAD_OCTET, 0, 0, PAYLOAD_TYPE_OCTET),
            SockFilter::new(AND, 0, 0, PAYLOAD_TYPE_BITS),
            SockFilter::new(JUMP_IF_EQUAL, 0, 1, u32::from(payload_type)),
            SockFilter::new(RETURN, 0, 0, WHOLE_PACKET),
            SockFilter::new(RETURN, 0, 0, NO_PACKET),
        ])
    }

    pub(super) fn pass_nothing(socket: &UdpSocket) -> io::Result<()> {
        SockRef::from(socket).attach_filter(&[SockFilter::new(RETURN, 0, 0, NO_PACKET)])
    }

    pub(super) fn pass_all(socket: &UdpSocket) -> io::Result<()> {
        SockRef::from(socket).detach_filter()
    }
}

/// Elsewhere everything is read and sorted out in the program.
#[cfg(not(target_os = "linux"))]
mod program {
    use std::io;
    use std::net::UdpSocket;

    fn unsupported() -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    pub(super) fn pass_only(_: &UdpSocket, _: u8) -> io::Result<()> {
        unsupported()
    }

    pub(super) fn pass_nothing(_: &UdpSocket) -> io::Result<()> {
        unsupported()
    }

    pub(super) fn pass_all(_: &UdpSocket) -> io::Result<()> {
        unsupported()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_the_payload_type_passes_with_or_without_marker() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let send = |octets: &[u8]| sender.send_to(octets, receiver.local_addr().unwrap()).unwrap();
        pass_only(&receiver, 101).unwrap();
        for packet in [&[0x80, 0, 1][..], &[0x80, 101, 2], &[0x80, 101 | 0x80, 3], &[0x80], &[0x80, 100, 4]] {
            send(packet);
        }
        pass_all(&receiver).unwrap();
        send(&[0x80, 0, 5]);
        let mut third = Vec::new();
        let mut buffer = [0; 16];
        while third.last() != Some(&5) {
            let (_, _) = receiver.recv_from(&mut buffer).unwrap();
            third.push(buffer[2]);
        }
        assert_eq!(third, [2, 3, 5]);
    }
}
