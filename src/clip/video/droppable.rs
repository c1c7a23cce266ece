//! Which packets a decoder may be spared, told from their coded bytes: those that show a frame to which no other one refers,
//! and everything before a frame at which decoding may begin.
//!
//! One function per codec, and the answer is no when in doubt: a packet too many costs time, one too few costs the picture.
//! VP8 and VP9 have no packet that can be left out, since each may change probabilities and motion vectors for the next.

use super::bits::{Bits, Framing, unescaped};

/// The codecs whose videos are decoded in the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    H264,
    Hevc,
    Mpeg4,
    /// MPEG-1 too.
    Mpeg2,
    Av1,
    Vp8,
    Vp9,
    Mjpeg,
    ProRes,
    /// Every packet is decoded.
    Whole,
}

impl Codec {
    /// The codec of this name in libavcodec; `None` for those that are not known to decode alike in every way.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "h264" => Self::H264,
            "hevc" => Self::Hevc,
            "mpeg4" => Self::Mpeg4,
            "mpeg1video" | "mpeg2video" => Self::Mpeg2,
            "av1" => Self::Av1,
            "vp8" => Self::Vp8,
            "vp9" => Self::Vp9,
            "mjpeg" => Self::Mjpeg,
            "prores" => Self::ProRes,
            "flv1" | "gif" | "theora" | "wmv2" => Self::Whole,
            _ => return None,
        })
    }

    /// Whether a stream that begins in the middle decodes to fewer frames than it has packets.
    fn begins_with_a_start(self) -> bool {
        !matches!(self, Self::Whole | Self::Mjpeg | Self::ProRes)
    }
}

/// Whether decoding may begin at a packet, so that nothing before it matters to what is shown after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Start {
    /// It may not.
    #[default]
    No,
    /// The packet itself tells the decoder to forget what was before.
    Here,
    /// The decoder has to be emptied and told.
    AfterFlush,
}

/// What may be done with a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) start: Start,
    /// Whether no other packet refers to it.
    pub(super) is_droppable: bool,
}

/// What one packet says; whether it may be believed depends on the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Facts {
    role: Role,
    /// Temporal layer, from 0.
    layer: u8,
    /// The kinds of headers that are in it and hold for later packets, one bit each.
    headers: u32,
    /// Whether frames behind it may be left out by the decoder in silence.
    is_broken: bool,
}

/// Looks at the packets of a stream, one after another in decoding order.
#[derive(Debug)]
pub(super) struct Rules {
    codec: Codec,
    framing: Framing,
    /// H.264: no picture is coded in fields, and none with full colour.
    has_fields: bool,
    has_full_colour: bool,
    /// MPEG-4: whether the container has the header that every packet needs.
    has_header: bool,
    av1: Option<Av1Sequence>,
    facts: Vec<Facts>,
}

impl Rules {
    /// For a stream with these codec parameters (`extradata`).
    pub(super) fn new(codec: Codec, extradata: &[u8]) -> Self {
        let mut rules = Rules {
            codec,
            framing: Framing::StartCodes,
            has_fields: false,
            has_full_colour: false,
            has_header: false,
            av1: None,
            facts: Vec::new(),
        };
        match codec {
            Codec::H264 => rules.h264_parameters(extradata),
            // ISO/IEC 14496-15, 8.3.3.1: an hvcC record begins with its version, and states `lengthSizeMinusOne` in byte 21.
            Codec::Hevc if extradata.len() > 22 && extradata[..2] != [0, 0] => {
                rules.framing = Framing::Lengths(usize::from(extradata[21] & 3) + 1);
            }
            Codec::Mpeg4 => {
                let units = Framing::StartCodes.units(extradata).unwrap_or_default();
                rules.has_header = units.iter().any(|unit| is_mpeg4_layer(unit));
            }
            // AV1 in ISOBMFF, 2.3.3: four bytes, then OBUs.
            Codec::Av1 if extradata.len() > 4 => {
                rules.av1_packet(&extradata[4..]);
            }
            _ => {}
        }
        rules
    }

    /// Looks at the next packet.
    pub(super) fn look(&mut self, packet: &[u8]) {
        let facts = match self.codec {
            Codec::H264 => self.h264(packet),
            Codec::Hevc => self.hevc(packet),
            Codec::Mpeg4 => self.mpeg4(packet),
            Codec::Mpeg2 => mpeg2(packet),
            Codec::Av1 => self.av1(packet),
            Codec::Vp8 => Some(vp8(packet)),
            Codec::Vp9 => Some(vp9(packet)),
            Codec::Mjpeg => mjpeg(packet),
            Codec::ProRes => Some(start(Start::Here)),
            Codec::Whole => None,
        };
        self.facts.push(facts.unwrap_or_default());
    }

    /// The packets' roles, in their order, once all have been looked at; `None` for a stream that begins in its middle, or
    /// whose frames the decoder may leave out in silence.
    pub(super) fn roles(self) -> Option<Vec<Role>> {
        let first = self.facts.first()?;
        let in_the_middle = self.codec.begins_with_a_start() && first.role.start == Start::No;
        if in_the_middle || self.facts.iter().any(|facts| facts.is_broken) {
            return None;
        }
        let headers = self.facts.iter().fold(0, |all, facts| all | facts.headers);
        let highest = self.facts.iter().map(|facts| facts.layer).max();
        let may_skip = !self.has_full_colour
            && (self.codec != Codec::Mpeg4 || self.has_header || headers & MPEG4_LAYER != 0);
        let role = |facts: &Facts| Role {
            // Headers of the packets that are skipped must not be missed.
            start: match may_skip && facts.headers == headers {
                true => facts.role.start,
                false => Start::No,
            },
            is_droppable: facts.role.is_droppable
                && facts.headers == 0
                && Some(facts.layer) == highest
                && !self.has_fields,
        };
        Some(self.facts.iter().map(role).collect())
    }
}

fn start(start: Start) -> Facts {
    Facts {
        role: Role {
            start,
            is_droppable: false,
        },
        ..Facts::default()
    }
}

/// H.264 (ITU-T H.264).
impl Rules {
    /// The avcC record (ISO/IEC 14496-15, 5.3.3.1), or NAL units behind start codes.
    fn h264_parameters(&mut self, extradata: &[u8]) {
        let [1, _, _, _, lengths, count, sets @ ..] = extradata else {
            let units = Framing::StartCodes.units(extradata).unwrap_or_default();
            let sets = units.into_iter().filter(|unit| unit[0] & 31 == 7);
            sets.for_each(|set| self.h264_sequence(set));
            return;
        };
        self.framing = Framing::Lengths(usize::from(lengths & 3) + 1);
        let mut rest = sets;
        for _ in 0..count & 31 {
            let set = rest.split_at_checked(2).and_then(|(length, rest)| {
                rest.split_at_checked(usize::from(u16::from_be_bytes([length[0], length[1]])))
            });
            let Some((set, behind)) = set else {
                self.has_fields = true;
                return;
            };
            self.h264_sequence(set);
            rest = behind;
        }
    }

    /// A sequence parameter set (7.3.2.1.1): whether pictures can be fields (`frame_mbs_only_flag` is 0), and whether colour
    /// is coded in full.
    fn h264_sequence(&mut self, set: &[u8]) {
        const WITH_CHROMA_FORMAT: [u32; 13] =
            [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
        let bytes = unescaped(set);
        let mut bits = Bits::new(bytes.get(1..).unwrap_or_default());
        let profile = bits.number(8);
        bits.skip(16);
        bits.exp_golomb();
        if WITH_CHROMA_FORMAT.contains(&profile) {
            let chroma_format = bits.exp_golomb();
            if chroma_format == 3 {
                self.has_full_colour = true;
                bits.skip(1);
            }
            bits.exp_golomb();
            bits.exp_golomb();
            bits.skip(1);
            if bits.flag() {
                for list in 0..if chroma_format == 3 { 12 } else { 8 } {
                    if bits.flag() {
                        skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 });
                    }
                }
            }
        }
        bits.exp_golomb();
        match bits.exp_golomb() {
            0 => {
                bits.exp_golomb();
            }
            1 => {
                bits.skip(1);
                bits.signed_exp_golomb();
                bits.signed_exp_golomb();
                for _ in 0..bits.exp_golomb().min(255) {
                    bits.signed_exp_golomb();
                }
            }
            _ => {}
        }
        bits.exp_golomb();
        bits.skip(1);
        bits.exp_golomb();
        bits.exp_golomb();
        if !bits.flag() || bits.is_past_end() {
            self.has_fields = true;
        }
    }

    /// 7.4.1: with `nal_ref_idc` 0 a slice is not used for inter prediction. Fields are kept, since the second field of a frame
    /// may refer to the first. 7.4.1.2.4: an IDR picture marks all pictures before it as unused for reference.
    fn h264(&mut self, packet: &[u8]) -> Option<Facts> {
        let (mut facts, mut free, mut idr, mut others) = (Facts::default(), 0, 0, 0);
        for unit in self.framing.units(packet)? {
            let is_referred_to = unit[0] >> 5 & 3 != 0;
            match unit[0] & 31 {
                1 if !is_referred_to => free += 1,
                5 => idr += 1,
                // Supplemental information, delimiters, filler.
                6 | 9 | 12 => {}
                7 => {
                    self.h264_sequence(unit);
                    facts.headers |= 1;
                }
                8 => facts.headers |= 2,
                13 | 15 => facts.headers |= 4,
                _ => others += 1,
            }
        }
        facts.role = match (free, idr, others) {
            (1.., 0, 0) => Role {
                is_droppable: true,
                ..Role::default()
            },
            (0, 1.., 0) => start(Start::Here).role,
            _ => Role::default(),
        };
        Some(facts)
    }
}

/// 7.3.2.1.1.1.
fn skip_scaling_list(bits: &mut Bits<'_>, size: usize) {
    let (mut last, mut next) = (8, 8);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.signed_exp_golomb() + 256) % 256;
        }
        last = if next == 0 { last } else { next };
    }
}

/// HEVC (ITU-T H.265).
impl Rules {
    /// 7.4.2.2: sub-layer non-reference pictures (even types up to 8) are not used by pictures of their own sub-layer, so that
    /// those of the highest one are used by none. IDR and CRA pictures: no picture that follows one in output order refers to
    /// any before it in decoding order (8.3.2, 3.69 trailing picture). After BLA pictures and ends of sequences some are not put out.
    fn hevc(&self, packet: &[u8]) -> Option<Facts> {
        let (mut facts, mut free, mut idr, mut cra, mut others) = (Facts::default(), 0, 0, 0, 0);
        for unit in self.framing.units(packet)? {
            let [first, second, ..] = *unit else {
                return None;
            };
            let (kind, layer) = (first >> 1 & 63, (second & 7).saturating_sub(1));
            if kind < 32 {
                facts.layer = facts.layer.max(layer);
            }
            match kind {
                // Another view or quality (annexes F to H).
                _ if first & 1 != 0 || second >> 3 != 0 => others += 1,
                0 | 2 | 4 | 6 | 8 => free += 1,
                16..=18 | 36 | 37 => facts.is_broken = true,
                19 | 20 => idr += 1,
                21 => cra += 1,
                32 => facts.headers |= 1,
                33 => facts.headers |= 2,
                34 => facts.headers |= 4,
                // Delimiters, filler, supplemental information.
                35 | 38..=40 => {}
                _ => others += 1,
            }
        }
        facts.role = match (free, idr, cra, others) {
            (1.., 0, 0, 0) => Role {
                is_droppable: true,
                ..Role::default()
            },
            (0, 1.., 0, 0) => start(Start::Here).role,
            (0, 0, 1.., 0) => start(Start::AfterFlush).role,
            _ => Role::default(),
        };
        Some(facts)
    }
}

/// The bit of a video object layer's header among a packet's headers.
const MPEG4_LAYER: u32 = 1;

fn is_mpeg4_layer(unit: &[u8]) -> bool {
    matches!(unit[0], 0x20..=0x2f)
}

/// MPEG-4 part 2 (ISO/IEC 14496-2).
impl Rules {
    /// 6.3.5: `vop_coding_type` in the first two bits of a VOP (start code B6). A B-VOP is never referred to (3.14); a packet
    /// with anything beside one may be packed and shows another frame. An I-VOP is coded without reference to others.
    fn mpeg4(&self, packet: &[u8]) -> Option<Facts> {
        let (mut facts, mut kinds) = (Facts::default(), Vec::new());
        let units = Framing::StartCodes.units(packet)?;
        for unit in &units {
            match unit[0] {
                0xb6 => kinds.push(unit.get(1)? >> 6),
                // A group of VOPs.
                0xb3 => {}
                _ if is_mpeg4_layer(unit) => facts.headers |= MPEG4_LAYER,
                // User data tells the encoder, whose faults the decoder makes up for.
                0xb2 => facts.headers |= 2,
                _ => facts.headers |= 4,
            }
        }
        facts.role = match kinds[..] {
            [0] => start(Start::AfterFlush).role,
            [2] if units.len() == 1 => Role {
                is_droppable: true,
                ..Role::default()
            },
            _ => Role::default(),
        };
        Some(facts)
    }
}

/// MPEG-2 and MPEG-1 (ISO/IEC 13818-2, 11172-2). 6.1.1.5: B pictures are not used for prediction; only whole frames are left
/// out (6.3.10, `picture_structure`). 6.1.1.6: a sequence header makes an I picture a point of random access.
fn mpeg2(packet: &[u8]) -> Option<Facts> {
    let (mut facts, mut kinds, mut others) = (Facts::default(), Vec::new(), 0);
    for unit in Framing::StartCodes.units(packet)? {
        match unit[0] {
            0x00 => kinds.push(unit.get(2)? >> 3 & 7),
            // Slices.
            0x01..=0xaf => {}
            0xb3 => facts.headers |= 1,
            0xb5 => match (unit.get(1)? >> 4, unit.get(3)) {
                (1, _) => facts.headers |= 2,
                // Matrices, which hold for later pictures too.
                (3, _) => facts.headers |= 4,
                (8, Some(coding)) if coding & 3 == 3 => {}
                _ => others += 1,
            },
            _ => others += 1,
        }
    }
    facts.role = match kinds[..] {
        [1] | [1, _] if facts.headers & 1 != 0 => start(Start::AfterFlush).role,
        [3] if others == 0 => Role {
            is_droppable: true,
            ..Role::default()
        },
        _ => Role::default(),
    };
    Some(facts)
}

/// VP8 (RFC 6386, 9.1): the first bit of a key frame is 0, and 9.3 to 9.11 reset every persistent value there.
fn vp8(packet: &[u8]) -> Facts {
    match packet.first() {
        Some(tag) if tag & 1 == 0 => start(Start::Here),
        _ => Facts::default(),
    }
}

/// VP9 (VP9 bitstream specification 0.6, 6.2 and 7.2): a key frame resets all contexts and replaces all reference frames.
fn vp9(packet: &[u8]) -> Facts {
    let mut bits = Bits::new(packet);
    let is_marked = bits.number(2) == 2;
    let profile = bits.number(1) + 2 * bits.number(1);
    if profile == 3 {
        bits.skip(1);
    }
    let (shows_existing, is_inter) = (bits.flag(), bits.flag());
    match is_marked && !shows_existing && !is_inter && !bits.is_past_end() {
        true => start(Start::Here),
        false => Facts::default(),
    }
}

/// Motion JPEG (ITU-T T.81, B.2): a picture stands for itself if it has its own tables. Those of an earlier one hold where one has
/// none (B.6).
fn mjpeg(packet: &[u8]) -> Option<Facts> {
    const QUANTISATION: u32 = 1;
    let mut facts = Facts::default();
    let mut rest = packet.strip_prefix(&[0xff, 0xd8])?;
    loop {
        let [0xff, marker, high, low, ..] = *rest else {
            return None;
        };
        facts.headers |= match marker {
            0xdb => QUANTISATION,
            0xc4 => 2,
            // Restart interval.
            0xdd => 4,
            // Application data tell colours and fields.
            0xe0..=0xef => 8 << (marker - 0xe0),
            0xda => break,
            _ => 0,
        };
        rest = rest.get(2 + usize::from(u16::from_be_bytes([high, low]))..)?;
    }
    if facts.headers & QUANTISATION != 0 {
        facts.role.start = Start::Here;
    }
    Some(facts)
}

/// What frame headers of AV1 cannot be read without.
#[derive(Clone, Copy, Debug, Default)]
struct Av1Sequence {
    /// Bits of a frame's number, where frames are numbered.
    id_bits: Option<u32>,
    /// `seq_force_screen_content_tools`; 2 when frames say so themselves.
    screen_content: u32,
    /// `seq_force_integer_mv`; 2 when frames say so themselves.
    integer_motion: u32,
    order_bits: u32,
}

/// What the header of an AV1 frame says.
struct Av1Frame {
    is_key: bool,
    is_shown: bool,
    /// Reference frames that it replaces, one bit each.
    refreshed: u32,
}

/// AV1 (AV1 bitstream and decoding process specification, version 1.0.0 with errata 1).
impl Rules {
    /// 7.20: a frame with `refresh_frame_flags` 0 replaces no reference frame, and 7.21 saves nothing else of it. 7.21, 5.9.2: a
    /// shown key frame replaces all of them; 7.5 asks for a sequence header before it.
    fn av1(&mut self, packet: &[u8]) -> Option<Facts> {
        let (frames, has_sequence) = self.av1_packet(packet)?;
        let role = match frames[..] {
            [
                Av1Frame {
                    is_key: true,
                    is_shown: true,
                    ..
                },
            ] if has_sequence => start(Start::Here).role,
            [
                Av1Frame {
                    is_key: false,
                    is_shown: true,
                    refreshed: 0,
                },
            ] if !has_sequence => Role {
                is_droppable: true,
                ..Role::default()
            },
            _ => Role::default(),
        };
        Some(Facts {
            role,
            ..Facts::default()
        })
    }

    /// The frames of a temporal unit, and whether it has a sequence header (5.3); `None` when there is more in it than that.
    fn av1_packet(&mut self, packet: &[u8]) -> Option<(Vec<Av1Frame>, bool)> {
        let (mut frames, mut has_sequence, mut rest) = (Vec::new(), false, packet);
        while let [header, behind @ ..] = rest {
            rest = behind;
            let (kind, is_extended, has_size) =
                (header >> 3 & 15, header & 4 != 0, header & 2 != 0);
            let mut layers = 0;
            if is_extended {
                let (extension, behind) = rest.split_first()?;
                (layers, rest) = (extension >> 3, behind);
            }
            let size = match has_size {
                true => leb128(&mut rest)?,
                false => rest.len(),
            };
            let (body, behind) = rest.split_at_checked(size)?;
            rest = behind;
            match kind {
                1 => {
                    self.av1 = av1_sequence(body);
                    has_sequence = true;
                }
                // Temporal delimiters, metadata, padding.
                2 | 5 | 15 => {}
                _ if layers != 0 => return None,
                3 | 6 => frames.push(self.av1_frame(body)?),
                // Tiles of a frame whose header came before.
                4 => {}
                _ => return None,
            }
        }
        Some((frames, has_sequence))
    }

    /// The beginning of `uncompressed_header()`, 5.9.2.
    fn av1_frame(&self, body: &[u8]) -> Option<Av1Frame> {
        const KEY: u32 = 0;
        const INTRA_ONLY: u32 = 2;
        const SWITCH: u32 = 3;
        let sequence = self.av1?;
        let mut bits = Bits::new(body);
        let shows_existing = bits.flag();
        if shows_existing {
            return None;
        }
        let (kind, is_shown) = (bits.number(2), bits.flag());
        if !is_shown || kind == SWITCH {
            return None;
        }
        if kind == KEY {
            return Some(Av1Frame {
                is_key: true,
                is_shown,
                refreshed: 0xff,
            });
        }
        let is_resilient = bits.flag();
        bits.skip(1);
        let screen_content = match sequence.screen_content {
            2 => bits.number(1),
            chosen => chosen,
        };
        if screen_content != 0 && sequence.integer_motion == 2 {
            bits.skip(1);
        }
        bits.skip(sequence.id_bits.unwrap_or(0) as usize);
        // `frame_size_override_flag`.
        bits.skip(1);
        bits.skip(sequence.order_bits as usize);
        if kind != INTRA_ONLY && !is_resilient {
            // `primary_ref_frame`.
            bits.skip(3);
        }
        let refreshed = bits.number(8);
        (!bits.is_past_end()).then_some(Av1Frame {
            is_key: false,
            is_shown,
            refreshed,
        })
    }
}

/// `leb128()`, 4.10.5.
fn leb128(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for place in 0..8 {
        let (byte, behind) = bytes.split_first()?;
        *bytes = behind;
        number |= usize::from(byte & 127) << (7 * place);
        if byte & 128 == 0 {
            return Some(number);
        }
    }
    None
}

/// `sequence_header_obu()`, 5.5.1; `None` for still pictures, layers and decoder models, which are rare.
fn av1_sequence(body: &[u8]) -> Option<Av1Sequence> {
    let mut bits = Bits::new(body);
    bits.skip(4);
    let is_reduced = bits.flag();
    if is_reduced {
        return None;
    }
    if bits.flag() {
        bits.skip(64);
        if bits.flag() {
            bits.exp_golomb();
        }
        let has_decoder_model = bits.flag();
        if has_decoder_model {
            return None;
        }
    }
    let has_delays = bits.flag();
    for _ in 0..=bits.number(5) {
        let layers = bits.number(12);
        if layers != 0 {
            return None;
        }
        let level = bits.number(5);
        if level > 7 {
            bits.skip(1);
        }
        if has_delays && bits.flag() {
            bits.skip(4);
        }
    }
    let (width_bits, height_bits) = (bits.number(4) + 1, bits.number(4) + 1);
    bits.skip((width_bits + height_bits) as usize);
    let mut sequence = Av1Sequence::default();
    if bits.flag() {
        let delta_bits = bits.number(4) + 2;
        sequence.id_bits = Some(bits.number(3) + delta_bits + 1);
    }
    // Superblocks, two intra tools, four inter tools.
    bits.skip(3 + 4);
    let has_order = bits.flag();
    if has_order {
        bits.skip(2);
    }
    sequence.screen_content = if bits.flag() { 2 } else { bits.number(1) };
    sequence.integer_motion = match sequence.screen_content {
        0 => 2,
        _ if bits.flag() => 2,
        _ => bits.number(1),
    };
    if has_order {
        sequence.order_bits = bits.number(3) + 1;
    }
    (!bits.is_past_end()).then_some(sequence)
}

#[cfg(test)]
mod tests;
