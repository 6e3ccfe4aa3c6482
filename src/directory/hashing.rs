//! Argon2id, and the memory it works in. Must not know what is hashed, or why.
//!
//! The memory is kept and used again: an allocator would give each thread that ever hashed 19 MiB of its own, and keep them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use argon2::password_hash::phc::Output;
use argon2::password_hash::{Error, Result};
use argon2::{Argon2, Block};

/// Hashes computed side by side; whoever comes meanwhile waits.
pub(super) const AT_ONCE: usize = 2;
/// The most blocks of 1 KiB one hash may take: 64 MiB. Ours take 19 MiB.
const MOST_BLOCKS: usize = 64 * 1024;

static MEMORY: [Mutex<Vec<Block>>; AT_ONCE] = [const { Mutex::new(Vec::new()) }; AT_ONCE];
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Hashes `secret` to `length` octets. Takes a core for some 20 ms, and waits its turn before that: for threads that may wait.
pub(super) fn hash(argon2: &Argon2<'_>, secret: &[u8], salt: &[u8], length: usize) -> Result<Output> {
    let blocks = argon2.params().block_count();
    if blocks > MOST_BLOCKS {
        return Err(Error::OutOfMemory);
    }
    let mut out = [0; Output::MAX_LENGTH];
    let out = out.get_mut(..length).ok_or(Error::OutputSize)?;
    let mut memory = take_memory();
    if memory.len() < blocks {
        *memory = vec![Block::new(); blocks];
    }
    argon2.hash_password_into_with_memory(secret, salt, out, memory.as_mut_slice())?;
    Ok(Output::new(out)?)
}

/// Memory nobody uses, else the next that gets free of one after the other.
fn take_memory() -> MutexGuard<'static, Vec<Block>> {
    for memory in &MEMORY {
        match memory.try_lock() {
            Ok(memory) => return memory,
            // What a panic left in it is overwritten.
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    let [first, second] = &MEMORY;
    let turn = if NEXT.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { first } else { second };
    turn.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_used_before_gives_the_same_hashes_as_new_memory() {
        let argon2 = Argon2::default();
        let threads: Vec<_> = (0..6_u8)
            .map(|n| std::thread::spawn(move || hash(&Argon2::default(), &[n; 6], &[n; 16], 32).unwrap()))
            .collect();
        for (n, thread) in (0_u8..).zip(threads) {
            let mut expected = [0; 32];
            argon2.hash_password_into(&[n; 6], &[n; 16], &mut expected).unwrap();
            assert_eq!(thread.join().unwrap().as_bytes(), expected);
        }
        let kept: usize = MEMORY.iter().map(|memory| memory.lock().unwrap().len()).sum();
        assert!(kept <= AT_ONCE * argon2.params().block_count(), "{kept} blocks");
    }

    #[test]
    fn a_hash_that_wants_too_much_memory_is_not_computed() {
        let params = argon2::Params::new(65 * 1024, 1, 1, None).unwrap();
        assert_eq!(hash(&Argon2::from(params), b"1", &[0; 16], 32), Err(Error::OutOfMemory));
    }
}
