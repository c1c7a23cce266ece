//! `eco classify` on addresses, from a server in this process.

mod driver;
mod tools;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use driver::{classify, clip, finished, folder, lines, output, piped, video};
use serde_json::Value;

/// What a path of the server gives.
enum Answer {
    File(Vec<u8>),
    Redirect(String),
    Forbidden,
    /// Nothing, for ever.
    Silence,
    /// Half of a file, and then the end of the connection.
    Half(Vec<u8>),
    /// Half of a file, and then nothing, for ever.
    HalfThenSilence(Vec<u8>),
}

/// Serves these paths until the test ends; returns `http://127.0.0.1:PORT`.
fn serve(answers: HashMap<&'static str, Answer>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answers = Arc::new(answers);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = Arc::clone(&answers);
            // Whoever asks may hang up in the middle.
            thread::spawn(move || answer(stream, &answers).ok());
        }
    });
    address
}

fn answer(mut stream: TcpStream, answers: &HashMap<&str, Answer>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let (mut header, mut first) = (String::new(), 0);
    while reader.read_line(&mut header)? > 2 {
        let range = header.to_lowercase();
        if let Some(range) = range.trim().strip_prefix("range: bytes=") {
            first = range.split('-').next().unwrap().parse().unwrap();
        }
        header.clear();
    }
    let path = request.split([' ', '?']).nth(1).unwrap_or_default();
    let found = answers.get(path);
    match found {
        Some(Answer::File(bytes) | Answer::Half(bytes) | Answer::HalfThenSilence(bytes)) => {
            let part = bytes.get(first..).unwrap_or_default();
            let (all, length) = (bytes.len(), part.len());
            write!(
                stream,
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{}/{all}\r\nContent-Length: {length}\r\n\
                 Accept-Ranges: bytes\r\nConnection: close\r\n\r\n",
                all - 1
            )?;
            if let Some(Answer::File(_)) = found {
                return stream.write_all(part);
            }
            stream.write_all(bytes[..all / 2].get(first..).unwrap_or_default())?;
            if let Some(Answer::HalfThenSilence(_)) = found {
                thread::sleep(Duration::from_secs(60));
            }
            Ok(())
        }
        Some(Answer::Redirect(to)) => write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
        Some(Answer::Silence) => loop {
            thread::sleep(Duration::from_secs(60));
        },
        Some(Answer::Forbidden) | None => stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    }
}

/// Answers lines of standard input.
fn answered(args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = classify(["-", "--format", "jsonl"]);
    let (child, mut stdin, mut stdout) = piped(command.args(args));
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    let (code, _, stderr) = finished(child);
    (code, text, stderr)
}

fn error(row: &Value) -> String {
    row["error"]
        .as_str()
        .unwrap_or_else(|| panic!("{row}"))
        .to_owned()
}

/// A video of a second or so as a file of its own in `folder`, in MPEG-TS, which players take from playlists.
fn segment(folder: &Path, from: &Path) -> Option<Vec<u8>> {
    let segment = folder.join("segment.ts");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(from);
    let status = ffmpeg.args(["-c", "copy"]).arg(&segment).status().ok()?;
    status.success().then(|| fs::read(&segment).unwrap())
}

#[test]
fn a_video_behind_an_address_is_answered_as_the_file_is_and_its_secrets_are_not_shown() {
    let folder = folder();
    let Some(file) = video(folder.path(), "a.mp4", "30") else {
        return;
    };
    let bytes = fs::read(&file).unwrap();
    let server = serve(HashMap::from([
        ("/a.mp4", Answer::File(bytes)),
        ("/to", Answer::Redirect("/a.mp4?key=SECRET".to_owned())),
        ("/no", Answer::Forbidden),
    ]));
    let mut command = classify(["--format", "jsonl", "-q", "--decoder", "ffmpeg"]);
    // What is not known to be few clips is run by this engine.
    command.args(["--engine", "winograd"]);
    let (_, of_file, _) = output(command.arg(&file));
    let top = |text: &str| lines(text)[0]["top"].clone();

    let secret = server.replace("http://", "http://me:SECRET@");
    let input = format!(
        "{secret}/a.mp4?key=SECRET,1\tone\n{{\"clip\": \"{server}/to?SECRET\", \"id\": 2}}\n{secret}/no?key=SECRET#SECRET\tthree\n"
    );
    // With -v, it is said what decoded a video and why.
    let (code, stdout, stderr) = answered(&["-v"], &input);
    assert_eq!(code, 1, "{stderr}");
    let rows = lines(&stdout);
    assert_eq!(rows.len(), 3, "{stdout}");
    assert_eq!(rows[0]["clip"], format!("{server}/a.mp4?\u{2026}"));
    assert_eq!(rows[0]["id"], "one");
    assert_eq!(rows[1]["id"], 2);
    assert_eq!(rows[0]["decoder"], "ffmpeg");
    assert_eq!([&rows[0]["top"], &rows[1]["top"]], [&top(&of_file); 2]);
    assert!(error(&rows[2]).contains("403"), "{}", error(&rows[2]));
    assert!(
        !format!("{stdout}{stderr}").contains("SECRET"),
        "{stdout}{stderr}"
    );

    // As an argument, and in a list with labels.
    let list = folder.path().join("list.csv");
    fs::write(
        &list,
        format!("path,label\n{server}/a.mp4?SECRET,3\n{server}/b.mp4?SECRET,4\n"),
    )
    .unwrap();
    let mut command = classify(["--format", "csv", "--report"]);
    let page = folder.path().join("page.html");
    command
        .arg(&page)
        .arg(format!("{secret}/a.mp4?SECRET"))
        .arg("--list")
        .arg(&list);
    let (code, stdout, stderr) = output(&mut command);
    assert_eq!(code, 1, "{stderr}");
    let page = fs::read_to_string(&page).unwrap();
    assert!(page.contains("/a.mp4?\u{2026}"));
    assert!(
        !format!("{stdout}{stderr}{page}").contains("SECRET"),
        "{stdout}{stderr}"
    );
}

#[test]
fn an_address_leads_to_nothing_on_this_machine() {
    let folder = folder();
    let Some(file) = video(folder.path(), "a.mp4", "30") else {
        return;
    };
    let Some(segment) = segment(folder.path(), &file) else {
        return;
    };
    let local = folder.path().join("segment.ts");
    let playlist = |segment: &str| {
        let text = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:3\n#EXTINF:3.0,\n{segment}\n#EXT-X-ENDLIST\n"
        );
        Answer::File(text.into_bytes())
    };
    let to = |scheme: &str, path: &Path| Answer::Redirect(format!("{scheme}{}", path.display()));
    let list = format!("ffconcat version 1.0\nfile 'file:{}'\n", local.display());
    let server = serve(HashMap::from([
        ("/file", to("file://", &file)),
        ("/concat", to("concat:", &local)),
        ("/subfile", to("subfile,,start,0,end,0,,:", &local)),
        (
            "/data",
            Answer::Redirect("data:video/mp4;base64,AAAA".to_owned()),
        ),
        ("/a.m3u8", playlist(&format!("file://{}", local.display()))),
        ("/b.m3u8", playlist(local.to_str().unwrap())),
        ("/list.ffconcat", Answer::File(list.into_bytes())),
        ("/good.m3u8", playlist("segment.ts")),
        ("/segment.ts", Answer::File(segment)),
    ]));
    let paths = [
        "file",
        "concat",
        "subfile",
        "data",
        "a.m3u8",
        "b.m3u8",
        "list.ffconcat",
    ];
    let lines_of = |paths: &[&str]| -> String {
        paths
            .iter()
            .map(|path| format!("{server}/{path}\n"))
            .collect()
    };
    // That the last one is answered shows that playlists are read, and the files are refused.
    let (code, stdout, stderr) = answered(
        &["-q", "--timeout", "10s"],
        &lines_of(&[&paths[..], &["good.m3u8"]].concat()),
    );
    assert_eq!(code, 1, "{stderr}");
    let rows = lines(&stdout);
    assert_eq!(rows.len(), paths.len() + 1);
    for (row, path) in rows.iter().zip(paths) {
        assert!(row.get("error").is_some(), "{path}: {row}");
    }
    assert!(
        rows[paths.len()].get("top").is_some(),
        "{}",
        rows[paths.len()]
    );
}

#[test]
fn a_server_that_stalls_is_given_up_and_the_rest_goes_on() {
    let folder = folder();
    let Some(_) = video(folder.path(), "a.mp4", "3") else {
        return;
    };
    let good = clip(folder.path(), "good", 2);
    let server = serve(HashMap::from([("/a.mp4", Answer::Silence)]));
    let started = Instant::now();
    let input = format!("{server}/a.mp4?key=SECRET\tx\n{}\ty\n", good.display());
    let (code, stdout, stderr) = answered(&["-q", "--timeout", "1s"], &input);
    assert_eq!(code, 1, "{stderr}");
    assert!(started.elapsed() < Duration::from_secs(30));
    let rows = lines(&stdout);
    assert!(
        error(&rows[0]).contains("was given up"),
        "{}",
        error(&rows[0])
    );
    assert_eq!((&rows[0]["id"], &rows[1]["id"]), (&"x".into(), &"y".into()));
    assert!(rows[1].get("top").is_some());
    assert!(!format!("{stdout}{stderr}").contains("SECRET"));
}

#[test]
fn half_a_video_is_not_taken_for_all_of_it() {
    let folder = folder();
    let Some(file) = video(folder.path(), "a.mkv", "200") else {
        return;
    };
    let bytes = fs::read(&file).unwrap();
    let server = serve(HashMap::from([
        ("/whole.mkv", Answer::File(bytes.clone())),
        ("/half.mkv", Answer::Half(bytes.clone())),
        ("/silent.mkv", Answer::HalfThenSilence(bytes)),
    ]));
    let input = format!("{server}/half.mkv\n{server}/silent.mkv\n{server}/whole.mkv\n");
    let (code, stdout, stderr) = answered(&["-q", "--timeout", "3s"], &input);
    assert_eq!(code, 1, "{stderr}");
    let rows = lines(&stdout);
    assert!(
        error(&rows[0]).contains("it did not come whole"),
        "{}",
        rows[0]
    );
    assert!(error(&rows[1]).contains("was given up"), "{}", rows[1]);
    assert_eq!(rows[2]["source_frames"], 200);
}

#[test]
fn what_only_classify_or_nobody_reads_is_told_without_its_secrets() {
    let input = "s3://bucket/a.mp4?SECRET\nfile:///etc/passwd\nrtsp://me:SECRET@camera/1\n";
    let (code, stdout, stderr) = answered(&["-q"], input);
    assert_eq!(code, 1, "{stderr}");
    let rows = lines(&stdout);
    for row in &rows {
        assert!(
            error(row).contains("addresses are https:// or http://"),
            "{row}"
        );
    }
    assert_eq!(rows.len(), 3);
    let folder = folder();
    let list = folder.path().join("list.csv");
    fs::write(&list, "path,label\nhttps://host/a.mp4?SECRET,3\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command.args(["evaluate", "--weights", "demo", "--device", "cpu", "--list"]);
    let (code, _, evaluated) = output(command.arg(&list));
    assert_eq!(code, 2, "{evaluated}");
    assert!(
        evaluated.contains("https://host/a.mp4?\u{2026} is an address"),
        "{evaluated}"
    );
    // A line that is of another form than the rest is quoted.
    fs::write(
        &list,
        "path,label\nhttps://host/a.mp4?SECRET,3\nhttps://host/b.mp4?SECRET\n",
    )
    .unwrap();
    let (code, _, quoted) = output(classify(["--list"]).arg(&list));
    assert_eq!(code, 3, "{quoted}");
    assert!(quoted.contains("line 3"), "{quoted}");
    assert!(
        !format!("{stdout}{stderr}{evaluated}{quoted}").contains("SECRET"),
        "{quoted}"
    );
}
