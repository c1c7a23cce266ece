//! Headers made by hand, bit by bit.

use super::*;

/// Bits as they are written: `"1 010 00110"`.
fn bits(text: &str) -> Vec<u8> {
    let mut digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    digits.resize(digits.len().next_multiple_of(8), b'0');
    let byte = |byte: &[u8]| byte.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0'));
    digits.chunks(8).map(byte).collect()
}

/// Units behind start codes.
fn marked(units: &[&[u8]]) -> Vec<u8> {
    units
        .iter()
        .flat_map(|unit| [&[0, 0, 1], *unit].concat())
        .collect()
}

fn roles(codec: Codec, extradata: &[u8], packets: &[Vec<u8>]) -> Option<Vec<Role>> {
    let mut rules = Rules::new(codec, extradata);
    packets.iter().for_each(|packet| rules.look(packet));
    rules.roles()
}

fn droppable(codec: Codec, extradata: &[u8], packets: &[Vec<u8>]) -> Vec<bool> {
    let roles = roles(codec, extradata, packets).unwrap();
    roles.iter().map(|role| role.is_droppable).collect()
}

fn starts(codec: Codec, extradata: &[u8], packets: &[Vec<u8>]) -> Vec<Start> {
    let roles = roles(codec, extradata, packets).unwrap();
    roles.iter().map(|role| role.start).collect()
}

/// A sequence parameter set of the main profile; `frames` is `frame_mbs_only_flag`.
fn h264_set(frames: char) -> Vec<u8> {
    // Identifier, frame numbers, order of pictures by type 2, references, gaps, width, height.
    let rest = bits(&format!("1 1 011 1 0 00100 00100 {frames} 1 0 0 1"));
    [&[0x67, 77, 0, 30][..], &rest].concat()
}

const IDR: &[u8] = &[0x65, 0x88];
const P: &[u8] = &[0x41, 0x9a];
const FREE: &[u8] = &[0x01, 0x9e];
const INFORMATION: &[u8] = &[0x06, 5];
const PICTURE_SET: &[u8] = &[0x68, 0xce];

#[test]
fn h264_slices_that_are_not_referred_to_are_droppable() {
    let set = h264_set('1');
    let packets = [
        marked(&[&set, PICTURE_SET, IDR]),
        marked(&[P]),
        marked(&[FREE]),
        marked(&[INFORMATION, FREE, FREE]),
        // A slice of it is referred to; parameters come with it; it is a partition of data.
        marked(&[FREE, P]),
        marked(&[PICTURE_SET, FREE]),
        marked(&[&[0x02, 0x80]]),
        marked(&[INFORMATION]),
        Vec::new(),
    ];
    let expected = [false, false, true, true, false, false, false, false, false];
    assert_eq!(droppable(Codec::H264, &[], &packets), expected);
}

#[test]
fn h264_fields_are_never_droppable() {
    let packets = [marked(&[&h264_set('0'), IDR]), marked(&[FREE])];
    assert_eq!(droppable(Codec::H264, &[], &packets), [false, false]);
    // A set that ends too early may be anything.
    let cut = h264_set('1')[..6].to_vec();
    let packets = [marked(&[&cut, IDR]), marked(&[FREE])];
    assert_eq!(droppable(Codec::H264, &[], &packets), [false, false]);
}

#[test]
fn h264_in_mp4_has_its_parameters_in_the_container_and_lengths_in_its_packets() {
    let set = h264_set('1');
    let record = [&[1, 77, 0, 30, 0xff, 0xe1, 0, set.len() as u8][..], &set].concat();
    let packet = |unit: &[u8]| [&(unit.len() as u32).to_be_bytes()[..], unit].concat();
    let packets = [packet(IDR), packet(FREE), packet(IDR), marked(&[FREE])];
    assert_eq!(
        droppable(Codec::H264, &record, &packets),
        [false, true, false, false]
    );
    let found = starts(Codec::H264, &record, &packets);
    assert_eq!(found, [Start::Here, Start::No, Start::Here, Start::No]);
    let cut = &record[..record.len() - 3];
    assert_eq!(droppable(Codec::H264, cut, &packets), [false; 4]);
}

#[test]
fn h264_scaling_lists_are_read_over() {
    // High profile: 4:2:0, 8 bits, and one list that falls back at once.
    let sequence = "1 010 1 1 0 1 1 000010001 0000000 1 011 1 0 00100 00100";
    for (frames, expected) in [('1', true), ('0', false)] {
        let rest = bits(&format!("{sequence} {frames} 1 0 0 1"));
        let set = [&[0x67, 100, 0, 30][..], &rest].concat();
        let packets = [marked(&[&set, IDR]), marked(&[FREE])];
        assert_eq!(droppable(Codec::H264, &[], &packets)[1], expected);
    }
}

#[test]
fn headers_that_come_only_once_keep_decoding_from_beginning_later() {
    let set = h264_set('1');
    let both = marked(&[&set, PICTURE_SET, IDR]);
    let starts = |packets: &[Vec<u8>]| starts(Codec::H264, &[], packets);
    assert_eq!(starts(&[both.clone(), both.clone()]), [Start::Here; 2]);
    let alone = marked(&[IDR]);
    assert_eq!(starts(&[both.clone(), alone]), [Start::Here, Start::No]);
    let late = marked(&[&[0x6f, 1], P]);
    assert_eq!(starts(&[both.clone(), late, both]), [Start::No; 3]);
}

#[test]
fn a_stream_that_begins_in_its_middle_is_not_taken() {
    assert_eq!(roles(Codec::H264, &[], &[marked(&[P])]), None);
    assert_eq!(roles(Codec::Hevc, &[], &[marked(&[&[2, 1, 0]])]), None);
    assert_eq!(roles(Codec::Vp9, &[], &[bits("10 0 0 0 1")]), None);
    assert_eq!(roles(Codec::Whole, &[], &[]), None);
    assert!(roles(Codec::Whole, &[], &[vec![1]]).is_some());
}

/// A unit of HEVC of this type and temporal layer.
fn hevc(kind: u8, layer: u8) -> Vec<u8> {
    vec![kind << 1, layer + 1, 0x80]
}

#[test]
fn hevc_pictures_of_the_highest_layer_that_are_not_referred_to_are_droppable() {
    let kinds = [
        (19, 0),
        (1, 0),
        (0, 0),
        (2, 1),
        (3, 1),
        (6, 1),
        (8, 1),
        (10, 1),
    ];
    let packets = kinds.map(|(kind, layer)| marked(&[&hevc(kind, layer)]));
    let expected = [false, false, false, true, false, true, true, false];
    assert_eq!(droppable(Codec::Hevc, &[], &packets), expected);
    // Without layers the lowest one is the highest.
    assert!(droppable(Codec::Hevc, &[], &packets[..3])[2]);
    let view = vec![0, 1 << 3 | 1, 0x80];
    let with_view = [packets[0].clone(), marked(&[&view])];
    assert!(!droppable(Codec::Hevc, &[], &with_view)[1]);
}

#[test]
fn hevc_begins_at_idr_pictures_and_after_a_flush_at_cra_pictures() {
    let packets = [20, 21, 19].map(|kind| marked(&[&hevc(kind, 0)]));
    let expected = [Start::Here, Start::AfterFlush, Start::Here];
    assert_eq!(starts(Codec::Hevc, &[], &packets), expected);
    // Where a stream was joined, pictures are left out in silence.
    for joint in [16, 18, 36] {
        let packets = [20, joint].map(|kind| marked(&[&hevc(kind, 0)]));
        assert_eq!(roles(Codec::Hevc, &[], &packets), None);
    }
}

#[test]
fn mpeg4_b_vops_that_are_alone_are_droppable() {
    let vop = |kind: u8| vec![0xb6, kind << 6];
    let layer: &[u8] = &[0x20, 0];
    let packets = [
        marked(&[layer, &vop(0)]),
        marked(&[&vop(1)]),
        marked(&[&vop(2)]),
        // Packed: the second picture is shown later.
        marked(&[&vop(1), &vop(2)]),
        marked(&[&[0xb2, b'D'], &vop(2)]),
        marked(&[&vop(3)]),
    ];
    let expected = [false, false, true, false, false, false];
    assert_eq!(droppable(Codec::Mpeg4, &[], &packets), expected);
}

#[test]
fn mpeg4_begins_at_i_vops_that_have_all_headers() {
    let vop: &[u8] = &[0xb6, 0];
    let (layer, user): (&[u8], &[u8]) = (&[0x20, 0], &[0xb2, b'L']);
    let flushed = Start::AfterFlush;
    let group: &[u8] = &[0xb3, 0];
    let plain = [marked(&[vop]), marked(&[group, vop])];
    let found = starts(Codec::Mpeg4, &marked(&[layer]), &plain);
    assert_eq!(found, [flushed, flushed]);
    let once = [marked(&[layer, user, vop]), marked(&[layer, vop])];
    assert_eq!(starts(Codec::Mpeg4, &[], &once), [flushed, Start::No]);
    let nowhere = starts(Codec::Mpeg4, &[], &plain);
    assert_eq!(nowhere, [Start::No, Start::No]);
}

/// A picture of MPEG-2 and its extension; `structure` 3 is a frame.
fn mpeg2_picture(kind: u8, structure: u8) -> [Vec<u8>; 3] {
    let extension = vec![0xb5, 0x8f, 0xff, 0xf0 | structure, 0];
    [vec![0, 0, kind << 3], extension, vec![1, 0x22]]
}

#[test]
fn mpeg2_b_frames_are_droppable_and_i_frames_with_a_sequence_header_begin() {
    let picture = |before: &[&[u8]], kind, structure| {
        let picture = mpeg2_picture(kind, structure);
        let parts: Vec<&[u8]> = picture.iter().map(Vec::as_slice).collect();
        marked(&[before, &parts].concat())
    };
    let (sequence, extension): (&[u8], &[u8]) = (&[0xb3, 1], &[0xb5, 0x14]);
    let packets = [
        picture(&[sequence, extension], 1, 3),
        picture(&[], 2, 3),
        picture(&[], 3, 3),
        picture(&[], 3, 1),
        // A group's header, text that a decoder may read.
        picture(&[&[0xb8, 0]], 3, 3),
        picture(&[&[0xb2, 0]], 3, 3),
        picture(&[sequence, extension], 1, 3),
        picture(&[], 1, 3),
    ];
    let expected = [false, false, true, false, false, false, false, false];
    assert_eq!(droppable(Codec::Mpeg2, &[], &packets), expected);
    let found = starts(Codec::Mpeg2, &[], &packets);
    let places = (0..8).filter(|&place| found[place] == Start::AfterFlush);
    assert_eq!(places.collect::<Vec<_>>(), [0, 6]);
    // Matrices between pictures hold for those that follow.
    let matrices = picture(&[&[0xb5, 0x30]], 3, 3);
    let packets = [packets[0].clone(), matrices, packets[0].clone()];
    assert_eq!(droppable(Codec::Mpeg2, &[], &packets), [false; 3]);
    assert_eq!(starts(Codec::Mpeg2, &[], &packets), [Start::No; 3]);
}

/// An OBU of this type, with its size.
fn obu(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind << 3 | 2, body.len() as u8][..], body].concat()
}

/// A sequence header: no timing, one operating point, sizes of 8 bits, order hints of 7 bits; frames choose their tools.
fn av1_sequence_header() -> Vec<u8> {
    let point = "000000000000 00100";
    let sizes = "0111 0111 11111111 11111111";
    let text = format!("000 0 0 0 0 00000 {point} {sizes} 0 000 0000 1 00 1 1 110");
    obu(1, &bits(&text))
}

/// A frame of AV1 that is no key frame. Nothing but what is refreshed differs.
fn av1_frame_header(refreshed: &str) -> Vec<u8> {
    // Not shown again, inter, shown, not resilient, contexts change, no screen content, size as stated, order, primary.
    obu(
        6,
        &bits(&format!("0 01 1 0 0 0 0 0000101 000 {refreshed} 0")),
    )
}

#[test]
fn av1_frames_that_refresh_nothing_are_droppable() {
    let delimiter = obu(2, &[]);
    let key = [
        delimiter.clone(),
        av1_sequence_header(),
        obu(6, &bits("0 00 1 0")),
    ]
    .concat();
    let unit = |frame: Vec<u8>| [delimiter.clone(), frame].concat();
    let free = av1_frame_header("00000000");
    let packets = [
        key.clone(),
        unit(free.clone()),
        unit(av1_frame_header("00100000")),
        // Two frames, one that is not shown, one that was decoded before, one of another layer.
        unit([free.clone(), free.clone()].concat()),
        unit(obu(6, &bits("0 01 0 0 0 0 0"))),
        unit(obu(3, &bits("1 000"))),
        unit([&[6 << 3 | 4 | 2, 1 << 5, 4][..], &free[2..]].concat()),
        key,
        unit(obu(6, &bits("0 00 1 0"))),
    ];
    let mut expected = [false; 9];
    expected[1] = true;
    assert_eq!(droppable(Codec::Av1, &[], &packets), expected);
    let found = starts(Codec::Av1, &[], &packets);
    let places = (0..9).filter(|&place| found[place] != Start::No);
    assert_eq!(places.collect::<Vec<_>>(), [0, 7]);
}

#[test]
fn av1_without_a_sequence_header_is_not_taken() {
    let packets = [obu(6, &bits("0 00 1 0"))];
    assert_eq!(roles(Codec::Av1, &[], &packets), None);
}

#[test]
fn vp8_and_vp9_begin_at_key_frames_and_drop_nothing() {
    let vp8 = [vec![0x10], vec![0x11], vec![0x10]];
    let expected = [Start::Here, Start::No, Start::Here];
    assert_eq!(starts(Codec::Vp8, &[], &vp8), expected);
    assert_eq!(droppable(Codec::Vp8, &[], &vp8), [false; 3]);
    // Key frames of profiles 0 and 3, an inter frame, one that was decoded before, no frame.
    let vp9 = [
        "10 0 0 0 0",
        "10 1 1 0 0 0",
        "10 0 0 0 1",
        "10 0 0 1",
        "01 0 0 0 0",
    ]
    .map(bits);
    let expected = [Start::Here, Start::Here, Start::No, Start::No, Start::No];
    assert_eq!(starts(Codec::Vp9, &[], &vp9), expected);
    assert_eq!(droppable(Codec::Vp9, &[], &vp9), [false; 5]);
}

#[test]
fn motion_jpeg_begins_where_a_picture_has_its_own_tables() {
    let segment = |marker: u8| vec![0xff, marker, 0, 3, 0];
    let picture = |markers: &[u8]| {
        let mut bytes = vec![0xff, 0xd8];
        bytes.extend(markers.iter().flat_map(|marker| segment(*marker)));
        bytes
    };
    let (full, bare) = (picture(&[0xdb, 0xc4, 0xc0, 0xda]), picture(&[0xc0, 0xda]));
    let all = [full.clone(), full.clone()];
    assert_eq!(starts(Codec::Mjpeg, &[], &all), [Start::Here; 2]);
    let some = [full.clone(), bare.clone(), full];
    let expected = [Start::Here, Start::No, Start::Here];
    assert_eq!(starts(Codec::Mjpeg, &[], &some), expected);
    let none = [bare, vec![0xff, 0xd8, 0xff], Vec::new()];
    assert_eq!(starts(Codec::Mjpeg, &[], &none), [Start::No; 3]);
}

#[test]
fn every_packet_of_prores_stands_for_itself() {
    let packets = [vec![1], vec![2]];
    assert_eq!(starts(Codec::ProRes, &[], &packets), [Start::Here; 2]);
    assert_eq!(starts(Codec::Whole, &[], &packets), [Start::No; 2]);
}

#[test]
fn cut_headers_are_no_reason_to_drop_anything() {
    let set = h264_set('1');
    let key = [av1_sequence_header(), obu(6, &bits("0 00 1 0"))].concat();
    let samples: [(Codec, Vec<u8>, Vec<u8>); 5] = [
        (
            Codec::H264,
            marked(&[&set, PICTURE_SET, IDR]),
            marked(&[FREE]),
        ),
        (Codec::Hevc, marked(&[&hevc(19, 0)]), marked(&[&hevc(0, 0)])),
        (
            Codec::Mpeg4,
            marked(&[&[0x20], &[0xb6, 0]]),
            marked(&[&[0xb6, 0x80]]),
        ),
        (
            Codec::Mpeg2,
            marked(&[&[0xb3], &[0, 0, 8]]),
            marked(&[&[0, 0, 24]]),
        ),
        (Codec::Av1, key, av1_frame_header("00000000")),
    ];
    for (codec, key, free) in samples {
        for end in 0..free.len() {
            let packets = [key.clone(), free[..end].to_vec()];
            let found = roles(codec, &key[..end.min(key.len())], &packets);
            // The last byte may be padding, or what no rule reads.
            let is_whole = end + 1 == free.len();
            let dropped = found.is_some_and(|roles| roles[1].is_droppable);
            assert!(!dropped || is_whole, "{codec:?} cut at {end}");
        }
    }
}
