//! Which version of each request to speak with a broker: the highest that both sides know.

use std::collections::HashMap;

use kafka_protocol::messages::{ApiKey, ApiVersionsResponse};
use kafka_protocol::protocol::{Message, Request, VersionRange};

use crate::io::kafka::error::KafkaError;

/// The version ranges a broker announced, by API key.
#[derive(Debug, Clone, Default)]
pub(super) struct Versions {
    address: String,
    theirs: HashMap<i16, VersionRange>,
}

impl Versions {
    pub(super) fn of(address: &str, response: &ApiVersionsResponse) -> Self {
        let theirs = response
            .api_keys
            .iter()
            .map(|api| {
                let range = VersionRange {
                    min: api.min_version,
                    max: api.max_version,
                };
                (api.api_key, range)
            })
            .collect();
        Self {
            address: address.to_owned(),
            theirs,
        }
    }

    /// Returns the highest version of `R` that the broker, the codec and `at_most` allow.
    pub(super) fn highest<R: Request>(&self, at_most: i16) -> Result<i16, KafkaError> {
        let ours = VersionRange {
            min: R::VERSIONS.min,
            max: R::VERSIONS.max.min(R::Response::VERSIONS.max).min(at_most),
        };
        let theirs = self.theirs.get(&R::KEY);
        let common = theirs.map(|range| ours.intersect(range));
        match common.filter(|range| !range.is_empty()) {
            Some(range) => Ok(range.max),
            None => Err(KafkaError::UnsupportedVersion {
                address: self.address.clone(),
                api: api_name(R::KEY),
                ours: shown(ours),
                theirs: theirs.map_or_else(|| none(R::KEY), |range| shown(*range)),
            }),
        }
    }
}

/// Every broker answers Metadata; the listener of a KRaft controller does not.
fn none(key: i16) -> String {
    if key == ApiKey::Metadata as i16 {
        "none (is it a controller's listener? A broker's is needed)".to_owned()
    } else {
        "none".to_owned()
    }
}

/// Returns the protocol's name of a request, `CreateTopics`.
pub(super) fn api_name(key: i16) -> String {
    ApiKey::try_from(key).map_or_else(
        |()| format!("API {key}"),
        |api| format!("{api:?}").trim_end_matches("Key").to_owned(),
    )
}

fn shown(range: VersionRange) -> String {
    if range.min == range.max {
        range.min.to_string()
    } else {
        format!("{} to {}", range.min, range.max)
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::api_versions_response::ApiVersion;
    use kafka_protocol::messages::{ApiVersionsResponse, FetchRequest, MetadataRequest};

    use super::*;

    fn broker(key: ApiKey, min: i16, max: i16) -> Versions {
        let api = ApiVersion::default()
            .with_api_key(key as i16)
            .with_min_version(min)
            .with_max_version(max);
        Versions::of(
            "localhost:9092",
            &ApiVersionsResponse::default().with_api_keys(vec![api]),
        )
    }

    #[test]
    fn the_highest_common_version_is_spoken() {
        let old = broker(ApiKey::Fetch, 0, 12);
        assert_eq!(old.highest::<FetchRequest>(i16::MAX).unwrap(), 12);
        let new = broker(ApiKey::Fetch, 4, 99);
        assert_eq!(
            new.highest::<FetchRequest>(i16::MAX).unwrap(),
            FetchRequest::VERSIONS.max
        );
        assert_eq!(new.highest::<FetchRequest>(12).unwrap(), 12);
    }

    #[test]
    fn no_common_version_names_both_ranges() {
        let future = broker(ApiKey::Metadata, 50, 60);
        assert_eq!(
            future
                .highest::<MetadataRequest>(i16::MAX)
                .unwrap_err()
                .to_string(),
            "localhost:9092 speaks Metadata in versions 50 to 60, we speak 0 to 13"
        );
        let without = broker(ApiKey::Fetch, 4, 12);
        assert!(
            without
                .highest::<MetadataRequest>(i16::MAX)
                .unwrap_err()
                .to_string()
                .contains("in versions none (is it a controller's listener?")
        );
    }
}
