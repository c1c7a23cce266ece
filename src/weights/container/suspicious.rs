//! Names in a pickle that no checkpoint needs and an attack does.

/// Modules whose functions touch the system, whatever is called in them.
const MODULES: &[&str] = &[
    "os",
    "posix",
    "nt",
    "posixpath",
    "ntpath",
    "subprocess",
    "sys",
    "shutil",
    "socket",
    "runpy",
    "importlib",
    "pickle",
    "_pickle",
    "marshal",
    "types",
    "code",
    "codeop",
    "pty",
    "ctypes",
    "multiprocessing",
    "asyncio",
    "commands",
    "popen2",
    "webbrowser",
    "urllib",
    "http",
    "requests",
    "ftplib",
    "smtplib",
    "pip",
    "pydoc",
    "pdb",
    "bdb",
    "profile",
    "cProfile",
    "timeit",
    "trace",
    "signal",
    "threading",
    "tempfile",
    "pathlib",
    "io",
    "_io",
    "functools",
    "operator",
    "_operator",
    "cloudpickle",
    "dill",
    "joblib",
    "aiohttp",
    "httplib",
    "ssl",
    "venv",
    "ensurepip",
    "imp",
    "zipimport",
    "pkgutil",
    "inspect",
    "gc",
    "site",
    "platform",
    "uuid",
    "ast",
    "torch.hub",
    "torch.jit",
    "torch.package",
];

/// Builtins that run code or reach everything else.
const BUILTINS: &[&str] = &[
    "eval",
    "exec",
    "execfile",
    "compile",
    "open",
    "input",
    "getattr",
    "setattr",
    "delattr",
    "__import__",
    "apply",
    "globals",
    "locals",
    "vars",
    "breakpoint",
    "memoryview",
    "map",
    "filter",
    "print",
    "exit",
    "quit",
    "help",
];

/// Classes of paths, which settings beside the weights are full of: making one runs nothing.
const PATHS: &[&str] = &[
    "Path",
    "PosixPath",
    "WindowsPath",
    "PurePath",
    "PurePosixPath",
    "PureWindowsPath",
];

/// Whether `global` is no part of a checkpoint and can run code in Python.
pub(super) fn is_suspicious(global: &str) -> bool {
    // Python 3.13 has them in a module inside `pathlib`.
    let path = ["pathlib._local.", "pathlib."]
        .iter()
        .find_map(|module| global.strip_prefix(module));
    if path.is_some_and(|class| PATHS.contains(&class)) {
        return false;
    }
    let inside = |module: &str| {
        global
            .strip_prefix(module)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let builtin = ["builtins.", "__builtin__."]
        .iter()
        .find_map(|m| global.strip_prefix(m));
    builtin.is_some_and(|name| BUILTINS.contains(&name))
        || MODULES.iter().any(|module| inside(module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attacks_are_told_from_what_checkpoints_name() {
        for bad in [
            "os.system",
            "posix.system",
            "builtins.eval",
            "__builtin__.exec",
            "subprocess.Popen",
            "pathlib.Path.write_text",
        ] {
            assert!(is_suspicious(bad), "{bad}");
        }
        for good in [
            "collections.OrderedDict",
            "torch._utils._rebuild_tensor_v2",
            "torch.FloatStorage",
            "builtins.set",
            "__builtin__.dict",
            "numpy.core.multiarray.scalar",
            "_codecs.encode",
            "argparse.Namespace",
            "__main__.Net",
            "osmesa.Thing",
            "pathlib.PosixPath",
            "pathlib._local.WindowsPath",
        ] {
            assert!(!is_suspicious(good), "{good}");
        }
    }
}
