//! Bars of characters.

/// A bar of eighths of a column, filled with spaces to `width` columns.
pub(super) fn bar(score: f32, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (score.clamp(0.0, 1.0) * (8 * width) as f32).round() as usize;
    let filled = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    let columns = eighths.div_ceil(8);
    filled + &" ".repeat(width - columns)
}
