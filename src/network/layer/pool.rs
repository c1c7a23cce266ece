use super::Window;
use crate::network::{Attribute, Builder, Flow, Module, Result, Value};

/// A window that is the same along every axis prints as plain numbers.
fn window_attributes(window: Window) -> Vec<Attribute> {
    vec![
        Attribute::named("kernel_size", window.kernel),
        Attribute::named("stride", window.stride),
        Attribute::named("padding", window.padding),
    ]
}

/// Maximum over a window, the output size rounded up (`ceil_mode=True`), as everywhere in ECO.
#[derive(Debug)]
pub struct MaxPool2d {
    /// Kernel, stride and padding.
    pub window: Window,
}

impl MaxPool2d {
    /// A pool over `window`.
    pub fn new(window: Window, _: &mut Builder<'_>) -> Result<Self> {
        Ok(Self { window })
    }
}

impl Module for MaxPool2d {
    fn type_name(&self) -> &'static str {
        "MaxPool2d"
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = window_attributes(self.window);
        attributes.push(Attribute::named("dilation", 1));
        attributes.push(Attribute::named("ceil_mode", true));
        attributes
    }

    fn forward(&self, flow: &mut Flow<'_>, x: &Value) -> Result<Value> {
        let Window {
            kernel,
            stride,
            padding,
        } = self.window;
        flow.op("aten::max_pool2d", &[x], || {
            x.tensor()
                .f_max_pool2d([kernel; 2], [stride; 2], [padding; 2], [1; 2], true)
        })
    }
}

/// Mean over a window; padding counts as zeros, PyTorch's default and Caffe's rule.
#[derive(Debug)]
pub struct AvgPool2d {
    /// Kernel, stride and padding.
    pub window: Window,
}

impl AvgPool2d {
    /// A pool over `window`.
    pub fn new(window: Window, _: &mut Builder<'_>) -> Result<Self> {
        Ok(Self { window })
    }
}

impl Module for AvgPool2d {
    fn type_name(&self) -> &'static str {
        "AvgPool2d"
    }

    fn attributes(&self) -> Vec<Attribute> {
        window_attributes(self.window)
    }

    fn forward(&self, flow: &mut Flow<'_>, x: &Value) -> Result<Value> {
        let Window {
            kernel,
            stride,
            padding,
        } = self.window;
        flow.op("aten::avg_pool2d", &[x], || {
            x.tensor().f_avg_pool2d(
                [kernel; 2],
                [stride; 2],
                [padding; 2],
                false,
                true,
                None::<i64>,
            )
        })
    }
}

/// Mean over a window of time, height and width that moves by one and pads nothing.
#[derive(Debug)]
pub struct AvgPool3d {
    /// Extent along time, height and width.
    pub kernel: [i64; 3],
}

impl AvgPool3d {
    /// A pool over `kernel`.
    pub fn new(kernel: [i64; 3], _: &mut Builder<'_>) -> Result<Self> {
        Ok(Self { kernel })
    }
}

impl Module for AvgPool3d {
    fn type_name(&self) -> &'static str {
        "AvgPool3d"
    }

    fn attributes(&self) -> Vec<Attribute> {
        vec![
            Attribute::named("kernel_size", self.kernel),
            Attribute::named("stride", 1),
            Attribute::named("padding", 0),
        ]
    }

    fn forward(&self, flow: &mut Flow<'_>, x: &Value) -> Result<Value> {
        flow.op("aten::avg_pool3d", &[x], || {
            x.tensor()
                .f_avg_pool3d(self.kernel, [1; 3], [0; 3], false, true, None::<i64>)
        })
    }
}
