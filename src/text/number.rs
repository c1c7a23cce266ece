//! Numbers as people read them.

/// `37,503,856`.
pub fn thousands(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 class`, `400 classes`.
pub fn counted(count: usize, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {several}"),
    }
}

/// The size of a file: `812 bytes`, `68 kB`, `1.2 MB`, `150 MB`.
pub fn file_size(bytes: u64) -> String {
    let size = bytes as f64;
    match bytes {
        0..1_000 => counted(bytes as usize, "byte", "bytes"),
        1_000..999_500 => format!("{:.0} kB", size / 1e3),
        999_500..9_950_000 => format!("{:.1} MB", size / 1e6),
        9_950_000..999_500_000 => format!("{:.0} MB", size / 1e6),
        _ => format!("{:.1} GB", size / 1e9),
    }
}

/// Bytes in units of 10^6, with two digits.
pub fn megabytes(bytes: usize) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}

/// The largest of torchinfo's units (M, G, T) that leaves at least 1, and the number in it: whole, or with two digits.
pub fn scaled(value: usize) -> (&'static str, String) {
    let (unit, size) = match value {
        1_000_000_000_000.. => ("T", 1_000_000_000_000),
        1_000_000_000.. => ("G", 1_000_000_000),
        _ => ("M", 1_000_000),
    };
    if value.is_multiple_of(size) {
        return (unit, thousands(value / size));
    }
    let text = format!("{:.2}", value as f64 / size as f64);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "00"));
    let whole = whole.parse().map_or(whole.to_owned(), thousands);
    (unit, format!("{whole}.{fraction}"))
}

/// Four significant digits in at most ten characters; whole numbers below a million as they are.
pub fn four_digits(value: f64) -> String {
    let size = value.abs();
    if value == value.trunc() && size < 1e6 {
        format!("{value}")
    } else if (1e-3..1e5).contains(&size) {
        let digits = 3 - size.log10().floor() as i32;
        format!("{value:.*}", digits.clamp(0, 6) as usize)
    } else {
        format!("{value:.3e}")
    }
}

/// A loss in six characters or seven: `1.2346`, `123.46`, `123456`, and from a million on `1.23e6`.
pub fn loss(value: f64) -> String {
    if value >= 1e6 {
        return format!("{value:.2e}");
    }
    let digits = 4_usize.saturating_sub(value.max(1.0).log10().floor() as usize);
    format!("{value:.digits$}")
}

/// A time in seconds as clocks show it: `0:09`, `12:30`, `1:02:05`.
pub fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        assert_eq!(four_digits(12.345678), "12.35");
        assert_eq!(four_digits(-0.00123456), "-0.001235");
        assert_eq!(four_digits(1.5e-7), "1.500e-7");
        assert_eq!(four_digits(0.0), "0");
        assert_eq!(four_digits(37_000.0), "37000");
        assert_eq!(four_digits(f64::NAN), "NaN");
        assert!(four_digits(-1.234_567e-38).len() <= 10);
    }

    #[test]
    fn losses_have_no_more_characters_when_they_are_large() {
        let losses = [0.0, 1.23456, 12.3456, 123.456, 1234.56, 12_345.6, 123_456.7];
        let texts = losses.map(loss);
        let expected = [
            "0.0000", "1.2346", "12.346", "123.46", "1234.6", "12346", "123457",
        ];
        assert_eq!(texts, expected);
        assert_eq!(loss(1e6), "1.00e6");
        assert_eq!(loss(1.234e30), "1.23e30");
        assert_eq!(loss(f64::NAN), "NaN");
    }

    #[test]
    fn sizes_of_files_are_never_nothing() {
        let sizes = [
            0,
            1,
            999,
            1_000,
            999_499,
            999_500,
            1_234_567,
            9_949_999,
            9_950_000,
            150_073_265,
        ];
        let texts = sizes.map(file_size);
        let expected = [
            "0 bytes",
            "1 byte",
            "999 bytes",
            "1 kB",
            "999 kB",
            "1.0 MB",
            "1.2 MB",
            "9.9 MB",
            "10 MB",
            "150 MB",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(37_503_856), "37,503,856");
    }

    #[test]
    fn large_numbers_take_the_largest_unit_that_fits() {
        assert_eq!(scaled(46_519_000_000), ("G", "46.52".to_owned()));
        assert_eq!(scaled(2_000_000), ("M", "2".to_owned()));
        assert_eq!(scaled(1_234_500_000_000), ("T", "1.23".to_owned()));
    }
}
