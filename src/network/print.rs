use std::fmt;

use super::attribute;
use super::module::Module;

impl fmt::Display for Module {
    /// Shows the tree as PyTorch's `print(net)` does, byte for byte.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self, 0)
    }
}

/// Spaces per level.
const INDENT: usize = 2;

fn write(f: &mut fmt::Formatter<'_>, module: &Module, level: usize) -> fmt::Result {
    write!(f, "{}(", module.type_name())?;
    if let Some(layer) = module.layer() {
        attribute::write_all(f, &layer.attributes())?;
        return f.write_str(")");
    }
    writeln!(f)?;
    for (name, child) in module.children() {
        write!(f, "{:1$}({name}): ", "", (level + 1) * INDENT)?;
        write(f, child, level + 1)?;
        writeln!(f)?;
    }
    write!(f, "{:1$})", "", level * INDENT)
}
