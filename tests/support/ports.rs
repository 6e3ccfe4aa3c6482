//! Ports nobody else listens on, for as long as they are held.
//!
//! Blocks of a hundred, below the ports the system gives out by itself and below the server's usual RTP ports, so that
//! neither can fall into one. Holding a block's first port keeps it from every other test, of this process or another.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 10_000;
const SIZE: u16 = 100;
const BLOCKS: u16 = 60;

/// A hundred ports on 127.0.0.1, UDP and TCP, held until dropped.
#[derive(Debug)]
pub struct Ports {
    base: u16,
    next: AtomicU16,
    _held: TcpListener,
}

impl Ports {
    /// Takes a free block.
    pub fn take() -> Self {
        // Processes start looking at different places, so that they seldom meet.
        let start = u16::try_from(std::process::id() % u32::from(BLOCKS)).unwrap();
        for turn in 0..BLOCKS {
            let base = FIRST + (start + turn) % BLOCKS * SIZE;
            if let Ok(held) = TcpListener::bind((Ipv4Addr::LOCALHOST, base)) {
                return Self { base, next: AtomicU16::new(2), _held: held };
            }
        }
        panic!("no block of ports is free; are other tests still running?");
    }

    /// `count` ports in a row that were not given before, the first one even.
    pub fn some(&self, count: u16) -> u16 {
        let first = self.next.fetch_add(count.next_multiple_of(2), Ordering::Relaxed);
        assert!(first + count <= SIZE, "a block of ports is used up");
        self.base + first
    }

    /// One port, as an address.
    pub fn one(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.some(1)))
    }
}
