//! NVIDIA's driver, and libtorch's CUDA part. Both are opened when a GPU is asked for, or may be there: this program starts without.

use super::device::{Device, DeviceError, DeviceRequest, Memory};

#[cfg(all(feature = "libtorch", target_os = "linux"))]
use driver::{gpu, memory, product};
#[cfg(not(all(feature = "libtorch", target_os = "linux")))]
use none::{gpu, memory, product};

impl Device {
    /// The name of a GPU, such as `NVIDIA H100 80GB HBM3`, where the driver tells it.
    pub fn product(self) -> Option<String> {
        match self {
            Self::Cpu => None,
            Self::Cuda(index) => product(index),
        }
    }

    /// Bytes of a GPU's memory that are free, and all of it, where the driver tells. The GPU must be in use by this thread.
    pub fn memory(self) -> Option<Memory> {
        match self {
            Self::Cpu => None,
            Self::Cuda(_) => memory(),
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
            Self::Only(Device::Cuda(index)) => gpu(index),
            Self::Auto => Ok(gpu(0).unwrap_or(Device::Cpu)),
        }
    }
}

#[cfg(all(feature = "libtorch", target_os = "linux"))]
mod driver {
    use std::ffi::{CStr, c_char, c_int};
    use std::sync::OnceLock;

    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY};

    use crate::engine::device::{Device, DeviceError, Memory};

    /// What the driver's functions return when all is well.
    const SUCCESS: c_int = 0;

    /// The GPU of that index, if it can be used.
    pub(in crate::engine) fn gpu(index: usize) -> Result<Device, DeviceError> {
        let driver = driver().ok_or(DeviceError::NoDriver)?;
        // libtorch looks for its CUDA part once, at the first question about CUDA: it must be open before.
        static OPENED: OnceLock<Result<(), String>> = OnceLock::new();
        OPENED
            .get_or_init(open_library)
            .clone()
            .map_err(DeviceError::NoLibrary)?;
        match tch::Cuda::device_count().max(0) as usize {
            0 => Err(DeviceError::NoGpu {
                driver: version(driver).unwrap_or_else(|| "an unknown version".to_owned()),
            }),
            count if index >= count => Err(DeviceError::NoSuchGpu { index, count }),
            _ => Ok(Device::Cuda(index)),
        }
    }

    /// The driver, open for the life of the process.
    fn driver() -> Option<&'static Library> {
        static DRIVER: OnceLock<Option<Library>> = OnceLock::new();
        // SAFETY: loading NVIDIA's driver library runs its initialisers only, which have no preconditions.
        let open = || unsafe { Library::open(Some("libcuda.so.1"), RTLD_LAZY) }.ok();
        DRIVER.get_or_init(open).as_ref()
    }

    /// The newest CUDA that the driver knows: 12040 is 12.4.
    fn version(driver: &Library) -> Option<String> {
        let mut version: c_int = 0;
        // SAFETY: cuDriverGetVersion(int *) of the driver API, which may be called at any time.
        let answer = unsafe {
            let get =
                driver.get::<unsafe extern "C" fn(*mut c_int) -> c_int>(b"cuDriverGetVersion");
            get.ok()?(&mut version)
        };
        let (major, minor) = (version / 1000, version % 1000 / 10);
        (answer == SUCCESS).then(|| format!("{major}.{minor}"))
    }

    /// The name of a GPU.
    pub(in crate::engine) fn product(index: usize) -> Option<String> {
        type GetDevice = unsafe extern "C" fn(*mut c_int, c_int) -> c_int;
        type GetName = unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int;
        let driver = driver()?;
        let (mut device, mut name) = (0, [0 as c_char; 128]);
        // SAFETY: cuDeviceGet(CUdevice *, int) and cuDeviceGetName(char *, int, CUdevice) of the driver API. They write an
        // integer, and at most as many characters as they are told, the last of them 0.
        unsafe {
            let get = driver.get::<GetDevice>(b"cuDeviceGet").ok()?;
            let get_name = driver.get::<GetName>(b"cuDeviceGetName").ok()?;
            let index = c_int::try_from(index).ok()?;
            if get(&mut device, index) != SUCCESS
                || get_name(name.as_mut_ptr(), name.len() as c_int, device) != SUCCESS
            {
                return None;
            }
            Some(CStr::from_ptr(name.as_ptr()).to_string_lossy().into_owned())
        }
    }

    /// The memory of the GPU that this thread uses.
    pub(in crate::engine) fn memory() -> Option<Memory> {
        type GetMemory = unsafe extern "C" fn(*mut usize, *mut usize) -> c_int;
        let (mut free, mut total) = (0, 0);
        // SAFETY: cuMemGetInfo(size_t *, size_t *) of the driver API, which fails where this thread uses no GPU.
        let answer = unsafe {
            let get = driver()?.get::<GetMemory>(b"cuMemGetInfo_v2").ok()?;
            get(&mut free, &mut total)
        };
        (answer == SUCCESS).then_some(Memory { free, total })
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
mod none {
    use crate::engine::device::{Device, DeviceError, Memory};

    /// There is no CUDA on this system, or none that this program can use.
    pub(in crate::engine) fn gpu(_: usize) -> Result<Device, DeviceError> {
        Err(if cfg!(feature = "libtorch") {
            DeviceError::NoDriver
        } else {
            DeviceError::NoLibtorch
        })
    }

    pub(in crate::engine) fn product(_: usize) -> Option<String> {
        None
    }

    pub(in crate::engine) fn memory() -> Option<Memory> {
        None
    }
}
