//! Record batch v2, read without copying: control batches, compaction gaps, compression.
