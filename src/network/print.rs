use std::fmt;

use super::{Module, attribute};

/// Shows a tree as PyTorch's `print(net)` does, byte for byte.
pub struct Printed<'a>(pub &'a dyn Module);

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, 0)
    }
}

/// Spaces per level.
const INDENT: usize = 2;

fn write(f: &mut fmt::Formatter<'_>, module: &dyn Module, level: usize) -> fmt::Result {
    let children = module.children();
    if children.is_empty() {
        write!(f, "{}(", module.type_name())?;
        attribute::write_all(f, &module.attributes())?;
        return f.write_str(")");
    }
    writeln!(f, "{}(", module.type_name())?;
    for (name, child) in children {
        write!(f, "{:1$}({name}): ", "", (level + 1) * INDENT)?;
        write(f, child, level + 1)?;
        writeln!(f)?;
    }
    write!(f, "{:1$})", "", level * INDENT)
}
