//! What is known of the authors' Caffe models beside their tensors.
//!
//! Sources: mzolfaghari/ECO-efficient-video-understanding @ 1e77cbd, the TEST phase of the prototxt files (models_ECO_Lite,
//! models_ECO_Full) and video_data_layer.cpp; the files' own data layer says less, and is absent in some.

use super::error::WeightsError;
use super::labels::LabelSource;
use super::metadata::{Assumed, Metadata};
use crate::recipe::{KINETICS_CLASSES, Preprocess, Sampling};

/// Classes of UCF101.
const UCF101: usize = 101;
/// Classes of HMDB51, which tools number in two ways; which of them the authors' list has is not published.
const HMDB51: usize = 51;
/// Classes of Something-Something v1. The order is that of the authors' demo, and taken to be that of their lists.
const SOMETHING_V1: usize = 174;

/// Completes what a Caffe model says about its use, which is nothing, by what the number of its classes tells.
///
/// For other numbers, as someone's own training has, the preparation of frames is assumed: whether they were resized is
/// not known. Nothing is said of a network without a head, which is yet to be trained.
///
/// # Errors
/// None with the lists that are built in.
pub(super) fn describe_caffe(metadata: &mut Metadata) -> Result<(), WeightsError> {
    if metadata.classes.is_none() {
        return Ok(());
    }
    let (preprocess, labels) = match metadata.classes {
        Some(KINETICS_CLASSES) => (Preprocess::Caffe, Some("kinetics400")),
        Some(UCF101) => (Preprocess::Caffe, Some("ucf101")),
        Some(HMDB51) => (Preprocess::Caffe320x240, None),
        Some(SOMETHING_V1) => (Preprocess::Caffe320x240, Some("something-v1-official")),
        _ => (Preprocess::Caffe, None),
    };
    let names = labels.map(|list| LabelSource::BuiltIn(list).read(metadata.classes));
    let is_published = matches!(
        metadata.classes,
        Some(KINETICS_CLASSES | UCF101 | HMDB51 | SOMETHING_V1)
    );
    metadata.preprocess = preprocess;
    metadata.sampling = Some(Sampling::Caffe);
    metadata.labels = names.transpose()?;
    metadata.assumed = Assumed {
        preprocess: !is_published,
        segments: !is_published,
        labels: metadata.classes == Some(SOMETHING_V1),
    };
    Ok(())
}
