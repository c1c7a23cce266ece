//! Clips: finding frames, choosing segments, decoding and preprocessing pixels.
