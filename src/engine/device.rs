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
    #[error("no CUDA here: the driver reports no usable GPU (see nvidia-smi)")]
    NoGpu,
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

impl DeviceRequest {
    /// The device to use.
    ///
    /// Opens libtorch's CUDA part only when a GPU is asked for, or may be there: it adds 0.2 s to the start.
    ///
    /// # Errors
    /// A GPU that was asked for by name and cannot be used.
    pub fn resolve(self) -> Result<Device, DeviceError> {
        match self {
            Self::Only(Device::Cpu) => Ok(Device::Cpu),
            Self::Only(Device::Cuda(index)) => cuda::gpu(index),
            Self::Auto => Ok(cuda::gpu(0).unwrap_or(Device::Cpu)),
        }
    }
}

#[cfg(all(feature = "libtorch", target_os = "linux"))]
mod cuda {
    use std::sync::OnceLock;

    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY};

    use super::{Device, DeviceError};

    /// The GPU of that index, if it can be used.
    pub(super) fn gpu(index: usize) -> Result<Device, DeviceError> {
        if !driver_exists() {
            return Err(DeviceError::NoDriver);
        }
        // libtorch looks for its CUDA part once, at the first question about CUDA: it must be open before.
        static OPENED: OnceLock<Result<(), String>> = OnceLock::new();
        OPENED
            .get_or_init(open_library)
            .clone()
            .map_err(DeviceError::NoLibrary)?;
        match tch::Cuda::device_count().max(0) as usize {
            0 => Err(DeviceError::NoGpu),
            count if index >= count => Err(DeviceError::NoSuchGpu { index, count }),
            _ => Ok(Device::Cuda(index)),
        }
    }

    fn driver_exists() -> bool {
        // SAFETY: loading NVIDIA's driver library runs its initialisers only, which have no preconditions.
        unsafe { Library::open(Some("libcuda.so.1"), RTLD_LAZY) }.is_ok()
    }

    fn open_library() -> Result<(), String> {
        // SAFETY: the library belongs to the libtorch this program is linked to; its initialisers register CUDA with it.
        let library = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_LAZY | RTLD_GLOBAL) };
        // What libtorch has registered must stay for the life of the process.
        library
            .map(std::mem::forget)
            .map_err(|error| error.to_string())
    }
}

#[cfg(not(all(feature = "libtorch", target_os = "linux")))]
mod cuda {
    use super::{Device, DeviceError};

    /// There is no CUDA on this system, or none that this program can use.
    pub(super) fn gpu(_: usize) -> Result<Device, DeviceError> {
        Err(if cfg!(feature = "libtorch") {
            DeviceError::NoDriver
        } else {
            DeviceError::NoLibtorch
        })
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
