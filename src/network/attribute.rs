use std::fmt;

use serde::Serialize;

/// The value of an [`Attribute`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Setting {
    /// One whole number.
    Int(i64),
    /// One whole number per axis.
    Tuple(Vec<i64>),
    /// A real number.
    Float(f64),
    /// A switch.
    Bool(bool),
}

impl fmt::Display for Setting {
    /// As Python prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Tuple(values) => {
                let values: Vec<String> = values.iter().map(i64::to_string).collect();
                write!(f, "({})", values.join(", "))
            }
            // Python turns to powers of ten below 1e-4, with an exponent of two digits.
            Self::Float(value) if *value != 0.0 && value.abs() < 1e-4 => {
                let text = format!("{value:e}");
                let (digits, exponent) = text.split_once("e-").unwrap_or((&text, "0"));
                write!(f, "{digits}e-{exponent:0>2}")
            }
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
        }
    }
}

impl From<i64> for Setting {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<usize> for Setting {
    fn from(value: usize) -> Self {
        Self::Int(value as i64)
    }
}

impl From<f64> for Setting {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<bool> for Setting {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&[usize]> for Setting {
    fn from(values: &[usize]) -> Self {
        Self::Tuple(values.iter().map(|&value| value as i64).collect())
    }
}

impl From<&[i64]> for Setting {
    fn from(values: &[i64]) -> Self {
        Self::Tuple(values.to_vec())
    }
}

/// How PyTorch shows an attribute between the parentheses of a printed layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The value alone.
    Value,
    /// `name=value`.
    Named,
    /// Not at all, because it is PyTorch's default.
    Hidden,
}

/// A hyper-parameter of a layer or an argument of an operator, under PyTorch's name.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// PyTorch's name, such as `kernel_size`.
    pub name: &'static str,
    /// Its value.
    pub value: Setting,
    /// How the printed layer shows it.
    pub shown: Shown,
}

impl Attribute {
    /// An attribute printed as `name=value`.
    pub fn named(name: &'static str, value: impl Into<Setting>) -> Self {
        let value = value.into();
        Self {
            name,
            value,
            shown: Shown::Named,
        }
    }

    /// An attribute printed as its value alone.
    pub fn value(name: &'static str, value: impl Into<Setting>) -> Self {
        Self::named(name, value).shown(Shown::Value)
    }

    /// The same attribute, shown in another way.
    pub fn shown(self, shown: Shown) -> Self {
        Self { shown, ..self }
    }
}

/// Writes the attributes as PyTorch prints them between the parentheses.
pub(super) fn write_all(f: &mut fmt::Formatter<'_>, attributes: &[Attribute]) -> fmt::Result {
    let shown = attributes
        .iter()
        .filter(|attribute| attribute.shown != Shown::Hidden);
    for (index, Attribute { name, value, shown }) in shown.enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        match shown {
            Shown::Named => write!(f, "{comma}{name}={value}")?,
            _ => write!(f, "{comma}{value}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_in_python() {
        let printed = |setting: Setting| setting.to_string();
        assert_eq!(printed(1e-5.into()), "1e-05");
        assert_eq!(printed(2.5e-7.into()), "2.5e-07");
        assert_eq!(printed(0.1.into()), "0.1");
        assert_eq!(printed(1.0.into()), "1.0");
        assert_eq!(printed(true.into()), "True");
        assert_eq!(printed([4_usize, 7, 7].as_slice().into()), "(4, 7, 7)");
    }
}
