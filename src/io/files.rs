//! Files: read with a hash, replaced atomically, backed up before they change.
