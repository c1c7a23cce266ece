//! Which flag helps. The library says what is wrong and knows no flags.

use std::error::Error;

use crate::clip::ClipError;
use crate::engine::{self, DeviceError, cpu};
use crate::recognise::{Answer, Outcome, RecogniseError};
use crate::weights::LoadError;
use crate::weights::locate::LocateError;

/// The flag that may help with a clip that was not loaded.
pub(super) fn for_answer(answer: &Answer) -> Option<&'static str> {
    match &answer.outcome {
        Outcome::NotLoaded { error } => for_clip(error),
        _ => None,
    }
}

/// The flag that may help when `error`, or one of its causes, ended a command.
pub(super) fn for_failure(error: &anyhow::Error) -> Option<&'static str> {
    error.chain().find_map(for_cause)
}

fn for_cause(error: &(dyn Error + 'static)) -> Option<&'static str> {
    // These show the error that they hold as their own, and so are no links of the chain.
    match error.downcast_ref::<RecogniseError>() {
        Some(RecogniseError::Device(error)) => return for_device(error),
        Some(RecogniseError::Engine(error)) => return for_engine(error),
        Some(RecogniseError::Clip(error)) => return for_clip(error),
        Some(RecogniseError::Weights(error)) => return for_weights(error),
        _ => {}
    }
    if let Some(LocateError::NoneImported) = error.downcast_ref() {
        return Some("--weights FILE or --weights demo names them");
    }
    None.or_else(|| error.downcast_ref().and_then(for_device))
        .or_else(|| error.downcast_ref().and_then(for_engine))
        .or_else(|| error.downcast_ref().and_then(for_clip))
}

fn for_clip(error: &ClipError) -> Option<&'static str> {
    match error {
        ClipError::SeveralSeries { .. } => Some("--frames PATTERN chooses one"),
        ClipError::NoFrameRate { .. } => Some("--fps RATE gives one"),
        ClipError::FfmpegMissing { .. } => Some("--ffmpeg PATH says where it is"),
        ClipError::ArchiveAsList { .. } => Some("--tar reads one from standard input"),
        ClipError::Libav { .. } => Some("--decoder auto or --decoder ffmpeg decodes it"),
        _ => None,
    }
}

fn for_weights(error: &LoadError) -> Option<&'static str> {
    match error {
        LoadError::Mismatch(_) => Some(
            "a network needs all of its tensors: `eco load-weights` on that file says which flags make it fit, or what \
             else to look for",
        ),
        LoadError::Select(_) => Some("`eco load-weights` on that file chooses with --key"),
        LoadError::Weights(_) => None,
    }
}

fn for_device(error: &DeviceError) -> Option<&'static str> {
    match error {
        DeviceError::Unknown(_) => None,
        _ => Some("--device cpu needs no GPU"),
    }
}

fn for_engine(error: &engine::Error) -> Option<&'static str> {
    match error {
        engine::Error::Device(_) => Some("use --engine libtorch or --device cpu"),
        engine::Error::OutOfMemory(_) => {
            Some("a smaller --batch takes less, and so does --precision fp16")
        }
        engine::Error::Precision(_) | engine::Error::Cpu(cpu::Error::NoAmx(_)) => {
            Some("leave --precision out, or use --device cuda")
        }
        engine::Error::Bf16(_) => Some("leave --engine or --precision out, or use --device cuda"),
        _ => None,
    }
}
