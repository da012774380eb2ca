//! Nothing by itself: its tests include pieces of the crate and run them on loom's atomics.
