//! Hashes of words: FarmHash's 64-bit fingerprint, and SipHash where there are keys.
//!
//! Source: `Fingerprint64` of FarmHash (farmhashna), as TensorFlow's `to_hash_bucket_fast` takes
//! it.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;

/// The eight bytes from `at`, little end first.
fn word(s: &[u8], at: usize) -> u64 {
    (0..8).fold(0, |w, i| w | u64::from(s[at + i]) << (8 * i))
}

fn half(s: &[u8], at: usize) -> u64 {
    (0..4).fold(0, |w, i| w | u64::from(s[at + i]) << (8 * i))
}

fn shift_mix(v: u64) -> u64 {
    v ^ (v >> 47)
}

fn mix(u: u64, v: u64, mul: u64) -> u64 {
    let a = shift_mix((u ^ v).wrapping_mul(mul));
    shift_mix((v ^ a).wrapping_mul(mul)).wrapping_mul(mul)
}

/// Four words and a state of two, in a state of two.
fn absorb(s: &[u8], at: usize, a: u64, b: u64) -> (u64, u64) {
    let (w, x, y, z) = (word(s, at), word(s, at + 8), word(s, at + 16), word(s, at + 24));
    let a = a.wrapping_add(w);
    let b = b.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let c = a.wrapping_add(x).wrapping_add(y);
    (c.wrapping_add(z), b.wrapping_add(c.rotate_right(44)).wrapping_add(a))
}

fn to_16(s: &[u8]) -> u64 {
    let n = s.len();
    let mul = K2.wrapping_add(2 * n as u64);
    match n {
        8.. => {
            let (a, b) = (word(s, 0).wrapping_add(K2), word(s, n - 8));
            let c = b.rotate_right(37).wrapping_mul(mul).wrapping_add(a);
            let d = a.rotate_right(25).wrapping_add(b).wrapping_mul(mul);
            mix(c, d, mul)
        }
        4.. => mix((n as u64).wrapping_add(half(s, 0) << 3), half(s, n - 4), mul),
        1.. => {
            let y = u64::from(s[0]) + (u64::from(s[n >> 1]) << 8);
            let z = n as u64 + (u64::from(s[n - 1]) << 2);
            shift_mix(y.wrapping_mul(K2) ^ z.wrapping_mul(K0)).wrapping_mul(K2)
        }
        0 => K2,
    }
}

fn to_32(s: &[u8]) -> u64 {
    let n = s.len();
    let mul = K2.wrapping_add(2 * n as u64);
    let (a, b) = (word(s, 0).wrapping_mul(K1), word(s, 8));
    let (c, d) = (word(s, n - 8).wrapping_mul(mul), word(s, n - 16).wrapping_mul(K2));
    let u = a.wrapping_add(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d);
    mix(u, a.wrapping_add(b.wrapping_add(K2).rotate_right(18)).wrapping_add(c), mul)
}

fn to_64(s: &[u8]) -> u64 {
    let n = s.len();
    let mul = K2.wrapping_add(2 * n as u64);
    let (a, b) = (word(s, 0).wrapping_mul(K2), word(s, 8));
    let (c, d) = (word(s, n - 8).wrapping_mul(mul), word(s, n - 16).wrapping_mul(K2));
    let y = a.wrapping_add(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d);
    let z = mix(y, a.wrapping_add(b.wrapping_add(K2).rotate_right(18)).wrapping_add(c), mul);
    let (e, f) = (word(s, 16).wrapping_mul(mul), word(s, 24));
    let g = y.wrapping_add(word(s, n - 32)).wrapping_mul(mul);
    let h = z.wrapping_add(word(s, n - 24)).wrapping_mul(mul);
    let u = e.wrapping_add(f).rotate_right(43).wrapping_add(g.rotate_right(30)).wrapping_add(h);
    mix(u, e.wrapping_add(f.wrapping_add(a).rotate_right(18)).wrapping_add(g), mul)
}

/// The state of the long form: x, y, z and two pairs.
struct Long {
    x: u64,
    y: u64,
    z: u64,
    v: (u64, u64),
    w: (u64, u64),
}

impl Long {
    /// Takes in 64 bytes. The last block multiplies otherwise: `mul`, and 9 where the others have
    /// 1.
    fn block(&mut self, s: &[u8], at: usize, mul: u64, nine: u64) {
        let Self { x, y, z, v, w } = self;
        *x = x
            .wrapping_add(*y)
            .wrapping_add(v.0)
            .wrapping_add(word(s, at + 8))
            .rotate_right(37)
            .wrapping_mul(mul);
        *y = y.wrapping_add(v.1).wrapping_add(word(s, at + 48)).rotate_right(42).wrapping_mul(mul);
        *x ^= w.1.wrapping_mul(nine);
        *y = y.wrapping_add(v.0.wrapping_mul(nine)).wrapping_add(word(s, at + 40));
        *z = z.wrapping_add(w.0).rotate_right(33).wrapping_mul(mul);
        *v = absorb(s, at, v.1.wrapping_mul(mul), x.wrapping_add(w.0));
        *w = absorb(s, at + 32, z.wrapping_add(w.1), y.wrapping_add(word(s, at + 16)));
        std::mem::swap(z, x);
    }
}

fn beyond_64(s: &[u8]) -> u64 {
    let seed = 81u64;
    let y = seed.wrapping_mul(K1).wrapping_add(113);
    let z = shift_mix(y.wrapping_mul(K2).wrapping_add(113)).wrapping_mul(K2);
    let mut l =
        Long { x: seed.wrapping_mul(K2).wrapping_add(word(s, 0)), y, z, v: (0, 0), w: (0, 0) };
    let rest = (s.len() - 1) & 63;
    let end = (s.len() - 1) / 64 * 64;
    for at in (0..end).step_by(64) {
        l.block(s, at, K1, 1);
    }
    let mul = K1.wrapping_add((l.z & 0xff) << 1);
    l.w.0 = l.w.0.wrapping_add(rest as u64);
    l.v.0 = l.v.0.wrapping_add(l.w.0);
    l.w.0 = l.w.0.wrapping_add(l.v.0);
    l.block(s, end + rest - 63, mul, 9);
    let a = mix(l.v.0, l.w.0, mul).wrapping_add(shift_mix(l.y).wrapping_mul(K0)).wrapping_add(l.z);
    mix(a, mix(l.v.1, l.w.1, mul).wrapping_add(l.x), mul)
}

/// The fingerprint of two fingerprints, as TensorFlow joins them.
pub(super) fn fingerprint_pair(a: u64, b: u64) -> u64 {
    const MUL: u64 = 0xc6a4_a793_5bd1_e995;
    let x = (a ^ MUL) ^ shift_mix(b.wrapping_mul(MUL)).wrapping_mul(MUL);
    shift_mix(shift_mix(x.wrapping_mul(MUL)).wrapping_mul(MUL))
}

/// SipHash-2-4 of bytes under two keys, as TensorFlow's `to_hash_bucket_strong` takes it.
pub(super) fn keyed_hash((k0, k1): (u64, u64), s: &[u8]) -> u64 {
    fn round(v: &mut [u64; 4]) {
        v[0] = v[0].wrapping_add(v[1]);
        v[2] = v[2].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].rotate_left(32).wrapping_add(v[3]);
        v[2] = v[2].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].rotate_left(32);
    }
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let mut take = |w: u64| {
        v[3] ^= w;
        (0..2).for_each(|_| round(&mut v));
        v[0] ^= w;
    };
    let whole = s.len() / 8 * 8;
    (0..whole).step_by(8).for_each(|at| take(word(s, at)));
    let rest = s[whole..]
        .iter()
        .enumerate()
        .fold((s.len() as u64) << 56, |w, (i, b)| w | u64::from(*b) << (8 * i));
    take(rest);
    v[2] ^= 0xff;
    (0..4).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

/// The fingerprint of bytes.
pub(super) fn fingerprint64(s: &[u8]) -> u64 {
    match s.len() {
        0..=16 => to_16(s),
        17..=32 => to_32(s),
        33..=64 => to_64(s),
        _ => beyond_64(s),
    }
}
