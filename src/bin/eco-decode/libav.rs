//! Videos through libav*: a file's packets are listed once, and those of a plan are decoded.

use std::ffi::CStr;
use std::ops::ControlFlow;

use eco::clip::rgb::Image;
use eco::clip::video::Location;
use eco::clip::video::inspect::{Inspected, Inspector, Plan};
use eco::clip::video::serve::Decode;
use ffmpeg_sys_the_third as sys;

use crate::complaints;
use crate::convert::Converter;
use crate::decode::Decoder;
use crate::demux::{Input, Packet};

/// Most bytes of packets that are kept; the packets of longer files are read again.
const MOST_KEPT: usize = 64 << 20;

/// The file that is open.
#[derive(Default)]
pub(crate) struct Libav(Option<Open>);

struct Open {
    file: Location,
    input: Input,
    /// All packets of the video, unless they are too many to be kept.
    packets: Option<Vec<Packet>>,
}

impl Decode for Libav {
    fn libraries(&self) -> String {
        // SAFETY: the function returns a static string.
        let version = unsafe { CStr::from_ptr(sys::av_version_info()) };
        let [codec, format] = [
            // SAFETY: the functions only return numbers.
            unsafe { sys::avcodec_version() },
            unsafe { sys::avformat_version() },
        ]
        .map(|version| format!("{}.{}", version >> 16, version >> 8 & 255));
        let version = version.to_string_lossy();
        format!("FFmpeg {version} (libavcodec {codec}, libavformat {format})")
    }

    fn open(&mut self, file: &Location) -> Result<Inspected, String> {
        self.0 = None;
        complaints::forget();
        let mut input = Input::open(file, false)?;
        let (mut inspector, mut packets) = list(&mut input)?;
        if !input.is_probed() && !inspector.is_told_all() {
            input = Input::open(file, true)?;
            (inspector, packets) = list(&mut input)?;
        }
        complaints::check()?;
        let (unit, rate) = (input.unit(), input.rate());
        let inspected =
            inspector.finish((unit.num, unit.den), (rate.num, rate.den), input.start())?;
        self.0 = Some(Open {
            file: file.clone(),
            input,
            packets,
        });
        Ok(inspected)
    }

    fn decode(
        &mut self,
        plan: &Plan,
        threads: usize,
        each: &mut dyn FnMut(usize, Image) -> ControlFlow<()>,
    ) -> Result<(), String> {
        complaints::forget();
        let open = self.0.as_ref().ok_or("no file is open")?;
        let mut source = Source::of(open)?;
        let mut decoder = Decoder::new(&open.input, threads)?;
        let mut converter = Converter::new(open.input.unit(), open.input.matrix());
        let mut decoded = 0;
        let mut take = |frame: &sys::AVFrame| {
            converter.see(frame)?;
            let place = usize::try_from(frame.pts).unwrap_or(usize::MAX);
            let wanted = plan.wanted(place, decoded);
            decoded += 1;
            Ok(match wanted {
                Some(index) => each(index, converter.image(frame)?),
                None => ControlFlow::Continue(()),
            })
        };
        for step in &plan.steps {
            if step.flushes {
                if decoder.decode(None, &mut take)?.is_break() {
                    return Ok(());
                }
                decoder.flush();
            }
            if source
                .with(step.packet, |packet| {
                    decoder.decode(Some(packet), &mut take)
                })?
                .is_break()
            {
                return Ok(());
            }
        }
        let _ = decoder.decode(None, &mut take)?;
        complaints::check()
    }
}

/// Lists the packets of a file, and keeps them while they are few enough.
fn list(input: &mut Input) -> Result<(Inspector, Option<Vec<Packet>>), String> {
    let mut inspector = Inspector::new(&input.codec(), input.extradata())?;
    let (mut packets, mut bytes, mut place) = (Some(Vec::new()), 0, 0);
    while let Some(mut packet) = input.next()? {
        inspector.look(packet.stamps(), packet.bytes());
        bytes += packet.bytes().len();
        packet.set_place(place);
        place += 1;
        match &mut packets {
            Some(kept) if bytes <= MOST_KEPT => kept.push(packet),
            _ => packets = None,
        }
    }
    Ok((inspector, packets))
}

/// Where packets come from, in ascending order.
enum Source<'a> {
    Kept(&'a [Packet]),
    Again { input: Input, place: usize },
}

impl<'a> Source<'a> {
    fn of(open: &'a Open) -> Result<Self, String> {
        Ok(match &open.packets {
            Some(packets) => Source::Kept(packets),
            None => Source::Again {
                input: Input::open(&open.file, open.input.is_probed())?,
                place: 0,
            },
        })
    }

    /// Hands the packet at this place to `use_it`.
    fn with<T>(
        &mut self,
        wanted: usize,
        use_it: impl FnOnce(&Packet) -> Result<T, String>,
    ) -> Result<T, String> {
        let missing = || "the file has changed".to_owned();
        match self {
            Source::Kept(packets) => use_it(packets.get(wanted).ok_or_else(missing)?),
            Source::Again { input, place } => loop {
                let mut packet = input.next()?.ok_or_else(missing)?;
                let here = *place;
                *place += 1;
                if here == wanted {
                    packet.set_place(here);
                    return use_it(&packet);
                }
            },
        }
    }
}
