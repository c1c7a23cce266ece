//! Commands that make a readable file of one that is not. Each can be pasted as it is.

use std::path::{Path, PathBuf};

use crate::text::shell_word;

/// Saves the tensors of one dictionary of a checkpoint anew. `dictionary` is Python for it in the checkpoint `c`, `value`
/// what becomes of each tensor `v`.
pub(super) fn save_tensors(path: &Path, dictionary: &str, value: &str) -> String {
    let script = format!(
        "import sys, torch; f = sys.argv[1]; c = torch.load(f, map_location=\"cpu\", weights_only=False); \
         torch.save({{k: {value} for k, v in {dictionary}.items() if torch.is_tensor(v)}}, \
         f + \".state_dict.pth\")"
    );
    format!(
        "If you trust the file, save its weights anew where PyTorch is installed (this runs code in it):\n  {}",
        python(&script, path)
    )
}

/// Saves what `pickle.dump` wrote with `torch.save`.
pub(super) fn save_pickled(path: &Path) -> String {
    let script = "import sys, pickle, torch; f = sys.argv[1]; c = pickle.load(open(f, \"rb\")); \
                  torch.save(c, f + \".pth\")";
    format!(
        "If you trust the file, save it with torch.save where PyTorch is installed (this runs code in it):\n  {}",
        python(script, path)
    )
}

/// Saves the arrays of a `.npz` file, or of a dictionary in a `.npy` file, as tensors.
pub(super) fn save_arrays(path: &Path) -> String {
    let script = "import sys, numpy, torch; f = sys.argv[1]; c = numpy.load(f, allow_pickle=True); \
                  c = c if hasattr(c, \"files\") else c.item(); \
                  torch.save({k: torch.from_numpy(numpy.array(c[k])) for k in c}, f + \".pth\")";
    format!(
        "If you trust the file, save its arrays with torch.save where PyTorch is installed (this runs code in it):\n  {}",
        python(script, path)
    )
}

/// Saves the big-endian arrays of one dictionary of a checkpoint as tensors. `dictionary` is Python for it in the checkpoint
/// `c`.
pub(super) fn save_turned(path: &Path, dictionary: &str) -> String {
    let script = format!(
        "import sys, pickle, torch, zipfile; f = sys.argv[1]; c = torch.load(f, weights_only=False) \
         if zipfile.is_zipfile(f) else pickle.load(open(f, \"rb\")); \
         torch.save({{k: torch.from_numpy(v.astype(v.dtype.newbyteorder(\"=\"))) \
         for k, v in {dictionary}.items() if hasattr(v, \"dtype\")}}, f + \".state_dict.pth\")"
    );
    format!(
        "If you trust the file, turn them round where PyTorch is installed (this runs code in it):\n  {}",
        python(&script, path)
    )
}

/// Saves the weights of a TorchScript archive without its program.
pub(super) fn save_scripted(path: &Path) -> String {
    let script = "import sys, torch; f = sys.argv[1]; \
                  torch.save(torch.jit.load(f, map_location=\"cpu\").state_dict(), f + \".state_dict.pth\")";
    format!(
        "TorchScript stores a program, which eco does not run. Save its weights anew with:\n  {}",
        python(script, path)
    )
}

/// Packs the directory that `data_pickle` is in as an archive again.
pub(super) fn pack_again(data_pickle: &Path) -> String {
    let directory = data_pickle
        .parent()
        .filter(|parent| *parent != Path::new(""));
    pack(directory.unwrap_or(Path::new(".")))
}

/// Packs `directory` as an archive.
pub(super) fn pack(directory: &Path) -> String {
    let whole: PathBuf;
    let directory = match directory.file_name() {
        Some(_) => directory,
        None => {
            whole = std::fs::canonicalize(directory).unwrap_or_else(|_| directory.to_path_buf());
            &whole
        }
    };
    let name = directory.file_name().unwrap_or("archive".as_ref());
    let mut file = name.to_os_string();
    file.push(".pth");
    let parent = directory.parent().filter(|parent| *parent != Path::new(""));
    format!(
        "Pack it again, without compression: (cd {} && zip -0 -r {} {})",
        shell_word(parent.unwrap_or(Path::new("."))),
        shell_word(file),
        shell_word(name)
    )
}

/// Packs the four members of an old archive.
pub(super) fn pack_tar(directory: &Path) -> String {
    format!(
        "Pack it again: tar -cf weights.tar -C {} sys_info storages tensors pickle",
        shell_word(directory)
    )
}

fn python(script: &str, path: &Path) -> String {
    format!("python3 -c {} {}", shell_word(script), shell_word(path))
}
