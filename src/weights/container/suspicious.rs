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

/// Classes of those modules that settings beside the weights are full of: making one runs nothing. Python 3.13 has paths in a
/// module inside `pathlib`.
const VALUES: &[&str] = &[
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib.PurePath",
    "pathlib.PurePosixPath",
    "pathlib.PureWindowsPath",
    "pathlib._local.Path",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "pathlib._local.PurePath",
    "pathlib._local.PurePosixPath",
    "pathlib._local.PureWindowsPath",
    "types.SimpleNamespace",
    "uuid.UUID",
    "uuid.SafeUUID",
    "io.BytesIO",
    "_io.BytesIO",
    "io.StringIO",
    "_io.StringIO",
];

/// Whether `global` is no part of a checkpoint and can run code in Python.
pub(super) fn is_suspicious(global: &str) -> bool {
    if VALUES.contains(&global) {
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
            "types.CodeType",
            "io.open",
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
            "uuid.UUID",
            "types.SimpleNamespace",
            "_io.BytesIO",
            "datetime.datetime",
            "decimal.Decimal",
            "fractions.Fraction",
        ] {
            assert!(!is_suspicious(good), "{good}");
        }
    }
}
