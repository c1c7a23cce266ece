use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Where a network runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu,
    /// The NVIDIA GPU of that index.
    Cuda(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// The memory of a GPU, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Free for anybody.
    pub free: usize,
    /// All of it.
    pub total: usize,
}

/// What the user asks for: `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceRequest {
    /// The first GPU if there is one that works, else the processor.
    #[default]
    Auto,
    /// This device and no other.
    Only(Device),
}

/// Why a device cannot be had.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// The name is none of the known ones.
    #[error("unknown device {0:?}: expected auto, cpu, cuda or cuda:N, where N counts GPUs from 0")]
    Unknown(String),
    /// This program was built without libtorch, which runs on GPUs.
    #[error("this eco was built without libtorch, which GPUs need: it runs on the CPU")]
    NoLibtorch,
    /// There is no NVIDIA driver.
    #[error("no CUDA here: the NVIDIA driver (libcuda) was not found")]
    NoDriver,
    /// The libtorch in use has no CUDA part, or it misses libraries.
    #[error(
        "no CUDA here: libtorch's CUDA part cannot be opened ({0}); \
         `make setup-full` fetches the full libtorch"
    )]
    NoLibrary(String),
    /// Driver and library are there, but no GPU answers.
    #[error(
        "no CUDA here: libtorch finds no GPU that it can use. The driver is for CUDA {driver} and older (see nvidia-smi); \
         a libtorch for a newer CUDA needs a newer driver"
    )]
    NoGpu {
        /// The newest CUDA that the driver knows, such as `12.4`.
        driver: String,
    },
    /// There are fewer GPUs.
    #[error("there is no cuda:{index}: {count} GPU(s) found, counted from 0")]
    NoSuchGpu {
        /// The index asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
}

impl FromStr for DeviceRequest {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.to_owned());
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Only(Device::Cpu)),
            "cuda" => Ok(Self::Only(Device::Cuda(0))),
            _ => {
                let index = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                Ok(Self::Only(Device::Cuda(
                    index.parse().map_err(|_| unknown())?,
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_as_pytorch_names_it() {
        for (text, request) in [
            ("auto", DeviceRequest::Auto),
            ("cpu", DeviceRequest::Only(Device::Cpu)),
            ("cuda", DeviceRequest::Only(Device::Cuda(0))),
            ("cuda:3", DeviceRequest::Only(Device::Cuda(3))),
        ] {
            assert_eq!(text.parse::<DeviceRequest>().unwrap(), request);
        }
    }

    #[test]
    fn another_name_is_refused_with_the_known_ones() {
        for text in ["gpu", "cuda:", "cuda:-1", "CPU", ""] {
            let error = text.parse::<DeviceRequest>().unwrap_err().to_string();
            assert!(error.contains("cuda:N"), "{error}");
        }
    }
}
