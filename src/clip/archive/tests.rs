//! Archives that the `tar` crate has written, whole and damaged.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::*;
use crate::clip::entry::ClipEntry;
use crate::clip::stored::{Part, Stored, StoredFrame};

/// An archive of these members.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// The same as a file.
fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// What a clip is: the bytes of its video, the names and bytes of its frames, or what is wrong with it.
fn content(clip: &ClipEntry) -> String {
    let bytes = |part: &Part| {
        let bytes = part.read(&clip.path, 1 << 20).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    match clip.stored.as_ref().unwrap() {
        Stored::Video(part) => format!("video {}", bytes(part)),
        Stored::Frames { frames, .. } => {
            let frame =
                |frame: &StoredFrame| format!("{}={}", frame.name.display(), bytes(&frame.part));
            let frames: Vec<String> = frames.iter().map(frame).collect();
            format!("frames {}", frames.join(" "))
        }
        Stored::Unreadable(reason) => format!("error {reason}"),
        Stored::Address(address) => format!("address {address}"),
    }
}

/// The clips of an archive without the archive's path, each with what it is; the same from a file and from a stream.
fn clips(bytes: &[u8]) -> Vec<(String, String)> {
    let (_folder, path) = file(bytes);
    let relative = |clip: ClipEntry, archive: &Path| {
        let name = clip.path.strip_prefix(archive).unwrap();
        (name.to_string_lossy().into_owned(), content(&clip))
    };
    let of_file = clips_of(path.clone().into(), |_| {});
    let of_file: Vec<_> = of_file.map(|clip| relative(clip, &path)).collect();
    let of_stream = clips_from(std::io::Cursor::new(bytes.to_vec()), |_| {});
    let of_stream: Vec<_> = of_stream
        .map(|clip| relative(clip, Path::new("-")))
        .collect();
    assert_eq!(of_file, of_stream);
    of_file
}

fn found(members: &[(&str, &[u8])]) -> Vec<(String, String)> {
    clips(&archive(members))
}

fn pair(name: &str, content: &str) -> (String, String) {
    (name.to_owned(), content.to_owned())
}

/// The only clip of an archive, which is what is wrong with it.
fn refused(bytes: &[u8]) -> String {
    let found = clips(bytes);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "");
    found[0].1.clone()
}

#[test]
fn samples_are_clips_by_their_keys() {
    let members: [(&str, &[u8]); 12] = [
        ("x/0001.json", b"{}"),
        ("x/0001.mp4", b"one"),
        ("x/0002.left.webm", b"two l"),
        ("x/0002.right.webm", b"two r"),
        ("x/0003.cls", b"7"),
        ("x/0003.frame_0.jpg", b"a"),
        ("x/0003.frame_1.jpg", b"b"),
        ("y/clip/1.png", b"c"),
        ("y/clip/1.json", b"{}"),
        ("y/clip/2.png", b"d"),
        ("./z.avi", b"last"),
        ("cover.jpg", b"e"),
    ];
    let expected = [
        pair("x/0001.mp4", "video one"),
        pair("x/0002.left.webm", "video two l"),
        pair("x/0002.right.webm", "video two r"),
        pair("x/0003", "frames 0003.frame_0.jpg=a 0003.frame_1.jpg=b"),
        pair("y/clip", "frames 1.png=c 2.png=d"),
        pair("z.avi", "video last"),
    ];
    assert_eq!(found(&members), expected);
}

#[test]
fn stills_of_videos_are_not_frames() {
    let members: [(&str, &[u8]); 7] = [
        ("x/a.jpg", b"still"),
        ("x/a.mp4", b"a"),
        ("x/b.mp4", b"b"),
        ("x/b.jpg", b"still"),
        ("x/c.000.jpg", b"still"),
        ("x/c.mp4", b"c"),
        ("x/cover.jpg", b"cover"),
    ];
    let expected = [
        pair("x/a.mp4", "video a"),
        pair("x/b.mp4", "video b"),
        pair("x/c.mp4", "video c"),
    ];
    assert_eq!(found(&members), expected);
}

#[test]
fn what_is_left_out_is_said() {
    let bytes = archive(&[("a.mp4", b"a"), ("b.jpg", b"b"), ("c.jpg", b"c")]);
    let (_folder, path) = file(&bytes);
    let (sender, notes) = std::sync::mpsc::channel();
    let clips = clips_of(path.into(), move |note| sender.send(note).unwrap());
    assert_eq!(clips.count(), 1);
    let note = notes.try_recv().unwrap();
    assert!(
        note.ends_with("left out: 2 images that are no frames (such as b.jpg)"),
        "{note}"
    );
}

#[test]
fn clips_whose_frames_are_not_together_are_refused() {
    let members: [(&str, &[u8]); 4] = [
        ("a/1.jpg", b"a"),
        ("b/1.jpg", b"b"),
        ("a/2.jpg", b"c"),
        ("c.mp4", b"d"),
    ];
    let found = found(&members);
    let names: Vec<&str> = found.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["a", "b", "a", "c.mp4"]);
    assert!(found[2].1.contains("--sort=name"), "{}", found[2].1);
}

#[test]
fn long_names_are_read_in_both_forms() {
    let name = format!("{}/a.mp4", "f".repeat(90).repeat(3));
    // GNU's, which the crate writes by itself.
    assert_eq!(found(&[(&name, b"gnu")]), [pair(&name, "video gnu")]);
    let mut builder = Builder::new(Vec::new());
    let records = [("path", name.as_bytes()), ("size", b"3")];
    builder.append_pax_extensions(records).unwrap();
    let mut header = Header::new_ustar();
    header.set_path("short").unwrap();
    // The size is that of the records, whatever this one is.
    header.set_size(0);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    builder.append(&header, &b""[..]).unwrap();
    let mut bytes = builder.into_inner().unwrap();
    bytes.truncate(bytes.len() - 1024);
    bytes.extend([&b"pax"[..], &[0; 509], &[0; 1024]].concat());
    assert_eq!(clips(&bytes), [pair(&name, "video pax")]);
}

#[test]
fn links_and_sparse_files_are_refused_and_the_rest_is_read() {
    let mut builder = Builder::new(Vec::new());
    let mut add = |name: &str, kind: EntryType, bytes: &[u8]| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        match kind {
            EntryType::Link | EntryType::Symlink => {
                builder
                    .append_link(&mut header, name, "/etc/passwd")
                    .unwrap();
            }
            _ => builder.append_data(&mut header, name, bytes).unwrap(),
        }
    };
    add("hard.mp4", EntryType::Link, b"");
    add("soft.mp4", EntryType::Symlink, b"");
    add("frames/1.jpg", EntryType::Regular, b"a");
    add("frames/2.jpg", EntryType::Link, b"");
    add("folder.mp4/", EntryType::Directory, b"");
    add("holes.mp4", EntryType::GNUSparse, b"x");
    add("b.mp4", EntryType::Regular, b"b");
    let found = clips(&builder.into_inner().unwrap());
    let names: Vec<&str> = found.iter().map(|(name, _)| &**name).collect();
    assert_eq!(
        names,
        ["hard.mp4", "soft.mp4", "frames", "holes.mp4", "b.mp4"]
    );
    for (place, words) in [(0, "a link"), (1, "a link"), (2, "2.jpg"), (3, "sparse")] {
        let error = &found[place].1;
        assert!(
            error.starts_with("error") && error.contains(words),
            "{error}"
        );
    }
    assert_eq!(found[4].1, "video b");
}

#[test]
fn names_do_not_lead_out_of_an_archive() {
    let mut header = Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..16].copy_from_slice(b"/../../etc/a.mp4");
    header.set_size(1);
    header.set_cksum();
    let bytes = [&header.as_bytes()[..], b"a", &[0; 511 + 1024]].concat();
    let (_folder, path) = file(&bytes);
    let clip = clips_of(path.clone().into(), |_| {}).next().unwrap();
    assert_eq!(clip.path, path.join("../../etc/a.mp4"));
    assert!(!clip.path.exists());
    assert_eq!(archive_around(&clip.path), Some(path.clone()));
    assert!(matches!(find(&path, &clip.path), Ok(Stored::Video(_))));
}

#[test]
fn an_archive_that_is_cut_off_anywhere_gives_its_whole_clips_and_an_error() {
    let bytes = archive(&[
        ("a.json", b"{}"),
        ("a.mp4", &[b'a'; 700]),
        ("f/1.jpg", b"x"),
        ("f/2.jpg", b"y"),
        ("b.mp4", b"b"),
    ]);
    let whole = clips(&bytes);
    assert_eq!(whole.len(), 3);
    // The second block of the mark of the end need not be there.
    for length in 0..bytes.len() - 512 {
        let found = clips(&bytes[..length]);
        let ((_, error), before) = found.split_last().unwrap();
        assert!(error.starts_with("error"), "{length}: {error}");
        assert_eq!(before, &whole[..before.len()], "{length}");
    }
    let cut = clips(&bytes[..512 * 8]);
    assert_eq!(
        cut[1].1,
        "error it is cut off within f/2.jpg; the clip f is not whole"
    );
}

#[test]
fn what_is_no_archive_is_told_from_one_that_is_damaged() {
    assert!(refused(b"").contains("is empty"));
    assert!(refused(b"a list\nof clips\n").contains("no tar archive"));
    assert!(refused(&[b'x'; 5000]).contains("no tar archive"));
    assert!(refused(&[0; 1024]).contains("no clips in it"));
    for (begin, program) in [(&b"\x1f\x8b"[..], "gzip"), (b"\x28\xb5\x2f\xfd", "zstd")] {
        let compressed = [begin, &[7; 600]].concat();
        assert!(refused(&compressed).contains(&format!("`{program} -dc`")));
    }
    let mut bytes = archive(&[("a.mp4", b"a"), ("b.mp4", b"b")]);
    bytes[1024] ^= 1;
    let found = clips(&bytes);
    assert_eq!(found[1].1, "error its header at byte 1024 is damaged");
    let only = archive(&[("a.jpg", b"a"), ("b.cls", b"b")]);
    assert!(refused(&only).contains("only 1 image that is no frame (such as a.jpg)"));
}

#[test]
fn joined_archives_are_not_read_in_part_without_a_word() {
    let one = archive(&[("a.mp4", b"a")]);
    let found = clips(&[one.clone(), one].concat());
    assert_eq!(found.len(), 2);
    assert!(
        found[1].1.contains("more follows after its end"),
        "{}",
        found[1].1
    );
}

#[test]
fn sizes_that_cannot_be_are_errors() {
    let header = |kind: EntryType, size: u64| {
        let mut header = Header::new_gnu();
        header.set_path("a.mp4").unwrap();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        [&header.as_bytes()[..], &[0; 1024]].concat()
    };
    assert!(refused(&header(EntryType::Regular, u64::MAX - 100)).contains("damaged"));
    assert!(refused(&header(EntryType::Regular, 1 << 20)).contains("cut off within a.mp4"));
    // More than is taken from a stream.
    let large = std::io::Cursor::new(header(EntryType::Regular, 1 << 40));
    let large = clips_from(large, |_| {}).next().unwrap();
    assert!(content(&large).contains("name the archive's file"));
    // Nobody has a name of a terabyte.
    assert!(refused(&header(EntryType::GNULongName, 1 << 40)).contains("damaged"));
    assert!(refused(&header(EntryType::XHeader, 1 << 40)).contains("damaged"));
}

#[test]
fn a_clip_is_found_by_its_name_or_its_key() {
    let bytes = archive(&[
        ("x/a.mp4", b"a"),
        ("x/b.left.mp4", b"b l"),
        ("x/b.right.mp4", b"b r"),
        ("x/c.0.jpg", b"c"),
        ("x/c.1.jpg", b"c"),
    ]);
    let (_folder, path) = file(&bytes);
    let of = |name: &str| find(&path, &path.join(name));
    assert!(matches!(of("x/a.mp4"), Ok(Stored::Video(_))));
    assert!(matches!(of("x/a"), Ok(Stored::Video(_))));
    assert!(matches!(of("x/c"), Ok(Stored::Frames { .. })));
    let error = |name: &str| of(name).unwrap_err().to_string();
    assert!(
        error("x/b").contains("2 clips are called so"),
        "{}",
        error("x/b")
    );
    assert!(
        error("x/d").contains("has no clip of this name"),
        "{}",
        error("x/d")
    );
    fs::File::create(&path)
        .unwrap()
        .write_all(&bytes[..512])
        .unwrap();
    assert!(error("x/a").contains("cut off"), "{}", error("x/a"));
}

#[test]
fn archives_are_told_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let path = folder.path().join(name);
        fs::write(&path, "").unwrap();
        is_archive(&path)
    };
    assert!(make("a.tar") && make("b.TAR.GZ") && make("c.tgz"));
    assert!(!make("d.mp4") && !make("tar"));
    let inside = folder.path().join("a.tar/x/y.mp4");
    assert_eq!(archive_around(&inside), Some(folder.path().join("a.tar")));
    assert_eq!(archive_around(&folder.path().join("a.tar")), None);
    assert_eq!(archive_around(&folder.path().join("z.tar/x")), None);
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_stay_as_they_are() {
    use std::os::unix::ffi::OsStrExt;
    let mut header = Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..6].copy_from_slice(b"a\xff.mp4");
    header.set_size(1);
    header.set_cksum();
    let bytes = [&header.as_bytes()[..], b"a", &[0; 511 + 1024]].concat();
    let (_folder, path) = file(&bytes);
    let clip = clips_of(path.into(), |_| {}).next().unwrap();
    assert!(
        clip.path
            .as_os_str()
            .as_bytes()
            .ends_with(b"a.tar/a\xff.mp4")
    );
}
