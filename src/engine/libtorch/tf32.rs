//! TF32: float32 rounded to 10 bits of fraction, for a GPU's units for matrices. PyTorch allows it in convolutions unless it is told
//! not to, and forbids it in products unless it is told to.

// Defined in tf32.cpp, which build.rs compiles.
unsafe extern "C" {
    safe fn eco_allow_tf32(allowed: bool);
    #[cfg(test)]
    safe fn eco_allows_tf32() -> bool;
}

/// Allows or forbids it in the whole process: libtorch asks at every convolution.
pub(crate) fn allow(allowed: bool) {
    eco_allow_tf32(allowed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_allowed_and_forbidden() {
        for allowed in [true, false] {
            allow(allowed);
            assert_eq!(eco_allows_tf32(), allowed);
        }
    }
}
