//! Which settings hold credentials, and how they are shown.
