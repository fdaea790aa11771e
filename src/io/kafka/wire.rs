//! Frames of the Kafka protocol on one socket, and the strict question-and-answer that sets a connection up.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, Request, StrBytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use crate::io::kafka::error::KafkaError;
use crate::io::kafka::versions::{Versions, api_name};
use crate::protocol::errors;

/// Any byte stream: TCP, or TLS over TCP.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// No broker sends more; four characters of any ASCII protocol, read as a length, are more.
const LONGEST_FRAME: usize = 0x2000_0000;

/// Every broker since 2.4 answers it; older ones answer version 0 and say which they know.
const API_VERSIONS: i16 = 3;

/// Length and header of a request, with a client id of some length.
const FRAME_OVERHEAD: usize = 64;

/// A socket on which one request at a time is asked and answered.
pub(super) struct Wire {
    pub(super) address: String,
    pub(super) client_id: StrBytes,
    pub(super) stream: Box<dyn Duplex>,
    pub(super) versions: Versions,
    deadline: Instant,
    next_id: i32,
}

impl Wire {
    /// Takes over a connected stream; everything asked on it must be answered before `deadline`.
    pub(super) fn new(
        address: &str,
        client_id: &str,
        stream: Box<dyn Duplex>,
        deadline: Instant,
    ) -> Self {
        Self {
            address: address.to_owned(),
            client_id: StrBytes::from_string(client_id.to_owned()),
            stream,
            versions: Versions::default(),
            deadline,
            next_id: 0,
        }
    }

    /// Asks which versions the broker speaks and remembers the answer.
    pub(super) async fn negotiate(&mut self) -> Result<(), KafkaError> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("connectctl"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        let mut body = self.exchange(&request, API_VERSIONS).await?;
        // A broker that does not know the version answers in version 0 (KIP-511), whose first field is the error.
        let refused = body.starts_with(&errors::UNSUPPORTED_VERSION.to_be_bytes());
        let version = if refused { 0 } else { API_VERSIONS };
        let mut response: ApiVersionsResponse = decoded(&self.address, &mut body, version)?;
        if refused && response.api_keys.is_empty() {
            let mut body = self.exchange(&ApiVersionsRequest::default(), 0).await?;
            response = decoded(&self.address, &mut body, 0)?;
        }
        if response.api_keys.is_empty() {
            return Err(KafkaError::protocol(
                &self.address,
                format_args!("ApiVersions lists nothing, error {}", response.error_code),
            ));
        }
        self.versions = Versions::of(&self.address, &response);
        Ok(())
    }

    /// Asks one request in the highest common version up to `at_most` and waits for its answer.
    pub(super) async fn call<R: Request>(
        &mut self,
        request: &R,
        at_most: i16,
    ) -> Result<R::Response, KafkaError> {
        let version = self.versions.highest::<R>(at_most)?;
        let mut body = self.exchange(request, version).await?;
        decoded(&self.address, &mut body, version)
    }

    /// Sends a request and returns the body of its answer.
    async fn exchange<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<Bytes, KafkaError> {
        let name = api_name(R::KEY);
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let frame = encoded(&self.address, &self.client_id, id, request, version)?;
        let started = Instant::now();
        let stream = &mut self.stream;
        let address = &self.address;
        let answer = async {
            let io = async {
                stream.write_all(&frame).await?;
                stream.flush().await
            };
            io.await
                .map_err(|error| KafkaError::lost(address, &name, &error))?;
            read_frame(stream, address, &name).await
        };
        let frame = tokio::time::timeout_at(self.deadline, answer)
            .await
            .map_err(|_| KafkaError::Timeout {
                address: self.address.clone(),
                what: format!("the answer to {name}"),
                after: started.elapsed(),
            })??;
        let (answered, body) = opened::<R>(&self.address, frame, version)?;
        if answered == id {
            Ok(body)
        } else {
            Err(KafkaError::protocol(
                &self.address,
                format_args!("request {id} was answered as {answered}"),
            ))
        }
    }
}

/// Returns the whole frame of a request, length included.
pub(super) fn encoded<R: Request>(
    address: &str,
    client_id: &StrBytes,
    correlation_id: i32,
    request: &R,
    version: i16,
) -> Result<Bytes, KafkaError> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(client_id.clone()));
    // A batch of records is not moved again while the frame grows.
    let size = request.compute_size(version).unwrap_or(0);
    let mut frame = BytesMut::with_capacity(size + FRAME_OVERHEAD);
    frame.put_i32(0);
    header
        .encode(&mut frame, R::header_version(version))
        .and_then(|()| request.encode(&mut frame, version))
        .map_err(|error| {
            let name = api_name(R::KEY);
            KafkaError::protocol(
                address,
                format_args!("{name} v{version} cannot carry the request: {error}"),
            )
        })?;
    let length = i32::try_from(frame.len() - 4)
        .map_err(|_| KafkaError::protocol(address, "the request is longer than 2 GiB"))?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}

/// Splits a frame into the correlation id and the body.
pub(super) fn opened<R: Request>(
    address: &str,
    mut frame: Bytes,
    version: i16,
) -> Result<(i32, Bytes), KafkaError> {
    let header = ResponseHeader::decode(
        &mut frame,
        kafka_protocol_header_version::<R::Response>(version),
    )
    .map_err(|error| KafkaError::protocol(address, error))?;
    Ok((header.correlation_id, frame))
}

fn kafka_protocol_header_version<R: kafka_protocol::protocol::HeaderVersion>(version: i16) -> i16 {
    R::header_version(version)
}

/// Decodes a body and refuses bytes after its end.
pub(super) fn decoded<T: Decodable>(
    address: &str,
    body: &mut Bytes,
    version: i16,
) -> Result<T, KafkaError> {
    let message = T::decode(body, version).map_err(|error| KafkaError::protocol(address, error))?;
    if body.is_empty() {
        Ok(message)
    } else {
        Err(KafkaError::protocol(
            address,
            format_args!("{} bytes after the end of the answer", body.len()),
        ))
    }
}

/// Reads one frame without its length; `during` names what is being waited for, in errors.
pub(super) async fn read_frame<S: AsyncRead + Unpin + ?Sized>(
    stream: &mut S,
    address: &str,
    during: &str,
) -> Result<Bytes, KafkaError> {
    let lost = |error: std::io::Error| KafkaError::lost(address, during, &error);
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await.map_err(lost)?;
    let length = frame_length(prefix).map_err(|stranger| stranger.into_error(address))?;
    let mut frame = BytesMut::with_capacity(length);
    while frame.len() < length {
        let wanted = length - frame.len();
        let read = stream
            .read_buf(&mut (&mut frame).limit(wanted))
            .await
            .map_err(lost)?;
        if read == 0 {
            return Err(lost(std::io::ErrorKind::UnexpectedEof.into()));
        }
    }
    Ok(frame.freeze())
}

/// Something that is not the length of a Kafka frame.
#[derive(Debug, PartialEq, Eq)]
enum Stranger {
    TlsAlert,
    Speaks(&'static str),
}

impl Stranger {
    fn into_error(self, address: &str) -> KafkaError {
        let address = address.to_owned();
        match self {
            Self::TlsAlert => KafkaError::TlsExpected { address },
            Self::Speaks(looks_like) => KafkaError::NotKafka {
                address,
                looks_like: looks_like.to_owned(),
            },
        }
    }
}

fn frame_length(prefix: [u8; 4]) -> Result<usize, Stranger> {
    match &prefix {
        // TLS record of type alert, version 3.x: the answer of a TLS listener to our plain request.
        [0x15, 3, ..] => return Err(Stranger::TlsAlert),
        b"HTTP" => return Err(Stranger::Speaks("an HTTP server")),
        b"SSH-" => return Err(Stranger::Speaks("an SSH server")),
        _ => {}
    }
    let length = u32::from_be_bytes(prefix) as usize;
    if (4..=LONGEST_FRAME).contains(&length) {
        Ok(length)
    } else if prefix.iter().all(u8::is_ascii_graphic) {
        Err(Stranger::Speaks("a server of a text protocol"))
    } else {
        Err(Stranger::Speaks("a server of another protocol"))
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::MetadataRequest;

    use super::*;

    #[test]
    fn other_servers_are_recognised_by_their_first_bytes() {
        assert_eq!(
            frame_length(*b"HTTP"),
            Err(Stranger::Speaks("an HTTP server"))
        );
        assert_eq!(frame_length([0x15, 3, 3, 0]), Err(Stranger::TlsAlert));
        assert_eq!(
            frame_length(*b"220-"),
            Err(Stranger::Speaks("a server of a text protocol"))
        );
        assert_eq!(
            frame_length([0xff; 4]),
            Err(Stranger::Speaks("a server of another protocol"))
        );
        assert!(frame_length([0; 4]).is_err());
        assert_eq!(frame_length([0, 0, 1, 0]), Ok(256));
    }

    #[test]
    fn a_frame_says_its_own_length() {
        let client = StrBytes::from_static_str("test");
        let frame = encoded("a:1", &client, 7, &MetadataRequest::default(), 9).unwrap();
        let length = u32::from_be_bytes(frame[..4].try_into().unwrap()) as usize;
        assert_eq!(length, frame.len() - 4);
        assert_eq!(&frame[4..12], &[0, 3, 0, 9, 0, 0, 0, 7]);
    }

    #[tokio::test]
    async fn an_end_in_the_middle_of_a_frame_is_a_closed_connection() {
        let mut cut: &[u8] = &[0, 0, 0, 9, 1, 2, 3];
        let error = read_frame(&mut cut, "a:1", "Fetch").await.unwrap_err();
        assert_eq!(error.to_string(), "a:1 closed the connection during Fetch");
    }
}
