//! Raw offset keys: split, rename, unwrap an envelope, never re-serialise.
