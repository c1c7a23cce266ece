//! From a decoder's frame to RGB, on the way that the ffmpeg program takes: through its filters, which turn pictures and choose the
//! pixel format that comes closest, so that every bit is the program's.

use std::ffi::{CStr, CString, c_char, c_int};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::slice;

use eco::clip::rgb::Image;
use eco::clip::video::pam::Layout;
use ffmpeg_sys_the_third as sys;

use crate::demux::checked;

/// The pixel formats of the PAM encoder, in its order.
const FORMATS: &CStr = c"rgb24|rgba|rgb48be|rgba64be|gray|ya8|gray16be|ya16be|monob";

/// The first version of libavfilter to which the colours of a frame are told in advance.
const TELLS_COLOURS: u32 = 10;

/// Turns frames into images.
pub(crate) struct Converter {
    /// The unit of stamps in seconds.
    unit: sys::AVRational,
    /// How the container says that pictures are turned.
    matrix: Option<[i32; 9]>,
    graph: Option<Graph>,
}

/// What all frames of a video have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    width: c_int,
    height: c_int,
    format: c_int,
    turn: Turn,
}

/// How pictures are to be turned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    None,
    Clockwise,
    Half,
    Anticlockwise,
}

impl Converter {
    pub(crate) fn new(unit: sys::AVRational, matrix: Option<[i32; 9]>) -> Self {
        Converter {
            unit,
            matrix,
            graph: None,
        }
    }

    /// Notes the shape of a frame.
    ///
    /// # Errors
    /// When it is not that of the frames before, of when pictures are turned in other ways than by quarters.
    pub(crate) fn see(&mut self, frame: &sys::AVFrame) -> Result<(), String> {
        let shape = Shape {
            width: frame.width,
            height: frame.height,
            format: frame.format,
            turn: Turn::of(matrix_of(frame).or(self.matrix))?,
        };
        match &self.graph {
            Some(graph) if graph.shape == shape => Ok(()),
            Some(_) => Err("its frames change their size or pixel format".to_owned()),
            None => {
                self.graph = Some(Graph::new(shape, frame, self.unit)?);
                Ok(())
            }
        }
    }

    /// The image of a frame, whose shape has been noted.
    pub(crate) fn image(&mut self, frame: &sys::AVFrame) -> Result<Image, String> {
        let graph = self.graph.as_mut().ok_or("no frame was seen")?;
        graph.image(frame)
    }
}

/// How a frame itself says that it is turned.
fn matrix_of(frame: &sys::AVFrame) -> Option<[i32; 9]> {
    let kind = sys::AVFrameSideDataType::DISPLAYMATRIX;
    // SAFETY: side data lives as long as its frame, and has `size` bytes, which need not be aligned.
    unsafe {
        let found = sys::av_frame_get_side_data(frame, kind).as_ref()?;
        (found.size >= size_of::<[i32; 9]>())
            .then(|| found.data.cast::<[i32; 9]>().read_unaligned())
    }
}

impl Turn {
    /// The turn of a display matrix, in 16.16 fixed point.
    fn of(matrix: Option<[i32; 9]>) -> Result<Self, String> {
        const ONE: i32 = 1 << 16;
        let Some([a, b, _, c, d, ..]) = matrix else {
            return Ok(Turn::None);
        };
        match [a, b, c, d].map(|value| (value / ONE, value % ONE)) {
            [(1, 0), (0, 0), (0, 0), (1, 0)] => Ok(Turn::None),
            [(0, 0), (1, 0), (-1, 0), (0, 0)] => Ok(Turn::Clockwise),
            [(-1, 0), (0, 0), (0, 0), (-1, 0)] => Ok(Turn::Half),
            [(0, 0), (-1, 0), (1, 0), (0, 0)] => Ok(Turn::Anticlockwise),
            _ => Err("its frames are mirrored, or turned by an odd angle".to_owned()),
        }
    }

    /// The filters with which the ffmpeg program turns.
    fn filters(self) -> &'static str {
        match self {
            Turn::None => "",
            Turn::Clockwise => "transpose=clock,",
            Turn::Half => "hflip,vflip,",
            Turn::Anticlockwise => "transpose=cclock,",
        }
    }
}

/// Filters between a source and a sink.
struct Graph {
    shape: Shape,
    graph: *mut sys::AVFilterGraph,
    source: *mut sys::AVFilterContext,
    sink: *mut sys::AVFilterContext,
    output: *mut sys::AVFrame,
}

impl Graph {
    fn new(shape: Shape, frame: &sys::AVFrame, unit: sys::AVRational) -> Result<Self, String> {
        // SAFETY: both allocate, or return null; `drop` frees them.
        let mut graph = unsafe {
            Graph {
                shape,
                graph: sys::avfilter_graph_alloc(),
                source: null_mut(),
                sink: null_mut(),
                output: sys::av_frame_alloc(),
            }
        };
        if graph.graph.is_null() || graph.output.is_null() {
            return Err("no memory".to_owned());
        }
        // SAFETY: the graph is valid, and frees the string as one of its options.
        unsafe {
            // What the program gives the scalers that convert pixel formats.
            (*graph.graph).scale_sws_opts = sys::av_strdup(c"flags=bicubic".as_ptr());
            // To start threads for 16 pictures takes longer than the pictures.
            (*graph.graph).nb_threads = 1;
        }
        graph.source = graph.filter(c"buffer", c"in", Some(&source(shape, frame, unit)))?;
        let formats = FORMATS.to_str().unwrap_or_default();
        let between = format!("{}format=pix_fmts={formats}", shape.turn.filters());
        graph.sink = graph.filter(c"buffersink", c"out", None)?;
        graph.connect(&between)?;
        // SAFETY: the graph is valid.
        checked(unsafe { sys::avfilter_graph_config(graph.graph, null_mut()) })?;
        Ok(graph)
    }

    /// Adds a filter.
    fn filter(
        &mut self,
        filter: &CStr,
        name: &CStr,
        arguments: Option<&str>,
    ) -> Result<*mut sys::AVFilterContext, String> {
        let arguments = arguments.map(CString::new).transpose();
        let arguments = arguments.map_err(|error| error.to_string())?;
        let mut made = null_mut();
        // SAFETY: all strings end and outlive the call; the graph owns the filter.
        checked(unsafe {
            sys::avfilter_graph_create_filter(
                &mut made,
                sys::avfilter_get_by_name(filter.as_ptr()),
                name.as_ptr(),
                arguments
                    .as_ref()
                    .map_or(null::<c_char>(), |text| text.as_ptr()),
                null_mut(),
                self.graph,
            )
        })?;
        Ok(made)
    }

    /// Puts filters between source and sink.
    fn connect(&mut self, filters: &str) -> Result<(), String> {
        let filters = CString::new(filters).map_err(|error| error.to_string())?;
        // SAFETY: names are copies that the lists own, and the lists are freed whatever the outcome.
        unsafe {
            let open = |name: &CStr, context| {
                let end = sys::avfilter_inout_alloc();
                if let Some(end) = end.as_mut() {
                    end.name = sys::av_strdup(name.as_ptr());
                    end.filter_ctx = context;
                    end.pad_idx = 0;
                    end.next = null_mut();
                }
                end
            };
            let mut outputs = open(c"in", self.source);
            let mut inputs = open(c"out", self.sink);
            let code = sys::avfilter_graph_parse_ptr(
                self.graph,
                filters.as_ptr(),
                &mut inputs,
                &mut outputs,
                null_mut(),
            );
            sys::avfilter_inout_free(&mut inputs);
            sys::avfilter_inout_free(&mut outputs);
            checked(code).map(drop)
        }
    }

    fn image(&mut self, frame: &sys::AVFrame) -> Result<Image, String> {
        const KEEPS_FRAME: c_int = sys::AV_BUFFERSRC_FLAG_KEEP_REF.0 as c_int;
        // SAFETY: with this flag the frame is referred to and not taken; all pointers are valid.
        unsafe {
            let frame = (&raw const *frame).cast_mut();
            let code = sys::av_buffersrc_add_frame_flags(self.source, frame, KEEPS_FRAME);
            checked(code)?;
            checked(sys::av_buffersink_get_frame(self.sink, self.output))?;
        }
        let image = self.copied();
        // SAFETY: the frame is valid.
        unsafe { sys::av_frame_unref(self.output) };
        image
    }

    /// The image in the output, without the padding of its rows.
    fn copied(&self) -> Result<Image, String> {
        // SAFETY: the frame is valid; a name is a static string.
        let (output, name) = unsafe {
            let output = &*self.output;
            let name = sys::av_get_pix_fmt_name(sys::AVPixelFormat(output.format));
            if name.is_null() {
                return Err("its pixel format has no name".to_owned());
            }
            (output, CStr::from_ptr(name).to_string_lossy())
        };
        let (depth, maximum) = match name.as_ref() {
            "gray" => (1, 0xff),
            "ya8" => (2, 0xff),
            "rgb24" => (3, 0xff),
            "rgba" => (4, 0xff),
            "gray16be" => (1, 0xffff),
            "ya16be" => (2, 0xffff),
            "rgb48be" => (3, 0xffff),
            "rgba64be" => (4, 0xffff),
            other => return Err(format!("its pixels become {other}")),
        };
        let (width, height) = (output.width.max(0) as usize, output.height.max(0) as usize);
        let row_bytes = width * depth * if maximum > 0xff { 2 } else { 1 };
        let mut samples = Vec::with_capacity(height * row_bytes);
        for row in 0..height {
            // SAFETY: a frame of a packed format has `height` rows of at least so many bytes, `linesize` apart.
            samples.extend_from_slice(unsafe {
                let at = output.data[0].offset(row as isize * output.linesize[0] as isize);
                slice::from_raw_parts(at, row_bytes)
            });
        }
        let layout = Layout {
            width: width as u32,
            height: height as u32,
            depth: depth as u32,
            maximum,
        };
        let image = layout.image(samples, Path::new(""));
        image.map_err(|error| error.to_string())
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: allocated by `new`, or null; the graph frees its filters; the functions set the pointers to null.
        unsafe {
            sys::av_frame_free(&mut self.output);
            sys::avfilter_graph_free(&mut self.graph);
        }
    }
}

/// The arguments of the source.
fn source(shape: Shape, frame: &sys::AVFrame, unit: sys::AVRational) -> String {
    let ratio = frame.sample_aspect_ratio;
    let arguments = format!(
        "video_size={}x{}:pix_fmt={}:time_base={}/{}:pixel_aspect={}/{}",
        shape.width,
        shape.height,
        shape.format,
        unit.num,
        unit.den,
        ratio.num,
        ratio.den.max(1)
    );
    // SAFETY: the function only returns a number.
    if unsafe { sys::avfilter_version() } >> 16 < TELLS_COLOURS {
        return arguments;
    }
    let (space, range) = (frame.colorspace.0, frame.color_range.0);
    format!("{arguments}:colorspace={space}:range={range}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_quarter_turns_are_taken() {
        const ONE: i32 = 1 << 16;
        let turn = |a, b, c, d| Turn::of(Some([a, b, 0, c, d, 0, 0, 0, 1 << 30])).ok();
        assert!(Turn::of(None).is_ok_and(|turn| turn == Turn::None));
        assert!(turn(0, ONE, -ONE, 0) == Some(Turn::Clockwise));
        assert!(turn(0, -ONE, ONE, 0) == Some(Turn::Anticlockwise));
        assert!(turn(-ONE, 0, 0, -ONE) == Some(Turn::Half));
        // Mirrored, and turned by a little.
        assert!(turn(-ONE, 0, 0, ONE).is_none());
        assert!(turn(ONE - 1, 300, -300, ONE - 1).is_none());
    }
}
