//! Random numbers that depend on nothing but what they are for: the same on every machine and for any number of threads.
//!
//! A number is not drawn from a stream whose place other draws move. It is computed from a seed and the path that leads to it,
//! such as the epoch, the clip and which of the clip's draws it is:
//!
//! ```text
//! key     = mix(... mix(mix(seed + G) XOR path[0]) + G) XOR path[1] ...)     G = 0x9E3779B97F4A7C15
//! bits(i) = mix(key + (i + 1) * G)                                          arithmetic modulo 2^64
//! ```
//!
//! `mix` is the output function of splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
//! OOPSLA 2014), `fnv1a` the 64-bit FNV-1a hash.

/// What splitmix64 adds per number.
pub const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// The output function of splitmix64.
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The 64-bit FNV-1a hash of a text.
pub fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// Random numbers for one purpose, one after the other.
#[derive(Debug, Clone)]
pub struct Draws(u64);

impl Draws {
    /// The numbers at the end of `path`, from `seed`.
    pub fn new(seed: u64, path: &[u64]) -> Self {
        let enter = |key: u64, part: &u64| mix(key.wrapping_add(GAMMA)) ^ part;
        Self(mix(path.iter().fold(seed, enter).wrapping_add(GAMMA)))
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// A whole number from 0 to `count - 1`, each as likely as the others to one part in 2^64 / `count`.
    ///
    /// # Panics
    /// When `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        assert!(count > 0, "nothing to choose from");
        // The upper half of a product of 64 bits each: Lemire, "Fast random integer generation in an interval", 2019.
        let product = u128::from(self.bits()) * count as u128;
        (product >> 64) as usize
    }

    /// A number from 0 up to 1, of 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Puts `items` in a random order, each as likely as the others.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix64_gives_its_published_sequence() {
        // The first outputs for seed 0 of the authors' reference implementation.
        assert_eq!(mix(GAMMA), 0xE220_A839_7B1D_CDAF);
        assert_eq!(mix(GAMMA.wrapping_mul(2)), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn fnv1a_gives_its_published_values() {
        assert_eq!(fnv1a(""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a("a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_F739_67E8);
    }

    #[test]
    fn other_paths_give_other_numbers_and_the_same_path_the_same() {
        let first = |seed, path: &[u64]| Draws::new(seed, path).bits();
        assert_eq!(first(1, &[2, 3]), first(1, &[2, 3]));
        let all = [
            first(1, &[2, 3]),
            first(2, &[2, 3]),
            first(1, &[3, 2]),
            first(1, &[2]),
            first(1, &[2, 3, 0]),
            first(1, &[]),
        ];
        let distinct: std::collections::HashSet<u64> = all.into();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn choices_are_even() {
        let mut draws = Draws::new(7, &[]);
        let mut counts = [0_usize; 13];
        (0..130_000).for_each(|_| counts[draws.below(13)] += 1);
        // 10,000 each, standard deviation 96.
        assert!(
            counts.iter().all(|count| count.abs_diff(10_000) < 500),
            "{counts:?}"
        );
        let mean = (0..10_000).map(|_| draws.unit()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }

    #[test]
    fn a_shuffle_reaches_every_order() {
        let mut seen = std::collections::HashSet::new();
        for number in 0..600 {
            let mut items = [0, 1, 2, 3];
            Draws::new(3, &[number]).shuffle(&mut items);
            seen.insert(items);
        }
        assert_eq!(seen.len(), 24);
    }
}
