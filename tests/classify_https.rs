//! `eco classify` on `https://` addresses whose certificate nobody vouches for: they are read where the ffmpeg program checks none,
//! and refused with the reason where it does.

mod driver;
mod tools;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use driver::{classify, folder, lines, output, video};

/// Serves a folder with the certificate in it, and prints its port.
const SERVER: &str = r#"
import functools, http.server, ssl, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// A server, until it is dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Serves what is in `folder`, and puts a certificate there that no authority has signed.
    fn start(folder: &Path) -> Option<Self> {
        let skip = |why: &str| tools::skip("an https address", why);
        let openssl = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
            ])
            .args(["-subj", "/CN=127.0.0.1"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(folder)
            .output();
        match openssl {
            Ok(done) if done.status.success() => {}
            Ok(done) => panic!("{}", String::from_utf8_lossy(&done.stderr)),
            Err(error) => {
                skip(&format!("openssl: {error}"));
                return None;
            }
        }
        let has_ssl = Command::new("python3").args(["-c", "import ssl"]).output();
        if !has_ssl.is_ok_and(|done| done.status.success()) {
            skip("python3 has no module ssl");
            return None;
        }
        let mut child = Command::new("python3")
            .args(["-c", SERVER])
            .arg(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut port).unwrap();
        let address = format!("https://127.0.0.1:{}", port.trim());
        Some(Server { child, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the ffmpeg program checks certificates when nobody tells it to.
fn checks_certificates() -> bool {
    let mut ffmpeg = Command::new("ffmpeg");
    let (_, help, _) = output(ffmpeg.args(["-hide_banner", "-h", "protocol=tls"]));
    let mut options = help.lines().map(str::trim);
    let option = options.find(|line| line.starts_with("-tls_verify"));
    let option = option.unwrap_or_else(|| panic!("{help}"));
    option.contains("(default 1)") || option.contains("(default true)")
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_looked_at_as_the_ffmpeg_program_does() {
    let folder = folder();
    let Some(file) = video(folder.path(), "a.mp4", "30") else {
        return;
    };
    let Some(server) = Server::start(folder.path()) else {
        return;
    };
    let args = "--format jsonl -q --decoder ffmpeg --engine winograd".split(' ');
    let (_, of_file, _) = output(classify(args.clone()).arg(&file));
    let address = format!("{}/a.mp4?key=SECRET", server.address);
    let (code, stdout, stderr) = output(classify(args).arg(&address));
    let row = &lines(&stdout)[0];
    if checks_certificates() {
        let error = row["error"].as_str().unwrap_or_else(|| panic!("{row}"));
        assert!(error.to_lowercase().contains("certificate"), "{error}");
        assert_eq!(code, 1, "{stderr}");
    } else {
        assert_eq!(row["top"], lines(&of_file)[0]["top"], "{row}");
        assert_eq!(code, 0, "{stderr}");
    }
    assert!(
        !format!("{stdout}{stderr}").contains("SECRET"),
        "{stdout}{stderr}"
    );
}
