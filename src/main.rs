//! Parse, call, turn the result into an exit code.

fn main() {}
