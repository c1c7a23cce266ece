//! The messages of an event file, as far as graphs and scalars need them. Field numbers are those of TensorBoard's definitions.

/// One record of an event file.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// Steps of the training that were done.
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// What happened.
    #[prost(oneof = "What", tags = "3, 4, 5, 7")]
    pub what: Option<What>,
}

/// The content of an [`Event`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum What {
    /// The version of the file's format; the first event.
    #[prost(string, tag = "3")]
    FileVersion(String),
    /// An encoded `GraphDef`.
    #[prost(bytes, tag = "4")]
    GraphDef(Vec<u8>),
    /// Values.
    #[prost(message, tag = "5")]
    Summary(Summary),
    /// A training begins, or goes on.
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

/// What became of a training.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SessionLog {
    /// 1: it begins at the event's step.
    #[prost(int32, tag = "1")]
    pub status: i32,
}

/// Values at one step.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Summary {
    /// The values.
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<SummaryValue>,
}

/// A value under a name.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SummaryValue {
    /// The name; slashes make groups.
    #[prost(string, tag = "1")]
    pub tag: String,
    /// The value. Optional, because 0 would be left out otherwise.
    #[prost(float, optional, tag = "2")]
    pub simple_value: Option<f32>,
}
