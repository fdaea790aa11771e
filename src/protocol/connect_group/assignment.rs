//! The leader's answer in SyncGroup.

use bytes::Bytes;

use super::wire::{Reader, Writer};
use super::{ConnectGroupError, Work};

/// What the leader tells one member to run (`ExtendedAssignment`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// 0 to 2 from the workers of today. See [`super::ConnectProtocol::version`].
    pub version: i16,
    /// [`Self::OK`] or [`Self::CONFIG_MISMATCH`].
    pub error: i16,
    /// Member id of the leader.
    pub leader: String,
    /// Base of the leader's REST API, `http://host:port/`.
    pub leader_url: String,
    /// Where the config topic stood for the leader: work starts only on a worker that has read exactly as far.
    pub config_offset: i64,
    /// In version 0 and in an allocation everything to run, else what to run in addition.
    pub assigned: Work,
    /// What to stop at once. Version 0 has no place for it.
    pub revoked: Work,
    /// Milliseconds until every member must rejoin; 0 for never. Version 0 has no place for it.
    pub delay_ms: i32,
}

impl Assignment {
    /// The assignment counts.
    pub const OK: i16 = 0;
    /// The leader has not read the config topic as far as a member: everybody must rejoin, the leader after reading.
    pub const CONFIG_MISMATCH: i16 = 1;

    /// True when the assignment only says that another round is needed.
    pub const fn failed(&self) -> bool {
        self.error != Self::OK
    }

    /// Writes the assignment in its own version.
    ///
    /// Fails with [`ConnectGroupError::TooLong`] alone.
    pub fn encode(&self) -> Result<Bytes, ConnectGroupError> {
        self.encode_in(self.version)
    }

    pub(super) fn encode_in(&self, version: i16) -> Result<Bytes, ConnectGroupError> {
        let mut writer = Writer::default();
        writer.int16(version);
        writer.int16(self.error);
        writer.text("leader", &self.leader)?;
        writer.text("leader url", &self.leader_url)?;
        writer.int64(self.config_offset);
        write_work(&mut writer, "assigned connectors", &self.assigned)?;
        if version > 0 {
            write_work(&mut writer, "revoked connectors", &self.revoked)?;
            writer.int32(self.delay_ms);
        }
        Ok(writer.finish())
    }

    /// Reads an assignment as `IncrementalCooperativeConnectProtocol.deserializeAssignment` does, whatever its version.
    pub fn decode(bytes: &[u8]) -> Result<Self, ConnectGroupError> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            version: reader.version()?,
            error: reader.int16("error")?,
            leader: reader.text("leader")?,
            leader_url: reader.text("leader url")?,
            config_offset: reader.int64("config offset")?,
            assigned: read_work(&mut reader, "assigned connectors")?,
            revoked: read_work(&mut reader, "revoked connectors")?,
            delay_ms: if reader.is_at_end() {
                0
            } else {
                reader.int32("delay")?
            },
        })
    }
}

fn write_work(
    writer: &mut Writer,
    field: &'static str,
    work: &Work,
) -> Result<(), ConnectGroupError> {
    writer.count(field, work.by_connector().len())?;
    for (connector, tasks) in work.by_connector() {
        writer.text("connector name", connector)?;
        writer.count("task numbers", tasks.len())?;
        for task in tasks {
            writer.int32(*task);
        }
    }
    Ok(())
}

/// Missing and null read as nothing.
fn read_work(reader: &mut Reader<'_>, field: &'static str) -> Result<Work, ConnectGroupError> {
    let mut work = Work::default();
    if reader.is_at_end() {
        return Ok(work);
    }
    for _ in 0..reader.nullable_count(field)?.unwrap_or(0) {
        let connector = reader.text("connector name")?;
        for _ in 0..reader.count("task numbers")? {
            work.insert(&connector, reader.int32("task number")?);
        }
    }
    Ok(work)
}
