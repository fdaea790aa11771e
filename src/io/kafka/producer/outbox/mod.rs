//! The batches of one partition: being filled, full, on their way, to be sent again; always in this order.
//!
//! What the broker refuses holds the partition until everything on its way has been answered; then what was refused goes
//! again, before what was never sent, with the sequence numbers it had.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use tokio::time::Instant;

use super::ProducerSettings;
use super::identity::ProducerId;
use crate::io::kafka::error::KafkaError;
use crate::protocol::errors;
use crate::protocol::record_batch::{
    BatchBuilder, Batches, EncodedBatch, NewHeader, NewRecord, Sequence,
};

/// What a new batch reserves at first.
const FIRST_BYTES: usize = 1 << 10;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// `None`: nobody leads the partition, or nobody has said who.
    pub(super) leader: Option<i32>,
    open: Option<Filling>,
    full: VecDeque<Filling>,
    /// Refused, to be sent again.
    again: VecDeque<Batch>,
    in_flight: VecDeque<InFlight>,
    /// Parts of a batch that could not be compressed anew.
    uncompressed: Vec<(std::io::Error, Told)>,
    next_serial: u64,
    /// Whose sequence numbers these are; the producer may have another identity by now.
    identity: Option<ProducerId>,
    /// This partition has asked for another identity.
    is_spent: bool,
    next_sequence: i32,
    /// After the last record that was acknowledged.
    acknowledged: i32,
    /// The broker has taken a batch of this identity.
    is_established: bool,
    /// Something was refused; nothing is sent until everything in flight is answered.
    is_held: bool,
    /// Sequence numbers have a gap and are given anew.
    has_gap: bool,
    rest_until: Option<Instant>,
    last_error: Option<KafkaError>,
}

#[derive(Debug)]
struct Filling {
    builder: BatchBuilder,
    told: Told,
    since: Instant,
}

/// Records that something has become of.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) tickets: Vec<Range<u64>>,
    /// Bytes for which the producer counts them.
    pub(super) bytes: usize,
}

impl Told {
    fn add(&mut self, ticket: u64, bytes: usize) {
        self.bytes += bytes;
        match self.tickets.last_mut() {
            Some(last) if last.end == ticket => last.end += 1,
            _ => self.tickets.push(ticket..ticket + 1),
        }
    }

    /// Takes the first records off.
    fn split_to(&mut self, records: u64, bytes: usize) -> Self {
        let mut first = Self {
            tickets: Vec::new(),
            bytes,
        };
        self.bytes = self.bytes.saturating_sub(bytes);
        let mut left = records;
        while left > 0
            && let Some(range) = self.tickets.first_mut()
        {
            let taken = left.min(range.end - range.start);
            first.tickets.push(range.start..range.start + taken);
            range.start += taken;
            left -= taken;
            if range.is_empty() {
                self.tickets.remove(0);
            }
        }
        first
    }
}

/// An encoded batch.
#[derive(Debug)]
struct Batch {
    bytes: Bytes,
    count: i32,
    told: Told,
    since: Instant,
    /// Of its first record; `None` before it is signed, or when it has to be signed anew.
    sequence: Option<i32>,
}

#[derive(Debug)]
struct InFlight {
    serial: u64,
    batch: Batch,
    refused: bool,
    /// It is too large for the broker and goes again in two.
    split: bool,
}

/// A batch that is to be sent now.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) serial: u64,
    pub(super) bytes: Bytes,
}

/// What an answer means.
#[derive(Debug)]
pub(super) enum Answer {
    Acknowledged(Told),
    /// It goes again: after the leader was looked up, or under another producer id.
    Again {
        news: bool,
        renew: bool,
    },
    Lost(Told, KafkaError),
}

impl Outbox {
    /// Takes a record.
    pub(super) fn push(
        &mut self,
        record: &NewRecord<'_>,
        ticket: u64,
        bytes: usize,
        settings: &ProducerSettings,
    ) {
        if self.would_overflow(bytes, settings) {
            self.close();
        }
        let filling = self.open.get_or_insert_with(|| Filling {
            builder: BatchBuilder::with_capacity(FIRST_BYTES),
            told: Told::default(),
            since: Instant::now(),
        });
        filling.builder.push(record);
        filling.told.add(ticket, bytes);
    }

    /// True when so many more bytes would make the open batch larger than a batch may grow.
    pub(super) fn would_overflow(&self, bytes: usize, settings: &ProducerSettings) -> bool {
        let limit = settings.batch_limit.min(settings.max_request_size);
        self.open
            .as_ref()
            .is_some_and(|open| !open.builder.is_empty() && open.builder.size() + bytes > limit)
    }

    /// Adds nothing more to the open batch.
    pub(super) fn close(&mut self) {
        self.full.extend(self.open.take());
    }

    /// True when there is something to send, now or later.
    pub(super) fn has_something(&self) -> bool {
        self.open.is_some()
            || !self.full.is_empty()
            || !self.again.is_empty()
            || !self.uncompressed.is_empty()
    }

    /// True when no batch is half full.
    pub(super) fn is_fresh(&self) -> bool {
        self.open.is_none()
    }

    /// Returns how many batches wait.
    pub(super) fn waiting(&self) -> usize {
        self.full.len() + self.again.len() + self.in_flight.len()
    }

    /// Returns when the outbox has to be looked at, unless an answer comes first.
    pub(super) fn due(&self, settings: &ProducerSettings) -> Option<Instant> {
        if self.is_held || !self.has_something() {
            return None;
        }
        let ripe = self.open.as_ref().map(|open| open.since + settings.linger);
        ripe.max(self.rest_until)
    }

    /// Returns when the first of what waits will have waited too long.
    pub(super) fn expiry(&self, timeout: std::time::Duration) -> Option<Instant> {
        let again = self.again.front().map(|batch| batch.since);
        let full = self.full.front().map(|full| full.since);
        let open = self.open.as_ref().map(|open| open.since);
        let first = [again, full, open].into_iter().flatten().min();
        first.map(|since| since + timeout)
    }

    /// Takes the next batch to be sent, if it is its turn.
    pub(super) fn send(
        &mut self,
        now: Instant,
        hurried: bool,
        identity: Option<ProducerId>,
        settings: &ProducerSettings,
    ) -> Result<Option<Sending>, (std::io::Error, Told)> {
        if let Some(lost) = self.uncompressed.pop() {
            return Err(lost);
        }
        if self.is_held || self.rest_until.is_some_and(|until| until > now) {
            return Ok(None);
        }
        let is_signed = |batch: &Batch| batch.sequence.is_some();
        if self.identity != identity && !self.again.front().is_some_and(is_signed) {
            // Signed anew, a batch whose answer was lost would be written twice: what an older identity has signed goes with
            // that one, and nothing else goes before it is settled (`TransactionManager.maybeUpdateProducerIdAndEpoch`).
            if !self.in_flight.is_empty() {
                return Ok(None);
            }
            self.begin_anew(identity);
        }
        // A broker that knows nothing of the producer takes any sequence number: were the first batch refused, by a leader
        // that is just becoming one, the second would take its place.
        if identity.is_some() && !self.is_established && !self.in_flight.is_empty() {
            return Ok(None);
        }
        self.rest_until = None;
        let mut batch = match self.again.pop_front() {
            Some(batch) => batch,
            None => match self.next_filled(now, hurried, settings) {
                Some(filling) => encoded(filling, settings)?,
                None => return Ok(None),
            },
        };
        if batch.sequence.is_none() {
            self.sign(&mut batch);
        }
        let serial = self.next_serial;
        self.next_serial += 1;
        let bytes = batch.bytes.clone();
        self.in_flight.push_back(InFlight {
            serial,
            batch,
            refused: false,
            split: false,
        });
        Ok(Some(Sending { serial, bytes }))
    }

    fn next_filled(
        &mut self,
        now: Instant,
        hurried: bool,
        settings: &ProducerSettings,
    ) -> Option<Filling> {
        if let Some(full) = self.full.pop_front() {
            return Some(full);
        }
        let is_ripe = |open: &mut Filling| {
            hurried
                || open.builder.size() >= settings.batch_size
                || now >= open.since + settings.linger
        };
        self.open.take_if(is_ripe)
    }

    fn sign(&mut self, batch: &mut Batch) {
        let base = self.next_sequence;
        let sequence = self.identity.map_or(Sequence::NONE, |identity| Sequence {
            producer_id: identity.id,
            producer_epoch: identity.epoch,
            base,
        });
        let bytes = std::mem::take(&mut batch.bytes);
        batch.bytes = EncodedBatch::of_signed(bytes, batch.count).sign(sequence);
        if self.identity.is_some() {
            batch.sequence = Some(base);
            self.next_sequence = after(base, batch.count);
        }
    }

    /// Takes the answer to a batch.
    pub(super) fn answered(
        &mut self,
        serial: u64,
        outcome: Result<(), KafkaError>,
        now: Instant,
        settings: &ProducerSettings,
    ) -> Answer {
        let at = self.in_flight.iter().position(|sent| sent.serial == serial);
        let Some(at) = at else {
            return Answer::Again {
                news: false,
                renew: false,
            };
        };
        let error = match outcome {
            Ok(()) => None,
            Err(error) if is_code(&error, errors::DUPLICATE_SEQUENCE_NUMBER) => None,
            Err(error) => Some(error),
        };
        let answer = match error {
            None => Answer::Acknowledged(self.acknowledge(at)),
            Some(error) => self.refuse(at, error),
        };
        if self.is_held && self.in_flight.iter().all(|sent| sent.refused) {
            self.put_back(now, settings);
        }
        answer
    }

    fn acknowledge(&mut self, at: usize) -> Told {
        let Some(sent) = self.in_flight.remove(at) else {
            return Told::default();
        };
        if let Some(base) = sent.batch.sequence {
            self.is_established = true;
            self.acknowledged = after(base, sent.batch.count);
        }
        sent.batch.told
    }

    fn refuse(&mut self, at: usize, error: KafkaError) -> Answer {
        self.is_held = true;
        let is_first = at == 0;
        let code = error.broker().map(|answer| answer.code);
        let lost_track = code.is_some_and(|code| match code.code {
            errors::OUT_OF_ORDER_SEQUENCE_NUMBER => is_first,
            errors::UNKNOWN_PRODUCER_ID | errors::INVALID_PRODUCER_EPOCH => true,
            _ => false,
        });
        // Behind a batch that was refused every other is out of order.
        let follows =
            code.is_some_and(|code| code.code == errors::OUT_OF_ORDER_SEQUENCE_NUMBER && !is_first);
        let passes = error.passes();
        let sent = &mut self.in_flight[at];
        let is_too_large = is_code(&error, errors::MESSAGE_TOO_LARGE)
            || is_code(&error, errors::RECORD_LIST_TOO_LARGE);
        sent.split = is_too_large && sent.batch.count > 1;
        if lost_track || follows || passes || sent.split {
            sent.refused = true;
            let news = passes && !sent.split;
            tracing::warn!(%error, "a batch is sent again");
            self.last_error = Some(error);
            self.is_spent |= lost_track;
            return Answer::Again {
                news,
                renew: lost_track,
            };
        }
        self.has_gap = true;
        let told = self.in_flight.remove(at).map(|sent| sent.batch.told);
        Answer::Lost(told.unwrap_or_default(), error)
    }

    /// Puts what was refused before what was never sent.
    fn put_back(&mut self, now: Instant, settings: &ProducerSettings) {
        self.is_held = false;
        let only_split = self.in_flight.iter().all(|sent| sent.split);
        if !self.in_flight.is_empty() && !only_split {
            self.rest_until = Some(now + settings.retry_backoff);
        }
        let mut refused = Vec::new();
        for sent in self.in_flight.drain(..) {
            if sent.split {
                self.has_gap = true;
                for half in halves(sent.batch, settings) {
                    match half {
                        Ok(half) => refused.push(half),
                        Err(lost) => self.uncompressed.push(lost),
                    }
                }
            } else {
                refused.push(sent.batch);
            }
        }
        for batch in refused.into_iter().rev() {
            self.again.push_front(batch);
        }
        if std::mem::take(&mut self.has_gap) {
            self.next_sequence = self.acknowledged;
            self.number_anew();
        }
    }

    /// Takes note of the producer's new identity, for which this partition or another has asked. Nothing is in flight.
    pub(super) fn renewed(&mut self) {
        if std::mem::take(&mut self.is_spent) {
            self.identity = None;
            self.number_anew();
        }
    }

    /// Sequences begin at 0. Nothing is in flight, and nothing signed waits.
    fn begin_anew(&mut self, identity: Option<ProducerId>) {
        self.identity = identity;
        self.next_sequence = 0;
        self.acknowledged = 0;
        self.is_established = false;
    }

    fn number_anew(&mut self) {
        for batch in &mut self.again {
            batch.sequence = None;
        }
    }

    /// Takes out what has waited too long; true with it when a batch may have been written all the same.
    pub(super) fn expired(
        &mut self,
        now: Instant,
        timeout: std::time::Duration,
    ) -> (Vec<Told>, bool, Option<KafkaError>) {
        let mut expired = Vec::new();
        let mut unsure = false;
        let is_over = |since: Instant| since + timeout <= now;
        while self.again.front().is_some_and(|batch| is_over(batch.since))
            && let Some(batch) = self.again.pop_front()
        {
            unsure |= batch.sequence.is_some();
            expired.push(batch.told);
        }
        while self.full.front().is_some_and(|full| is_over(full.since))
            && let Some(full) = self.full.pop_front()
        {
            expired.push(full.told);
        }
        let open = self.open.take_if(|open| open.since + timeout <= now);
        expired.extend(open.map(|open| open.told));
        self.is_spent |= unsure;
        let last = self.last_error.clone();
        (expired, unsure, last)
    }

    /// Gives up everything that is not in flight.
    pub(super) fn give_up(&mut self) -> Vec<Told> {
        self.close();
        let again = self.again.drain(..).map(|batch| batch.told);
        let full = self.full.drain(..).map(|full| full.told);
        let parts = self.uncompressed.drain(..).map(|(_, told)| told);
        again.chain(full).chain(parts).collect()
    }
}

fn encoded(filling: Filling, settings: &ProducerSettings) -> Result<Batch, (std::io::Error, Told)> {
    let Filling {
        builder,
        told,
        since,
    } = filling;
    match builder.finish(settings.codec, settings.level) {
        Ok(encoded) => Ok(Batch {
            count: encoded.count(),
            bytes: encoded.sign(Sequence::NONE),
            told,
            since,
            sequence: None,
        }),
        Err(error) => Err((error, told)),
    }
}

/// Makes two batches of one; what cannot be taken apart stays whole, what cannot be compressed comes as an error.
fn halves(batch: Batch, settings: &ProducerSettings) -> Vec<Result<Batch, (std::io::Error, Told)>> {
    let records: Option<Vec<_>> = Batches::new(batch.bytes.clone())
        .next()
        .and_then(Result::ok)
        .and_then(|batch| batch.records().ok())
        .and_then(|records| records.collect::<Result<_, _>>().ok());
    let Some(records) = records.filter(|records| records.len() > 1) else {
        return vec![Ok(batch)];
    };
    let Batch {
        mut told, since, ..
    } = batch;
    let (first, second) = records.split_at(records.len() / 2);
    let bytes = told.bytes / 2;
    let told_first = told.split_to(first.len() as u64, bytes);
    let parts = [(first, told_first), (second, told)];
    let parts = parts.into_iter().map(|(records, told)| {
        let mut builder = BatchBuilder::with_capacity(bytes);
        for record in records {
            let headers: Vec<_> = record
                .headers
                .iter()
                .map(|header| NewHeader {
                    key: &header.key,
                    value: header.value.as_deref(),
                })
                .collect();
            builder.push(&NewRecord {
                timestamp: record.timestamp,
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &headers,
            });
        }
        let filling = Filling {
            builder,
            told,
            since,
        };
        encoded(filling, settings)
    });
    parts.collect()
}

fn after(base: i32, count: i32) -> i32 {
    // As `DefaultRecordBatch.incrementSequence`: after the largest comes 0.
    let next = i64::from(base) + i64::from(count);
    i32::try_from(next % (i64::from(i32::MAX) + 1)).unwrap_or(0)
}

fn is_code(error: &KafkaError, code: i16) -> bool {
    error.broker().is_some_and(|answer| answer.is(code))
}

#[cfg(test)]
mod tests;
