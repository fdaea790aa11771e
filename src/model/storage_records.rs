//! Records of the config, offset and status topics, both ways.
