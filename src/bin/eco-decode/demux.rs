//! Files, read packet by packet.

use std::ffi::{CStr, CString, c_int};
use std::ptr::null_mut;
use std::slice;

use eco::clip::video::Location;
use eco::clip::video::inspect::Stamps;
use ffmpeg_sys_the_third as sys;

/// Containers that say all that has to be known about their video, so that no packet needs to be decoded to find it out.
const COMPLETE: [&CStr; 2] = [c"mov,mp4,m4a,3gp,3g2,mj2", c"matroska,webm"];

/// Marks a stream that is a picture of what is heard.
const COVER: c_int = sys::AV_DISPOSITION_ATTACHED_PIC as c_int;

/// An error of libav* in words.
pub(crate) fn checked(code: c_int) -> Result<c_int, String> {
    if code >= 0 {
        return Ok(code);
    }
    let mut text = [0; 128];
    // SAFETY: the length is the buffer's; the function ends what it writes with a zero.
    let text = unsafe {
        sys::av_strerror(code, text.as_mut_ptr(), text.len());
        CStr::from_ptr(text.as_ptr())
    };
    Err(text.to_string_lossy().into_owned())
}

/// A packet.
pub(crate) struct Packet(*mut sys::AVPacket);

impl Packet {
    pub(crate) fn new() -> Result<Self, String> {
        // SAFETY: allocates, or returns null.
        let packet = unsafe { sys::av_packet_alloc() };
        match packet.is_null() {
            true => Err("no memory".to_owned()),
            false => Ok(Packet(packet)),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the packet is valid as long as self; its data has `size` bytes, if it has any.
        unsafe {
            match (*self.0).data.is_null() {
                true => &[],
                false => slice::from_raw_parts((*self.0).data, (*self.0).size as usize),
            }
        }
    }

    pub(crate) fn stamps(&self) -> Stamps {
        // SAFETY: the packet is valid as long as self.
        let packet = unsafe { &*self.0 };
        let known = |stamp: i64| (stamp != sys::AV_NOPTS_VALUE).then_some(stamp);
        Stamps {
            pts: known(packet.pts),
            dts: known(packet.dts),
            duration: (packet.duration != 0).then_some(packet.duration),
            is_hidden: packet.flags & sys::AV_PKT_FLAG_DISCARD as c_int != 0,
        }
    }

    /// Replaces when its frame is shown by its place in the stream: the decoder hands that on to the frame.
    pub(crate) fn set_place(&mut self, place: usize) {
        // SAFETY: the packet is valid as long as self.
        unsafe { (*self.0).pts = place as i64 };
    }

    pub(crate) fn as_ptr(&self) -> *const sys::AVPacket {
        self.0
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: allocated by `av_packet_alloc`; the function sets the pointer to null.
        unsafe { sys::av_packet_free(&mut self.0) }
    }
}

/// An open file, of whose streams the first video is read.
pub(crate) struct Input {
    context: *mut sys::AVFormatContext,
    stream: *mut sys::AVStream,
    is_probed: bool,
}

impl Input {
    /// Opens a file. With `probes`, libav* decodes its first frames to find out what the container does
    /// not say, as the ffmpeg program lets it do always.
    pub(crate) fn open(file: &Location, probes: bool) -> Result<Self, String> {
        let text = |bytes: Vec<u8>| CString::new(bytes).map_err(|error| error.to_string());
        let (url, protocols) = (text(file.url())?, text(file.protocols().into())?);
        let (mut context, mut options) = (null_mut(), null_mut());
        // SAFETY: all strings end and outlive the calls; the context is closed by libav* on failure, else by `drop`.
        unsafe {
            let whitelist = c"protocol_whitelist".as_ptr();
            sys::av_dict_set(&mut options, whitelist, protocols.as_ptr(), 0);
            let code =
                sys::avformat_open_input(&mut context, url.as_ptr(), null_mut(), &mut options);
            sys::av_dict_free(&mut options);
            checked(code)?;
        }
        let mut input = Input {
            context,
            stream: null_mut(),
            is_probed: probes,
        };
        input.is_probed |= !input.is_complete();
        if input.is_probed {
            // SAFETY: the context is open.
            checked(unsafe { sys::avformat_find_stream_info(context, null_mut()) })?;
        }
        input.choose()?;
        Ok(input)
    }

    /// Whether libav* has decoded its first frames.
    pub(crate) fn is_probed(&self) -> bool {
        self.is_probed
    }

    /// Whether the container says all, and has nothing but pictures and sound.
    fn is_complete(&self) -> bool {
        // SAFETY: an open context has a format with a name.
        let name = unsafe { CStr::from_ptr((*(*self.context).iformat).name) };
        // SAFETY: as in `kind`.
        let known = |&stream: &*mut sys::AVStream| match unsafe { kind(stream) } {
            // SAFETY: streams have parameters. A cover picture is no video.
            sys::AVMediaType::VIDEO => unsafe {
                (*(*stream).codecpar).width > 0 && (*stream).disposition & COVER == 0
            },
            kind => kind == sys::AVMediaType::AUDIO,
        };
        COMPLETE.contains(&name) && self.streams().iter().all(known)
    }

    fn streams(&self) -> &[*mut sys::AVStream] {
        // SAFETY: the context has that many streams; without any the pointer may be null.
        unsafe {
            match (*self.context).nb_streams {
                0 => &[],
                count => slice::from_raw_parts((*self.context).streams, count as usize),
            }
        }
    }

    /// Chooses the first video that is no cover picture, as the specifier `V:0` does.
    fn choose(&mut self) -> Result<(), String> {
        // SAFETY: as in `kind`.
        let is_video = |&&stream: &&*mut sys::AVStream| unsafe {
            kind(stream) == sys::AVMediaType::VIDEO && (*stream).disposition & COVER == 0
        };
        let found = self.streams().iter().find(is_video).copied();
        self.stream = found.ok_or("it has no video stream")?;
        self.read_only_what_is_needed();
        Ok(())
    }

    /// Leaves the packets of other streams in the file; of sound, from when it is known when it begins.
    fn read_only_what_is_needed(&mut self) {
        for &stream in self.streams() {
            // SAFETY: streams live as long as the context.
            unsafe {
                let is_needed = stream == self.stream
                    || (kind(stream) == sys::AVMediaType::AUDIO
                        && !self.is_probed
                        && (*stream).start_time == sys::AV_NOPTS_VALUE);
                (*stream).discard = match is_needed {
                    true => sys::AVDiscard::DEFAULT,
                    false => sys::AVDiscard::ALL,
                };
            }
        }
    }

    /// The next packet of the video; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Packet>, String> {
        let packet = Packet::new()?;
        loop {
            // SAFETY: context and packet are valid; a packet is freed before it is used again.
            let code = unsafe {
                sys::av_packet_unref(packet.0);
                sys::av_read_frame(self.context, packet.0)
            };
            if code == sys::AVERROR_EOF {
                return Ok(None);
            }
            checked(code)?;
            // SAFETY: as above.
            if unsafe { (*packet.0).stream_index == (*self.stream).index } {
                return Ok(Some(packet));
            }
            self.read_only_what_is_needed();
        }
    }

    /// The codec's parameters.
    pub(crate) fn parameters(&self) -> *const sys::AVCodecParameters {
        // SAFETY: the stream lives as long as the context.
        unsafe { (*self.stream).codecpar }
    }

    /// The codec's name in libavcodec.
    pub(crate) fn codec(&self) -> String {
        // SAFETY: the parameters live as long as self; names are static strings.
        let name = unsafe { CStr::from_ptr(sys::avcodec_get_name((*self.parameters()).codec_id)) };
        name.to_string_lossy().into_owned()
    }

    /// The codec's own header.
    pub(crate) fn extradata(&self) -> &[u8] {
        // SAFETY: the parameters live as long as self; without extradata the pointer is null.
        unsafe {
            let parameters = &*self.parameters();
            match parameters.extradata.is_null() {
                true => &[],
                false => {
                    slice::from_raw_parts(parameters.extradata, parameters.extradata_size as usize)
                }
            }
        }
    }

    /// The unit of stamps in seconds.
    pub(crate) fn unit(&self) -> sys::AVRational {
        // SAFETY: the stream lives as long as the context.
        unsafe { (*self.stream).time_base }
    }

    /// Frames per second, or 0/0.
    pub(crate) fn rate(&self) -> sys::AVRational {
        // SAFETY: as above.
        unsafe { (*self.stream).avg_frame_rate }
    }

    /// When the first stream begins, in seconds; known once the packets have been read.
    pub(crate) fn start(&self) -> Option<f64> {
        let to_seconds = |stamp: i64| stamp as f64 / f64::from(sys::AV_TIME_BASE);
        if self.is_probed {
            // SAFETY: the context is open.
            let start = unsafe { (*self.context).start_time };
            return (start != sys::AV_NOPTS_VALUE).then(|| to_seconds(start));
        }
        let begin = |&stream: &*mut sys::AVStream| {
            // SAFETY: as above; the function only computes.
            unsafe {
                let unit = sys::AVRational {
                    num: 1,
                    den: sys::AV_TIME_BASE as c_int,
                };
                let start = (*stream).start_time;
                (start != sys::AV_NOPTS_VALUE)
                    .then(|| sys::av_rescale_q(start, (*stream).time_base, unit))
            }
        };
        self.streams()
            .iter()
            .filter_map(begin)
            .min()
            .map(to_seconds)
    }

    /// How the container says that pictures are turned: the matrix behind `AV_PKT_DATA_DISPLAYMATRIX`.
    pub(crate) fn matrix(&self) -> Option<[i32; 9]> {
        let (data, size) = self.side_data(sys::AVPacketSideDataType::DISPLAYMATRIX)?;
        if size < size_of::<[i32; 9]>() {
            return None;
        }
        // SAFETY: there are that many bytes; they need not be aligned.
        Some(unsafe { data.cast::<[i32; 9]>().read_unaligned() })
    }

    #[cfg(coded_side_data)]
    fn side_data(&self, kind: sys::AVPacketSideDataType) -> Option<(*const u8, usize)> {
        // SAFETY: the parameters live as long as self, and so does what they hold.
        unsafe {
            let parameters = &*self.parameters();
            let (all, count) = (parameters.coded_side_data, parameters.nb_coded_side_data);
            let found = sys::av_packet_side_data_get(all, count, kind).as_ref()?;
            Some((found.data.cast_const(), found.size))
        }
    }

    #[cfg(not(coded_side_data))]
    fn side_data(&self, kind: sys::AVPacketSideDataType) -> Option<(*const u8, usize)> {
        let mut size = 0;
        // SAFETY: the stream lives as long as self, and so does what it holds.
        let data = unsafe { sys::av_stream_get_side_data(self.stream, kind, &mut size) };
        (!data.is_null()).then_some((data.cast_const(), size))
    }
}

/// What a stream is of.
///
/// # Safety
/// The stream is one of an open context.
unsafe fn kind(stream: *mut sys::AVStream) -> sys::AVMediaType {
    // SAFETY: streams have parameters.
    unsafe { (*(*stream).codecpar).codec_type }
}

impl Drop for Input {
    fn drop(&mut self) {
        // SAFETY: opened by `avformat_open_input`; the function sets the pointer to null.
        unsafe { sys::avformat_close_input(&mut self.context) }
    }
}
