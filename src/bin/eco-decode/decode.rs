//! Packets in, frames out.

use std::ffi::c_int;
use std::ops::ControlFlow;
use std::ptr::{null, null_mut};

use eco::clip::rgb::MAX_PIXELS;
use ffmpeg_sys_the_third as sys;

use crate::complaints;
use crate::demux::{Input, Packet, checked};

/// The longest reordering of H.264. Where nothing says how long it is, no frame may be put out too soon.
const LONGEST_REORDERING: c_int = 16;

/// A decoder, and the frame that it gave last.
pub(crate) struct Decoder {
    context: *mut sys::AVCodecContext,
    frame: *mut sys::AVFrame,
}

/// What is done with each frame, until that says [`ControlFlow::Break`].
type Each<'a> = &'a mut dyn FnMut(&sys::AVFrame) -> Result<ControlFlow<()>, String>;

impl Decoder {
    /// A decoder for the video of `input`.
    pub(crate) fn new(input: &Input, threads: usize) -> Result<Self, String> {
        let parameters = input.parameters();
        // SAFETY: the parameters live as long as `input`; context and frame are freed by `drop`.
        unsafe {
            let codec = sys::avcodec_find_decoder((*parameters).codec_id);
            if codec.is_null() {
                return Err("libavcodec has no decoder for it".to_owned());
            }
            let decoder = Decoder {
                context: sys::avcodec_alloc_context3(codec),
                frame: sys::av_frame_alloc(),
            };
            if decoder.context.is_null() || decoder.frame.is_null() {
                return Err("no memory".to_owned());
            }
            let context = decoder.context;
            checked(sys::avcodec_parameters_to_context(context, parameters))?;
            (*context).pkt_timebase = input.unit();
            (*context).max_pixels = MAX_PIXELS as i64;
            (*context).thread_count = c_int::try_from(threads).unwrap_or(1);
            if !input.is_probed() && (*context).codec_id == sys::AVCodecID::H264 {
                (*context).has_b_frames = LONGEST_REORDERING;
            }
            checked(sys::avcodec_open2(context, codec, null_mut()))?;
            Ok(decoder)
        }
    }

    /// Decodes a packet, or with `None` what is still waiting, and hands on the frames that come.
    pub(crate) fn decode(
        &mut self,
        packet: Option<&Packet>,
        each: Each<'_>,
    ) -> Result<ControlFlow<()>, String> {
        let packet = packet.map_or(null(), Packet::as_ptr);
        loop {
            // SAFETY: context and packet are valid.
            let sent = unsafe { sys::avcodec_send_packet(self.context, packet) };
            let flow = self.receive(each)?;
            if sent != sys::AVERROR(libc::EAGAIN) {
                checked(sent)?;
                return Ok(flow);
            }
            if flow.is_break() {
                return Ok(flow);
            }
        }
    }

    /// Makes the decoder forget all packets.
    pub(crate) fn flush(&mut self) {
        // SAFETY: the context is open.
        unsafe { sys::avcodec_flush_buffers(self.context) }
    }

    fn receive(&mut self, each: Each<'_>) -> Result<ControlFlow<()>, String> {
        loop {
            // SAFETY: context and frame are valid; the function frees what was in the frame.
            let code = unsafe { sys::avcodec_receive_frame(self.context, self.frame) };
            if code == sys::AVERROR(libc::EAGAIN) || code == sys::AVERROR_EOF {
                return Ok(ControlFlow::Continue(()));
            }
            checked(code)?;
            // SAFETY: the frame is valid, and nothing changes it while it is borrowed.
            let frame = unsafe { &*self.frame };
            complaints::check()?;
            if frame.decode_error_flags != 0 || frame.flags & sys::AV_FRAME_FLAG_CORRUPT != 0 {
                return Err("a frame is damaged".to_owned());
            }
            if each(frame)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: allocated by `new`, or null; the functions set the pointers to null.
        unsafe {
            sys::av_frame_free(&mut self.frame);
            sys::avcodec_free_context(&mut self.context);
        }
    }
}
