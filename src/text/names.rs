//! Enums whose values have names: in flags, in metadata, in messages.

/// A text that names no value of an enum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is none of {}", known.join(", "))]
pub struct UnknownName {
    /// The text.
    pub text: String,
    /// The names there are.
    pub known: Vec<&'static str>,
}

/// Gives an enum without fields `ALL`, `name()`, `Display` and `FromStr` from one table of its names.
macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        #[allow(unreachable_pub, reason = "as visible as the enum")]
        impl $type {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in flags, metadata and messages.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::text::UnknownName;

            fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
                let found = Self::ALL.iter().find(|value| value.name() == text);
                found.copied().ok_or_else(|| $crate::text::UnknownName {
                    text: text.to_owned(),
                    known: Self::ALL.iter().map(|value| value.name()).collect(),
                })
            }
        }
    };
}

pub(crate) use names;

#[cfg(test)]
mod tests {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Fruit {
        Apple,
        Pear,
    }

    names!(Fruit { Apple = "apple", Pear = "pear" });

    #[test]
    fn every_name_is_read_back_and_an_unknown_one_lists_them() {
        for fruit in Fruit::ALL {
            assert_eq!(fruit.to_string().parse(), Ok(*fruit));
        }
        let error = "Pear".parse::<Fruit>().unwrap_err();
        assert_eq!(error.to_string(), "\"Pear\" is none of apple, pear");
    }
}
