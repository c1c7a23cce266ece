//! The `eco` program: see [`eco::cli`].

fn main() {
    eco::cli::run()
}
