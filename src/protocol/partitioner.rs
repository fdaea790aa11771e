//! murmur2 and the partition of a key, as the Java default partitioner computes it.
