//! Natural order of file names.

use std::cmp::Ordering;

/// Orders names as people do: runs of digits by their value, however long; letters without regard
/// to case. Names that are equal by that (`a1`, `a01`, `A1`) are ordered by their bytes.
pub fn natural_order(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some(&x), Some(&y)) = (left.first(), right.first()) {
        let order;
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x_digits, y_digits) = (leading_digits(left), leading_digits(right));
            order = compare_numbers(x_digits, y_digits);
            left = &left[x_digits.len()..];
            right = &right[y_digits.len()..];
        } else {
            order = x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase());
            left = &left[1..];
            right = &right[1..];
        }
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

fn leading_digits(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(bytes.len());
    &bytes[..end]
}

fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().take_while(|&&digit| digit == b'0').count();
    let (a, b) = (&a[significant(a)..], &b[significant(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(mut names: Vec<&str>) -> Vec<&str> {
        names.sort_by(|a, b| natural_order(a.as_bytes(), b.as_bytes()));
        names
    }

    #[test]
    fn numbers_are_ordered_by_value_however_long() {
        assert_eq!(
            sorted(vec!["img_10.jpg", "img_2.jpg", "img_1.jpg"]),
            ["img_1.jpg", "img_2.jpg", "img_10.jpg"]
        );
        let long = "f99999999999999999999999999.png";
        let longer = "f100000000000000000000000000.png";
        assert_eq!(sorted(vec![longer, long]), [long, longer]);
        assert_eq!(
            sorted(vec!["s2_f1", "s1_f10", "s1_f9"]),
            ["s1_f9", "s1_f10", "s2_f1"]
        );
    }

    #[test]
    fn equal_numbers_and_letter_case_still_give_one_order() {
        assert_eq!(sorted(vec!["a1", "a01", "a001"]), ["a001", "a01", "a1"]);
        assert_eq!(
            sorted(vec!["IMG_2", "img_1", "IMG_3"]),
            ["img_1", "IMG_2", "IMG_3"]
        );
        assert_eq!(sorted(vec!["img", "img_1", ""]), ["", "img", "img_1"]);
    }
}
