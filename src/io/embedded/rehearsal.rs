//! A round of the group protocol with nobody else, for nothing but to see that it can be done.

use tokio::time::{Instant, timeout};

use super::membership::{Membership, News};
use super::{EmbeddedError, seed, settings};
use crate::io::isolation::isolations;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::group::GroupClient;
use crate::model::properties::Properties;
use crate::worker::Trouble;
use crate::worker::member::{Event, Member, MemberSettings, OtherMembers};

/// Nobody ever learns of it: the member is alone.
const URL: &str = "http://127.0.0.1:1/";

/// Returns why no worker could be a member of a group with this file, whatever the group.
pub fn check_settings(worker: &Properties) -> Result<(), EmbeddedError> {
    isolations(worker)?;
    Member::new(member(worker)?)?;
    Ok(())
}

/// Joins a group that nobody else is in, leads its round, has that confirmed and leaves; returns the generation.
///
/// Dropping the future leaves a member behind that the broker forgets when its session ends.
pub async fn rehearse(
    cluster: &Cluster,
    worker: &Properties,
    group: &str,
) -> Result<i32, EmbeddedError> {
    let member = Member::new(member(worker)?)?;
    let client = GroupClient::new(cluster, group);
    let mut membership = Membership::new(member, client, URL, None, Instant::now());
    let patience = cluster.settings().timeout;
    let led = timeout(patience, lead(&mut membership)).await;
    let led = led.unwrap_or_else(|_elapsed| {
        let what = format!("no round within {} ms", patience.as_millis());
        Err(match membership.last_failure() {
            Some(failed) => failed.clone().told(|failed| format!("{what}: {failed}")),
            None => what.into(),
        })
    });
    membership.leave("the rehearsal is over");
    let left = loop {
        match membership.next().await {
            News::Left(left) => break left,
            News::Failed(reason) => break Err(reason),
            News::Revoked(_) => membership.go_on(),
            News::Assigned { .. }
            | News::Confirmed { .. }
            | News::Unconfirmed
            | News::OtherMembers { .. } => {}
        }
    };
    let generation = led.map_err(EmbeddedError::Group)?;
    left.map_err(|reason| {
        EmbeddedError::Group(reason.told(|reason| format!("it was not left: {reason}")))
    })?;
    Ok(generation)
}

async fn lead(membership: &mut Membership) -> Result<i32, Trouble> {
    membership.tell(Event::Poll);
    let generation = loop {
        match membership.next().await {
            News::Assigned { membership, .. } => break membership.generation,
            News::Revoked(_) => membership.go_on(),
            other => unless_failed(other)?,
        }
    };
    membership.tell(Event::Poll);
    membership.confirm(generation);
    loop {
        match membership.next().await {
            News::Confirmed { .. } => return Ok(generation),
            News::Unconfirmed => {
                return Err(format!("generation {generation} was lost").into());
            }
            other => unless_failed(other)?,
        }
    }
}

fn unless_failed(news: News) -> Result<(), Trouble> {
    match news {
        News::Failed(reason) => Err(reason),
        News::OtherMembers { others, .. } => {
            Err(format!("others are in it: {}", others.join(", ")).into())
        }
        News::Left(_) => Err("the member left".into()),
        News::Assigned { .. } | News::Revoked(_) | News::Confirmed { .. } | News::Unconfirmed => {
            Ok(())
        }
    }
}

fn member(worker: &Properties) -> Result<MemberSettings, EmbeddedError> {
    Ok(settings::membership(
        worker,
        URL,
        OtherMembers::Leave,
        seed(),
    )?)
}
