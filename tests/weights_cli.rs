//! `eco load-weights` and `eco inspect` as a user meets them: exit codes, streams, and what is left on the disk.

mod forge;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use eco::network::Network;
use eco::recipe::Architecture;
use eco::weights::{Dtype, RawTensor, TensorSpec, write};
use tempfile::TempDir;

/// A folder to work in, which is the user's data directory as well.
fn workplace() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eco"));
    command
        .current_dir(folder)
        .env("XDG_DATA_HOME", folder.join("data"))
        .env("HOME", folder)
        .env_remove("ECO_WEIGHTS");
    command
}

fn eco<S: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = S>) -> Output {
    command(folder).args(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("not killed")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The tensors of ECO-Lite for which `keep` holds, zeros in them.
fn zeros(classes: usize, keep: impl Fn(&TensorSpec) -> bool) -> Vec<(String, RawTensor<'static>)> {
    let zeros = |spec: &TensorSpec| {
        let (dtype, size) = match spec.is_counter() {
            true => (Dtype::I64, 8),
            false => (Dtype::F32, 4),
        };
        let bytes = spec.shape.iter().product::<usize>() * size;
        RawTensor {
            dtype,
            shape: spec.shape.clone(),
            data: vec![0; bytes].into(),
        }
    };
    let specs = Network::new(Architecture::Lite, classes, 16)
        .unwrap()
        .state_dict();
    let kept = specs.iter().filter(|spec| keep(spec));
    kept.map(|spec| (spec.name.clone(), zeros(spec))).collect()
}

/// A file with them, for 51 classes.
fn model(folder: &Path, name: &str, keep: impl Fn(&TensorSpec) -> bool) -> PathBuf {
    let path = folder.join(name);
    write(&path, &zeros(51, keep), &Default::default()).unwrap();
    path
}

/// Runs `eco` with words and paths as arguments.
macro_rules! run {
    ($folder:expr, $($arg:expr),+ $(,)?) => {
        eco($folder.path(), [$(OsStr::new(&$arg)),+])
    };
}

/// A checkpoint that is sound and no ECO model.
fn small(folder: &Path, name: impl AsRef<Path>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, &forge::sound()["safetensors"]).unwrap();
    path
}

#[test]
fn exit_codes_tell_success_failure_usage_mismatch_and_unreadable_apart() {
    let folder = workplace();
    let sound = model(folder.path(), "sound.safetensors", |_| true);
    let other = small(folder.path(), "other.safetensors");
    let page = folder.path().join("page.pth");
    std::fs::write(&page, "<!DOCTYPE html><html>").unwrap();
    let labels = folder.path().join("labels.txt");
    std::fs::write(&labels, "one\ntwo\n").unwrap();
    let run = |args: &[&OsStr]| {
        eco(
            folder.path(),
            [&[OsStr::new("load-weights")], args].concat(),
        )
    };
    let [sound, other, page, labels] = [&sound, &other, &page, &labels].map(|p| p.as_os_str());
    let [out, json, dry] = ["-o", "--json", "--dry-run"].map(OsStr::new);

    assert_eq!(code(&run(&[sound, dry])), 0);
    assert_eq!(code(&run(&[sound, "--labels".as_ref(), labels])), 2);
    assert_eq!(code(&run(&[sound, "--rename".as_ref(), "x".as_ref()])), 2);
    assert_eq!(code(&run(&[other])), 3);
    assert_eq!(code(&run(&[sound, "--key".as_ref(), "x".as_ref()])), 3);
    assert_eq!(code(&run(&[page])), 4);
    assert_eq!(code(&run(&["absent.pth".as_ref()])), 4);
    let failed = run(&[sound, out, "none/x.safetensors".as_ref()]);
    assert_eq!(code(&failed), 1);
    let said = stderr(&failed);
    assert_eq!(said.matches("os error").count(), 1, "{said}");
    assert!(!said.contains(".eco-"), "{said}");

    let report = run(&[other, json, dry]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["verdict"], "mismatch");
    assert_eq!(report["dry_run"], true);
    let report = run(&[page, json]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["verdict"], "unreadable");
    assert!(!folder.path().join("data").exists(), "nothing was imported");
}

#[test]
fn a_partial_import_does_not_become_the_weights_that_are_used() {
    let folder = workplace();
    let trunk = model(folder.path(), "trunk.safetensors", |spec| {
        !spec.name.starts_with("fc_final")
    });
    let args = ["load-weights", "--partial", "-o", "out.safetensors"].map(OsStr::new);
    let run = eco(folder.path(), [&args[..], &[trunk.as_os_str()]].concat());
    assert_eq!(code(&run), 0, "{}", stderr(&run));
    assert!(
        stderr(&run).contains("does not take these weights"),
        "{}",
        stderr(&run)
    );
    assert!(folder.path().join("out.safetensors").is_file());
    let run = eco(folder.path(), ["classify", "."]);
    assert!(stderr(&run).contains("no weights"), "{}", stderr(&run));
    let named = ["classify", ".", "--weights", "out.safetensors"];
    let run = eco(folder.path(), named);
    assert_eq!(code(&run), 3, "{}", stderr(&run));
    assert!(
        stderr(&run).contains("these weights are partial: 2 of")
            && stderr(&run).lines().count() < 4,
        "{}",
        stderr(&run)
    );
}

#[test]
fn a_reader_that_went_away_causes_no_panic() {
    let folder = workplace();
    let other = small(folder.path(), "other.safetensors");
    let gone = |args: &[&str]| {
        let mut child = command(folder.path())
            .args(args)
            .arg(&other)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        child.wait().unwrap().code().expect("not killed")
    };
    assert_eq!(gone(&["load-weights"]), 3);
    assert_eq!(gone(&["load-weights", "--key", "x", "--json"]), 3);
    for format in ["table", "json", "csv"] {
        assert_eq!(gone(&["inspect", "--format", format]), 0, "{format}");
    }
}

#[cfg(unix)]
#[test]
fn a_name_that_is_no_text_is_as_good_as_any() {
    use std::os::unix::ffi::OsStringExt;
    let folder = workplace();
    let other = small(folder.path(), OsString::from_vec(b"n\xff.pth".to_vec()));
    for args in [
        ["inspect", "--format", "json"],
        ["load-weights", "--json", "--dry-run"],
    ] {
        let args = [&args.map(OsStr::new)[..], &[other.as_os_str()]].concat();
        let run = eco(folder.path(), args);
        let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
        assert!(report["file"].as_str().unwrap().ends_with(".pth"));
    }
}

#[test]
fn the_checkpoint_is_never_replaced_and_the_result_has_its_own_ending() {
    let folder = workplace();
    let sound = model(folder.path(), "sound.safetensors", |_| true);
    let before = std::fs::read(&sound).unwrap();
    let [hard, soft] =
        ["hard.safetensors", "soft.safetensors"].map(|name| folder.path().join(name));
    std::fs::hard_link(&sound, &hard).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&sound, &soft).unwrap();
    for output in [&sound, &hard, &soft] {
        let refused = run!(folder, "load-weights", sound, "-o", output);
        assert_eq!(code(&refused), 2, "{}", output.display());
        assert!(
            stderr(&refused).contains("is the checkpoint itself"),
            "{}",
            stderr(&refused)
        );
        assert_eq!(std::fs::read(&sound).unwrap(), before);
    }
    for name in ["w.pth", "w.pt", "w"] {
        let refused = run!(folder, "load-weights", sound, "-o", name);
        assert_eq!(code(&refused), 2, "{name}");
        assert!(
            stderr(&refused).contains("should end in .safetensors"),
            "{}",
            stderr(&refused)
        );
        assert!(!folder.path().join(name).exists());
    }
}

#[test]
fn weights_of_the_current_directory_are_not_used_unasked() {
    let folder = workplace();
    let local = folder.path().join("weights");
    std::fs::create_dir(&local).unwrap();
    model(&local, "other.safetensors", |_| true);
    std::fs::write(local.join("last-imported"), "other.safetensors").unwrap();
    let run = run!(folder, "classify", ".");
    assert!(stderr(&run).contains("no weights"), "{}", stderr(&run));
}

#[test]
fn imports_are_listed_and_one_is_chosen() {
    let folder = workplace();
    assert!(
        stdout(&run!(folder, "weights"))
            .starts_with("nothing is used: no weights were named and none have been imported"),
    );
    let sound = model(folder.path(), "sound.safetensors", |_| true);
    let empty = run!(folder, "weights");
    assert_eq!(code(&empty), 0);
    assert!(
        stdout(&empty).contains("none have been imported"),
        "{}",
        stdout(&empty)
    );
    for name in ["first.safetensors", "second.safetensors"] {
        let imported = run!(
            folder,
            "load-weights",
            sound,
            "-o",
            name,
            "--preprocess",
            "book"
        );
        assert_eq!(code(&imported), 0, "{}", stderr(&imported));
        assert!(
            stderr(&imported).contains("used from now on"),
            "{}",
            stderr(&imported)
        );
    }
    let used = || -> (String, String) {
        let listed = run!(folder, "weights", "--json");
        let list: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        let path = Path::new(list["used"]["path"].as_str().unwrap());
        assert!(path.is_absolute());
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        (name, list["used"]["reason"].as_str().unwrap().to_string())
    };
    assert_eq!(
        used(),
        (
            "second.safetensors".to_string(),
            "imported last".to_string()
        )
    );
    assert_eq!(code(&run!(folder, "weights", "use", "first")), 0);
    let chosen = "chosen with eco weights use".to_string();
    assert_eq!(used(), ("first.safetensors".to_string(), chosen));
    let text = stdout(&run!(folder, "weights"));
    assert!(
        text.contains("* first\n") && text.contains("  second\n"),
        "{text}"
    );
    assert!(
        text.contains("preprocess book, sampling official (assumed)"),
        "{text}"
    );
    let unknown = run!(folder, "weights", "use", "third");
    assert_eq!(code(&unknown), 1);
    assert!(
        stderr(&unknown).contains("first, second"),
        "{}",
        stderr(&unknown)
    );
    // Another file under the name of the one in use is not used in its place.
    model(folder.path(), "first.safetensors", |spec| {
        !spec.name.starts_with("fc")
    });
    let run = run!(folder, "classify", ".");
    assert!(
        stderr(&run).contains("are not the file that was imported"),
        "{}",
        stderr(&run)
    );
}

#[test]
fn a_record_that_cannot_be_written_is_a_warning_where_the_file_was_named() {
    let folder = workplace();
    let sound = model(folder.path(), "sound.safetensors", |_| true);
    // No directory can be made below a file, whoever asks.
    std::fs::write(folder.path().join("data"), "").unwrap();
    let named = run!(folder, "load-weights", sound, "-o", "my out.safetensors");
    assert_eq!(code(&named), 0, "{}", stderr(&named));
    let said = stderr(&named);
    assert!(
        said.contains("warning: they are not used from now on"),
        "{said}"
    );
    assert!(said.contains("--weights 'my out.safetensors'"), "{said}");
    assert!(folder.path().join("my out.safetensors").is_file());
    assert_eq!(code(&run!(folder, "load-weights", sound)), 1);
}

#[test]
fn hints_name_the_flag_that_acts_on_them() {
    let folder = workplace();
    let headless = model(folder.path(), "headless.safetensors", |spec| {
        !spec.name.starts_with("fc")
    });
    let sound = model(folder.path(), "sound.safetensors", |_| true);
    let said = stderr(&run!(folder, "load-weights", "--dry-run", headless));
    assert!(said.contains("--partial keeps what is there"), "{said}");
    let part = model(folder.path(), "part.safetensors", |spec| {
        !spec.name.starts_with("fc") && !spec.name.contains("res5b")
    });
    let said = stderr(&run!(folder, "load-weights", "--dry-run", part));
    assert!(said.contains("--partial keeps what is there"), "{said}");
    assert!(!said.contains("without a head"), "{said}");
    let said = stderr(&run!(folder, "load-weights", "--dry-run", sound));
    assert!(
        said.contains("--preprocess book or --preprocess official"),
        "{said}"
    );
    assert!(said.contains("--labels hmdb51"), "{said}");
    let json = run!(
        folder,
        "load-weights",
        "--dry-run",
        "--format",
        "json",
        sound
    );
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(
        report["hints"][0]
            .as_str()
            .unwrap()
            .contains("--preprocess book"),
        "{report}"
    );
    let student = folder.path().join("student.safetensors");
    let both: Vec<_> = ["student", "teacher"]
        .iter()
        .flat_map(|who| {
            zeros(51, |_| true)
                .into_iter()
                .map(move |(name, t)| (format!("{who}.{name}"), t))
        })
        .collect();
    write(&student, &both, &Default::default()).unwrap();
    let refused = run!(folder, "load-weights", "--dry-run", student);
    assert_eq!(code(&refused), 3);
    let said = stderr(&refused);
    assert!(
        said.contains("choose one: --key student or --key teacher"),
        "{said}"
    );
    assert_eq!(
        code(&run!(
            folder,
            "load-weights",
            "--dry-run",
            student,
            "--key",
            "teacher"
        )),
        0
    );
}

#[test]
fn hints_come_before_lists_of_tensors_which_are_folded() {
    let folder = workplace();
    let prefixed: Vec<_> = zeros(51, |_| true)
        .into_iter()
        .map(|(name, tensor)| {
            let (above, parameter) = name.rsplit_once('.').unwrap();
            (format!("{above}.0.{parameter}"), tensor)
        })
        .collect();
    let path = folder.path().join("other.safetensors");
    write(&path, &prefixed, &Default::default()).unwrap();
    let said = stderr(&run!(folder, "load-weights", "--dry-run", path));
    let (hint, list) = (said.find("hint: "), said.find("tensors missing"));
    assert!(hint < list && hint.is_some(), "{said}");
    assert!(said.contains("--rename"), "{said}");
    assert!(
        said.contains("... and ") && said.contains("--format json"),
        "{said}"
    );
    assert!(said.lines().count() < 40, "{said}");

    let used = run!(folder, "classify", folder.path(), "--weights", path);
    let said = stderr(&used);
    assert_eq!(code(&used), 3, "{said}");
    assert!(said.find("hint: ") < said.find("tensors missing"), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains("`eco load-weights` on that file"), "{said}");
}

#[test]
fn small_files_have_a_size() {
    let folder = workplace();
    let few = model(folder.path(), "few.safetensors", |spec| {
        spec.name.starts_with("fc_final")
    });
    let out = folder.path().join("out.safetensors");
    let said = stderr(&run!(folder, "load-weights", few, "--partial", "-o", out));
    assert!(said.contains(" kB)") && !said.contains("0 MB"), "{said}");
}

#[test]
fn inspect_counts_keys_of_one_kind_and_lists_those_of_others() {
    let folder = workplace();
    let names: Vec<String> = (0..216).map(|number| format!("step_{number}")).collect();
    let mut items: Vec<(&str, Vec<u8>)> = names
        .iter()
        .map(|name| (name.as_str(), forge::pickle::int(7)))
        .collect();
    items.push(("arch", forge::pickle::text("ECO")));
    items.push(("w", forge::TensorForge::new("0", 2, 3).pickled(b"")));
    let records = forge::torch_records(&forge::dict(&items), &[("0", forge::floats(6))]);
    let path = folder.path().join("x.pth");
    std::fs::write(&path, forge::zip(&records)).unwrap();
    let listing = stdout(&run!(folder, "inspect", path));
    let keys = listing.lines().filter(|line| line.starts_with("key"));
    assert!(keys.count() < 12, "{listing}");
    for line in [
        "key        step_0: int 7",
        "keys       208 more: int",
        "key        arch: str \"ECO\"",
    ] {
        assert!(listing.lines().any(|found| found == line), "{listing}");
    }
}

#[test]
fn diff_says_by_its_exit_code_whether_files_differ() {
    let folder = workplace();
    let sound = model(folder.path(), "sound.safetensors", |_| true);
    let headless = model(folder.path(), "headless.safetensors", |spec| {
        !spec.name.starts_with("fc")
    });
    let same = run!(folder, "diff", sound, sound);
    assert_eq!(
        (code(&same), stdout(&same).as_str()),
        (0, "186 tensors are equal\n")
    );
    let differ = run!(folder, "diff", sound, headless);
    assert_eq!(code(&differ), 1);
    assert!(
        stdout(&differ).contains("  fc_final.weight [51, 512]"),
        "{}",
        stdout(&differ)
    );
    let json = run!(folder, "diff", "--json", headless, sound);
    assert_eq!(code(&json), 1);
    let found: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(found["only_b"][1]["name"], "fc_final.bias");
    assert_eq!(code(&run!(folder, "diff", sound, "absent.pth")), 4);
}

#[cfg(unix)]
#[test]
fn weights_are_found_under_a_name_that_is_no_text() {
    use std::os::unix::ffi::OsStringExt;
    let folder = workplace();
    let name = OsString::from_vec(b"n\xff.safetensors".to_vec());
    let sound = model(folder.path(), "sound.safetensors", |_| true);
    assert_eq!(code(&run!(folder, "load-weights", sound, "-o", name)), 0);
    let listed = stdout(&run!(folder, "weights"));
    assert!(
        listed.contains("used: ") && listed.contains("(imported last)"),
        "{listed}"
    );
    let mut by_environment = command(folder.path());
    let run = by_environment
        .env("ECO_WEIGHTS", &name)
        .arg("weights")
        .output()
        .unwrap();
    assert!(
        stdout(&run).contains("(from ECO_WEIGHTS)"),
        "{}",
        stdout(&run)
    );
}
