//! Orders drawn from a seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The random stream of a seed for one purpose (at most 16 bytes), numbered.
pub(crate) fn stream(seed: u64, purpose: &[u8], number: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..8 + purpose.len()].copy_from_slice(purpose);
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(number);
    rng
}

/// Fisher-Yates, from the last place down.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(i as u64 + 1, rng) as usize);
    }
}

/// A number in `0..n`, each as likely: draws in the incomplete last stretch are thrown away.
fn below(n: u64, rng: &mut ChaCha8Rng) -> u64 {
    let usable = u64::MAX - u64::MAX % n;
    loop {
        let draw = rng.next_u64();
        if draw < usable {
            return draw % n;
        }
    }
}
