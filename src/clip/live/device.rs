//! Cameras, as ffmpeg names them on each system.

/// Kinds of devices that ffmpeg reads; one is named `KIND:NAME`.
const KINDS: [&str; 9] = [
    "v4l2",
    "avfoundation",
    "dshow",
    "x11grab",
    "gdigrab",
    "kmsgrab",
    "decklink",
    "openal",
    "lavfi",
];

/// The kind and the name of a device, if `text` names one, or why that cannot be one.
pub(super) fn parse(text: &str) -> Option<Result<(String, String), String>> {
    if is_video_device(text) {
        return Some(Ok(("v4l2".to_owned(), text.to_owned())));
    }
    let (kind, name) = text.split_once(':')?;
    if kind == "camera" {
        return Some(camera(name));
    }
    if !KINDS.contains(&kind) {
        return None;
    }
    Some(match name {
        "" => Err(format!("after {kind}: comes the name of a device")),
        // The names that Windows shows are those of `video=`.
        _ if kind == "dshow" && !name.contains('=') => {
            Ok((kind.to_owned(), format!("video={name}")))
        }
        _ => Ok((kind.to_owned(), name.to_owned())),
    })
}

/// `/dev/video0` and its like.
fn is_video_device(text: &str) -> bool {
    let number = text.strip_prefix("/dev/video");
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The camera of a number, from 0.
fn camera(number: &str) -> Result<(String, String), String> {
    let Ok(number) = number.parse::<u32>() else {
        return Err("cameras are numbered from 0: camera:0".to_owned());
    };
    if cfg!(target_os = "linux") {
        Ok(("v4l2".to_owned(), format!("/dev/video{number}")))
    } else if cfg!(target_os = "macos") {
        Ok(("avfoundation".to_owned(), number.to_string()))
    } else {
        let names = "cameras have names on this system: write dshow:NAME, and `ffmpeg -list_devices true -f dshow -i x` lists them";
        Err(names.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_named_as_ffmpeg_names_them() {
        let found = |text| parse(text).unwrap().unwrap();
        let pair = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        assert_eq!(found("/dev/video12"), pair("v4l2", "/dev/video12"));
        assert_eq!(found("avfoundation:0"), pair("avfoundation", "0"));
        assert_eq!(found("dshow:HD Cam"), pair("dshow", "video=HD Cam"));
        assert_eq!(found("dshow:video=HD Cam"), pair("dshow", "video=HD Cam"));
        #[cfg(target_os = "linux")]
        assert_eq!(found("camera:1"), pair("v4l2", "/dev/video1"));
        assert!(parse("/dev/videos/a.mp4").is_none());
        assert!(parse("match: final.mp4").is_none());
    }
}
