//! The networks of the ECO family.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A network, under the name that weights files carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Architecture {
    /// A 2D trunk whose maps a 3D net reads as a clip.
    #[default]
    #[serde(rename = "ECO-Lite")]
    Lite,
    /// ECO-Lite, and the rest of the 2D net beside the 3D net: the mean over its frames joins the 3D net's features.
    #[serde(rename = "ECO-Full")]
    Full,
}

impl Architecture {
    /// All networks that are known.
    pub const ALL: [Self; 2] = [Self::Lite, Self::Full];

    /// The name in weights files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lite => "ECO-Lite",
            Self::Full => "ECO-Full",
        }
    }
}

impl Display for Architecture {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that stands for no known network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the network is {0:?}; this version knows {known}",
    known = Architecture::ALL.map(Architecture::name).join(" and ")
)]
pub struct UnknownArchitecture(pub String);

impl FromStr for Architecture {
    type Err = UnknownArchitecture;

    fn from_str(name: &str) -> Result<Self, UnknownArchitecture> {
        let mut known = Self::ALL.into_iter();
        let unknown = || UnknownArchitecture(name.chars().take(60).collect());
        known
            .find(|architecture| architecture.name() == name)
            .ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_unknown_ones_told_with_the_known() {
        for architecture in Architecture::ALL {
            assert_eq!(architecture.to_string().parse(), Ok(architecture));
            let json = serde_json::to_string(&architecture).unwrap();
            assert_eq!(json, format!("\"{architecture}\""));
        }
        let error = "ECO-Slow".parse::<Architecture>().unwrap_err().to_string();
        assert_eq!(
            error,
            "the network is \"ECO-Slow\"; this version knows ECO-Lite and ECO-Full"
        );
    }
}
