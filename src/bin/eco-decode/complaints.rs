//! What libav* complains about. It says more of a damaged stream than the frames that come of it do.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Mutex;

use ffmpeg_sys_the_third as sys;

/// The first complaint since it was last asked for.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Begins to listen.
pub(crate) fn listen() {
    // SAFETY: the callback may be called from any thread at any time, and is fit for that.
    unsafe {
        sys::av_log_set_level(sys::AV_LOG_ERROR);
        sys::av_log_set_callback(Some(hear));
    }
}

/// Forgets what was said about another file.
pub(crate) fn forget() {
    if let Ok(mut first) = FIRST.lock() {
        *first = None;
    }
}

/// An error with the first complaint, if there was one.
///
/// # Errors
/// The complaint.
pub(crate) fn check() -> Result<(), String> {
    match FIRST.lock() {
        Ok(first) => first
            .as_ref()
            .map_or(Ok(()), |text| Err(format!("libav* complains: {text}"))),
        Err(_) => Err("a thread that reported a complaint has died".to_owned()),
    }
}

/// Takes a message. `A` stands for the list of its arguments, whose type differs from machine to machine; they are left out.
unsafe extern "C" fn hear<A>(_: *mut c_void, level: c_int, format: *const c_char, _: A) {
    if level > sys::AV_LOG_ERROR || format.is_null() {
        return;
    }
    // SAFETY: a format is a string that ends, and lives as long as this call.
    let text = unsafe { CStr::from_ptr(format) }.to_string_lossy();
    if let Ok(mut first) = FIRST.lock() {
        first.get_or_insert_with(|| text.trim().to_owned());
    }
}
